//! A line to PostgreSQL that is made anew when it breaks.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Client, NoTls, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::error::SharedError;

/// How long connecting may take, and how long an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// After a failed attempt to connect, none is made for so long.
const PAUSE: Duration = Duration::from_millis(250);

/// The longest password file, in bytes.
const MAX_PASSWORD_BYTES: usize = 4096;

/// Said at the start of each session. A claim must outlive a crash of PostgreSQL, whatever the
/// database's own setting; and the locks of a session whose line is dead must be free soon.
const MANNERS: &str = "\
    set synchronous_commit = on; set statement_timeout = '4s'; set lock_timeout = '3s';\
    set tcp_keepalives_idle = 5; set tcp_keepalives_interval = 2; set tcp_keepalives_count = 3;\
    set client_min_messages = warning";

/// Where the shared receipts are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresConfig {
    /// `postgres://user@host:5432/database`, without a password.
    pub url: String,
    /// The file that holds the password; read at each connecting.
    pub password_file: Option<PathBuf>,
    /// The certificates, in PEM form, one of which must have signed the server's; needed unless the
    /// server is on this machine.
    pub ca_file: Option<PathBuf>,
}

/// A server and how to reach it.
#[derive(Clone)]
pub(super) struct Server {
    address: tokio_postgres::Config,
    password_file: Option<PathBuf>,
    tls: Option<MakeRustlsConnect>,
    tasks: TaskTracker,
    down: CancellationToken,
}

impl Server {
    /// Prepares to connect. Sessions run as tasks until `down`.
    pub(super) fn new(
        config: &PostgresConfig,
        tasks: TaskTracker,
        down: CancellationToken,
    ) -> Result<Self, SharedError> {
        // The library's own words may repeat the address.
        let mut address: tokio_postgres::Config =
            config.url.parse().map_err(|_| SharedError::Address)?;
        if address.get_hosts().is_empty() || address.get_user().is_none() {
            return Err(SharedError::Address);
        }
        if address.get_password().is_some() {
            return Err(SharedError::PasswordInAddress);
        }
        let tls = config.ca_file.as_deref().map(verified_by).transpose()?;
        if tls.is_none() && !is_on_this_machine(&address) {
            return Err(SharedError::Unencrypted);
        }
        address
            .application_name("lgsp receipts")
            .ssl_mode(if tls.is_some() { SslMode::Require } else { SslMode::Disable })
            .connect_timeout(PATIENCE)
            .keepalives_idle(PATIENCE)
            .keepalives_interval(PATIENCE / 2)
            .keepalives_retries(3)
            .tcp_user_timeout(PATIENCE * 2);
        Ok(Self { address, password_file: config.password_file.clone(), tls, tasks, down })
    }

    /// Opens a session of its own.
    pub(super) async fn connect(&self) -> Result<Client, SharedError> {
        let connecting = async {
            let mut address = self.address.clone();
            if let Some(file) = &self.password_file {
                address.password(password(file).await?);
            }
            let client = match &self.tls {
                Some(tls) => {
                    let (client, connection) = address.connect(tls.clone()).await?;
                    self.drive(connection);
                    client
                }
                None => {
                    let (client, connection) = address.connect(NoTls).await?;
                    self.drive(connection);
                    client
                }
            };
            client.batch_execute(MANNERS).await?;
            Ok(client)
        };
        tokio::time::timeout(PATIENCE, connecting).await.unwrap_or(Err(SharedError::Silent))
    }

    fn drive(&self, connection: impl Future + Send + 'static) {
        let down = self.down.clone();
        // How it ends is told to whoever asks next.
        self.tasks.spawn(async move { drop(down.run_until_cancelled(connection).await) });
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").finish_non_exhaustive()
    }
}

/// A session, and what it has prepared.
pub(super) struct Session {
    pub(super) client: Client,
    prepared: Mutex<HashMap<&'static str, Statement>>,
}

impl Session {
    /// Prepares a statement once in a session.
    pub(super) async fn prepared(
        &self,
        sql: &'static str,
    ) -> Result<Statement, tokio_postgres::Error> {
        let known = self.prepared.lock().unwrap_or_else(PoisonError::into_inner).get(sql).cloned();
        if let Some(statement) = known {
            return Ok(statement);
        }
        let statement = self.client.prepare(sql).await?;
        let mut prepared = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        prepared.insert(sql, statement.clone());
        Ok(statement)
    }
}

/// A line that is made anew when it breaks.
#[derive(Debug)]
pub(super) struct Line {
    server: Arc<Server>,
    state: tokio::sync::Mutex<State>,
}

#[derive(Default)]
struct State {
    session: Option<Arc<Session>>,
    failed: Option<Instant>,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("connected", &self.session.is_some()).finish_non_exhaustive()
    }
}

impl Line {
    pub(super) fn new(server: Arc<Server>) -> Self {
        Self { server, state: tokio::sync::Mutex::default() }
    }

    /// Asks something, within [`PATIENCE`]; connects before where need be. After a failure the
    /// session is given up: what it was about to do may or may not be done.
    pub(super) async fn ask<T>(
        &self,
        question: impl AsyncFnOnce(&Session) -> Result<T, SharedError>,
    ) -> Result<T, SharedError> {
        let session = self.session().await?;
        let answered = tokio::time::timeout(PATIENCE, question(&session)).await;
        let answered = answered.unwrap_or(Err(SharedError::Silent));
        if matches!(answered, Err(SharedError::Server(_) | SharedError::Silent)) {
            let mut state = self.state.lock().await;
            state.session.take_if(|current| Arc::ptr_eq(current, &session));
        }
        answered
    }

    async fn session(&self) -> Result<Arc<Session>, SharedError> {
        let mut state = self.state.lock().await;
        if let Some(session) = &state.session
            && !session.client.is_closed()
        {
            return Ok(Arc::clone(session));
        }
        if state.failed.is_some_and(|failed| failed.elapsed() < PAUSE) {
            return Err(SharedError::Silent);
        }
        match self.server.connect().await {
            Ok(client) => {
                let session = Arc::new(Session { client, prepared: Mutex::default() });
                *state = State { session: Some(Arc::clone(&session)), failed: None };
                Ok(session)
            }
            Err(error) => {
                *state = State { session: None, failed: Some(Instant::now()) };
                Err(error)
            }
        }
    }
}

/// A lock that one process of all holds, until this is dropped or its line breaks.
#[derive(Debug)]
pub struct Exclusive {
    /// Its end frees the lock.
    _client: Client,
}

impl Exclusive {
    pub(super) async fn try_take(server: &Server, key: i64) -> Result<Option<Self>, SharedError> {
        let client = server.connect().await?;
        let locked = client.query_one("select pg_try_advisory_lock($1)", &[&key]).await?;
        Ok(locked.try_get(0)?).map(|locked: bool| locked.then_some(Self { _client: client }))
    }
}

async fn password(file: &Path) -> Result<Vec<u8>, SharedError> {
    let unreadable = |source| SharedError::Password { file: file.to_owned(), source };
    let mut password = tokio::fs::read(file).await.map_err(unreadable)?;
    if password.len() > MAX_PASSWORD_BYTES {
        return Err(unreadable(std::io::ErrorKind::FileTooLarge.into()));
    }
    let kept = password.trim_ascii_end().len();
    password.truncate(kept);
    Ok(password)
}

fn is_on_this_machine(address: &tokio_postgres::Config) -> bool {
    let is_here = |host: &Host| match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
        }
        Host::Unix(_) => true,
    };
    address.get_hosts().iter().all(is_here)
        && address.get_hostaddrs().iter().all(IpAddr::is_loopback)
}

fn verified_by(ca_file: &Path) -> Result<MakeRustlsConnect, SharedError> {
    let bad = || SharedError::Certificates { file: ca_file.to_owned() };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(ca_file).map_err(|_| bad())? {
        roots.add(certificate.map_err(|_| bad())?).map_err(|_| bad())?;
    }
    if roots.is_empty() {
        return Err(bad());
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| bad())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(url: &str) -> Result<Server, SharedError> {
        let config = PostgresConfig { url: url.to_owned(), password_file: None, ca_file: None };
        Server::new(&config, TaskTracker::new(), CancellationToken::new())
    }

    #[test]
    fn an_address_holds_no_password_and_leaves_the_machine_only_encrypted() {
        assert!(judged("postgres://lgsp@127.0.0.1:5432/lgsp").is_ok());
        assert!(judged("postgresql://lgsp@localhost/lgsp").is_ok());
        for (url, expected) in [
            ("postgres://lgsp:secret@127.0.0.1/lgsp", "no password"),
            ("postgres://lgsp@10.0.0.7/lgsp", "another machine"),
            ("postgres://lgsp@localhost,db.example/lgsp", "another machine"),
            ("postgres://127.0.0.1/lgsp", "no address"),
            ("http://lgsp", "no address"),
        ] {
            let told = judged(url).expect_err(url).to_string();
            assert!(told.contains(expected) && !told.contains("secret"), "{url}: {told}");
        }
    }
}
