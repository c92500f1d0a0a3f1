//! The carriers that are open: connections, access token and the bus's keys of each are shared by
//! all services that it carries.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lgsp_query::UpstreamError;
use lgsp_registry::RegistryFault;
use lgsp_registry::document::{Faults, Source};
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Client, RequestBuilder, Url};
use serde::Serialize;
use tokio::time::timeout_at;

use crate::carrier::{Carrier, base_url, read_secret};
use crate::token::{Credentials, TokenKeeper};
use crate::transport::{self, Reply};

/// The carriers by name, and which of them carries where a service names none. Clones share
/// everything.
///
/// ```no_run
/// # fn main() -> Result<(), lgsp_upstream::SetUpError> {
/// let carriers = lgsp_upstream::Carriers::load(std::path::Path::new("carriers.toml"))?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Carriers {
    chosen: String,
    open: BTreeMap<String, Arc<Connection>>,
}

/// Why the carriers could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum SetUpError {
    /// Declarations have faults: each with its key and what was expected.
    #[error("faults in the carriers' declaration: {}", listed(.0))]
    Faults(Vec<RegistryFault>),
    /// No TLS provider was installed for the process before.
    #[error("no tls provider is installed")]
    NoTlsProvider,
    /// The HTTP client could not be made.
    #[error("the http client could not be made")]
    Client(#[source] reqwest::Error),
}

fn listed(faults: &[RegistryFault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl Carriers {
    /// The name of the file that declares carriers.
    pub const FILE: &str = "carriers.toml";

    /// Opens carriers: reads their secret files, asks nothing yet. Services that name no carrier
    /// are carried by `chosen`. The process's TLS provider must have been installed before.
    ///
    /// # Errors
    /// [`SetUpError`], with all faults of all carriers at once.
    pub fn open(chosen: &str, carriers: Vec<Carrier>) -> Result<Self, SetUpError> {
        Self::open_from(Self::FILE, chosen, carriers)
    }

    /// Reads a file that declares carriers, and opens them. Blocks.
    ///
    /// # Errors
    /// [`SetUpError`], with all faults of the file at once.
    pub fn load(path: &Path) -> Result<Self, SetUpError> {
        let file = path.display().to_string();
        let of_file = |expected: &str| vec![RegistryFault::of_file(&file, expected)];
        let text = std::fs::read_to_string(path)
            .map_err(|_| SetUpError::Faults(of_file("a readable file of UTF-8 text")))?;
        let mut faults = Faults::default();
        let folder = path.parent().unwrap_or(Path::new("."));
        let read = read(Source { name: &file, text: &text }, folder, &mut faults);
        faults.into_result().map_err(SetUpError::Faults)?;
        let (chosen, carriers) =
            read.ok_or_else(|| SetUpError::Faults(of_file("carriers and which of them carries")))?;
        Self::open_from(&file, &chosen, carriers)
    }

    fn open_from(file: &str, chosen: &str, carriers: Vec<Carrier>) -> Result<Self, SetUpError> {
        let fault = |key: String, expected: &str| RegistryFault {
            file: file.to_owned(),
            line: None,
            key,
            expected: expected.to_owned(),
            found: None,
        };
        let of_carrier = |carrier: &Carrier| {
            let name = carrier.name.clone();
            carrier
                .faults()
                .into_iter()
                .map(move |(key, expected)| (format!("carriers.{name}.{key}"), expected))
        };
        let mut faults: Vec<_> = carriers
            .iter()
            .flat_map(of_carrier)
            .map(|(key, expected)| fault(key, expected))
            .collect();
        if !carriers.iter().any(|carrier| carrier.name == chosen) {
            faults.push(fault("carrier".to_owned(), "the name of a declared carrier"));
        }
        if !faults.is_empty() {
            return Err(SetUpError::Faults(faults));
        }
        let mut open = BTreeMap::new();
        for carrier in carriers {
            let name = carrier.name.clone();
            let connection = Connection::open(carrier)?;
            open.insert(name, Arc::new(connection));
        }
        Ok(Self { chosen: chosen.to_owned(), open })
    }

    /// Returns a carrier by its name, or the chosen one.
    pub(crate) fn get(&self, name: Option<&str>) -> Option<&Arc<Connection>> {
        self.open.get(name.unwrap_or(&self.chosen))
    }

    /// Lists the names of the carriers.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.open.keys().map(String::as_str)
    }
}

/// Reads the declaration: which carrier is chosen, and all of them.
fn read(source: Source<'_>, folder: &Path, faults: &mut Faults) -> Option<(String, Vec<Carrier>)> {
    let document = source.parse(faults)?;
    let mut root = source.root(&document);
    let chosen = root.required("carrier", faults).and_then(|item| {
        item.read(faults, "the name of a declared carrier", |text| Some(text.to_owned()))
    });
    let tables = root.required("carriers", faults);
    root.finish(faults);
    let tables = tables?.section(faults, "a table of each carrier, e.g. [carriers.ndxp]")?;
    let mut carriers = Vec::new();
    for (name, item) in tables.all() {
        let section = item.section(faults, "a table");
        carriers.extend(section.and_then(|section| Carrier::read(name, section, folder, faults)));
    }
    Some((chosen?, carriers))
}

/// An open carrier.
pub(crate) struct Connection {
    name: String,
    client: Client,
    tokens: TokenKeeper,
    base: Url,
    /// The header `lgspaccesstoken`.
    system: HeaderValue,
    unit: String,
}

/// What `lgspaccesstoken` holds, in the order and with the names of the field.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SystemKeys<'a> {
    access_key: &'a str,
    secret_key: &'a str,
    app_name: &'a str,
    partner_code: &'a str,
    partner_code_cus: &'a str,
}

impl Connection {
    fn open(carrier: Carrier) -> Result<Self, SetUpError> {
        let opened = || {
            let base = base_url(&carrier.base_url)?;
            let consumer_secret = read_secret(&carrier.consumer_secret_file).ok()?;
            let secret_key = read_secret(&carrier.secret_key_file).ok()?;
            Some((base, consumer_secret, system_header(&carrier, &secret_key)?))
        };
        // A secret file that was there a moment ago may be gone.
        let (base, consumer_secret, system) = opened().ok_or_else(|| {
            let name = format!("carriers.{}", carrier.name);
            SetUpError::Faults(vec![RegistryFault::of_file(&name, "readable secret files")])
        })?;
        // Without a provider reqwest would panic.
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            return Err(SetUpError::NoTlsProvider);
        }
        let client = transport::client(base.scheme() == "https").map_err(SetUpError::Client)?;
        let credentials = Credentials {
            url: joined(&base, &carrier.token_path),
            consumer_key: carrier.consumer_key,
            consumer_secret,
            system: system.clone(),
        };
        let tokens = TokenKeeper::new(client.clone(), credentials);
        Ok(Self { name: carrier.name, client, tokens, base, system, unit: carrier.unit })
    }

    /// Returns the carrier's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the code of the unit that asks.
    pub(crate) fn unit(&self) -> &str {
        &self.unit
    }

    /// Returns where a path of the carrier lies.
    pub(crate) fn place(&self, path: &str) -> Url {
        joined(&self.base, path)
    }

    /// Asks, with the bus's keys; with another token and once more where the platform no longer
    /// takes the one. Returns the bytes of a JSON answer.
    pub(crate) async fn ask(
        &self,
        request: impl Fn(&Client) -> RequestBuilder,
    ) -> Result<Vec<u8>, UpstreamError> {
        let token = self.tokens.valid().await?;
        let call = |authorization: HeaderValue| {
            let request = request(&self.client).header(AUTHORIZATION, authorization);
            transport::exchange(request.header("lgspaccesstoken", &self.system))
        };
        let mut reply = call(token.authorization()).await?;
        if matches!(reply, Reply::Unauthorized) {
            let token = self.tokens.renewed(&token).await?;
            reply = call(token.authorization()).await?;
        }
        match reply {
            Reply::Json(bytes) => Ok(bytes),
            Reply::Unauthorized => Err(UpstreamError::Refused { code: "http_401".to_owned() }),
        }
    }

    /// Makes connection and token ready.
    pub(crate) async fn warm_up(&self, deadline: Instant) {
        // The fetch that follows meets the same failure and reports it.
        if !matches!(timeout_at(deadline.into(), self.tokens.valid()).await, Ok(Ok(_))) {
            tracing::debug!(carrier = self.name, "warming up did not get an access token");
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("name", &self.name).finish_non_exhaustive()
    }
}

fn joined(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}{path}", base.path().trim_end_matches('/')));
    url
}

/// Composes `lgspaccesstoken`: base64 of JSON, an encoding that hides nothing.
fn system_header(carrier: &Carrier, secret_key: &str) -> Option<HeaderValue> {
    let keys = SystemKeys {
        access_key: &carrier.access_key,
        secret_key,
        app_name: &carrier.app_name,
        partner_code: &carrier.partner_code,
        partner_code_cus: &carrier.partner_code,
    };
    let mut header =
        HeaderValue::try_from(STANDARD.encode(serde_json::to_vec(&keys).ok()?)).ok()?;
    header.set_sensitive(true);
    Some(header)
}
