//! The door: one listener for HTTP/1.1 and HTTP/2 (gRPC), bounded in every direction.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::Response;
use http::{HeaderName, HeaderValue};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use lgsp_core::ErrorCode;
use lgsp_telemetry::Metrics;
use lgsp_telemetry::metrics::RequestLabels;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;
use uuid::Uuid;

use crate::problem::{is_grpc, refuse};

/// How many connections may be open at once.
const MAX_CONNECTIONS: usize = 1024;
/// How many requests one HTTP/2 connection may have at once.
const MAX_STREAMS: u32 = 256;
/// How many requests may be under way at once; a stream counts until its answers begin.
const MAX_REQUESTS: usize = 512;
/// How long a request may take until its answer begins, in any case.
pub(crate) const REQUEST_PATIENCE: Duration = Duration::from_secs(20);
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
    let books =
        Arc::new(Books { metrics: Arc::clone(&metrics), room: Semaphore::new(MAX_REQUESTS) });
    let routes = routes.layer(middleware::from_fn(move |request, next| {
        through(Arc::clone(&books), request, next)
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
        let place = tokio::select! {
            Ok(place) = Arc::clone(&room).acquire_owned() => place,
            () = stopping.cancelled() => break,
        };
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
        let (builder, watcher, open) =
            (builder.clone(), graceful.watcher(), metrics.connections.clone());
        let stopping = stopping.clone();
        open.inc();
        tasks.spawn(async move {
            // The library waits for ever for the bytes that tell which HTTP it is.
            let speaks = tokio::time::timeout(HEAD_PATIENCE, preface(&socket));
            if let Some(Ok(true)) = stopping.run_until_cancelled(speaks).await {
                let connection = builder.serve_connection(TokioIo::new(socket), service);
                if let Err(error) = watcher.watch(connection.into_owned()).await {
                    tracing::debug!(error = %error, "a connection broke");
                }
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

/// Waits until the first bytes tell HTTP/1 from HTTP/2; `false` when the client went away.
async fn preface(socket: &TcpStream) -> bool {
    const HTTP2: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let mut first = [0; HTTP2.len()];
    loop {
        match socket.peek(&mut first).await {
            Ok(0) | Err(_) => return false,
            Ok(count)
                if count == HTTP2.len()
                    || !HTTP2.starts_with(first.get(..count).unwrap_or_default()) =>
            {
                return true;
            }
            // What came is still there, so the socket stays readable: look again in a moment.
            Ok(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// What the door keeps count of.
#[derive(Debug)]
struct Books {
    metrics: Arc<Metrics>,
    room: Semaphore,
}

async fn through(books: Arc<Books>, mut request: Request, next: Next) -> Response {
    // A caller's own id is taken only in a form in which nothing else can stand.
    let asked = request.headers().get(&REQUEST_ID).and_then(|value| value.to_str().ok());
    let id = asked.and_then(|id| Uuid::parse_str(id).ok()).unwrap_or_else(Uuid::now_v7).to_string();
    let grpc = is_grpc(request.headers());
    let span = tracing::debug_span!("request", id = %id, method = %request.method(), path = %request.uri().path());
    request.extensions_mut().insert(RequestId(id.clone()));
    let mut response = match books.room.try_acquire() {
        Err(_) => refuse(ErrorCode::Overloaded.into(), grpc, &id),
        Ok(_place) => {
            match tokio::time::timeout(REQUEST_PATIENCE, next.run(request)).instrument(span).await {
                Ok(response) => response,
                // Above all a body that does not come.
                Err(_) => refuse(ErrorCode::DeadlineExceeded.into(), grpc, &id),
            }
        }
    };
    if let Ok(id) = HeaderValue::try_from(id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    let labels = RequestLabels {
        protocol: if grpc { "grpc" } else { "http" },
        status: response.status().as_u16(),
    };
    books.metrics.requests.get_or_create(&labels).inc();
    response
}
