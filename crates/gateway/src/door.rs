//! The door: one listener for HTTP/1.1 and HTTP/2 (gRPC), bounded in every direction.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::Response;
use http::{HeaderName, HeaderValue, header};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use lgsp_telemetry::Metrics;
use lgsp_telemetry::metrics::RequestLabels;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;
use uuid::Uuid;

/// How many connections may be open at once.
const MAX_CONNECTIONS: usize = 1024;
/// How many requests one HTTP/2 connection may have at once.
const MAX_STREAMS: u32 = 256;
/// How long a client may take to send a request's head.
const HEAD_PATIENCE: Duration = Duration::from_secs(10);

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A request's id: the caller's own if it sent a sensible one, else made at the door.
#[derive(Debug, Clone, Default)]
pub struct RequestId(pub String);

/// Serves the routes until told to stop, then lets what is under way end; returns when all
/// connections are closed or `grace` is over.
pub async fn serve(
    listener: TcpListener,
    routes: Router,
    metrics: Arc<Metrics>,
    stopping: CancellationToken,
    tasks: &TaskTracker,
    grace: Duration,
) {
    let counted = Arc::clone(&metrics);
    let routes = routes.layer(middleware::from_fn(move |request, next| {
        through(Arc::clone(&counted), request, next)
    }));
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .max_buf_size(64 * 1024);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .initial_stream_window_size(1024 * 1024)
        .initial_connection_window_size(4 * 1024 * 1024)
        .max_header_list_size(32 * 1024)
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20));
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let graceful = GracefulShutdown::new();
    loop {
        // Beyond the limit new connections wait in the listener's backlog.
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { break };
        let socket = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => socket,
                Err(error) => {
                    tracing::warn!(error = %error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            () = stopping.cancelled() => break,
        };
        socket.set_nodelay(true).ok();
        let service = TowerToHyperService::new(routes.clone());
        let connection =
            graceful.watch(builder.serve_connection(TokioIo::new(socket), service).into_owned());
        let open = metrics.connections.clone();
        open.inc();
        tasks.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error = %error, "a connection broke");
            }
            open.dec();
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(grace, graceful.shutdown()).await.is_err() {
        tracing::warn!("connections were still open at the end of the grace period");
    }
}

async fn through(metrics: Arc<Metrics>, mut request: Request, next: Next) -> Response {
    let id = request
        .headers()
        .get(&REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(|id| {
            (8..=64).contains(&id.len())
                && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
        .map_or_else(|| Uuid::now_v7().to_string(), str::to_owned);
    let is_grpc = request
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"));
    let span = tracing::debug_span!("request", id = %id, method = %request.method(), path = %request.uri().path());
    let header = HeaderValue::try_from(id.as_str());
    request.extensions_mut().insert(RequestId(id));
    let mut response = next.run(request).instrument(span).await;
    if let Ok(header) = header {
        response.headers_mut().insert(REQUEST_ID, header);
    }
    let protocol = if is_grpc { "grpc" } else { "http" };
    metrics
        .requests
        .get_or_create(&RequestLabels { protocol, status: response.status().as_u16() })
        .inc();
    response
}
