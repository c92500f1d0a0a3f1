//! The declared services and their carriers: read at the start, and again when their files change.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::Result;
use lgsp_query::{Query, Service};
use lgsp_registry::{Registry, Released};
use lgsp_upstream::{Carrier, Carriers, declared};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::data_dir::DataDir;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Where services are declared.
#[derive(Debug, Clone)]
pub(crate) struct Declared {
    /// The folder of services, one folder each; without it the bundled ones.
    pub(crate) folder: Option<PathBuf>,
    /// Who carries questions where the folder declares no carriers of its own.
    pub(crate) carrier: Carrier,
    /// What the folder looked like before it was read.
    seen: Look,
}

/// What a folder looks like from outside: names, sizes and times of its files.
type Look = Vec<(PathBuf, u64, Option<SystemTime>)>;

impl Declared {
    /// Names the folder, and the simulated platform as the carrier where it declares none.
    ///
    /// # Errors
    /// When the platform's keys cannot be read.
    pub(crate) fn sandbox(
        folder: Option<PathBuf>,
        data: &DataDir,
        base_url: String,
    ) -> Result<Self> {
        let carrier = Carrier {
            name: "ndxp".to_owned(),
            base_url,
            token_path: lgsp_sim::platform::TOKEN_PATH.to_owned(),
            consumer_key: data.secret("platform-consumer-key")?,
            consumer_secret_file: data.secret_file("platform-consumer-secret"),
            access_key: data.secret("platform-access-key")?,
            secret_key_file: data.secret_file("platform-secret-key"),
            app_name: "lgsp".to_owned(),
            partner_code: "H61".to_owned(),
            unit: "H61".to_owned(),
        };
        let seen = folder.as_deref().map(look).unwrap_or_default();
        Ok(Self { folder, carrier, seen })
    }

    /// Reads the services. Blocks on files.
    ///
    /// # Errors
    /// All faults of all of them.
    pub(crate) fn load(&self) -> Result<Vec<Service>> {
        let file = self.folder.as_ref().map(|folder| folder.join(Carriers::FILE));
        let carriers = match file.filter(|file| file.exists()) {
            Some(file) => Carriers::load(&file)?,
            None => Carriers::open(&self.carrier.name, vec![self.carrier.clone()])?,
        };
        let read = match &self.folder {
            Some(folder) => declared::load(folder, &carriers),
            None => declared::bundled(&carriers),
        };
        read.map_err(|faults| {
            let lines: Vec<_> = faults.iter().map(|fault| format!("\n  {fault}")).collect();
            anyhow::anyhow!("the declared services have faults:{}", lines.concat())
        })
    }

    /// Reads the services again whenever their files changed, until the shutdown. Questions under
    /// way end as they began; where there is any fault, what is in force stays so.
    pub(crate) fn watch(self, query: Query, stop: CancellationToken, tasks: &TaskTracker) {
        let Some(folder) = self.folder.clone() else { return };
        let blocking = tasks.clone();
        tasks.spawn(async move {
            let look_at = |folder: PathBuf| blocking.spawn_blocking(move || look(&folder));
            let (mut known, mut last) = (self.seen.clone(), self.seen.clone());
            while stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_some() {
                let now = look_at(folder.clone()).await.unwrap_or_default();
                // Somebody may still be writing: what is read has stood still for a moment.
                if now != known && now == last {
                    known.clone_from(&now);
                    let this = self.clone();
                    match blocking.spawn_blocking(move || this.load()).await {
                        Ok(Ok(services)) => {
                            tracing::info!(
                                services = services.len(),
                                "the declared services changed"
                            );
                            query.replace(services);
                        }
                        Ok(Err(error)) => {
                            let error = format!("{error:#}");
                            tracing::error!(
                                error,
                                "the changed services have faults: those before stay in force"
                            );
                        }
                        Err(error) => tracing::error!(error = %error, "the services were not read"),
                    }
                }
                last = now;
            }
        });
    }
}

/// Tells which grants name a service that is not declared, or a field that its answer has not.
pub(crate) fn faults_of_grants(registry: &Registry, services: &[Service]) -> Vec<String> {
    let mut faults = Vec::new();
    for client in registry.clients() {
        for rule in client.query() {
            let (id, name) = (client.id().as_str(), rule.service());
            let Some(service) = services.iter().find(|service| service.name == name) else {
                faults.push(format!("clients.toml: {id} may ask {name}, which is not declared"));
                continue;
            };
            let fields = match rule.released() {
                Released::Declared => continue,
                Released::Fields(fields) => fields,
                // Of a list it would always be true.
                Released::Existence => {
                    if service.subject.is_none() {
                        let fault = format!(
                            "clients.toml: {id} may ask whether {name} has a record, which is about nobody"
                        );
                        faults.push(fault);
                    }
                    continue;
                }
            };
            let unknown = fields.iter().filter(|field| !service.answer.fields().contains(field));
            faults.extend(unknown.map(|field| {
                format!("clients.toml: {id} is granted {field} of {name}, whose answer has no such field")
            }));
        }
    }
    faults
}

/// Looks at the files of a folder and of the folders within.
fn look(folder: &Path) -> Look {
    let files = |folder: &Path| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let found = entries.filter_map(|entry| Some((entry.path(), entry.metadata().ok()?)));
        // What editors leave beside a file declares nothing.
        let declares =
            |path: &Path| path.extension().is_some_and(|it| it == "toml" || it == "json");
        found.filter(|(path, data)| data.is_dir() || declares(path)).collect::<Vec<_>>()
    };
    let mut seen = Look::new();
    for (path, data) in files(folder) {
        let within = if data.is_dir() { files(&path) } else { vec![(path, data)] };
        seen.extend(
            within.into_iter().map(|(path, data)| (path, data.len(), data.modified().ok())),
        );
    }
    seen.sort();
    seen
}
