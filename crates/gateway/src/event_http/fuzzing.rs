//! As [`crate::fuzzing`].

use bytes::Bytes;
use http::HeaderMap;
use lgsp_core::Fault;
use lgsp_ingest::Submission;

use super::preference::Handling;
use super::{Form, structured};
use crate::deadline;

/// Reads a request as `POST /v1/events` does, in the form that its headers name: one event, or
/// those of a batch.
///
/// # Errors
/// As the route answers for the request as a whole.
pub fn events(headers: &HeaderMap, body: &Bytes) -> Result<Vec<Result<Submission, Fault>>, Fault> {
    deadline::of(headers);
    Handling::asked(headers);
    match Form::of(headers)?.event(headers, body) {
        Some(event) => Ok(vec![event]),
        None => {
            let arrived = structured::read_batch(body)?;
            Ok(arrived.into_iter().map(|arrived| arrived.event).collect())
        }
    }
}
