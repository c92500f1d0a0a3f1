-- A role for the form "query": it can read what is named here, and change nothing.
-- Tài khoản cho dạng "query": chỉ đọc đúng những gì nêu ở đây, không sửa được gì.
--   psql --single-transaction -v ON_ERROR_STOP=1 -f reader.sql
--   psql -c '\password lgsp_reader'
create role lgsp_reader login connection limit 4;
alter role lgsp_reader set default_transaction_read_only = on;

-- Name the columns that the query needs, no more. This is the table of example.sql.
-- Chỉ nêu những cột mà câu truy vấn cần. Đây là bảng trong example.sql.
grant select (ma_ho_so, nguoi_xu_ly, noi_dung, trang_thai, cap_nhat_luc) on ho_so to lgsp_reader;

-- Without such an index each look reads the whole table. Ask whoever looks after the database.
-- Không có chỉ mục này thì mỗi lần đọc phải quét cả bảng. Hãy đề nghị đơn vị quản trị cơ sở dữ liệu.
--   create index concurrently on ho_so (cap_nhat_luc, ma_ho_so);
