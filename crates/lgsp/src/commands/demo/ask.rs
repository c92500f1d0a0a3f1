//! An officer's system: asks the population database over gRPC.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use lgsp_proto::query::v1::population_service_client::PopulationServiceClient;
use lgsp_proto::query::v1::{LookUpCitizenRequest, Purpose};
use lgsp_sim::traffic::{ExpectAnswer, PlannedLookUp, questions};
use serde_json::Value;
use tonic::Code;

use crate::bus::Bus;
use crate::caller;

const CLIENT: &str = "tracuu";

/// How the questions went.
#[derive(Debug)]
pub(super) struct Asked {
    /// How many, by what became of them.
    pub(super) outcomes: BTreeMap<&'static str, usize>,
    /// How long those took that reached the far side, in microseconds.
    pub(super) micros: Histogram<u64>,
    /// Questions whose answer was not what was planned.
    pub(super) unexpected: Vec<String>,
}

impl Asked {
    pub(super) fn count(&self, outcome: &str) -> usize {
        self.outcomes.get(outcome).copied().unwrap_or(0)
    }

    pub(super) fn at(&self, quantile: f64) -> Duration {
        Duration::from_micros(self.micros.value_at_quantile(quantile))
    }
}

pub(super) const ANSWERED: &str = "answered";
pub(super) const NOT_FOUND: &str = "not found";
pub(super) const NO_PURPOSE: &str = "refused for want of a purpose";
const OTHER: &str = "otherwise";

pub(super) async fn run(bus: &Bus, seed: u64, count: usize) -> Result<Asked> {
    let token = token(bus, CLIENT).await?;
    let mut client = PopulationServiceClient::new(caller::open(&bus.base_url, &token).await?);
    let mut asked =
        Asked { outcomes: BTreeMap::new(), micros: Histogram::new(3)?, unexpected: Vec::new() };
    for (number, planned) in
        questions(seed, jiff::civil::date(2026, 7, 3), count, &["H61.14"]).enumerate()
    {
        let started = Instant::now();
        let answer = client.look_up_citizen(request(&planned)).await;
        let micros = u64::try_from(started.elapsed().as_micros())?;
        let (outcome, expected) = match &answer {
            Ok(answer) => {
                let citizen = answer.get_ref().citizen.as_ref();
                let same = citizen.is_some_and(|citizen| {
                    citizen.personal_number.as_ref() == Some(&planned.personal_number)
                });
                (ANSWERED, same && planned.expectation == ExpectAnswer::Found)
            }
            Err(status) => match status.code() {
                Code::NotFound => (NOT_FOUND, planned.expectation == ExpectAnswer::NotFound),
                Code::InvalidArgument => {
                    (NO_PURPOSE, planned.expectation == ExpectAnswer::PurposeRequired)
                }
                _ => (OTHER, false),
            },
        };
        if outcome != NO_PURPOSE {
            asked.micros.record(micros)?;
        }
        *asked.outcomes.entry(outcome).or_default() += 1;
        if !expected {
            let code =
                answer.err().map(|status| format!(" ({:?})", status.code())).unwrap_or_default();
            asked.unexpected.push(format!("question {number} was {outcome}{code}"));
        }
    }
    Ok(asked)
}

fn request(planned: &PlannedLookUp) -> LookUpCitizenRequest {
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

/// Gets a client's token as a client does: by its secret, at the token endpoint.
pub(super) async fn token(bus: &Bus, client: &str) -> Result<String> {
    let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build()?;
    let answer: Value = http
        .post(format!("{}/oauth2/token", bus.base_url))
        .basic_auth(client, Some(bus.data.secret(client)?))
        .form(&[("grant_type", "client_credentials")])
        .send()
        .await?
        .json()
        .await?;
    let token = answer.get("access_token").and_then(Value::as_str);
    Ok(token.with_context(|| format!("{client} got no token"))?.to_owned())
}
