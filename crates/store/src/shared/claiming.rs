//! Claiming events, and giving claims up.

use std::collections::HashMap;

use futures_util::future::try_join;
use lgsp_core::digest::Digest128;
use lgsp_ingest::{Claimed, Latest, SharedClaim};

use super::error::SharedError;
use super::{PostgresReceipts, rows};

/// In the order of the events, so that two processes never wait for each other. The lock on the
/// holder makes sure that nothing is claimed for it once it was pronounced dead. The last join sees
/// what was recorded before the statement; what came in between is told as being elsewhere.
const CLAIM: &str = r#"
    with me as (
        select id from lgsp.holder where id = $1 and not dead for share
    ), asked as (
        select * from unnest($2::bytea[], $3::bytea[], $4::text[], $5::bigint[], $6::bytea[])
            as asked (event, content, topic, recorded, entity)
    ), taken as (
        insert into lgsp.receipt as kept (event, content, topic, recorded, entity, holder)
        select event, content, topic, recorded, entity, me.id
        from asked cross join me order by event
        on conflict (event) do update
            set content = excluded.content, topic = excluded.topic, recorded = excluded.recorded,
                entity = excluded.entity
            where kept.holder = excluded.holder
        returning kept.event
    )
    select asked.event, taken.event is not null, kept.content, kept.topic, kept.partition,
        kept."offset", kept.recorded, exists (select from me)
    from asked
        left join taken on taken.event = asked.event
        left join lgsp.receipt as kept on kept.event = asked.event and kept.partition is not null
"#;

const ENTITIES: &str = r#"
    select id, event, content, state, partition, "offset", recorded
    from lgsp.entity where id = any($1)
"#;

/// In the order of the events, as above.
const RELEASE: &str = "
    with gone as (
        select event from lgsp.receipt
        where event = any($2) and holder = $1 and partition is null order by event for update
    )
    delete from lgsp.receipt using gone where receipt.event = gone.event
";

impl PostgresReceipts {
    pub(super) async fn claim_all(
        &self,
        claims: Vec<SharedClaim>,
    ) -> Result<Vec<Claimed>, SharedError> {
        let events = rows::digests(claims.iter().map(|claim| &claim.event));
        let contents = rows::digests(claims.iter().map(|claim| &claim.content));
        let topics: Vec<&str> = claims.iter().map(|claim| &*claim.topic).collect();
        let times: Vec<i64> = claims.iter().map(|claim| claim.recorded_unix_millis).collect();
        let entities: Vec<Option<&[u8]>> =
            claims.iter().map(|claim| claim.entity.as_ref().map(|id| id.0.as_slice())).collect();
        let names = |claim: &'_ SharedClaim| {
            claim.entity.iter().chain(&claim.siblings).copied().collect::<Vec<_>>()
        };
        let names: Vec<Digest128> = claims.iter().flat_map(names).collect();
        let names = rows::digests(names.iter());

        let holder = &self.inner.holder;
        let (claimed, known) = self
            .inner
            .claims
            .ask(async |session| {
                let claim = session.prepared(CLAIM).await?;
                let find = session.prepared(ENTITIES).await?;
                // Sent together: one round trip.
                Ok(try_join(
                    session
                        .client
                        .query(&claim, &[holder, &events, &contents, &topics, &times, &entities]),
                    session.client.query(&find, &[&names]),
                )
                .await?)
            })
            .await?;
        let mut last: HashMap<Digest128, Latest> = HashMap::with_capacity(known.len());
        for row in &known {
            last.insert(rows::digest(row, 0)?, rows::latest(row, 1)?);
        }
        let mut answers = HashMap::with_capacity(claimed.len());
        for row in &claimed {
            let event = rows::digest(row, 0)?;
            let (is_ours, is_alive): (bool, bool) = (row.try_get(1)?, row.try_get(7)?);
            if !is_alive {
                self.inner.lost.cancel();
                return Err(SharedError::Lost);
            }
            let answer = match (is_ours, rows::receipt(event, row, 2)?) {
                (true, _) => Claimed::Ours { last: None },
                (false, Some(receipt)) => Claimed::Recorded(receipt),
                (false, None) => Claimed::Elsewhere,
            };
            answers.insert(event, answer);
        }
        let mut told = Vec::with_capacity(claims.len());
        for claim in &claims {
            told.push(match answers.remove(&claim.event) {
                Some(Claimed::Ours { .. }) => {
                    let names = claim.entity.iter().chain(&claim.siblings);
                    let last = names.filter_map(|id| last.get(id)).max_by_key(|last| last.offset);
                    Claimed::Ours { last: last.cloned() }
                }
                Some(answer) => answer,
                None => return Err(SharedError::Foreign),
            });
        }
        Ok(told)
    }

    pub(super) async fn release_all(&self, events: Vec<Digest128>) -> Result<(), SharedError> {
        let holder = &self.inner.holder;
        let events = rows::digests(events.iter());
        let released = self.inner.claims.ask(async |session| {
            let release = session.prepared(RELEASE).await?;
            Ok(session.client.execute(&release, &[holder, &events]).await?)
        });
        released.await.map(drop)
    }
}
