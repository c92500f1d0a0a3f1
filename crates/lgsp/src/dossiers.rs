//! What queries ask about dossiers, answered by what events told.

use futures_util::future::BoxFuture;
use lgsp_core::Fault;
use lgsp_core::identifier::DossierCode;
use lgsp_ingest::Ingest;
use lgsp_query::Dossiers;

/// The type whose events tell a dossier's state; those of its topic's other types count as well.
const RECORDED: &str = "lgsp.dossier.recorded.v1";

/// The dossiers of the bus's own log.
pub(crate) struct PublishedDossiers(pub(crate) Ingest);

impl Dossiers for PublishedDossiers {
    fn state<'a>(
        &'a self,
        dossier: &'a DossierCode,
    ) -> BoxFuture<'a, Result<Option<String>, Fault>> {
        Box::pin(self.0.state_of(RECORDED, dossier.as_str()))
    }
}
