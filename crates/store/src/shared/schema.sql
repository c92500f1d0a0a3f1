-- What the processes of one bus share. All of it can be dropped while none of them runs, and is
-- rebuilt from the topics at the next start.
create schema if not exists lgsp;

create table if not exists lgsp.meta (
    one boolean primary key default true check (one),
    version integer not null,
    -- Which Kafka cluster, and which province's key, by a digest that tells nothing of it.
    cluster text not null,
    province text not null
);

-- The processes. One whose beats stand still is dead; then another settles its claims.
create table if not exists lgsp.holder (
    id text primary key,
    beats bigint not null default 0,
    dead boolean not null default false,
    seen timestamptz not null default now()
);

-- A row without a partition is a claim: its holder may append the event, and nobody else.
create table if not exists lgsp.receipt (
    event bytea primary key,
    content bytea not null,
    topic text not null,
    partition integer,
    "offset" bigint,
    recorded bigint not null,
    entity bytea,
    holder text,
    check ((partition is null) = ("offset" is null)),
    check ((partition is null) = (holder is not null))
);
create index if not exists receipt_recorded on lgsp.receipt (recorded);
create index if not exists receipt_claimed on lgsp.receipt (holder) where partition is null;
create index if not exists receipt_claimed_entity on lgsp.receipt (entity)
    where partition is null and entity is not null;

-- The last event of each entity, of one type.
create table if not exists lgsp.entity (
    id bytea primary key,
    event bytea not null,
    content bytea not null,
    state text,
    partition integer not null,
    "offset" bigint not null,
    recorded bigint not null
);

-- Up to where each partition is recorded or claimed.
create table if not exists lgsp.covered (
    topic text not null,
    partition integer not null,
    next_offset bigint not null,
    primary key (topic, partition)
);
