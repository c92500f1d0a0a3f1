//! Tests of the crate as its callers see it, on the sample registry.

mod attacks;
mod credentials;
mod logging_in;
mod policy_matrix;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lgsp_core::Clock;
use lgsp_core::digest::{hex, sha256};
use lgsp_core::identifier::ClientId;
use lgsp_registry::{Registry, write_sample};

use crate::{Identity, Principal, SigningKeys};

const ISSUER: &str = "http://127.0.0.1:8080";
const START: i64 = 1_790_000_000;

/// A clock that stands still until it is told otherwise.
#[derive(Debug)]
struct HeldClock(AtomicI64);

impl Clock for HeldClock {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.0.load(Ordering::SeqCst).unsigned_abs())
    }
}

/// The sample registry with secrets `secret of <client>`, fresh keys and a held clock.
struct House {
    folder: tempfile::TempDir,
    clock: Arc<HeldClock>,
    identity: Identity,
}

impl House {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("registry");
        write_sample(&dir, &|id| hex(&sha256(secret_of(id.as_str()).as_bytes()))).unwrap();
        let clock = Arc::new(HeldClock(AtomicI64::new(START)));
        let identity = Self::open(&folder, Arc::clone(&clock));
        Self { folder, clock, identity }
    }

    /// Reads the folder again, as a restart would.
    fn reopened(&self) -> Identity {
        Self::open(&self.folder, Arc::clone(&self.clock))
    }

    fn open(folder: &tempfile::TempDir, clock: Arc<HeldClock>) -> Identity {
        let registry = Registry::load(&folder.path().join("registry")).unwrap();
        let keys = SigningKeys::load_or_create(&folder.path().join("keys")).unwrap();
        Identity::new(Arc::new(registry), keys, ISSUER.to_owned(), clock)
    }

    fn bearer(&self, id: &str) -> String {
        format!("Bearer {}", self.identity.issue(&client(id)).unwrap().access_token)
    }

    fn principal(&self, id: &str) -> Principal {
        self.identity.authenticate(Some(&self.bearer(id))).unwrap()
    }
}

fn client(id: &str) -> ClientId {
    ClientId::parse(id).unwrap()
}

fn secret_of(id: &str) -> String {
    format!("secret of {id}")
}
