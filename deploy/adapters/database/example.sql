-- An application that publishes the progress of its dossiers: the transaction to imitate.
-- Ví dụ: ứng dụng phát tiến độ hồ sơ của mình; hãy làm theo giao dịch này.
--   psql -v ON_ERROR_STOP=1 -f example.sql      (after outbox.sql; sau outbox.sql)

create table ho_so (
  ma_ho_so     text primary key,
  nguoi_xu_ly  text not null,
  noi_dung     text not null,
  trang_thai   text not null,
  cap_nhat_luc timestamp not null default localtimestamp
);
insert into ho_so values ('H61.14-260703-0001', 'Nguyễn Văn Mẫu', 'Tiếp nhận hồ sơ', '2');

begin;
-- First the change: its lock makes the next transaction about this dossier wait until the commit, so
-- that the outbox has the order in which things happened.
-- Trước hết là thay đổi: khóa của nó bắt giao dịch sau về cùng hồ sơ phải chờ, nhờ đó hộp thư đi giữ
-- đúng thứ tự.
update ho_so
   set trang_thai = '4', noi_dung = 'Thẩm định hồ sơ', cap_nhat_luc = localtimestamp
 where ma_ho_so = 'H61.14-260703-0001';
-- Then the event, in the same transaction: both are there, or neither.
-- Sau đó là sự kiện, trong cùng giao dịch: có cả hai hoặc không có gì.
insert into lgsp_outbox (entity, event_type, data)
select ma_ho_so, 'lgsp.dossier.progressed.v1', json_build_object(
         'MaHoSo', ma_ho_so,
         'NguoiXuLy', nguoi_xu_ly,
         'ThoiDiemXuLy', to_char(cap_nhat_luc, 'YYYYMMDDHH24MISS'),
         'NoiDungXuLy', noi_dung,
         'TrangThai', trang_thai)::text
  from ho_so where ma_ho_so = 'H61.14-260703-0001';
commit;

-- What became of it; `report` says what is wrong with a refused row.
-- Kết quả; cột `report` nêu lỗi của bản ghi bị từ chối.
select id, entity, settled_at, outcome, report from lgsp_outbox order by id;
