//! The data folder of a sandbox: keys, registry, secrets, receipts, and who uses it now.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use lgsp_core::SystemClock;
use lgsp_core::digest::ProvinceKey;
use lgsp_core::identifier::ClientId;
use lgsp_identity::{Identity, SigningKeys, generate_secret};
use lgsp_registry::Registry;
use serde::{Deserialize, Serialize};

/// What a running bus tells other commands.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Running {
    /// Where it listens, e.g. `http://127.0.0.1:8080`: the issuer of its tokens too.
    pub(crate) base_url: String,
    /// Its Kafka.
    pub(crate) kafka: String,
    /// Its simulated national platform.
    pub(crate) platform: String,
    /// The folder that declares its services; `None` for the bundled ones.
    pub(crate) services: Option<PathBuf>,
    /// The file that declares its topics; `None` for the bundled one.
    pub(crate) topics: Option<PathBuf>,
    /// Its process.
    pub(crate) pid: u32,
}

/// The data folder.
#[derive(Debug, Clone)]
pub(crate) struct DataDir(PathBuf);

/// Holds the data folder for one process; let go when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Held(#[expect(dead_code, reason = "held for its lock")] File);

impl DataDir {
    /// Names an existing folder.
    pub(crate) fn existing(path: &Path) -> Result<Self> {
        if !path.join("keys").is_dir() {
            bail!(
                "{} is no data folder of the bus: start `lgsp up` first, or name another with --data-dir",
                path.display()
            );
        }
        Ok(Self(path.to_owned()))
    }

    /// Makes the folder and everything in it that is not there yet; holds it for this process.
    pub(crate) fn prepare(path: &Path) -> Result<(Self, Held)> {
        let folder = |path: &Path| {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(path)
                .with_context(|| format!("cannot make {}", path.display()))
        };
        folder(path)?;
        close(path)?;
        let path =
            fs::canonicalize(path).with_context(|| format!("cannot open {}", path.display()))?;
        let lock = File::create(path.join("lock")).context("cannot make the lock file")?;
        if lock.try_lock().is_err() {
            bail!(
                "another process uses {}: stop it, or name another folder with --data-dir",
                path.display()
            );
        }
        for name in ["keys", "secrets"] {
            folder(&path.join(name))?;
        }
        let this = Self(path);
        if !this.registry_dir().exists() {
            this.make_clients()?;
        }
        SigningKeys::load_or_create(&this.keys_dir()).context("the signing key")?;
        this.once(&this.0.join("keys/province.key"), || {
            let mut bytes = [0; 32];
            aws_lc_rs::rand::fill(&mut bytes).map_err(|_| anyhow::anyhow!("no random numbers"))?;
            Ok(lgsp_core::digest::hex(&bytes))
        })?;
        for name in [
            "platform-consumer-key",
            "platform-consumer-secret",
            "platform-access-key",
            "platform-secret-key",
        ] {
            this.once(&this.secret_file(name), || Ok(generate_secret()?.0))?;
        }
        Ok((this, Held(lock)))
    }

    /// Makes the sample registry, and a secret for each of its clients.
    fn make_clients(&self) -> Result<()> {
        let failure = std::cell::RefCell::new(None);
        let secret_hash = |client: &ClientId| {
            let made = self.once(&self.secret_file(client.as_str()), || Ok(generate_secret()?.0));
            match made {
                Ok(secret) => lgsp_core::digest::hex(&lgsp_core::digest::sha256(secret.as_bytes())),
                Err(error) => {
                    failure.replace(Some(error));
                    String::new()
                }
            }
        };
        let written = lgsp_registry::write_sample(&self.registry_dir(), &secret_hash);
        if let Some(error) = failure.into_inner() {
            // Without its secrets the sample is of no use: the next start makes it anew.
            fs::remove_dir_all(self.registry_dir()).ok();
            return Err(error);
        }
        written.context("the sample registry")
    }

    /// Returns a file's text, making it for this user alone where it does not exist.
    fn once(&self, path: &Path, make: impl FnOnce() -> Result<String>) -> Result<String> {
        if !path.exists() {
            let text = make()?;
            write_private(path, &text)?;
        }
        read(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn registry_dir(&self) -> PathBuf {
        self.0.join("registry")
    }

    pub(crate) fn keys_dir(&self) -> PathBuf {
        self.0.join("keys")
    }

    pub(crate) fn receipts_file(&self) -> PathBuf {
        self.0.join("receipts.sqlite")
    }

    /// The file of a client's secret, or of one of the simulated platform's keys.
    pub(crate) fn secret_file(&self, name: &str) -> PathBuf {
        self.0.join("secrets").join(name)
    }

    pub(crate) fn secret(&self, name: &str) -> Result<String> {
        read(&self.secret_file(name))
    }

    /// Reads the province's own key.
    pub(crate) fn province_key(&self) -> Result<ProvinceKey> {
        let text = read(&self.0.join("keys/province.key"))?;
        let digit = |text: &str| u8::from_str_radix(text, 16).ok();
        let bytes: Option<Vec<u8>> =
            (0..32).map(|at| text.get(2 * at..2 * at + 2).and_then(digit)).collect();
        let bytes: Option<[u8; 32]> =
            bytes.and_then(|bytes| bytes.try_into().ok()).filter(|_| text.len() == 64);
        Ok(ProvinceKey::new(&bytes.context("keys/province.key must hold 64 hexadecimal digits")?))
    }

    /// Puts identity together from the folder; `issuer` is the bus's own address.
    pub(crate) fn identity(&self, issuer: String) -> Result<Identity> {
        let registry = Registry::load(&self.registry_dir())?;
        let keys = SigningKeys::load(&self.keys_dir())?;
        Ok(Identity::new(Arc::new(registry), keys, issuer, Arc::new(SystemClock)))
    }

    /// Writes down where the bus runs.
    pub(crate) fn set_running(&self, running: &Running) -> Result<()> {
        let path = self.0.join("run.json");
        let new = self.0.join("run.json.new");
        fs::remove_file(&new).ok();
        write_private(&new, &serde_json::to_string(running)?)?;
        fs::rename(&new, &path).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Notes that it runs no longer.
    pub(crate) fn set_stopped(&self) {
        fs::remove_file(self.0.join("run.json")).ok();
    }

    /// Tells where the bus runs.
    pub(crate) fn running(&self) -> Result<Running> {
        let not_running =
            || format!("no bus runs on {}: start it with `lgsp up`", self.0.display());
        let text = fs::read_to_string(self.0.join("run.json")).with_context(not_running)?;
        let running: Running = serde_json::from_str(&text).with_context(not_running)?;
        Ok(running)
    }
}

/// Makes sure that nobody else may look into the folder: keys and payloads lie there.
fn close(path: &Path) -> Result<()> {
    let cannot = || format!("cannot look at {}", path.display());
    let mode = fs::metadata(path).with_context(cannot)?.permissions().mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    if fs::read_dir(path).with_context(cannot)?.next().is_some() {
        bail!(
            "others may look into {0}: run `chmod 700 {0}`, or name another folder with --data-dir",
            path.display()
        );
    }
    fs::set_permissions(path, fs::Permissions::from_mode(0o700)).with_context(cannot)
}

fn read(path: &Path) -> Result<String> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(text.trim_end().to_owned())
}

/// Writes a file that only this user may read; durable before it is named.
fn write_private(path: &Path, text: &str) -> Result<()> {
    let part = path.with_extension("part");
    fs::remove_file(&part).ok();
    let write = || {
        let mut file =
            fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&part, path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}
