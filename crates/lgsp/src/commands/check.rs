//! `lgsp check`: every fault at once, without starting anything.

use anyhow::Result;
use lgsp_identity::SigningKeys;
use lgsp_kafka::{KafkaConfig, Topics, TopicsError};
use lgsp_registry::Registry;
use lgsp_schema::Schemas;
use serde_json::{Value, json};

use crate::bus::declared_topics;
use crate::cli::{self, Output, Read};
use crate::data_dir::{DataDir, Running};
use crate::services::{Declared, faults_of_grants};
use crate::table::plain;

/// One thing judged.
struct Finding {
    what: &'static str,
    /// Every fault; none when it is right.
    faults: Vec<String>,
    /// What is worth knowing when it is right.
    note: String,
}

pub(crate) async fn run(options: &Read) -> Result<bool> {
    let data = DataDir::existing(&options.data.data_dir)?;
    let running = data.running();
    let topics_file = running.as_ref().ok().and_then(|running| running.topics.as_deref());
    let declared = declared_topics(topics_file);
    let mut findings =
        vec![schemas(), registry(&data), services(&data, &running), keys(&data), topics(&declared)];
    match &running {
        Err(_) => findings.push(Finding {
            what: "bus",
            faults: vec![],
            note: "not running, so not judged".to_owned(),
        }),
        Ok(running) => {
            findings.push(readiness(&running.base_url).await);
            findings.push(cluster(&running.kafka, declared).await);
        }
    }
    let right = findings.iter().all(|finding| finding.faults.is_empty());
    match options.output {
        Output::Json => {
            let rows = findings.iter().map(|finding| {
                json!({ "what": finding.what, "ok": finding.faults.is_empty(), "faults": finding.faults, "note": finding.note })
            });
            cli::say(&json!({ "ok": right, "checks": rows.collect::<Vec<_>>() }).to_string());
        }
        Output::Table => {
            let rows = findings.iter().flat_map(|finding| {
                let first = match finding.faults.is_empty() {
                    true => [finding.what.to_owned(), "ok".to_owned(), finding.note.clone()],
                    false => [
                        finding.what.to_owned(),
                        "FAULT".to_owned(),
                        finding.faults.first().cloned().unwrap_or_default(),
                    ],
                };
                let others = finding
                    .faults
                    .iter()
                    .skip(1)
                    .map(|fault| [String::new(), "FAULT".to_owned(), fault.clone()]);
                std::iter::once(first).chain(others)
            });
            cli::say(&plain(["WHAT", "STATE", "DETAIL"], rows));
        }
    }
    Ok(right)
}

fn judged<T, E>(
    what: &'static str,
    result: Result<T, E>,
    note: impl FnOnce(T) -> String,
    faults: impl FnOnce(E) -> Vec<String>,
) -> Finding {
    match result {
        Ok(value) => Finding { what, faults: vec![], note: note(value) },
        Err(error) => Finding { what, faults: faults(error), note: String::new() },
    }
}

fn schemas() -> Finding {
    let note = |schemas: Schemas| format!("{} event types", schemas.kinds().count());
    judged("schemas", Schemas::bundled(), note, |error| match error.faults() {
        [] => vec![error.to_string()],
        faults => faults.iter().map(ToString::to_string).collect(),
    })
}

fn registry(data: &DataDir) -> Finding {
    let note = |registry: Registry| {
        format!("{} agencies, {} clients", registry.agencies().count(), registry.clients().count())
    };
    judged("registry", Registry::load(&data.registry_dir()), note, |error| match error {
        lgsp_registry::RegistryError::Faults(faults) => {
            faults.iter().map(ToString::to_string).collect()
        }
        other => vec![other.to_string()],
    })
}

/// Judges the declared services, and whether the registry's grants fit them.
fn services(data: &DataDir, running: &Result<Running>) -> Finding {
    let running = running.as_ref().ok();
    let folder = running.and_then(|running| running.services.clone());
    // Nobody is asked: of a bus that does not run any address will do.
    let nowhere = || "http://127.0.0.1:1".to_owned();
    let platform = running.map_or_else(nowhere, |running| running.platform.clone());
    let loaded = Declared::sandbox(folder, data, platform).and_then(|declared| declared.load());
    let faults = match (&loaded, Registry::load(&data.registry_dir())) {
        (Err(error), _) => vec![format!("{error:#}")],
        (Ok(services), Ok(registry)) => faults_of_grants(&registry, services),
        // Told as the registry's own fault.
        (Ok(_), Err(_)) => Vec::new(),
    };
    let note = format!("{} declared", loaded.map_or(0, |services| services.len()));
    Finding { what: "services", faults, note }
}

fn keys(data: &DataDir) -> Finding {
    let keys = SigningKeys::load(&data.keys_dir()).map_err(anyhow::Error::from).and_then(|keys| {
        data.province_key()?;
        Ok(keys)
    });
    judged(
        "keys",
        keys,
        |keys| format!("signing key {}", keys.key_id()),
        |error| vec![format!("{error:#}")],
    )
}

fn topics(declared: &Result<Topics, TopicsError>) -> Finding {
    let note = |topics: &Topics| format!("{} declared", topics.iter().count());
    judged("topics", declared.as_ref(), note, |error| {
        error.faults.iter().map(|(path, fault)| format!("{path}: {fault}")).collect()
    })
}

async fn readiness(base_url: &str) -> Finding {
    let asked = async {
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(std::time::Duration::from_secs(5))
            .build()?;
        let answer: Value = client.get(format!("{base_url}/readyz")).send().await?.json().await?;
        anyhow::Ok(answer)
    };
    let faults = match asked.await {
        Err(error) => vec![format!("no answer at {base_url}: {error:#}")],
        Ok(answer) => {
            let checks =
                answer.get("checks").and_then(Value::as_object).cloned().unwrap_or_default();
            let failed =
                checks.iter().filter(|(_, check)| check.get("ok") != Some(&Value::Bool(true)));
            failed
                .map(|(name, check)| {
                    format!(
                        "{name}: {}",
                        check.get("reason").and_then(Value::as_str).unwrap_or("unknown")
                    )
                })
                .collect()
        }
    };
    Finding { what: "bus", faults, note: format!("ready at {base_url}") }
}

async fn cluster(bootstrap: &str, declared: Result<Topics, TopicsError>) -> Finding {
    let described = match declared {
        Ok(topics) => {
            topics.describe(&KafkaConfig::new(bootstrap)).await.map_err(|error| error.to_string())
        }
        Err(error) => Err(error.to_string()),
    };
    let faults = match described {
        Err(error) => vec![error],
        Ok(topics) => topics
            .iter()
            .flat_map(|topic| {
                let missing = topic
                    .actual_partitions
                    .is_none()
                    .then(|| format!("{}: missing", topic.topic.name));
                let drift = topic.drift.iter().map(|drift| {
                    format!(
                        "{}: {}: declared {}, found {}",
                        drift.topic, drift.setting, drift.declared, drift.actual
                    )
                });
                missing.into_iter().chain(drift)
            })
            .collect(),
    };
    Finding { what: "cluster", faults, note: format!("topics at {bootstrap} are as declared") }
}
