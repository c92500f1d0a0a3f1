//! For auditors: the evidence of queries over gRPC.

use std::pin::Pin;
use std::time::{Duration, UNIX_EPOCH};

use futures_util::{Stream, StreamExt};
use http::Extensions;
use lgsp_core::identifier::{AgencyCode, ClientId, DossierCode, OfficerNumber, PersonalNumber};
use lgsp_core::rule::{self, Rule};
use lgsp_core::{ErrorCode, Fault, Violation};
use lgsp_proto::Timestamp;
use lgsp_proto::audit::v1 as wire;
use lgsp_proto::audit::v1::audit_service_server::AuditService;
use lgsp_query::auditing::{Answers, Between, Criteria, Found, Place, StoredRecord};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::deadline;
use crate::door::RequestId;
use crate::problem::told;
use crate::routes::{Gateway, caller};

/// Answers on their way to an auditor.
type Answering<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl AuditService for Gateway {
    type SearchEvidenceStream = Answering<wire::SearchEvidenceResponse>;

    async fn search_evidence(
        &self,
        request: Request<wire::SearchEvidenceRequest>,
    ) -> Result<Response<Self::SearchEvidenceStream>, Status> {
        let extensions = request.extensions().clone();
        let deadline = deadline::of(request.metadata().as_ref());
        let begun = async {
            let caller = caller(&extensions)?;
            // A stranger to audits learns nothing of what a request must look like.
            self.identity.permit_audit(&caller)?;
            let criteria = criteria(request.into_inner())?;
            let request_id = request_id(&extensions);
            self.auditing.search(&caller, &request_id, criteria, deadline).await
        };
        let begun = begun.await.map_err(|fault| told(&fault, &extensions))?;
        Ok(Response::new(answering(begun, found, extensions)))
    }

    type ExportEvidenceStream = Answering<wire::EvidenceRecord>;

    async fn export_evidence(
        &self,
        request: Request<wire::ExportEvidenceRequest>,
    ) -> Result<Response<Self::ExportEvidenceStream>, Status> {
        let extensions = request.extensions().clone();
        let deadline = deadline::of(request.metadata().as_ref());
        let begun = async {
            let caller = caller(&extensions)?;
            self.identity.permit_audit(&caller)?;
            let wire::ExportEvidenceRequest { from, to } = request.into_inner();
            let mut parts = Parts { violations: Vec::new() };
            let between = parts.between(from, to);
            parts.end()?;
            self.auditing.export(&caller, &request_id(&extensions), between, deadline).await
        };
        let begun = begun.await.map_err(|fault| told(&fault, &extensions))?;
        Ok(Response::new(answering(begun, record, extensions)))
    }
}

fn request_id(extensions: &Extensions) -> String {
    extensions.get::<RequestId>().cloned().unwrap_or_default().0
}

fn answering<T: Send + 'static, W: 'static>(
    answers: Answers<T>,
    write: fn(T) -> W,
    extensions: Extensions,
) -> Answering<W> {
    let answer = move |answer: Result<T, Fault>| {
        answer.map(write).map_err(|fault| told(&fault, &extensions))
    };
    Box::pin(ReceiverStream::new(answers).map(answer))
}

/// Reads what is searched for; tells every part that is malformed.
fn criteria(request: wire::SearchEvidenceRequest) -> Result<Criteria, Fault> {
    let mut parts = Parts { violations: Vec::new() };
    let criteria = Criteria {
        personal_number: parts.take(
            "/personalNumber",
            request.personal_number,
            PersonalNumber::parse,
        ),
        dossier: parts.take("/dossierCode", request.dossier_code, DossierCode::parse),
        officer: parts.take("/officerNumber", request.officer_number, OfficerNumber::parse),
        client: parts.take("/client", request.client, ClientId::parse),
        agency: parts.take("/agency", request.agency, AgencyCode::parse),
        service: parts.take("/service", request.service, service),
        audit_id: parts.take("/auditId", request.audit_id, |text| {
            Uuid::try_parse(text).map_err(|_| &rule::REQUEST)
        }),
        between: parts.between(request.from, request.to),
    };
    parts.end()?;
    Ok(criteria)
}

fn service(text: &str) -> Result<String, &'static Rule> {
    let fits =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
    match (1..=64).contains(&text.len()) && text.bytes().all(fits) {
        true => Ok(text.to_owned()),
        false => Err(&rule::REQUEST),
    }
}

struct Parts {
    violations: Vec<Violation>,
}

impl Parts {
    fn take<T>(
        &mut self,
        pointer: &str,
        value: Option<String>,
        parse: impl FnOnce(&str) -> Result<T, &'static Rule>,
    ) -> Option<T> {
        let parsed = parse(value.as_deref()?);
        parsed.map_err(|rule| self.violations.push(Violation::new(pointer, rule))).ok()
    }

    /// Reads a span of time: a beginning or an end within a millisecond counts from the next one
    /// on, as no record is told a time within one.
    fn between(&mut self, from: Option<Timestamp>, to: Option<Timestamp>) -> Between {
        let mut millis = |pointer: &str, time: Option<Timestamp>| {
            let time = time?;
            let fits = (0..1_000_000_000).contains(&time.nanos);
            let millis = time.seconds.checked_mul(1000).filter(|_| fits);
            let within = i64::from(time.nanos).saturating_add(999_999) / 1_000_000;
            let millis = millis.and_then(|millis| millis.checked_add(within));
            if millis.is_none() {
                self.violations.push(Violation::new(pointer, &rule::REQUEST));
            }
            millis
        };
        let (from_unix_millis, to_unix_millis) = (millis("/from", from), millis("/to", to));
        if let (Some(from), Some(to)) = (from_unix_millis, to_unix_millis)
            && from > to
        {
            self.violations.push(Violation::new("/to", &rule::REQUEST));
        }
        Between { from_unix_millis, to_unix_millis }
    }

    fn end(self) -> Result<(), Fault> {
        match self.violations.is_empty() {
            true => Ok(()),
            false => Err(Fault::with(ErrorCode::InvalidRequest, self.violations)),
        }
    }
}

fn found(found: Found) -> wire::SearchEvidenceResponse {
    let Found { intent, intent_place, outcome } = found;
    let (outcome, outcome_place) = outcome.unzip();
    wire::SearchEvidenceResponse {
        intent: Some(wire::EvidenceIntent {
            audit_id: intent.audit_id.to_string(),
            request_id: intent.request_id,
            client: intent.client,
            agency: intent.agency,
            service: intent.service,
            operation: intent.operation,
            dossier_code: intent.dossier,
            procedure_code: intent.procedure,
            officer_number: intent.officer,
            officer_proof: intent.officer_proof,
            subject: intent.subject,
            reason: intent.reason,
        }),
        intent_time: Some(time(intent_place.unix_millis)),
        intent_place: Some(place(intent_place)),
        outcome: outcome.map(|outcome| wire::EvidenceOutcome {
            kind: outcome.kind.as_str().to_owned(),
            code: outcome.code,
            elapsed_millis: outcome.elapsed_millis,
            released: outcome.released,
        }),
        outcome_time: outcome_place.as_ref().map(|place| time(place.unix_millis)),
        outcome_place: outcome_place.map(place),
    }
}

fn record(record: StoredRecord) -> wire::EvidenceRecord {
    let StoredRecord { topic, partition, offset, unix_millis, key, headers, value } = record;
    let headers = headers.into_iter();
    wire::EvidenceRecord {
        place: Some(wire::EvidencePlace { topic, partition, offset }),
        time: Some(time(unix_millis)),
        key: key.into(),
        headers: headers
            .map(|(name, value)| wire::EvidenceHeader { name, value: value.into() })
            .collect(),
        value: value.into(),
    }
}

fn place(place: Place) -> wire::EvidencePlace {
    let Place { topic, partition, offset, .. } = place;
    wire::EvidencePlace { topic, partition, offset }
}

fn time(unix_millis: i64) -> Timestamp {
    (UNIX_EPOCH + Duration::from_millis(u64::try_from(unix_millis).unwrap_or(0))).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64, nanos: i32) -> Option<Timestamp> {
        Some(Timestamp { seconds, nanos })
    }

    #[test]
    fn a_search_without_any_part_leaves_all_in() {
        let all = criteria(wire::SearchEvidenceRequest::default()).unwrap();
        assert_eq!(all.between, Between::default());
        assert!(all.personal_number.is_none() && all.service.is_none() && all.audit_id.is_none());
    }

    #[test]
    fn tells_every_malformed_part_and_never_its_value() {
        let bad = || Some("86190000001".to_owned() + "\u{7}");
        let request = wire::SearchEvidenceRequest {
            personal_number: bad(),
            dossier_code: bad(),
            officer_number: bad(),
            client: bad(),
            agency: bad(),
            service: bad(),
            audit_id: bad(),
            from: at(i64::MAX, 0),
            to: at(0, -1),
        };
        let fault = criteria(request).unwrap_err();
        let places: Vec<_> = fault.violations.iter().map(|one| one.pointer.as_str()).collect();
        let expected = [
            "/personalNumber",
            "/dossierCode",
            "/officerNumber",
            "/client",
            "/agency",
            "/service",
            "/auditId",
            "/from",
            "/to",
        ];
        assert_eq!((fault.code, places), (ErrorCode::InvalidRequest, expected.to_vec()));
        assert!(!format!("{fault:?}").contains("86190000001"));
    }

    #[test]
    fn a_span_has_whole_milliseconds_and_does_not_run_backwards() {
        let between = |from, to| {
            let mut parts = Parts { violations: Vec::new() };
            let between = parts.between(from, to);
            parts.end().map(|()| (between.from_unix_millis, between.to_unix_millis))
        };
        assert_eq!(between(at(1, 1), at(2, 2_000_000)), Ok((Some(1001), Some(2002))));
        assert_eq!(between(None, at(2, 0)), Ok((None, Some(2000))));
        assert_eq!(between(at(2, 0), at(1, 0)).unwrap_err().violations[0].pointer, "/to");
    }
}
