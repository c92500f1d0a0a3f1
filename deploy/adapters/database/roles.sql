-- Who may do what. Run once, as the owner of the database, after outbox.sql:
-- Ai được làm gì. Chạy một lần, bằng chủ sở hữu cơ sở dữ liệu, sau outbox.sql:
--   psql --single-transaction -v ON_ERROR_STOP=1 -v application=NAME -f roles.sql
-- `application` is the role as which the agency's application works.
-- `application` là tài khoản mà ứng dụng của cơ quan đang dùng.
--
-- Then give the new role a password, here by a prompt, and put it into the adapter's password_file:
-- Sau đó đặt mật khẩu cho tài khoản mới và ghi vào password_file của bộ kết nối:
--   psql -c '\password lgsp_adapter'

-- The application writes events and may see what became of them; it cannot mark them as settled.
grant insert (event_id, entity, event_type, agency, data, time) on lgsp_outbox to :"application";
grant select (id, event_id, entity, event_type, agency, created_at, settled_at, outcome, report)
  on lgsp_outbox to :"application";

-- The adapter reads, marks and removes rows of the outbox, and touches nothing else.
create role lgsp_adapter login connection limit 4;
grant select, delete on lgsp_outbox to lgsp_adapter;
grant update (settled_at, outcome, report) on lgsp_outbox to lgsp_adapter;
