//! Declared topics: read from a file, made where missing, compared where they exist.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::types::RDKafkaErrorCode;

use crate::client::{KafkaConfig, Voice};
use crate::cluster::inventory;
use crate::error::KafkaError;

mod declared;

/// The largest record, in bytes: 2 MiB.
pub const MAX_MESSAGE_BYTES: u32 = 2 * 1024 * 1024;

/// The topics as they ship with the program.
const BUNDLED: &str = include_str!("../../../deploy/topics.toml");

const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// A new topic is made on the controller and then on its brokers; both may be starting.
const CREATE_TIMEOUT: Duration = Duration::from_secs(30);

/// The declared topics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topics {
    replication: u16,
    min_insync_replicas: u16,
    topics: Vec<Topic>,
}

/// One declared topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// Its number of partitions.
    pub partitions: u16,
    /// What is kept.
    pub cleanup: Cleanup,
}

/// What a topic keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cleanup {
    /// Records of the last days.
    Days(u32),
    /// The newest record of each key.
    Compacted,
}

/// Every fault of a topics file: key path and what is wrong there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct TopicsError {
    /// The file; `None` for the topics that ship with the program.
    pub file: Option<PathBuf>,
    /// The faults, in the order of the file: key path, what is wrong.
    pub faults: Vec<(String, String)>,
}

impl fmt::Display for TopicsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(file) => write!(f, "the topics declared in {} have faults", file.display())?,
            None => f.write_str("the declared topics have faults")?,
        }
        self.faults.iter().try_for_each(|(path, fault)| write!(f, "; {path}: {fault}"))
    }
}

/// A difference between a topic as declared and as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// The topic.
    pub topic: String,
    /// `partitions`, `replication`, or the name of a topic setting.
    pub setting: String,
    /// As declared.
    pub declared: String,
    /// As it is on the cluster.
    pub actual: String,
}

/// A declared topic beside what the cluster has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// As declared.
    pub topic: Topic,
    /// Its number of partitions on the cluster; `None` where the topic does not exist.
    pub actual_partitions: Option<usize>,
    /// Where the two differ.
    pub drift: Vec<Drift>,
}

impl Topics {
    /// Reads declared topics from TOML.
    ///
    /// # Errors
    /// With every fault of the text, unknown keys among them.
    pub fn parse(text: &str) -> Result<Self, TopicsError> {
        declared::parse(text)
    }

    /// Reads declared topics from a TOML file.
    ///
    /// # Errors
    /// With the file's name and every fault of its text; one fault when it cannot be read.
    pub fn load(path: &Path) -> Result<Self, TopicsError> {
        let faults = match std::fs::read_to_string(path) {
            Ok(text) => match Self::parse(&text) {
                Ok(topics) => return Ok(topics),
                Err(error) => error.faults,
            },
            Err(error) => vec![("file".to_owned(), format!("cannot be read: {error}"))],
        };
        Err(TopicsError { file: Some(path.to_owned()), faults })
    }

    /// Returns the topics that ship with the program (`deploy/topics.toml`).
    ///
    /// # Errors
    /// Never in a released program: a test parses the bundled file.
    pub fn bundled() -> Result<Self, TopicsError> {
        Self::parse(BUNDLED)
    }

    /// Lists the topics in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Topic> {
        self.topics.iter()
    }

    /// Makes the topics that are missing and returns how the others differ from what is
    /// declared. Never changes an existing topic.
    ///
    /// # Errors
    /// When the cluster does not answer, a topic cannot be made, or topics are missing and would
    /// be made with one replica on a cluster of several brokers ([`KafkaError::OneReplica`]).
    pub async fn ensure(&self, config: &KafkaConfig) -> Result<Vec<Drift>, KafkaError> {
        let inventory = inventory(config).await?;
        let described = self.compare(config, &inventory.topics).await?;
        let missing: Vec<_> = described
            .iter()
            .filter(|one| one.actual_partitions.is_none())
            .map(|one| &one.topic)
            .collect();
        if !missing.is_empty() {
            refuse_one_replica(self.replication, inventory.brokers)?;
            self.create(config, &missing).await?;
        }
        Ok(described.into_iter().flat_map(|one| one.drift).collect())
    }

    /// Compares every declared topic with what the cluster has.
    ///
    /// # Errors
    /// When the cluster does not answer.
    pub async fn describe(&self, config: &KafkaConfig) -> Result<Vec<Described>, KafkaError> {
        self.compare(config, &inventory(config).await?.topics).await
    }

    async fn compare(
        &self,
        config: &KafkaConfig,
        actual: &BTreeMap<String, (usize, usize)>,
    ) -> Result<Vec<Described>, KafkaError> {
        let existing: Vec<_> =
            self.topics.iter().filter(|topic| actual.contains_key(&topic.name)).collect();
        let specifiers: Vec<_> =
            existing.iter().map(|topic| ResourceSpecifier::Topic(&topic.name)).collect();
        let mut settings = BTreeMap::new();
        if !specifiers.is_empty() {
            let admin = admin(config)?;
            let options = AdminOptions::new().request_timeout(Some(REQUEST_TIMEOUT));
            let what = "describe the settings of topics";
            let answers = admin.describe_configs(&specifiers, &options).await;
            close(admin).await;
            let answers = answers.map_err(KafkaError::request(what))?;
            // Answers come in the order of the questions.
            for (topic, answer) in existing.iter().zip(answers) {
                let resource =
                    answer.map_err(|code| KafkaError::Request { what, why: code.to_string() })?;
                settings.insert(topic.name.as_str(), resource);
            }
        }
        let described = self.topics.iter().map(|topic| {
            let found = actual.get(&topic.name);
            let mut drift = Vec::new();
            if let Some((partitions, replication)) = found {
                let mut compare = |setting: &str, declared: String, actual: String| {
                    if declared != actual {
                        drift.push(Drift {
                            topic: topic.name.clone(),
                            setting: setting.to_owned(),
                            declared,
                            actual,
                        });
                    }
                };
                compare("partitions", topic.partitions.to_string(), partitions.to_string());
                compare("replication", self.replication.to_string(), replication.to_string());
                for (setting, declared) in self.settings(topic) {
                    let entry = settings
                        .get(topic.name.as_str())
                        .and_then(|resource| resource.get(setting));
                    let actual = entry.and_then(|entry| entry.value.clone());
                    compare(setting, declared, actual.unwrap_or_else(|| "unknown".to_owned()));
                }
            }
            Described {
                topic: topic.clone(),
                actual_partitions: found.map(|(partitions, _)| *partitions),
                drift,
            }
        });
        Ok(described.collect())
    }

    async fn create(&self, config: &KafkaConfig, missing: &[&Topic]) -> Result<(), KafkaError> {
        let settings: Vec<_> = missing.iter().map(|topic| self.settings(topic)).collect();
        let new_topics: Vec<_> = missing
            .iter()
            .zip(&settings)
            .map(|(topic, settings)| {
                let replication = TopicReplication::Fixed(i32::from(self.replication));
                let new = NewTopic::new(&topic.name, i32::from(topic.partitions), replication);
                settings.iter().fold(new, |new, (name, value)| new.set(name, value))
            })
            .collect();
        let admin = admin(config)?;
        let options = AdminOptions::new()
            .request_timeout(Some(CREATE_TIMEOUT))
            .operation_timeout(Some(CREATE_TIMEOUT));
        let results = admin.create_topics(&new_topics, &options).await;
        close(admin).await;
        let results = results.map_err(KafkaError::request("create topics"))?;
        for result in results {
            match result {
                // Somebody else made it meanwhile: the next start compares it.
                Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((topic, code)) => {
                    return Err(KafkaError::CreateTopic { topic, why: code.to_string() });
                }
            }
        }
        Ok(())
    }

    fn settings(&self, topic: &Topic) -> Vec<(&'static str, String)> {
        let mut settings = vec![
            ("message.timestamp.type", "LogAppendTime".to_owned()),
            ("max.message.bytes", MAX_MESSAGE_BYTES.to_string()),
            ("min.insync.replicas", self.min_insync_replicas.to_string()),
        ];
        match topic.cleanup {
            Cleanup::Compacted => settings.push(("cleanup.policy", "compact".to_owned())),
            Cleanup::Days(days) => {
                settings.push(("cleanup.policy", "delete".to_owned()));
                settings
                    .push(("retention.ms", (u64::from(days) * 24 * 60 * 60 * 1000).to_string()));
            }
        }
        settings
    }
}

fn admin(config: &KafkaConfig) -> Result<AdminClient<Voice>, KafkaError> {
    Ok(config.client().create_with_context(Voice::new("topics"))?)
}

/// Stopping an admin client joins its thread, which may take 100 ms.
async fn close(admin: AdminClient<Voice>) {
    // A panic there would leave nothing undone that matters.
    drop(tokio::task::spawn_blocking(move || drop(admin)).await);
}

/// Refuses to make topics of which each record would lie on one disk, where there are more: an
/// acknowledgement of "all" replicas would mean one.
fn refuse_one_replica(replication: u16, brokers: usize) -> Result<(), KafkaError> {
    if replication == 1 && brokers > 1 { Err(KafkaError::OneReplica { brokers }) } else { Ok(()) }
}

pub(crate) fn is_topic_name(name: &str) -> bool {
    // The broker's own rule.
    (1..=249).contains(&name.len())
        && !matches!(name, "." | "..")
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

pub(crate) fn duplicates<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = HashSet::new();
    names.filter(|name| !seen.insert(*name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_replica_is_for_one_broker_and_the_refusal_says_what_to_declare() {
        for (replication, brokers) in [(1, 1), (3, 3), (3, 1), (2, 2)] {
            refuse_one_replica(replication, brokers).unwrap();
        }
        for brokers in [2, 3] {
            let error = refuse_one_replica(1, brokers).unwrap_err();
            assert_eq!((error.code(), error.is_retryable()), ("kafka_one_replica", false));
            let text = error.to_string();
            for word in [
                &*brokers.to_string(),
                "`replication = 3`",
                "`min_insync_replicas = 2`",
                "`--topics FILE`",
            ] {
                assert!(text.contains(word), "{text}");
            }
        }
    }

    #[test]
    fn a_topics_file_is_read_and_its_faults_name_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("province.toml");
        let missing = Topics::load(&path).unwrap_err();
        assert!(missing.to_string().contains("province.toml"), "{missing}");
        assert_eq!(missing.faults.len(), 1, "{missing}");

        std::fs::write(&path, BUNDLED).unwrap();
        assert_eq!(Topics::load(&path), Topics::bundled());

        std::fs::write(&path, "color = 1\n[cluster]\nreplication = 3").unwrap();
        let faulty = Topics::load(&path).unwrap_err();
        assert!(faulty.to_string().contains("province.toml"), "{faulty}");
        let paths: Vec<_> = faulty.faults.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, ["color", "cluster.min_insync_replicas", "topic"]);
    }
}
