//! Queries, and their floor: one program that appends a record of evidence's size, waits for the
//! acknowledgement, and then asks the platform directly, with a token fetched once.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use icu_normalizer::DecomposingNormalizerBorrowed;
use lgsp_proto::query::v1::population_service_client::PopulationServiceClient;
use lgsp_proto::query::v1::{LookUpCitizenRequest, Purpose};
use lgsp_sim::platform::{INTEGRATION_CODE, LOOK_UP_PATH, TOKEN_PATH};
use lgsp_sim::traffic::{ExpectAnswer, PlannedLookUp, questions};
use rdkafka::message::OwnedHeaders;
use reqwest::Client;
use serde_json::{Value, json};

use crate::append::Appender;
use crate::bus::{self, Bus, Line};
use crate::gauge::CpuClock;
use crate::kafka;
use crate::open_loop::{self, Timed};
use crate::report::Report;

/// Queries per second.
pub(crate) const RATE: u32 = 300;
const CLIENT: &str = "tracuu";
const WARM_UP: Duration = Duration::from_secs(2);
const ROUND: Duration = Duration::from_secs(7);
/// How many different questions are asked, by turns.
const QUESTIONS: usize = 500;

/// The bus's bar: what it may add to the floor's median.
const MAY_ADD_MS: f64 = 1.0;

pub(crate) async fn measure(report: &mut Report, bus: &Bus) -> Result<()> {
    let plan: Vec<PlannedLookUp> =
        questions(bus::SEED, jiff::civil::date(2026, 7, 3), QUESTIONS, &["H61.14"])
            .filter(|planned| planned.expectation == ExpectAnswer::Found)
            .collect();
    let through = Through::open(bus, &plan).await?;
    report.step("warming up the query");
    run(&through, WARM_UP).await?;
    let platform = bus.platform().await?;
    let direct = Direct::open(bus, &platform.url, &plan).await?;
    run(&direct, WARM_UP).await?;

    let (mut floor, mut query, mut cpu_micros) = (Timed::new()?, Timed::new()?, 0);
    // There and back, so that a drift of the machine meets both alike.
    for is_floor in [true, false, false, true] {
        if is_floor {
            report.step(&format!("{RATE} queries a second: append and direct call"));
            floor.add(&run(&direct, ROUND).await?)?;
        } else {
            report.step(&format!("{RATE} queries a second: through the bus"));
            let cpu = CpuClock::start(&bus.gauge)?;
            query.add(&run(&through, ROUND).await?)?;
            cpu_micros += cpu.micros()?;
        }
    }
    let evidence_bytes = direct.evidence.1.len();
    platform.stop().await?;
    let added = query.at(0.5) - floor.at(0.5);
    report.set(
        "query_floor",
        json!({
            "what": "one program: acknowledged append (linger 0), then the direct call, its JSON \
                     envelope read but not the record's XML",
            "evidence_bytes": evidence_bytes,
            "latency": floor.json(),
        }),
    );
    report.set(
        "query",
        json!({
            "latency": query.json(),
            "cpu_us_per_query": cpu_micros as f64 / query.requests as f64,
            "added_p50_ms": added,
            "p50_to_floor": query.at(0.5) / floor.at(0.5),
            "p99_to_floor": query.at(0.99) / floor.at(0.99),
        }),
    );
    report.bar("query, p50 beyond the floor's", added, MAY_ADD_MS, "ms");
    Ok(())
}

/// A way to an answer.
trait Ask: Clone + Send + Sync + 'static {
    fn ask(self, number: usize) -> impl Future<Output = Result<()>> + Send;
}

async fn run(way: &impl Ask, time: Duration) -> Result<Timed> {
    let way = way.clone();
    open_loop::run(RATE, time, 0, move |number| way.clone().ask(number)).await
}

/// Through the bus.
#[derive(Clone)]
struct Through {
    client: PopulationServiceClient<Line>,
    questions: Arc<Vec<LookUpCitizenRequest>>,
}

impl Through {
    async fn open(bus: &Bus, plan: &[PlannedLookUp]) -> Result<Self> {
        Ok(Self {
            client: PopulationServiceClient::new(bus.line(CLIENT).await?),
            questions: Arc::new(plan.iter().map(question).collect()),
        })
    }
}

impl Ask for Through {
    async fn ask(mut self, number: usize) -> Result<()> {
        let question = self.questions.get(number % self.questions.len().max(1));
        let question = question.context("no questions")?.clone();
        let answer = self.client.look_up_citizen(question).await;
        let answer = answer.map_err(|status| bus::refused(&status))?.into_inner();
        ensure!(answer.citizen.is_some(), "an answer without a citizen");
        Ok(())
    }
}

fn question(planned: &PlannedLookUp) -> LookUpCitizenRequest {
    LookUpCitizenRequest {
        purpose: planned.purpose.as_ref().map(|purpose| Purpose {
            dossier_code: Some(purpose.dossier.clone()),
            procedure_code: Some(purpose.procedure.clone()),
            officer_number: Some(purpose.officer.clone()),
            reason: None,
        }),
        personal_number: Some(planned.personal_number.clone()),
        full_name: Some(planned.full_name.clone()),
        birth_date: Some(planned.birth_date.clone()),
    }
}

/// Without the bus.
#[derive(Clone)]
struct Direct {
    appender: Arc<Appender>,
    /// Key and value of a record that the bus wrote.
    evidence: Arc<(Vec<u8>, Vec<u8>)>,
    client: Client,
    url: Arc<str>,
    authorization: Arc<str>,
    system: Arc<str>,
    questions: Arc<Vec<Value>>,
}

impl Direct {
    async fn open(bus: &Bus, platform: &str, plan: &[PlannedLookUp]) -> Result<Self> {
        kafka::make_floor_evidence(&bus.kafka).await?;
        let client = bus::http()?;
        let system = json!({
            "AccessKey": bus.secret("platform-access-key")?,
            "SecretKey": bus.secret("platform-secret-key")?,
            "AppName": "lgsp", "PartnerCode": "H61", "PartnerCodeCus": "H61",
        });
        let system = STANDARD.encode(system.to_string());
        let grant: Value = client
            .post(format!("{platform}{TOKEN_PATH}"))
            .basic_auth(
                bus.secret("platform-consumer-key")?,
                Some(bus.secret("platform-consumer-secret")?),
            )
            .header("lgspaccesstoken", &system)
            .form(&[("grant_type", "client_credentials")])
            .send()
            .await?
            .error_for_status()?
            .json()
            .await?;
        let token = grant.get("access_token").and_then(Value::as_str).context("no token")?;
        Ok(Self {
            appender: Arc::new(Appender::connect(&bus.kafka, kafka::EVIDENCE_LINGER_MS)?),
            evidence: Arc::new(kafka::an_intent(&bus.kafka)?),
            client,
            url: format!("{platform}{LOOK_UP_PATH}").into(),
            authorization: format!("Bearer {token}").into(),
            system: system.into(),
            questions: Arc::new(plan.iter().map(official).collect()),
        })
    }
}

impl Ask for Direct {
    async fn ask(self, number: usize) -> Result<()> {
        let (key, value) = &*self.evidence;
        self.appender.append(kafka::FLOOR_EVIDENCE, key, OwnedHeaders::new(), value).await?;
        let question = self.questions.get(number % self.questions.len().max(1));
        let answer = self
            .client
            .post(&*self.url)
            .header("authorization", &*self.authorization)
            .header("lgspaccesstoken", &*self.system)
            .json(question.context("no questions")?)
            .send()
            .await?
            .error_for_status()?;
        let answer: Value = serde_json::from_slice(&answer.bytes().await?)?;
        let code = answer.get("error_code").map(|code| code.to_string().replace('"', ""));
        ensure!(matches!(code.as_deref(), Some("0" | "00")), "the platform refused a question");
        Ok(())
    }
}

/// The question as the platform takes it; `lgsp_upstream` composes the same.
fn official(planned: &PlannedLookUp) -> Value {
    let purpose = planned.purpose.as_ref();
    let procedure = purpose.map_or("", |purpose| purpose.procedure.as_str());
    let (day, year) = match planned.birth_date.len() {
        4 => (String::new(), planned.birth_date.as_str()),
        _ => (planned.birth_date.replace('-', ""), ""),
    };
    json!({
        "HoVaTen": fold(&planned.full_name), "SoDinhDanh": planned.personal_number, "SoCMND": "",
        "NgayThangNam": day, "Nam": year, "MaTichHop": INTEGRATION_CODE,
        "MaDVC": procedure.get(..8).unwrap_or(procedure),
        "MaCanBo": purpose.map_or("", |purpose| purpose.officer.as_str()), "MaDonVi": "H61",
        "MaYeuCau": uuid::Uuid::now_v7().to_string(),
    })
}

/// Writes a name in capitals without diacritics and spaces.
fn fold(name: &str) -> String {
    let letters = DecomposingNormalizerBorrowed::new_nfd().normalize(name);
    let plain = letters.chars().map(|letter| match letter {
        'Đ' | 'đ' => 'D',
        other => other.to_ascii_uppercase(),
    });
    plain.filter(char::is_ascii_graphic).collect()
}
