//! Connecting, and a failure in words that hold no data.

use std::future::poll_fn;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;
use tokio_postgres::config::SslMode;
use tokio_postgres::{AsyncMessage, Client, Connection, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::config::DatabaseConfig;
use super::error::DatabaseError;

/// How long connecting may take, for each address.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);

/// After how long a silent line is asked, and how long an answer may be missing before it is dead.
const LINE_IDLE: Duration = Duration::from_secs(10);
const LINE_PATIENCE: Duration = Duration::from_secs(30);

/// The longest password file, in bytes.
const MAX_PASSWORD_BYTES: usize = 4096;

/// Said at the start of every session, before what the reader adds.
///
/// The server ends a session whose line is dead within half a minute: its advisory lock is then free
/// for another adapter. No statement and no lock waits for long, and text has one form.
const MANNERS: &str = "\
    set tcp_keepalives_idle = 10; set tcp_keepalives_interval = 5; set tcp_keepalives_count = 4;\
    set statement_timeout = '60s'; set lock_timeout = '10s';\
    set idle_in_transaction_session_timeout = '60s';\
    set datestyle = 'ISO, YMD'; set intervalstyle = 'iso_8601'; set extra_float_digits = 1";

/// A server and how to reach it.
pub(super) struct Server {
    address: tokio_postgres::Config,
    password_file: Option<PathBuf>,
    tls: Option<MakeRustlsConnect>,
}

impl Server {
    /// Prepares to connect; with a file of certificates the line is encrypted and the server must
    /// be who it says. Blocks for reading that file.
    pub(super) fn new(database: &DatabaseConfig, name: &str) -> Result<Self, DatabaseError> {
        let tls = database.ca_file.as_deref().map(verified_by).transpose()?;
        let mut address = (*database.address).clone();
        address
            .application_name(format!("lgsp adapter {name}"))
            .ssl_mode(if tls.is_some() { SslMode::Require } else { SslMode::Disable })
            .connect_timeout(CONNECT_PATIENCE)
            .keepalives_idle(LINE_IDLE)
            .keepalives_interval(LINE_IDLE / 2)
            .keepalives_retries(4)
            .tcp_user_timeout(LINE_PATIENCE);
        Ok(Self { address, password_file: database.password_file.clone(), tls })
    }

    /// Connects. The future drives the session: poll it for as long as the client is used; it ends,
    /// with why, when the session does. A notification from the server wakes `woken`.
    pub(super) async fn connect(
        &self,
        woken: Arc<Notify>,
    ) -> Result<(Client, BoxFuture<'static, DatabaseError>), DatabaseError> {
        let mut address = self.address.clone();
        if let Some(file) = &self.password_file {
            // Read each time: it may have been changed.
            address.password(password(file).await?);
        }
        let connecting = async {
            Ok::<_, tokio_postgres::Error>(match &self.tls {
                Some(tls) => {
                    let (client, connection) = address.connect(tls.clone()).await?;
                    (client, drive(connection, woken).boxed())
                }
                None => {
                    let (client, connection) = address.connect(NoTls).await?;
                    (client, drive(connection, woken).boxed())
                }
            })
        };
        // The library's limit is for the line alone, not for a server that says nothing.
        let (client, mut driver) = tokio::time::timeout(CONNECT_PATIENCE * 3, connecting)
            .await
            .map_err(|_| DatabaseError::Silent)??;
        tokio::select! {
            ended = &mut driver => return Err(ended),
            ready = client.batch_execute(MANNERS) => ready?,
        }
        Ok((client, driver))
    }
}

/// Moves bytes until the session ends. Notices are dropped unseen: they may hold data.
async fn drive<S, T>(mut connection: Connection<S, T>, woken: Arc<Notify>) -> DatabaseError
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    let mut connection = pin!(&mut connection);
    loop {
        match poll_fn(|context| connection.poll_message(context)).await {
            Some(Ok(AsyncMessage::Notification(_))) => woken.notify_one(),
            Some(Ok(_)) => {}
            Some(Err(error)) => return error.into(),
            None => return DatabaseError::Closed,
        }
    }
}

async fn password(file: &Path) -> Result<Vec<u8>, DatabaseError> {
    let unreadable = |source| DatabaseError::Password { file: file.to_owned(), source };
    let mut password = tokio::fs::read(file).await.map_err(unreadable)?;
    if password.len() > MAX_PASSWORD_BYTES {
        return Err(unreadable(std::io::ErrorKind::FileTooLarge.into()));
    }
    let kept = password.trim_ascii_end().len();
    password.truncate(kept);
    Ok(password)
}

fn verified_by(ca_file: &Path) -> Result<MakeRustlsConnect, DatabaseError> {
    let bad = || DatabaseError::Certificates { file: ca_file.to_owned() };
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
