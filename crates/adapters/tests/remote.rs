//! Publishing over the line: against a gRPC service that ends tokens, cuts streams and goes away.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::routing::post;
use axum::{Json, Router};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use lgsp_adapters::{
    Breach, DeadLetter, Outcome, Publisher, Record, Refusal, RemoteConfig, RemoteError,
    RemotePublisher,
};
use lgsp_core::identifier::ClientId;
use lgsp_core::{ErrorCode, Fault, rule};
use lgsp_proto::event::v1::event_service_server::{EventService, EventServiceServer};
use lgsp_proto::event::v1::publish_events_response::Result as Answer;
use lgsp_proto::event::v1::{
    GetReceiptRequest, GetReceiptResponse, PublishEventRequest, PublishEventResponse,
    PublishEventsRequest, PublishEventsResponse, Receipt, SetAsideRequest, SetAsideResponse,
};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tonic::service::Routes;
use tonic::{Request, Response, Status, Streaming};

/// A service that takes one token at a time: the newest.
#[derive(Default)]
struct Bus {
    tokens: AtomicU32,
    /// Ends a stream after so many answers.
    cut_after: Mutex<Option<usize>>,
    letters: Mutex<Vec<SetAsideRequest>>,
}

#[derive(Clone)]
struct Service(Arc<Bus>);

impl Service {
    fn admit<T>(&self, request: &Request<T>) -> Result<(), Status> {
        let newest = format!("Bearer token-{}", self.0.tokens.load(Ordering::SeqCst));
        match request.metadata().get("authorization") {
            Some(token) if *token == newest => Ok(()),
            _ => Err(Status::unauthenticated("no")),
        }
    }
}

#[tonic::async_trait]
impl EventService for Service {
    type PublishEventsStream =
        Pin<Box<dyn Stream<Item = Result<PublishEventsResponse, Status>> + Send>>;

    async fn publish_events(
        &self,
        request: Request<Streaming<PublishEventsRequest>>,
    ) -> Result<Response<Self::PublishEventsStream>, Status> {
        self.admit(&request)?;
        let cut = self.0.cut_after.lock().unwrap().take();
        let answers = request.into_inner().map(|message| {
            let event = message?.event.unwrap_or_default();
            let refuse =
                |code: ErrorCode| Answer::Fault((&Fault::at(code, "/x", &rule::REQUIRED)).into());
            let result = match event.id.as_str() {
                "refused" => refuse(ErrorCode::SchemaViolation),
                "busy" => refuse(ErrorCode::Overloaded),
                id => Answer::Receipt(Receipt { duplicate: id == "again", ..Receipt::default() }),
            };
            Ok(PublishEventsResponse { id: event.id, result: Some(result) })
        });
        let cut_off = stream::once(async { Err(Status::unavailable("cut off")) });
        Ok(Response::new(match cut {
            Some(after) => Box::pin(answers.take(after).chain(cut_off)),
            None => Box::pin(answers),
        }))
    }

    async fn set_aside(
        &self,
        request: Request<SetAsideRequest>,
    ) -> Result<Response<SetAsideResponse>, Status> {
        self.admit(&request)?;
        self.0.letters.lock().unwrap().push(request.into_inner());
        Ok(Response::new(SetAsideResponse::default()))
    }

    async fn publish_event(
        &self,
        _: Request<PublishEventRequest>,
    ) -> Result<Response<PublishEventResponse>, Status> {
        Err(Status::unimplemented("not here"))
    }

    async fn get_receipt(
        &self,
        _: Request<GetReceiptRequest>,
    ) -> Result<Response<GetReceiptResponse>, Status> {
        Err(Status::unimplemented("not here"))
    }
}

struct Place {
    bus: Arc<Bus>,
    publisher: RemotePublisher,
    server: JoinSet<()>,
    address: SocketAddr,
    _home: tempfile::TempDir,
}

fn config(url: String, home: &tempfile::TempDir) -> RemoteConfig {
    let secret_file = home.path().join("secret");
    std::fs::write(&secret_file, "CANARY-secret\n").unwrap();
    RemoteConfig {
        url,
        client: ClientId::parse("motcua").unwrap(),
        secret_file,
        certificates: None,
        insecure_plain_text: false,
    }
}

async fn place() -> Place {
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let bus = Arc::new(Bus::default());
    let mut server = JoinSet::new();
    server.spawn(serve(listener, bus.clone()));
    let home = tempfile::tempdir().unwrap();
    let publisher =
        RemotePublisher::new(&config(format!("http://{address}"), &home), "files").unwrap();
    Place { bus, publisher, server, address, _home: home }
}

async fn serve(listener: TcpListener, bus: Arc<Bus>) {
    let service = EventServiceServer::new(Service(bus.clone()));
    let token = move |headers: axum::http::HeaderMap| async move {
        // motcua:CANARY-secret
        assert_eq!(headers["authorization"], "Basic bW90Y3VhOkNBTkFSWS1zZWNyZXQ=");
        let number = bus.tokens.fetch_add(1, Ordering::SeqCst) + 1;
        let token = format!("token-{number}");
        Json(serde_json::json!({"access_token": token, "expires_in": 3600}))
    };
    let routes = Routes::new(service).into_axum_router();
    let routes: Router = routes.route("/oauth2/token", post(token));
    axum::serve(listener, routes).await.unwrap();
}

fn record(id: &str) -> Record {
    Record {
        id: id.to_owned(),
        source: "/agencies/H61/systems/motcua".to_owned(),
        event_type: "lgsp.dossier.recorded.v1".to_owned(),
        time: Some("2026-07-03T09:30:00+07:00".to_owned()),
        data: Bytes::from_static(b"{}"),
    }
}

fn records(ids: &[&str]) -> Vec<Record> {
    ids.iter().map(|id| record(id)).collect()
}

/// Names each outcome in short.
fn names(outcomes: &[Outcome]) -> Vec<String> {
    let name = |outcome: &Outcome| match outcome {
        Outcome::Recorded { duplicate: true, .. } => "again".to_owned(),
        Outcome::Recorded { .. } => "recorded".to_owned(),
        Outcome::Refused(refusal) => format!("{} {}", refusal.code, refusal.breaches[0].pointer),
        Outcome::Unknown { .. } => "unknown".to_owned(),
    };
    outcomes.iter().map(name).collect()
}

#[tokio::test]
async fn tells_what_became_of_each_record_in_order() {
    let place = place().await;
    let outcomes = place.publisher.publish(&records(&["a", "again", "refused", "b"])).await;
    assert_eq!(names(&outcomes), ["recorded", "again", "schema_violation /x", "recorded"]);
    let outcomes = place.publisher.publish(&records(&["a", "busy", "b"])).await;
    assert_eq!(
        names(&outcomes),
        ["recorded", "unknown", "unknown"],
        "nothing behind a doubt counts"
    );
    assert_eq!(place.bus.tokens.load(Ordering::SeqCst), 1, "one token serves them all");
}

#[tokio::test]
async fn what_a_cut_stream_did_not_answer_is_unknown() {
    let place = place().await;
    *place.bus.cut_after.lock().unwrap() = Some(2);
    let batch = records(&["a", "b", "c", "d"]);
    let outcomes = place.publisher.publish(&batch).await;
    assert_eq!(names(&outcomes), ["recorded", "recorded", "unknown", "unknown"]);
    assert_eq!(names(&place.publisher.publish(&batch).await), ["recorded"; 4]);
}

#[tokio::test]
async fn a_token_that_is_no_longer_taken_is_fetched_anew_once() {
    let place = place().await;
    place.publisher.publish(&records(&["a"])).await;
    place.bus.tokens.fetch_add(1, Ordering::SeqCst);
    assert_eq!(names(&place.publisher.publish(&records(&["a"])).await), ["recorded"]);
    place.bus.tokens.fetch_add(1, Ordering::SeqCst);
    let letter = DeadLetter {
        record: record("a"),
        cause: Refusal {
            code: "schema_violation".to_owned(),
            vi: String::new(),
            en: String::new(),
            breaches: vec![Breach { pointer: "/x".to_owned(), ..Breach::of(&rule::REQUIRED) }],
        },
        origin: "a.csv, row 2".to_owned(),
        attempt: 3,
    };
    place.publisher.set_aside(&letter).await.unwrap();
    let letters = place.bus.letters.lock().unwrap();
    let sent = &letters[0];
    assert_eq!((sent.code.as_str(), sent.origin.as_str()), ("schema_violation", "a.csv, row 2"));
    assert_eq!((sent.attempt, sent.adapter.as_str()), (3, "files"));
    assert_eq!(
        (sent.violations[0].pointer.as_str(), sent.violations[0].rule.as_str()),
        ("/x", "required")
    );
}

#[tokio::test]
async fn a_line_that_is_down_is_waited_for_ever_longer_and_found_again() {
    let mut place = place().await;
    place.server.shutdown().await;
    let mut waits = Vec::new();
    for _ in 0..4 {
        match place.publisher.publish(&records(&["a", "b"])).await.as_slice() {
            [Outcome::Unknown { .. }, Outcome::Unknown { retry_after }] => waits.push(*retry_after),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(waits, [250, 500, 1000, 2000].map(Duration::from_millis));
    let listener = TcpListener::bind(place.address).await.unwrap();
    place.server.spawn(serve(listener, place.bus.clone()));
    assert_eq!(names(&place.publisher.publish(&records(&["a"])).await), ["recorded"]);
}

#[tokio::test]
async fn what_a_person_must_mend_is_told_before_anything_is_sent() {
    let home = tempfile::tempdir().unwrap();
    let good = config("http://127.0.0.1:1".to_owned(), &home);
    let refused = |config: RemoteConfig| RemotePublisher::new(&config, "files").unwrap_err();
    let plain = RemoteConfig { url: "http://lgsp.example.vn".to_owned(), ..good.clone() };
    assert_eq!(refused(plain), RemoteError::Url);
    let file = home.path().join("none");
    let no_secret = RemoteConfig { secret_file: file.clone(), ..good.clone() };
    assert_eq!(refused(no_secret), RemoteError::Secret(file.clone()));
    std::fs::write(&file, "no certificate").unwrap();
    let (url, certificates) = ("https://lgsp.example.vn".to_owned(), Some(file.clone()));
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let no_roots = RemoteConfig { url, certificates, ..good };
    assert_eq!(refused(no_roots), RemoteError::Certificates(file));
}
