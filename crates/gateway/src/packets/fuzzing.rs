//! As [`crate::fuzzing`].

use axum::extract::Query;
use bytes::Bytes;
use http::Uri;
use lgsp_core::Fault;

use super::envelope::{self, Envelope, Records};
use super::{Login, Named, delivery};

/// Reads a packet as `POST /dvcqg/service` does: its session, and its records where it has some.
///
/// # Errors
/// As the route answers.
pub fn packet(body: &Bytes) -> Result<(Option<String>, Vec<Bytes>), Fault> {
    let envelope = Envelope::read(body)?;
    let session = envelope.session.map(Into::into);
    let records = envelope.data.map_or_else(|| Ok(Vec::new()), |data| data.within(body))?;
    name_dossiers(&records);
    Ok((session, records))
}

/// Reads a bare list as `POST /dvcqg/api/SynsTTHCC/…` does: its records.
///
/// # Errors
/// As the route answers.
pub fn list(uri: &Uri, body: &Bytes) -> Result<Vec<Bytes>, Fault> {
    if let Ok(Query(Named { agency: _, updating: Some(updating) })) = Query::try_from_uri(uri) {
        envelope::flag(&updating)?;
    }
    let records = Records::read(body)?.within(body)?;
    name_dossiers(&records);
    Ok(records)
}

/// Tells whether a body is one of `POST /dvcqg/login`.
pub fn login(body: &[u8]) -> bool {
    serde_json::from_slice::<Login>(body).is_ok()
}

fn name_dossiers(records: &[Bytes]) {
    for record in records {
        delivery::dossier_of(record);
    }
}
