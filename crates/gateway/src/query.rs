//! Queries out: any declared service, in JSON, over gRPC and HTTP.

use std::time::{Duration, Instant, UNIX_EPOCH};

use axum::Extension;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response as HttpResponse;
use http::{Request as HttpRequest, StatusCode};
use lgsp_core::identifier::{DossierCode, OfficerNumber, ProcedureCode};
use lgsp_core::rule::{self, Rule};
use lgsp_core::{ErrorCode, Fault};
use lgsp_identity::Principal;
use lgsp_proto::query::v1 as wire;
use lgsp_proto::query::v1::query_service_server::QueryService;
use lgsp_query::question::MAX_REASON;
use lgsp_query::{Answer, Confidence, Purpose, PurposePart, Question, Service};
use serde::Serialize;
use serde_json::{Map, Value};
use tonic::{Request, Response, Status};

use crate::door::RequestId;
use crate::json::Written;
use crate::problem::{Problem, told};
use crate::routes::{Gateway, caller};
use crate::{deadline, json};

/// The largest question, in bytes.
pub(crate) const MAX_QUESTION_BYTES: usize = 16 * 1024;

/// Where the question lies in a generic request.
const PLACE: &str = "/question";

/// Reads why a record is asked for, with every part that is malformed. Whether one is missing, the
/// service says.
pub(crate) fn purpose(purpose: Option<wire::Purpose>) -> Purpose {
    let wire::Purpose { dossier_code, procedure_code, officer_number, reason } =
        purpose.unwrap_or_default();
    let mut parts = Parts(Vec::new());
    Purpose {
        dossier: parts.take(PurposePart::Dossier, dossier_code, DossierCode::parse),
        procedure: parts.take(PurposePart::Procedure, procedure_code, ProcedureCode::parse),
        officer: parts.take(PurposePart::Officer, officer_number, OfficerNumber::parse),
        reason: parts.take(PurposePart::Reason, reason, in_words),
        broken: parts.0,
    }
}

struct Parts(Vec<(PurposePart, &'static Rule)>);

impl Parts {
    fn take<T>(
        &mut self,
        part: PurposePart,
        text: Option<String>,
        parse: impl FnOnce(&str) -> Result<T, &'static Rule>,
    ) -> Option<T> {
        parse(text.as_deref()?).map_err(|rule| self.0.push((part, rule))).ok()
    }
}

fn in_words(text: &str) -> Result<String, &'static Rule> {
    match text.trim() {
        "" => Err(&rule::REQUIRED),
        _ if text.chars().count() > MAX_REASON => Err(&rule::MAX_LENGTH),
        _ if text.chars().any(char::is_control) => Err(&rule::PATTERN),
        told => Ok(told.to_owned()),
    }
}

/// Tells about an answer.
pub(crate) fn meta(answer: &Answer, request_id: String) -> wire::AnswerMeta {
    let as_of =
        UNIX_EPOCH + Duration::from_millis(u64::try_from(answer.as_of_unix_millis).unwrap_or(0));
    wire::AnswerMeta {
        request_id,
        audit_id: answer.audit_id.map(|id| id.to_string()).unwrap_or_default(),
        as_of: Some(as_of.into()),
        carrier: answer.carrier.clone(),
        cached: answer.is_cached,
        withheld: answer.withheld.clone(),
        warnings: answer.warnings.clone(),
    }
}

impl Gateway {
    async fn query_any(
        &self,
        caller: &Principal,
        request_id: &str,
        service: &str,
        asked: (Purpose, Map<String, Value>),
        deadline: Instant,
    ) -> Result<Answer, Fault> {
        let (purpose, body) = asked;
        let question = Question { purpose, body, place: PLACE };
        self.query.ask(caller, request_id, service, question, deadline).await
    }
}

impl Gateway {
    fn list(&self, caller: &Principal) -> Result<wire::ListServicesResponse, Fault> {
        let services: Vec<_> =
            self.query.services(caller).iter().map(|service| listed(service)).collect();
        match services.is_empty() {
            true => Err(ErrorCode::PermissionDenied.into()),
            false => Ok(wire::ListServicesResponse { services }),
        }
    }
}

fn object(value: Value) -> Result<Map<String, Value>, Fault> {
    match value {
        Value::Object(members) => Ok(members),
        _ => Err(Fault::at(ErrorCode::InvalidRequest, PLACE, &rule::TYPE)),
    }
}

/// Reads the question of a gRPC request; its faults lie within `question`.
fn question(bytes: &[u8]) -> Result<Map<String, Value>, Fault> {
    let within = |mut fault: Fault| {
        for violation in &mut fault.violations {
            violation.pointer.insert_str(0, PLACE);
        }
        fault
    };
    object(lgsp_schema::parse_strict(bytes).map_err(within)?)
}

#[tonic::async_trait]
impl QueryService for Gateway {
    async fn query(
        &self,
        request: Request<wire::QueryRequest>,
    ) -> Result<Response<wire::QueryResponse>, Status> {
        let extensions = request.extensions().clone();
        let caller = caller(&extensions).map_err(|fault| told(&fault, &extensions))?;
        let deadline = deadline::of(request.metadata().as_ref());
        let RequestId(id) = extensions.get().cloned().unwrap_or_default();
        let answer = async {
            let wire::QueryRequest { service, purpose: why, question: body } = request.into_inner();
            let service = service.unwrap_or_default();
            let asked = (purpose(why), question(&body)?);
            let answer = self.query_any(&caller, &id, &service, asked, deadline).await?;
            let meta = Some(meta(&answer, id.clone()));
            let answer = serde_json::to_vec(&answer.record)
                .map_err(|_| Fault::new(ErrorCode::Internal))?
                .into();
            Ok(wire::QueryResponse { answer, meta })
        };
        answer.await.map(Response::new).map_err(|fault| told(&fault, &extensions))
    }

    async fn list_services(
        &self,
        request: Request<wire::ListServicesRequest>,
    ) -> Result<Response<wire::ListServicesResponse>, Status> {
        let extensions = request.extensions().clone();
        let caller = caller(&extensions).map_err(|fault| told(&fault, &extensions))?;
        let listed = self.list(&caller);
        listed.map(Response::new).map_err(|fault| told(&fault, &extensions))
    }
}

fn listed(service: &Service) -> wire::Service {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    wire::Service {
        name: service.name.clone(),
        title_vi: service.title.vi.clone(),
        title_en: service.title.en.clone(),
        open_data: service.is_open_data,
        reconstructed: service.confidence == Confidence::Reconstructed,
        purpose: service.purpose.iter().map(|part| part.name().to_owned()).collect(),
        released: service.release.fields.iter().cloned().collect(),
        carrier: service.upstream.carrier().to_owned(),
        request_schema: text(service.request.document()),
        answer_schema: text(service.answer.document()),
    }
}

/// What `POST /v1/queries/{service}` answers: the record as JSON, not as the bytes of JSON.
#[derive(Serialize)]
struct Told<'a> {
    answer: &'a Map<String, Value>,
    meta: Written<'a, wire::AnswerMeta>,
}

/// Reads the body of `POST /v1/queries/{service}`.
pub(crate) fn asked(body: &[u8]) -> Result<(Purpose, Map<String, Value>), Fault> {
    let mut members = match lgsp_schema::parse_strict(body)? {
        Value::Object(members) => members,
        _ => return Err(Fault::at(ErrorCode::InvalidRequest, "", &rule::TYPE)),
    };
    let (why, asked) = (members.remove("purpose"), members.remove("question"));
    if let Some((unknown, _)) = members.into_iter().next() {
        // The name is repeated only where it cannot be somebody's number.
        let named = unknown.len() <= 40 && unknown.bytes().all(|it| it.is_ascii_alphabetic());
        let place = if named { format!("/{unknown}") } else { String::new() };
        return Err(Fault::at(ErrorCode::InvalidRequest, place, &rule::UNKNOWN_FIELD));
    }
    let why: Option<wire::Purpose> = why
        .map(|value| json::message("lgsp.query.v1.Purpose", value))
        .transpose()
        .map_err(|_| Fault::at(ErrorCode::InvalidRequest, "/purpose", &rule::REQUEST))?;
    Ok((purpose(why), object(asked.unwrap_or_else(|| Map::new().into()))?))
}

/// `POST /v1/queries/{service}`: a purpose and a question.
pub(crate) async fn query(
    State(gateway): State<Gateway>,
    Extension(RequestId(request_id)): Extension<RequestId>,
    service: Result<Path<String>, PathRejection>,
    request: HttpRequest<Body>,
) -> Result<HttpResponse, Problem> {
    let work = async {
        let caller = caller(request.extensions())?;
        let deadline = deadline::of(request.headers());
        // A name that is no text names no service, which looks like one that is not granted.
        let Path(service) = service.map_err(|_| Fault::new(ErrorCode::PermissionDenied))?;
        let body = json::body(request.into_body(), MAX_QUESTION_BYTES).await?;
        let asked = asked(&body)?;
        let answer = gateway.query_any(&caller, &request_id, &service, asked, deadline).await?;
        let meta = meta(&answer, request_id.clone());
        let meta = Written("lgsp.query.v1.AnswerMeta", &meta);
        json::answer(StatusCode::OK, &Told { answer: &answer.record, meta })
    };
    work.await.map_err(|fault| Problem::new(fault, &request_id))
}

/// `GET /v1/queries`: the services that the caller may ask.
pub(crate) async fn list(
    State(gateway): State<Gateway>,
    Extension(RequestId(request_id)): Extension<RequestId>,
    request: HttpRequest<Body>,
) -> Result<HttpResponse, Problem> {
    let work = || {
        let caller = caller(request.extensions())?;
        json::write("lgsp.query.v1.ListServicesResponse", &gateway.list(&caller)?)
    };
    work().map_err(|fault| Problem::new(fault, &request_id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_malformed_part_of_a_purpose_is_told() {
        let text = |text: &str| Some(text.to_owned());
        let why = wire::Purpose {
            dossier_code: text("x"),
            procedure_code: text("1.004227"),
            officer_number: text(""),
            reason: text(" "),
        };
        let broken = purpose(Some(why)).broken;
        let parts: Vec<_> = broken.iter().map(|(part, _)| *part).collect();
        assert_eq!(parts, [PurposePart::Dossier, PurposePart::Officer, PurposePart::Reason]);
        assert!(purpose(None).broken.is_empty(), "what is missing, the service says");
    }

    #[test]
    fn a_question_is_an_object_and_its_faults_lie_within_it() {
        assert!(question(b"{\"taxCode\":\"1500999906\"}").is_ok());
        for bytes in [&b"[]"[..], b"7"] {
            assert_eq!(question(bytes).unwrap_err().violations[0].pointer, "/question");
        }
        let twice = question(b"{\"a\":1,\"a\":2}").unwrap_err();
        assert_eq!(twice.violations[0].pointer, "/question/a");
    }
}
