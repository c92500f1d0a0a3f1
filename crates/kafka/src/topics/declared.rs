//! Reads the declared topics, and says everything that is wrong with them at once.

use toml::{Table, Value};

use super::{Cleanup, Topic, Topics, TopicsError, duplicates, is_topic_name};

/// Collects faults while a file is read.
#[derive(Default)]
struct Faults(Vec<(String, String)>);

impl Faults {
    fn add(&mut self, path: impl Into<String>, fault: impl Into<String>) {
        self.0.push((path.into(), fault.into()));
    }

    fn unknown_keys(&mut self, table: &Table, path: &str, known: &[&str]) {
        for key in table.keys().filter(|key| !known.contains(&key.as_str())) {
            self.add(join(path, key), format!("unknown key; known are {}", known.join(", ")));
        }
    }

    fn whole_number(&mut self, table: &Table, path: &str, key: &str, most: u32) -> Option<u32> {
        let expected = format!("expected a whole number from 1 to {most}");
        match table.get(key) {
            None => self.add(join(path, key), format!("missing; {expected}")),
            Some(Value::Integer(number)) => match u32::try_from(*number) {
                Ok(number) if (1..=most).contains(&number) => return Some(number),
                _ => self.add(join(path, key), format!("is {number}; {expected}")),
            },
            Some(other) => {
                self.add(join(path, key), format!("is a {}; {expected}", other.type_str()))
            }
        }
        None
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

pub(super) fn parse(text: &str) -> Result<Topics, TopicsError> {
    let table: Table = text.parse().map_err(|error: toml::de::Error| TopicsError {
        file: None,
        faults: vec![("file".to_owned(), error.message().to_owned())],
    })?;
    let mut faults = Faults::default();
    faults.unknown_keys(&table, "", &["cluster", "topic"]);
    let cluster = cluster(&table, &mut faults);
    let topics = topics(&table, &mut faults);
    match cluster {
        Some((replication, min_insync_replicas)) if faults.0.is_empty() => {
            Ok(Topics { replication, min_insync_replicas, topics })
        }
        _ => Err(TopicsError { file: None, faults: faults.0 }),
    }
}

fn cluster(table: &Table, faults: &mut Faults) -> Option<(u16, u16)> {
    let Some(Value::Table(cluster)) = table.get("cluster") else {
        faults.add("cluster", "missing; expected a table with replication and min_insync_replicas");
        return None;
    };
    faults.unknown_keys(cluster, "cluster", &["replication", "min_insync_replicas"]);
    let replication = faults.whole_number(cluster, "cluster", "replication", 100);
    let insync = faults.whole_number(cluster, "cluster", "min_insync_replicas", 100);
    let (replication, insync) = (replication?, insync?);
    if insync > replication {
        faults.add(
            "cluster.min_insync_replicas",
            format!("is {insync}; expected at most replication, {replication}"),
        );
    }
    Some((u16::try_from(replication).ok()?, u16::try_from(insync).ok()?))
}

fn topics(table: &Table, faults: &mut Faults) -> Vec<Topic> {
    let Some(Value::Array(entries)) = table.get("topic") else {
        faults.add("topic", "missing; expected at least one [[topic]]");
        return Vec::new();
    };
    let mut topics = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        let path = format!("topic[{at}]");
        match entry {
            Value::Table(entry) => topics.extend(topic(entry, &path, faults)),
            other => faults.add(path, format!("is a {}; expected a table", other.type_str())),
        }
    }
    let names = entries.iter().filter_map(|entry| entry.get("name")?.as_str());
    for name in duplicates(names) {
        faults.add("topic", format!("{name} is declared twice"));
    }
    topics
}

fn topic(entry: &Table, path: &str, faults: &mut Faults) -> Option<Topic> {
    faults.unknown_keys(entry, path, &["name", "partitions", "retention_days", "compacted"]);
    let name = match entry.get("name") {
        Some(Value::String(name)) if is_topic_name(name) => Some(name.clone()),
        Some(_) => {
            faults.add(
                join(path, "name"),
                "expected 1 to 249 letters, digits, dots, underscores or hyphens",
            );
            None
        }
        None => {
            faults.add(join(path, "name"), "missing; expected the topic's name");
            None
        }
    };
    let partitions = faults.whole_number(entry, path, "partitions", 1000);
    let compacted = match entry.get("compacted") {
        None => false,
        Some(Value::Boolean(compacted)) => *compacted,
        Some(other) => {
            faults.add(
                join(path, "compacted"),
                format!("is a {}; expected true or false", other.type_str()),
            );
            false
        }
    };
    let cleanup = if compacted {
        if entry.contains_key("retention_days") {
            faults.add(
                join(path, "retention_days"),
                "not allowed: a compacted topic keeps the newest record of each key",
            );
        }
        Some(Cleanup::Compacted)
    } else {
        faults.whole_number(entry, path, "retention_days", 36_500).map(Cleanup::Days)
    };
    Some(Topic { name: name?, partitions: u16::try_from(partitions?).ok()?, cleanup: cleanup? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundled_topics_keep_the_contract() {
        let topics = Topics::bundled().unwrap();
        let declared: Vec<_> = topics
            .iter()
            .map(|topic| (topic.name.as_str(), topic.partitions, topic.cleanup))
            .collect();
        assert_eq!(
            declared,
            [
                ("lgsp.dossier.v1", 12, Cleanup::Days(731)),
                ("lgsp.citizen.v1", 6, Cleanup::Days(30)),
                ("lgsp.enterprise.v1", 6, Cleanup::Days(30)),
                ("lgsp.dossier.v1.dlq", 3, Cleanup::Days(90)),
                ("lgsp.citizen.v1.dlq", 3, Cleanup::Days(90)),
                ("lgsp.enterprise.v1.dlq", 3, Cleanup::Days(90)),
                ("lgsp.audit.v1", 3, Cleanup::Days(731)),
                ("lgsp.control.v1", 1, Cleanup::Compacted),
            ]
        );
    }

    #[test]
    fn lists_every_fault_at_once() {
        let text = r#"
            color = "red"
            [cluster]
            replication = 1
            min_insync_replicas = 2
            [[topic]]
            name = "a/b"
            partitions = 0
            retention_days = 30
            [[topic]]
            name = "twice"
            partitions = 1
            retention_days = 1
            retention_weeks = 4
            [[topic]]
            name = "twice"
            partitions = "many"
            compacted = true
            retention_days = 1
        "#;
        let error = Topics::parse(text).unwrap_err();
        let paths: Vec<_> = error.faults.iter().map(|(path, _)| path.as_str()).collect();
        let expected = [
            "color",
            "cluster.min_insync_replicas",
            "topic[0].name",
            "topic[0].partitions",
            "topic[1].retention_weeks",
            "topic[2].partitions",
            "topic[2].retention_days",
            "topic",
        ];
        assert_eq!(paths, expected, "{error}");
    }

    #[test]
    fn refuses_a_file_that_declares_nothing() {
        let error = Topics::parse("").unwrap_err();
        assert_eq!(error.faults.len(), 2, "{error}");
    }

    #[test]
    fn refuses_what_is_not_toml_without_repeating_it() {
        let error = Topics::parse("secret = = 1").unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
