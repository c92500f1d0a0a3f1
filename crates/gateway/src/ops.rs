//! For operators: lag and topics over gRPC and REST, health, readiness, metrics.

use std::time::{Duration, UNIX_EPOCH};

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::{Extensions, HeaderMap, HeaderValue, StatusCode, header};
use lgsp_core::{ErrorCode, Fault};
use lgsp_identity::OperateGrant;
use lgsp_proto::ops::v1::ops_service_server::OpsService;
use lgsp_proto::ops::v1::{
    GetLagRequest, GetLagResponse, ListTopicsRequest, ListTopicsResponse, PartitionLag, Topic,
};
use serde_json::json;
use tonic::{Request, Status};

use crate::door::RequestId;
use crate::json;
use crate::problem::{Problem, told};
use crate::routes::{Gateway, caller};

impl Gateway {
    fn lag(&self, _grant: &OperateGrant) -> GetLagResponse {
        let snapshot = self.operations.lag();
        let age = snapshot.age_millis(self.clock.unix_millis());
        let taken = snapshot.taken_unix_millis.and_then(|millis| u64::try_from(millis).ok());
        let mut partitions = Vec::new();
        for group in &snapshot.groups {
            if group.topics.is_empty() {
                partitions.push(PartitionLag {
                    group: group.group.to_string(),
                    status: group.status.as_str().to_owned(),
                    ..PartitionLag::default()
                });
            }
            for topic in &group.topics {
                partitions.extend(topic.partitions.iter().map(|partition| PartitionLag {
                    group: group.group.to_string(),
                    topic: topic.topic.to_string(),
                    partition: Some(partition.partition),
                    committed_offset: partition.committed,
                    end_offset: partition.end,
                    lag_records: partition.lag_records,
                    lag_seconds: partition.lag_seconds,
                    status: partition.status.as_str().to_owned(),
                }));
            }
        }
        GetLagResponse {
            taken_time: taken.map(|millis| (UNIX_EPOCH + Duration::from_millis(millis)).into()),
            age_seconds: age.map(|millis| millis as f64 / 1000.0),
            poll_error: snapshot.failure.map(|failure| failure.reason),
            partitions,
        }
    }

    fn topics(&self, _grant: &OperateGrant) -> ListTopicsResponse {
        let topics = self.operations.topics().into_iter().map(|topic| Topic {
            name: topic.name,
            declared_partitions: topic.declared_partitions,
            partitions: topic.partitions,
            records: topic.records,
            drift: topic.drift,
        });
        ListTopicsResponse { topics: topics.collect() }
    }

    fn operator(&self, extensions: &Extensions) -> Result<OperateGrant, Fault> {
        self.identity.permit_operate(&caller(extensions)?)
    }
}

#[tonic::async_trait]
impl OpsService for Gateway {
    async fn get_lag(
        &self,
        request: Request<GetLagRequest>,
    ) -> Result<tonic::Response<GetLagResponse>, Status> {
        let extensions = request.extensions();
        let grant = self.operator(extensions).map_err(|fault| told(&fault, extensions))?;
        Ok(tonic::Response::new(self.lag(&grant)))
    }

    async fn list_topics(
        &self,
        request: Request<ListTopicsRequest>,
    ) -> Result<tonic::Response<ListTopicsResponse>, Status> {
        let extensions = request.extensions();
        let grant = self.operator(extensions).map_err(|fault| told(&fault, extensions))?;
        Ok(tonic::Response::new(self.topics(&grant)))
    }
}

/// `GET /v1/ops/lag`.
pub(crate) async fn get_lag(
    State(gateway): State<Gateway>,
    Extension(RequestId(request_id)): Extension<RequestId>,
    request: axum::extract::Request,
) -> Result<Response, Problem> {
    let answer = gateway
        .operator(request.extensions())
        .and_then(|grant| json::write("lgsp.ops.v1.GetLagResponse", &gateway.lag(&grant)));
    answer.map_err(|fault| Problem::new(fault, &request_id))
}

/// `GET /v1/ops/topics`.
pub(crate) async fn list_topics(
    State(gateway): State<Gateway>,
    Extension(RequestId(request_id)): Extension<RequestId>,
    request: axum::extract::Request,
) -> Result<Response, Problem> {
    let answer = gateway
        .operator(request.extensions())
        .and_then(|grant| json::write("lgsp.ops.v1.ListTopicsResponse", &gateway.topics(&grant)));
    answer.map_err(|fault| Problem::new(fault, &request_id))
}

/// `GET /healthz`: the process answers.
pub(crate) async fn alive() -> Response {
    json::respond(StatusCode::OK, r#"{"status":"alive"}"#)
}

/// `GET /readyz`: what the bus itself needs, each with the reason why it does not work.
pub(crate) async fn ready(State(gateway): State<Gateway>) -> Response {
    let checks = gateway.operations.checks();
    let stopping = gateway.operations.is_stopping();
    let ready = !stopping && checks.iter().all(|check| check.fault.is_none());
    let listed = checks.into_iter().map(|check| match check.fault {
        None => (check.name.to_owned(), json!({ "ok": true })),
        Some(reason) => (check.name.to_owned(), json!({ "ok": false, "reason": reason })),
    });
    let body = json!({
        "status": if ready { "ready" } else if stopping { "stopping" } else { "not ready" },
        "checks": listed.collect::<serde_json::Map<_, _>>(),
    });
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    json::respond(status, body.to_string())
}

/// `GET /metrics`: free on loopback, else for operators.
pub(crate) async fn metrics(
    State(gateway): State<Gateway>,
    Extension(RequestId(request_id)): Extension<RequestId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let permitted = if gateway.loopback {
        Ok(())
    } else {
        gateway
            .caller_of(&headers)
            .and_then(|caller| gateway.identity.permit_operate(&caller))
            .map(|_grant| ())
    };
    let text =
        permitted.and_then(|()| gateway.metrics.render().ok_or_else(|| ErrorCode::Internal.into()));
    let text = text.map_err(|fault| Problem::new(fault, &request_id))?;
    let mut response = json::respond(StatusCode::OK, text);
    let open_metrics =
        HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, open_metrics);
    Ok(response)
}
