//! The broker's folder: formatted once, its settings written at each start.
//!
//! ```text
//! <data dir>/kafka/
//!   logs/               the broker's data; there is none before the formatting succeeded
//!   server.properties   written at each start
//!   log4j2.properties   written at each start
//!   tmp/                made anew at each start
//!   broker.log(.1)      what the broker says
//!   broker.pid          the process id of the running broker
//! ```

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tracing::warn;
use uuid::Uuid;

use super::{BrokerConfig, BrokerError, child, choose_port};

const SERVER_PROPERTIES: &str = include_str!("../../../../deploy/kafka/server.properties");
const LOG4J2_PROPERTIES: &str = include_str!("../../../../deploy/kafka/log4j2.properties");

/// A log larger than this, in bytes, is put aside when a broker starts.
const MAX_LOG_BYTES: u64 = 10 * 1024 * 1024;

/// The broker's folder, with all that is needed to start a broker in it.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) root: PathBuf,
    pub(super) libs: PathBuf,
    pub(super) java: PathBuf,
    pub(super) heap_mib: u32,
    port: u16,
}

/// Checks that the broker's jars are there.
pub(super) fn check_libs(libs: &Path) -> Result<(), BrokerError> {
    let is_broker = |entry: io::Result<fs::DirEntry>| {
        entry.is_ok_and(|entry| {
            entry
                .file_name()
                .to_str()
                .is_some_and(|name| name.starts_with("kafka_2.13-") && name.ends_with(".jar"))
        })
    };
    let found = fs::read_dir(libs).is_ok_and(|mut entries| entries.any(is_broker));
    if found { Ok(()) } else { Err(BrokerError::NoLibs { libs: libs.to_owned() }) }
}

impl Folder {
    /// Makes the folder where there is none.
    pub(super) fn prepare(config: &BrokerConfig) -> Result<Self, BrokerError> {
        let absolute = |path: &Path| std::path::absolute(path).map_err(failed("find", path));
        let root = absolute(&config.data_dir)?.join("kafka");
        fs::create_dir_all(&root).map_err(failed("create", &root))?;
        // The child works in its own folder, so that relative paths would mean something else.
        let java = if config.java.components().count() > 1 {
            absolute(&config.java)?
        } else {
            config.java.clone()
        };
        Ok(Self {
            root,
            libs: absolute(&config.libs)?,
            java,
            heap_mib: config.heap_mib,
            port: config.port,
        })
    }

    /// Returns the path of the broker's log.
    pub(super) fn log(&self) -> PathBuf {
        self.root.join("broker.log")
    }

    /// Opens the broker's log for appending, for one life of the broker; a large one is put
    /// aside before.
    pub(super) fn open_log(&self) -> io::Result<File> {
        let log = self.log();
        if fs::metadata(&log).is_ok_and(|metadata| metadata.len() > MAX_LOG_BYTES)
            && let Err(error) = fs::rename(&log, self.root.join("broker.log.1"))
        {
            // Too large a log is no reason to be without a broker.
            warn!(%error, log = %log.display(), "kafka's log cannot be put aside");
        }
        File::options().create(true).append(true).open(log)
    }

    /// Writes the settings for a start. The controller's port is chosen anew each time: another
    /// program may have taken the last one.
    pub(super) fn write_settings(&self) -> Result<(), BrokerError> {
        self.make_anew("tmp")?;
        self.write("server.properties", &self.settings("logs")?)?;
        self.write("log4j2.properties", LOG4J2_PROPERTIES)
    }

    fn remove(&self, name: &str) -> Result<PathBuf, BrokerError> {
        let path = self.root.join(name);
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(failed("remove", &path)(error))
            }
            Ok(()) | Err(_) => Ok(path),
        }
    }

    fn make_anew(&self, name: &str) -> Result<(), BrokerError> {
        let path = self.remove(name)?;
        fs::create_dir(&path).map_err(failed("create", &path))
    }

    fn settings(&self, log_dirs: &str) -> Result<String, BrokerError> {
        let controller_port = choose_port(0)?;
        Ok(SERVER_PROPERTIES
            .replace("{port}", &self.port.to_string())
            .replace("{controller_port}", &controller_port.to_string())
            .replace("{log_dirs}", log_dirs))
    }

    fn write(&self, name: &str, text: &str) -> Result<(), BrokerError> {
        let path = self.root.join(name);
        fs::write(&path, text).map_err(failed("write", &path))
    }

    /// Formats the folder for a cluster of its own, if that was never done. The caller's thread
    /// must live until this returns.
    ///
    /// The work happens beside its place and is moved there when done: a start that was killed
    /// in the middle leaves nothing that looks formatted, and the next begins again.
    pub(super) fn format(&self) -> Result<(), BrokerError> {
        let logs = self.root.join("logs");
        if logs.exists() {
            return Ok(());
        }
        let unfinished = self.remove("logs.unfinished")?;
        self.make_anew("tmp")?;
        self.write("format.properties", &self.settings("logs.unfinished")?)?;
        self.write("log4j2.properties", LOG4J2_PROPERTIES)?;
        let id = cluster_id();
        let arguments = ["kafka.tools.StorageTool", "format", "-t", &id, "-c", "format.properties"];
        let log = self.open_log().map_err(failed("open", &self.log()))?;
        let child = child::spawn(self, &arguments, log);
        let mut child = child.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => BrokerError::NoSetpriv,
            _ => BrokerError::Format { log: self.log() },
        })?;
        if !child.wait().is_ok_and(|status| status.success()) {
            return Err(BrokerError::Format { log: self.log() });
        }
        fs::rename(&unfinished, &logs).map_err(failed("put in place", &unfinished))?;
        File::open(&self.root).and_then(|root| root.sync_all()).map_err(failed("save", &self.root))
    }

    /// Notes the running broker's process id, or that none runs.
    pub(super) fn note_pid(&self, pid: Option<u32>) {
        let path = self.root.join("broker.pid");
        // For people who look; nothing depends on it.
        drop(match pid {
            Some(pid) => fs::write(path, format!("{pid}\n")),
            None => fs::remove_file(path),
        });
    }
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> BrokerError {
    let path = path.to_owned();
    move |source| BrokerError::Folder { what, path, source }
}

/// Makes a cluster's id in Kafka's form: a random UUID in 22 letters of base64, none at the
/// start that a command line would take for an option.
fn cluster_id() -> String {
    loop {
        let id = URL_SAFE_NO_PAD.encode(Uuid::new_v4().as_bytes());
        if !id.starts_with('-') {
            return id;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(data_dir: &Path) -> Folder {
        let config = BrokerConfig {
            data_dir: data_dir.to_owned(),
            port: 9092,
            libs: PathBuf::from("target/kafka/libs"),
            java: PathBuf::from("java"),
            heap_mib: 384,
        };
        Folder::prepare(&config).unwrap()
    }

    #[test]
    fn says_how_to_fetch_missing_jars() {
        let empty = tempfile::tempdir().unwrap();
        let error = check_libs(empty.path()).unwrap_err().to_string();
        assert!(error.contains("make kafka"), "{error}");
    }

    #[test]
    fn settings_listen_on_loopback_only_and_leave_no_blank_to_fill() {
        let data = tempfile::tempdir().unwrap();
        let settings = folder(data.path()).settings("logs").unwrap();
        let lines: Vec<_> = settings.lines().filter(|line| !line.starts_with('#')).collect();
        assert!(lines.iter().all(|line| !line.contains(['{', '}'])), "{settings}");
        let listeners = lines.iter().find(|line| line.starts_with("listeners=")).unwrap();
        assert!(
            listeners.starts_with("listeners=BROKER://127.0.0.1:9092,CONTROLLER://127.0.0.1:"),
            "{listeners}"
        );
    }

    #[test]
    fn puts_a_large_log_aside_whenever_a_broker_starts_and_leaves_a_small_one() {
        let data = tempfile::tempdir().unwrap();
        // One folder, as of one supervisor that starts its broker again and again.
        let folder = folder(data.path());
        let aside = data.path().join("kafka/broker.log.1");
        folder.open_log().unwrap().set_len(MAX_LOG_BYTES).unwrap();
        assert_eq!(folder.open_log().unwrap().metadata().unwrap().len(), MAX_LOG_BYTES);
        assert!(!aside.exists());
        for _ in 0..2 {
            folder.open_log().unwrap().set_len(MAX_LOG_BYTES + 1).unwrap();
            assert_eq!(folder.open_log().unwrap().metadata().unwrap().len(), 0);
            assert_eq!(fs::metadata(&aside).unwrap().len(), MAX_LOG_BYTES + 1);
        }
    }

    #[test]
    fn a_cluster_id_has_the_form_that_kafka_takes() {
        for _ in 0..500 {
            let id = cluster_id();
            assert!(id.len() == 22 && !id.starts_with('-'), "{id}");
        }
    }
}
