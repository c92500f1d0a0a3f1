//! As rows of a database's outbox table, each batch in a transaction (`deploy/adapters/database`).

use anyhow::{Context, Result};
use lgsp_core::digest::Digest128;
use lgsp_sim::day::Agency;
use tokio_postgres::{Client, NoTls};
use tokio_util::task::TaskTracker;

use super::fate::Fate;
use super::lane::{Deliver, Errand};

/// Puts a row in, unless the same was put in before by an attempt of which nobody knew.
const INSERT: &str = "insert into lgsp_outbox (event_id, entity, event_type, agency, data) \
    select $1::text::uuid, $2, $3, $4, $5 \
    where not exists (select from lgsp_outbox where event_id = $1::text::uuid)";

/// Rows of an outbox.
pub(super) struct Rows {
    url: String,
    tasks: TaskTracker,
    agencies: Vec<String>,
    client: Option<Client>,
}

impl Rows {
    /// Connects to the database.
    pub(super) async fn connect(
        url: &str,
        agencies: &[Agency],
        tasks: &TaskTracker,
    ) -> Result<Self> {
        let agencies = agencies.iter().map(|agency| agency.code.clone()).collect();
        let mut rows = Self { url: url.to_owned(), tasks: tasks.clone(), agencies, client: None };
        rows.client = Some(rows.open().await.context("the database cannot be reached")?);
        Ok(rows)
    }

    async fn open(&self) -> Result<Client> {
        let (client, connection) = tokio_postgres::connect(&self.url, NoTls).await?;
        self.tasks.spawn(async move { connection.await.ok() });
        Ok(client)
    }

    async fn insert(&mut self, records: &[Errand]) -> Result<()> {
        if self.client.as_ref().is_none_or(Client::is_closed) {
            self.client = Some(self.open().await?);
        }
        let client = self.client.as_mut().context("connected a moment ago")?;
        let transaction = client.transaction().await?;
        let insert = transaction.prepare(INSERT).await?;
        for Errand { planned, .. } in records {
            let id = event_id(&planned.source, &planned.id);
            let agency = self.agencies.get(planned.agency).context("no such agency")?;
            let data = std::str::from_utf8(&planned.data)?;
            let entity = Digest128::of(&[planned.entity.as_bytes()]);
            let entity = lgsp_core::digest::hex(&entity.0);
            transaction
                .execute(&insert, &[&id, &entity, &planned.event_type(), agency, &data])
                .await?;
        }
        Ok(transaction.commit().await?)
    }
}

/// Makes the id that the outbox wants, a UUID, from the plan's.
fn event_id(source: &str, id: &str) -> String {
    uuid::Builder::from_custom_bytes(Digest128::of_event(source, id).0).into_uuid().to_string()
}

impl Deliver for Rows {
    const MOST: usize = 50;

    async fn deliver(&mut self, records: &[Errand]) -> Vec<Fate> {
        match self.insert(records).await {
            Ok(()) => vec![Fate::HandedOver; records.len()],
            Err(_) => Fate::all_unknown(records.len()),
        }
    }
}
