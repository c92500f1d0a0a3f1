//! A far side on loopback, a connector to it, and a question.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use lgsp_audit::Evidence;
use lgsp_audit::record::Intent;
use lgsp_core::identifier::{DossierCode, OfficerNumber, ProcedureCode};
use lgsp_query::{Fetched, Leave, Purpose, Question, Service, Upstream, UpstreamError};
use lgsp_sim::people::{Person, Population};
use lgsp_sim::platform::{SimConfig, TOKEN_PATH};
use lgsp_upstream::{Carrier, Carriers, declared};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use uuid::Uuid;

pub(crate) const SEED: u64 = 7;

/// A far side and the bundled services connected to it; both end with the value.
pub(crate) struct FarSide {
    pub(crate) services: Vec<Service>,
    pub(crate) tokens: Arc<AtomicUsize>,
    pub(crate) look_ups: Arc<AtomicUsize>,
    _secrets: TempDir,
    _server: JoinSet<()>,
}

impl FarSide {
    /// Serves the routes on a free port and counts what is asked.
    pub(crate) async fn serve(routes: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let counts = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let routes = routes.layer(middleware::from_fn_with_state(counts.clone(), count));
        let mut server = JoinSet::new();
        server.spawn(async move { axum::serve(listener, routes).await.unwrap() });
        let (services, secrets) = connect(address);
        Self { services, tokens: counts.0, look_ups: counts.1, _secrets: secrets, _server: server }
    }

    /// Asks the population database.
    pub(crate) async fn ask(&self, question: &Question) -> Result<Fetched, UpstreamError> {
        self.put("population", question).await
    }

    /// Asks a service; what it answers has the form that it declares.
    pub(crate) async fn put(
        &self,
        service: &str,
        question: &Question,
    ) -> Result<Fetched, UpstreamError> {
        let service = self.service(service);
        let evidence = evidence();
        let leave = Leave::Recorded(&evidence);
        let asked = Value::Object(question.body.clone());
        assert_eq!(service.request.judge(&asked).map(|odd| odd.len()), Ok(0), "the question");
        let deadline = within(Duration::from_secs(20));
        let fetched = service.upstream.fetch(leave, question, deadline).await?;
        let record = Value::Object(fetched.record.clone());
        let odd = service.answer.judge(&record);
        assert!(odd.as_ref().is_ok_and(Vec::is_empty), "{}: {odd:?}", service.name);
        Ok(fetched)
    }

    pub(crate) fn service(&self, name: &str) -> &Service {
        self.services.iter().find(|service| service.name == name).unwrap()
    }

    pub(crate) fn population(&self) -> &dyn Upstream {
        self.service("population").upstream.as_ref()
    }

    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.tokens.load(Ordering::SeqCst), self.look_ups.load(Ordering::SeqCst))
    }
}

async fn count(
    State((tokens, look_ups)): State<(Arc<AtomicUsize>, Arc<AtomicUsize>)>,
    request: Request,
    next: Next,
) -> Response {
    let counter = if request.uri().path() == TOKEN_PATH { tokens } else { look_ups };
    counter.fetch_add(1, Ordering::SeqCst);
    next.run(request).await
}

/// Connects the bundled services to an address, with secrets in files.
pub(crate) fn connect(address: SocketAddr) -> (Vec<Service>, TempDir) {
    // The first test of the process installs it.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let secrets = tempfile::tempdir().unwrap();
    let write = |name: &str, secret: &str| {
        let path = secrets.path().join(name);
        std::fs::write(&path, format!("{secret}\n")).unwrap();
        path
    };
    let carrier = Carrier {
        name: "ndxp".into(),
        base_url: format!("http://{address}"),
        token_path: TOKEN_PATH.into(),
        consumer_key: "province".into(),
        consumer_secret_file: write("consumer-secret", "canary-consumer-secret"),
        access_key: "access".into(),
        secret_key_file: write("secret-key", "canary-secret-key"),
        app_name: "lgsp".into(),
        partner_code: "000.00.00.H61".into(),
        unit: "H61".into(),
    };
    let carriers = Carriers::open("ndxp", vec![carrier]).unwrap();
    (declared::bundled(&carriers).unwrap(), secrets)
}

pub(crate) fn sim(token_seconds: u64) -> Router {
    lgsp_sim::platform::router(SimConfig {
        consumer_key: "province".into(),
        consumer_secret: "canary-consumer-secret".into(),
        access_key: "access".into(),
        secret_key: "canary-secret-key".into(),
        seed: SEED,
        latency_ms: 0,
        token_seconds,
        faults: Vec::new(),
    })
}

pub(crate) fn evidence() -> Evidence {
    Evidence::acknowledged(&Intent {
        audit_id: Uuid::from_u128(1),
        request_id: "request".into(),
        client: "tracuu".into(),
        agency: "H61.14".into(),
        service: "population".into(),
        operation: "Query".into(),
        dossier: "H61.14-260703-0001".into(),
        procedure: "1.004227".into(),
        officer: "086190000002".into(),
        officer_proof: "asserted".into(),
        reason: None,
        subject: "0".repeat(32),
    })
}

pub(crate) fn person(index: u32) -> Person {
    Population::new(SEED).person(index).unwrap()
}

/// A question about a person.
pub(crate) fn question(person: &Person) -> Question {
    asking(json!({
        "personalNumber": person.personal_number,
        "fullName": person.name.to_string(),
        "birthDate": person.birth.to_string(),
    }))
}

/// A question of this body, for a whole purpose.
pub(crate) fn asking(body: Value) -> Question {
    let Value::Object(body) = body else { panic!("a body is an object") };
    let purpose = Purpose {
        dossier: Some(DossierCode::parse("H61.14-260703-0001").unwrap()),
        procedure: Some(ProcedureCode::parse("1.001612.000.00.00.H48").unwrap()),
        officer: Some(OfficerNumber::parse("086190000002").unwrap()),
        ..Purpose::default()
    };
    Question { purpose, body, place: "" }
}

pub(crate) fn within(time: Duration) -> Instant {
    Instant::now() + time
}
