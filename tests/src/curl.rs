//! HTTP by `curl`, a client that shares no code with the bus.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::place::{tool, tool_failed};

/// How many seconds a request may take.
const SECONDS: u32 = 30;

/// A request.
#[derive(Debug)]
pub struct Curl {
    command: Command,
    body: Option<Vec<u8>>,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Header fields, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Curl {
    /// Prepares a request.
    pub fn new(method: &str, url: &str) -> Self {
        let mut command = tool("curl", SECONDS + 10);
        command.args(["--silent", "--show-error", "--noproxy", "*"]);
        command.args(["--max-time", &SECONDS.to_string(), "--request", method, url]);
        Self { command, body: None }.header("Expect", "")
    }

    /// Adds a header field; an empty value takes the field away.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.command.args(["--header", &format!("{name}: {value}")]);
        self
    }

    /// Adds an access token.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    /// Adds an id and a secret by the Basic scheme.
    #[must_use]
    pub fn user(mut self, id: &str, secret: &str) -> Self {
        self.command.args(["--user", &format!("{id}:{secret}")]);
        self
    }

    /// Sends a form.
    #[must_use]
    pub fn form(self, form: &str) -> Self {
        self.header("content-type", "application/x-www-form-urlencoded").body(form.as_bytes())
    }

    /// Sends a JSON text.
    #[must_use]
    pub fn json(self, value: &Value) -> Self {
        self.header("content-type", "application/json").body(value.to_string().as_bytes())
    }

    /// Sends these bytes.
    #[must_use]
    pub fn body(mut self, body: &[u8]) -> Self {
        self.body = Some(body.to_owned());
        self
    }

    /// Sends it.
    ///
    /// # Errors
    /// When there is no answer; a refusal is one.
    pub fn send(mut self) -> Result<Answer> {
        let head = tempfile::NamedTempFile::new()?;
        self.command.arg("--dump-header").arg(head.path());
        if self.body.is_some() {
            self.command.args(["--data-binary", "@-"]);
        }
        let mut child = self
            .command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("`timeout` of coreutils is missing")?;
        let (stdin, body) = (child.stdin.take(), self.body);
        let writer = std::thread::spawn(move || {
            if let (Some(mut stdin), Some(body)) = (stdin, body) {
                // curl may stop reading when it has its answer.
                stdin.write_all(&body).ok();
            }
        });
        let output = child.wait_with_output()?;
        writer.join().ok();
        if !output.status.success() {
            return Err(tool_failed("curl", output.status.code(), &output.stderr));
        }
        let head = fs::read_to_string(head.path()).context("a header is no text")?;
        let mut status = None;
        let mut headers = Vec::new();
        for line in head.lines() {
            if line.starts_with("HTTP/") {
                status = line.split_whitespace().nth(1).and_then(|status| status.parse().ok());
            } else if let Some((name, value)) = line.split_once(':') {
                headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
            }
        }
        Ok(Answer { status: status.context("no status")?, headers, body: output.stdout })
    }
}

impl Answer {
    /// Returns the last value of a header field.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().rev();
        values.find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// Reads the body as JSON.
    ///
    /// # Errors
    /// When it is none.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body)
            .with_context(|| format!("no JSON: {} {}", self.status, self.text()))
    }

    /// Returns the body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}
