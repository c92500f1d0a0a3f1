//! The records of one packet on their way into the corridor: handed over in order, awaited together.

use std::borrow::Cow;
use std::time::Instant;

use bytes::Bytes;
use lgsp_core::identifier::{AgencyCode, DossierCode};
use lgsp_core::{ErrorCode, Fault, Receipt};
use lgsp_identity::Principal;
use lgsp_ingest::{Pending, Submission};
use serde::Deserialize;

use crate::routes::Gateway;

/// After so many records others get a turn.
const RECORDS_AT_A_TIME: usize = 32;

/// What the records of a packet are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Dossiers, `HoSo`.
    Dossier,
    /// Steps of dossiers, `TienDo`.
    Progress,
}

impl Kind {
    /// Returns the type of their events.
    pub(super) const fn event_type(self) -> &'static str {
        match self {
            Self::Dossier => "lgsp.dossier.recorded.v1",
            Self::Progress => "lgsp.dossier.progressed.v1",
        }
    }
}

/// The records of one packet. Not `Debug`: they are people's.
pub(super) struct Delivery<'a> {
    /// What they are.
    pub(super) kind: Kind,
    /// In whose name they come, `madonvi`.
    pub(super) agency: &'a str,
    /// Whether the sender holds them all for new: then what is known is told, not recorded.
    pub(super) only_new: bool,
    /// The records, each byte for byte as it stands in the packet.
    pub(super) records: Vec<Bytes>,
}

/// What became of one record.
pub(super) struct Outcome {
    /// Its dossier, where the record names one in the right form.
    pub(super) dossier: Option<DossierCode>,
    /// What became of it.
    pub(super) fate: Fate,
}

/// What became of a record.
pub(super) enum Fate {
    /// It is durable.
    Recorded(Receipt),
    /// The sender held it for new, and its dossier is known.
    Exists,
    /// It was not taken, or that is not known.
    Refused(Fault),
}

impl Delivery<'_> {
    /// Hands the records over in their order, then waits for all of them; returns an outcome for
    /// each, in the same order.
    ///
    /// After a fault that may pass nothing more is handed over: who then sends the packet again
    /// gets all records into the log in the packet's order.
    ///
    /// # Errors
    /// `invalid_request` and `permission_denied` for the packet as a whole.
    pub(super) async fn hand_over(
        self,
        gateway: &Gateway,
        caller: &Principal,
        deadline: Instant,
    ) -> Result<Vec<Outcome>, Fault> {
        AgencyCode::parse(self.agency)
            .map_err(|rule| Fault::at(ErrorCode::InvalidRequest, "/madonvi", rule))?;
        let source = format!("/agencies/{}/systems/{}", self.agency, caller.client().as_str());
        // Each record is asked again; here, so that nobody else learns which dossiers are known.
        gateway.identity.permit_publish(caller, &source, self.kind.event_type())?;

        let mut passing: Option<Fault> = None;
        let mut taken = Vec::with_capacity(self.records.len());
        for (index, data) in self.records.iter().enumerate() {
            if index % RECORDS_AT_A_TIME == RECORDS_AT_A_TIME - 1 {
                tokio::task::yield_now().await;
            }
            let dossier = dossier_of(data);
            let step = match &passing {
                Some(fault) => Err(fault.clone()),
                None if Instant::now() >= deadline => Err(ErrorCode::DeadlineExceeded.into()),
                None => {
                    let known = dossier.as_ref().filter(|_| self.only_new);
                    self.take(gateway, caller, &source, known, data.clone(), deadline).await
                }
            };
            if let Err(fault) = &step
                && fault.code.is_retryable()
            {
                passing = Some(fault.clone());
            }
            taken.push((dossier, step));
        }

        let mut outcomes = Vec::with_capacity(taken.len());
        for (dossier, step) in taken {
            let fate = match step {
                Ok(Some(pending)) => {
                    pending.receipt(deadline).await.map_or_else(Fate::Refused, Fate::Recorded)
                }
                Ok(None) => Fate::Exists,
                Err(fault) => Fate::Refused(fault),
            };
            outcomes.push(Outcome { dossier, fate });
        }
        Ok(outcomes)
    }

    /// Takes one record as far as the log's queue; `None` where it should be new and is known.
    async fn take(
        &self,
        gateway: &Gateway,
        caller: &Principal,
        source: &str,
        known: Option<&DossierCode>,
        data: Bytes,
        deadline: Instant,
    ) -> Result<Option<Pending>, Fault> {
        let event_type = self.kind.event_type();
        if let Some(dossier) = known
            && gateway.ingest.knows_entity(event_type, dossier.as_str()).await?
        {
            return Ok(None);
        }
        let event = Submission {
            spec_version: "1.0".to_owned(),
            source: source.to_owned(),
            event_type: event_type.to_owned(),
            data,
            adapter: "dvcqg",
            ..Submission::default()
        };
        let taken = match self.kind {
            Kind::Dossier => gateway.ingest.submit_unless_last(caller, event, deadline).await,
            // A packet may tell several steps of one dossier. Sent again as a whole, each would
            // differ from the last; but a step has its time, and an equal one is the same.
            Kind::Progress => gateway.ingest.submit_step(caller, event, deadline).await,
        };
        taken.map(Some)
    }
}

/// Reads the dossier's code out of a record that nobody has judged yet.
pub(super) fn dossier_of(record: &Bytes) -> Option<DossierCode> {
    #[derive(Deserialize)]
    struct Named<'a> {
        #[serde(rename = "MaHoSo", borrow)]
        dossier: Cow<'a, str>,
    }
    let named: Named<'_> = serde_json::from_slice(record).ok()?;
    DossierCode::parse(&named.dossier).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_code_of_a_dossier_and_repeats_nothing_else() {
        let of = |record: &'static str| dossier_of(&Bytes::from(record));
        assert_eq!(
            of(r#"{"a":{"MaHoSo":1},"MaHoSo":"H61.14-260703-0001"}"#).unwrap().as_str(),
            "H61.14-260703-0001"
        );
        for record in [
            r#"{"MaHoSo":"Nguyễn Thị Mẫu"}"#,
            r#"{"MaHoSo":7}"#,
            r#"{"MaHoSo":"H61.14-260703-0001","MaHoSo":"H61.14-260703-0001"}"#,
            "{}",
            "7",
            "[]",
        ] {
            assert!(of(record).is_none(), "{record}");
        }
    }
}
