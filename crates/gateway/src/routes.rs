//! Everything that is reachable, and the state that the bindings share.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Router};
use http::HeaderMap;
use lgsp_core::{Clock, ErrorCode, Fault};
use lgsp_identity::{Identity, Principal};
use lgsp_ingest::Ingest;
use lgsp_proto::DESCRIPTORS;
use lgsp_proto::audit::v1::audit_service_server::AuditServiceServer;
use lgsp_proto::event::v1::event_service_server::EventServiceServer;
use lgsp_proto::ops::v1::ops_service_server::OpsServiceServer;
use lgsp_proto::query::v1::population_service_server::PopulationServiceServer;
use lgsp_proto::query::v1::query_service_server::QueryServiceServer;
use lgsp_query::{Auditing, Query};
use lgsp_telemetry::Metrics;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::service::Routes;
use tonic_health::ServingStatus;

use crate::door::RequestId;
use crate::operations::Operations;
use crate::problem::{is_grpc, refuse};
use crate::{event_http, oauth_http, openapi, ops, packets, population, query, schema_http};

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Everybody.
    Public,
    /// Everybody on loopback; elsewhere nobody, or operators.
    Loopback,
    /// Callers with a token and a grant.
    Granted,
    /// Callers with a session of the packet protocol and a grant, which its own handlers ask for:
    /// there a refusal is HTTP 200 with a code within.
    Session,
}

/// A way in: an HTTP method and path, or a gRPC method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// `GET`, `POST`, or `gRPC`.
    pub method: &'static str,
    /// The path; `{…}` stands for any one segment.
    pub path: &'static str,
    /// Who may call it.
    pub who: Who,
}

const fn route(method: &'static str, path: &'static str, who: Who) -> Route {
    Route { method, path, who }
}

impl Route {
    /// Tells whether a request's path is this route's.
    pub fn is_at(&self, path: &str) -> bool {
        let mut asked = path.split('/');
        let fits = |own: &str| asked.next().is_some_and(|part| own == part || own.starts_with('{'));
        self.path.split('/').all(fits) && asked.next().is_none()
    }
}

/// Every route; tests demand of each that a stranger is refused, unless it is public.
pub const ROUTES: &[Route] = &[
    route("POST", "/v1/events", Who::Granted),
    route("POST", "/v1/events/validate", Who::Granted),
    route("GET", "/v1/receipts", Who::Granted),
    route("GET", "/v1/queries", Who::Granted),
    route("POST", "/v1/queries/{service}", Who::Granted),
    route("POST", "/v1/population/citizens:lookUp", Who::Granted),
    route("GET", "/v1/ops/lag", Who::Granted),
    route("GET", "/v1/ops/topics", Who::Granted),
    route("gRPC", "/lgsp.event.v1.EventService/PublishEvent", Who::Granted),
    route("gRPC", "/lgsp.event.v1.EventService/PublishEvents", Who::Granted),
    route("gRPC", "/lgsp.event.v1.EventService/GetReceipt", Who::Granted),
    route("gRPC", "/lgsp.event.v1.EventService/SetAside", Who::Granted),
    route("gRPC", "/lgsp.query.v1.QueryService/Query", Who::Granted),
    route("gRPC", "/lgsp.query.v1.QueryService/ListServices", Who::Granted),
    route("gRPC", "/lgsp.query.v1.PopulationService/LookUpCitizen", Who::Granted),
    route("gRPC", "/lgsp.ops.v1.OpsService/GetLag", Who::Granted),
    route("gRPC", "/lgsp.ops.v1.OpsService/ListTopics", Who::Granted),
    route("gRPC", "/lgsp.audit.v1.AuditService/SearchEvidence", Who::Granted),
    route("gRPC", "/lgsp.audit.v1.AuditService/ExportEvidence", Who::Granted),
    route("POST", "/dvcqg/login", Who::Public),
    route("POST", "/dvcqg/service", Who::Session),
    route("POST", "/dvcqg/api/SynsTTHCC/DongBoHoSoMC", Who::Session),
    route("POST", "/dvcqg/api/SynsTTHCC/CapNhatTienDoHoSoMC", Who::Session),
    route("GET", "/v1/schemas", Who::Public),
    route("GET", "/v1/schemas/{type}/{version}", Who::Public),
    route("GET", "/openapi.json", Who::Public),
    route("POST", "/oauth2/token", Who::Public),
    route("GET", "/oauth2/jwks", Who::Public),
    route("GET", "/.well-known/openid-configuration", Who::Public),
    route("GET", "/healthz", Who::Public),
    route("GET", "/readyz", Who::Public),
    route("gRPC", "/grpc.health.v1.Health/Check", Who::Public),
    route("gRPC", "/grpc.health.v1.Health/Watch", Who::Public),
    route("GET", "/metrics", Who::Loopback),
    route("gRPC", "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", Who::Loopback),
    route("gRPC", "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", Who::Loopback),
];

/// The largest event with its attributes, in bytes. The corridor's own limit is stricter.
const MAX_EVENT_MESSAGE_BYTES: usize = 1024 * 1024 + 64 * 1024;

/// The largest of all other messages, in bytes.
const MAX_MESSAGE_BYTES: usize = 16 * 1024;

/// How often `grpc.health.v1` is told the state.
const HEALTH_EVERY: Duration = Duration::from_secs(1);

/// What the bindings share.
#[derive(Clone)]
pub struct Gateway {
    /// Who is calling.
    pub identity: Arc<Identity>,
    /// The corridor of events.
    pub ingest: Ingest,
    /// The corridor of queries.
    pub query: Query,
    /// The auditor's corridor.
    pub auditing: Auditing,
    /// What operators ask.
    pub operations: Arc<dyn Operations>,
    /// Figures.
    pub metrics: Arc<Metrics>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Owns the tasks of streams.
    pub tasks: TaskTracker,
    /// Told when the bus stops.
    pub stopping: CancellationToken,
    /// Whether only this machine can reach the door.
    pub loopback: bool,
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway").field("loopback", &self.loopback).finish_non_exhaustive()
    }
}

impl Gateway {
    /// Proves who calls.
    pub(crate) fn caller_of(&self, headers: &HeaderMap) -> Result<Principal, Fault> {
        self.identity.authenticate(oauth_http::authorization(headers))
    }

    /// Binds every route. `grpc.health.v1` tells what `/readyz` tells, until `until`.
    pub fn router(self, until: CancellationToken) -> Router {
        let mut grpc = Routes::builder();
        grpc.add_service(
            EventServiceServer::new(self.clone())
                .max_decoding_message_size(MAX_EVENT_MESSAGE_BYTES),
        );
        // A question is bounded like its HTTP form; the envelope's own fields come on top.
        grpc.add_service(
            QueryServiceServer::new(self.clone()).max_decoding_message_size(2 * MAX_MESSAGE_BYTES),
        );
        grpc.add_service(
            PopulationServiceServer::new(self.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES),
        );
        grpc.add_service(
            OpsServiceServer::new(self.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES),
        );
        grpc.add_service(
            AuditServiceServer::new(self.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES),
        );
        let (reporter, health) = tonic_health::server::health_reporter();
        grpc.add_service(health);
        self.tasks.spawn(report_health(reporter, Arc::clone(&self.operations), until));
        if self.loopback {
            let builder = || {
                tonic_reflection::server::Builder::configure()
                    .register_encoded_file_descriptor_set(DESCRIPTORS)
                    .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            };
            // The descriptors are compiled in; a set that did not decode would leave reflection out.
            builder().build_v1().map(|service| grpc.add_service(service)).ok();
            builder().build_v1alpha().map(|service| grpc.add_service(service)).ok();
        }
        let http = Router::new()
            .route("/v1/events", post(event_http::publish))
            .route("/v1/events/validate", post(event_http::validate))
            .layer(Extension(event_http::Room::default()))
            .route("/v1/schemas", get(schema_http::list))
            .route("/v1/schemas/{type}/{version}", get(schema_http::document))
            .layer(Extension(schema_http::Pages::of(self.ingest.schemas())))
            .route("/openapi.json", get(openapi::serve))
            .layer(Extension(openapi::Document::of(self.ingest.schemas(), &self.query)))
            .route("/v1/receipts", get(event_http::receipt))
            .route("/v1/population/citizens:lookUp", post(population::look_up_citizen))
            .route("/v1/queries", get(query::list))
            .route("/v1/queries/{service}", post(query::query))
            .route("/v1/ops/lag", get(ops::get_lag))
            .route("/v1/ops/topics", get(ops::list_topics))
            .route("/oauth2/token", post(oauth_http::token))
            .route("/oauth2/jwks", get(oauth_http::jwks))
            .route("/.well-known/openid-configuration", get(oauth_http::discovery))
            .route("/healthz", get(ops::alive))
            .route("/readyz", get(ops::ready))
            .route("/metrics", get(ops::metrics))
            .merge(packets::router())
            .layer(axum::extract::DefaultBodyLimit::max(64 * 1024))
            .method_not_allowed_fallback(wrong_method);
        http.with_state(self.clone())
            .merge(grpc.routes().into_axum_router().reset_fallback())
            .fallback(nothing_here)
            .layer(middleware::from_fn_with_state(self, authenticate))
    }
}

/// Returns the caller that the door has let in.
pub(crate) fn caller(extensions: &http::Extensions) -> Result<Principal, Fault> {
    extensions.get().cloned().ok_or_else(|| ErrorCode::Unauthenticated.into())
}

/// Proves who calls, before anything of a body is read; public routes need nobody.
async fn authenticate(
    State(gateway): State<Gateway>,
    mut request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    if ROUTES.iter().any(|route| route.who == Who::Granted && route.is_at(path)) {
        match gateway.caller_of(request.headers()) {
            Ok(caller) => {
                request.extensions_mut().insert(caller);
            }
            Err(fault) => return refuse(fault, is_grpc(request.headers()), &request_id(&request)),
        }
    }
    next.run(request).await
}

/// Repeats for `grpc.health.v1` what the checks say.
async fn report_health(
    reporter: tonic_health::server::HealthReporter,
    operations: Arc<dyn Operations>,
    until: CancellationToken,
) {
    loop {
        let ready = !operations.is_stopping()
            && operations.checks().iter().all(|check| check.fault.is_none());
        let serving = if ready { ServingStatus::Serving } else { ServingStatus::NotServing };
        reporter.set_service_status("", serving).await;
        if until.run_until_cancelled(tokio::time::sleep(HEALTH_EVERY)).await.is_none() {
            return;
        }
    }
}

fn request_id(request: &Request) -> String {
    request.extensions().get::<RequestId>().cloned().unwrap_or_default().0
}

async fn wrong_method(request: Request) -> Response {
    refuse(ErrorCode::MethodNotAllowed.into(), is_grpc(request.headers()), &request_id(&request))
}

async fn nothing_here(request: Request) -> Response {
    let grpc = is_grpc(request.headers());
    let code = if grpc { ErrorCode::Unimplemented } else { ErrorCode::NotFound };
    refuse(code.into(), grpc, &request_id(&request))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_in_braces_stands_for_any_one() {
        let route = route("GET", "/v1/schemas/{type}/{version}", Who::Granted);
        for path in ["/v1/schemas/a/1.0", "/v1/schemas/{type}/{version}", "/v1/schemas//"] {
            assert!(route.is_at(path), "{path}");
        }
        for path in ["/v1/schemas", "/v1/schemas/a", "/v1/schemas/a/1.0/", "/v2/schemas/a/1.0", ""]
        {
            assert!(!route.is_at(path), "{path}");
        }
    }

    #[test]
    fn no_path_belongs_to_a_granted_route_and_to_another() {
        let same = |one: &Route, other: &Route| one.is_at(other.path) || other.is_at(one.path);
        for granted in ROUTES.iter().filter(|route| route.who == Who::Granted) {
            let open =
                ROUTES.iter().find(|route| route.who != Who::Granted && same(route, granted));
            assert_eq!(open, None, "{granted:?}");
        }
    }
}
