-- The outbox: what an agency's application writes beside its own changes, in the same transaction,
-- and the adapter publishes on the bus.
-- Hộp thư đi: ứng dụng ghi vào đây trong cùng giao dịch với thay đổi của mình; bộ kết nối đọc và
-- phát lên trục.
--
-- PostgreSQL 13 or newer. Run once, as the owner of the application's tables:
-- PostgreSQL 13 trở lên. Chạy một lần, bằng chủ sở hữu các bảng của ứng dụng:
--   psql --single-transaction -v ON_ERROR_STOP=1 -f outbox.sql
--
-- Why the adapter reads `settled_at is null` in the order of id, and neither remembers the last id
-- nor waits for old transactions:
--   * Ids are handed out before the commit: a transaction with a lower id may commit later. Whoever
--     remembers "all up to id 7" skips it. Here a row waits until it is marked, however late.
--   * The usual other way, to read only rows whose transaction is older than every running one
--     (xid < pg_snapshot_xmin), stops the outbox while anyone anywhere in the database keeps one
--     transaction open, and a transaction's number is not the order of commits either.
--   * The partial index holds only what waits, so that a million settled rows cost nothing.
-- Order: the rows that a snapshot shows are published by id. That is the order of commits of an
-- entity as soon as the application changes the entity before it inserts here, as example.sql does:
-- the lock of the entity's own row lets the second transaction draw its id only after the first has
-- committed. Between transactions that lock nothing in common the database knows no order.

create table lgsp_outbox (
  id         bigint generated always as identity primary key,
  -- The CloudEvents id: the same at every attempt, so that a repetition is seen as one.
  event_id   uuid not null default gen_random_uuid(),
  -- Which dossier or enterprise it is about; for people who look into this table. The bus takes the
  -- key from the data.
  entity     text not null check (length(entity) between 1 and 200),
  -- E.g. lgsp.dossier.recorded.v1; null: the type of the adapter's own settings.
  event_type text check (length(event_type) between 1 and 200),
  -- In whose name; null: the agency of the adapter's own settings.
  agency     text check (length(agency) between 1 and 100),
  -- JSON as text: the bus passes it on byte for byte, which jsonb would not keep.
  data       text not null check (data::json is not null),
  -- When it came about; null: unknown.
  time       timestamptz default now(),
  created_at timestamptz not null default clock_timestamp(),
  -- From here on the adapter writes. Null: it waits.
  settled_at timestamptz,
  outcome    text check (outcome in ('recorded', 'refused')),
  -- What was wrong or odd, as JSON: code, places and rules with sentences in Vietnamese and English.
  report     text,
  check ((settled_at is null) = (outcome is null))
) with (
  -- Each row is written, marked and removed: tidy up early and by count, not by share of the table.
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000,
  autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 10000,
  autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 10000
);

create index lgsp_outbox_waiting on lgsp_outbox (id) where settled_at is null;
create index lgsp_outbox_settled on lgsp_outbox (settled_at) where settled_at is not null;

-- Wakes the adapter at the commit, once for a transaction however many rows it wrote. What is not
-- heard is found by polling.
create function lgsp_outbox_notify() returns trigger language plpgsql as $$
begin
  perform pg_catalog.pg_notify('lgsp_outbox', '');
  return null;
end
$$;

create trigger lgsp_outbox_notify after insert on lgsp_outbox
  for each statement execute function lgsp_outbox_notify();
