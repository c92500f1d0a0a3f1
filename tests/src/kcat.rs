//! Kafka by `kcat`: what a consumer that knows nothing of the bus finds there.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

use crate::place::{tool, tool_failed};

/// How many seconds reading may take.
const SECONDS: u32 = 60;

/// A record, as it lies in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
    /// The key.
    pub key: String,
    /// The headers.
    pub headers: BTreeMap<String, String>,
    /// The value, byte for byte.
    pub value: Vec<u8>,
}

/// Reads a topic from its first record to its end.
///
/// # Errors
/// When Kafka does not answer.
pub fn read(kafka: &str, topic: &str) -> Result<Vec<Record>> {
    consume(kafka, &["-t", topic, "-o", "beginning"])
}

/// Reads one record.
///
/// # Errors
/// When it is not there.
pub fn read_one(kafka: &str, topic: &str, partition: i32, offset: i64) -> Result<Record> {
    let (partition, offset) = (partition.to_string(), offset.to_string());
    let one = ["-t", topic, "-p", partition.as_str(), "-o", offset.as_str(), "-c", "1"];
    consume(kafka, &one)?.pop().context("no such record")
}

/// Reads so many records as a member of a group, and commits them.
///
/// # Errors
/// When Kafka does not answer.
pub fn read_as_group(
    kafka: &str,
    group: &str,
    topics: &[&str],
    count: usize,
) -> Result<Vec<Record>> {
    let count = count.to_string();
    let mut arguments = vec!["-G", group, "-X", "auto.offset.reset=earliest", "-c", count.as_str()];
    arguments.extend(FORM);
    arguments.extend(topics);
    run(kafka, &arguments)
}

/// Starts a member of a group that reads and never commits. End it with [`Child::kill`].
///
/// # Errors
/// When `kcat` is missing.
pub fn join_without_committing(kafka: &str, group: &str, topic: &str) -> Result<Child> {
    Command::new("kcat")
        .args(["-b", kafka, "-G", group, "-X", "enable.auto.commit=false"])
        .args(["-X", "auto.offset.reset=earliest", topic])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("kcat is missing: run `deploy/setup/require.sh test`")
}

/// Partition, offset and the sizes of key and value; then key, headers and value.
const FORM: [&str; 2] = ["-f", "%p %o %K %S\n%k\n%h\n%s\n"];

fn consume(kafka: &str, what: &[&str]) -> Result<Vec<Record>> {
    let mut arguments = vec!["-C", "-e"];
    arguments.extend(FORM);
    arguments.extend(what);
    run(kafka, &arguments)
}

fn run(kafka: &str, arguments: &[&str]) -> Result<Vec<Record>> {
    let output =
        tool("kcat", SECONDS).args(["-b", kafka]).args(arguments).stdin(Stdio::null()).output()?;
    if !output.status.success() {
        return Err(tool_failed("kcat", output.status.code(), &output.stderr));
    }
    let mut rest = output.stdout.as_slice();
    let mut records = Vec::new();
    while !rest.is_empty() {
        let (record, after) = parse(rest).context("kcat wrote something else")?;
        records.push(record);
        rest = after;
    }
    Ok(records)
}

fn parse(bytes: &[u8]) -> Option<(Record, &[u8])> {
    let (head, rest) = line(bytes)?;
    let mut head = head.split(' ');
    let (partition, offset) = (head.next()?.parse().ok()?, head.next()?.parse().ok()?);
    let (key_size, size): (usize, usize) = (head.next()?.parse().ok()?, head.next()?.parse().ok()?);
    let (key, rest) = rest.split_at_checked(key_size)?;
    let (headers, rest) = line(rest.strip_prefix(b"\n")?)?;
    let (value, rest) = rest.split_at_checked(size)?;
    let headers = headers.split(',').filter_map(|header| header.split_once('='));
    let record = Record {
        partition,
        offset,
        key: String::from_utf8(key.to_vec()).ok()?,
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        value: value.to_vec(),
    };
    Some((record, rest.strip_prefix(b"\n")?))
}

fn line(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let (line, rest) = bytes.split_at_checked(end)?;
    Some((std::str::from_utf8(line).ok()?, rest.get(1..)?))
}
