//! A simulated national platform (NGSP/NDXP) that answers questions about a synthetic population
//! and register of enterprises, and takes dossiers.
//!
//! | service | request |
//! |---|---|
//! | token | `POST /token` |
//! | population: look up | `POST /dancu/1.0/traCuuThongTinCongDan` |
//! | enterprise register: by tax code, by name | `GET /apiCSDLDKDN/1.0/chiTietDoanhNghiep`, `GET …/danhSachDoanhNghiep` |
//! | social insurance: household of a number, number of a person | `POST /apiBHXH/1.0/getTraCuuTtHgdByMaSoBhxh`, `POST …/getMaSoBhxhTheoTieuChi` |
//! | civil status: register, state | `POST /apiHoTichTuPhap/1.0/dangKyHoTich`, `POST …/traTrangThaiHoSo` |
//! | judicial record: submit, state | `POST /apiLyLichTuPhap/1.0/nhanHoSoDangKy`, `POST …/traTrangThaiHs` |
//! | shared catalogues: records, fields | `GET /dmdc/1.0/Category/{name}`, `GET /dmdc/1.0/Metadata/{name}` |
//!
//! What it imitates of the real one: an access token of its own by client credentials
//! (`POST /token`), a header `lgspaccesstoken` that holds keys in base64 JSON, XML within the
//! `message` of a JSON envelope, errors with HTTP 200 and a code of their own, the three forms of
//! success (`0`, `"0"`, `"00"`), HTTP 401 for a token that is unknown or too old; the services'
//! names and fields, the states of dossiers, the errors of civil status.
//!
//! What is ours: the path `/dancu/1.0/traCuuThongTinCongDan`, since integrations agree on the
//! body but each carrier has a path of its own; the `1.0` in the paths of social insurance, civil
//! status and judicial record, and the name `traTrangThaiHs`; the search for enterprises; the
//! error codes of [`error_code`] and [`insurance_error`]; `moTa`, `thanhVien` and the other fields
//! of a household beyond `maSo`, `hoTen`, `maHo`, `diaChi`, `trangThai`; `errorCode` and
//! `errorDescription` of civil status; `STATUS` 1 and 0 of judicial records, and that a request
//! submitted twice is refused; that a dossier goes one step on with every question about its
//! state; the codes of communes, marital status, kinds, states and activities of enterprises; the
//! fields of catalogues but those of agencies.
//!
//! Beside the services, on a loopback address alone and without admission, stand the simulator's
//! tools: [`FAULTS_PATH`] takes rules of faults ([`FaultRule`]), [`REQUESTS_PATH`] tells how many
//! requests came.

mod admission;
mod catalogues;
mod civil_status;
mod enterprise;
mod faults;
mod judicial_record;
mod ledger;
mod look_up;
mod paths;
mod question;
mod record;
mod social_insurance;
mod spoil;
mod tokens;
mod tools;
mod trouble;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::enterprises::Enterprises;
use crate::people::Population;
use faults::Faults;
use ledger::{Ledger, MOST};
use tokens::Tokens;

pub use catalogues::CATALOGUES;
pub use faults::{FaultKind, FaultRule};
pub use paths::{
    CATALOGUE_FIELDS_PATH, CATALOGUE_PATH, CIVIL_STATUS_REGISTER_PATH, CIVIL_STATUS_STATE_PATH,
    ENTERPRISE_PATH, ENTERPRISE_SEARCH_PATH, FAULTS_PATH, INSURANCE_HOUSEHOLD_PATH,
    INSURANCE_NUMBER_PATH, JUDICIAL_RECORD_STATE_PATH, JUDICIAL_RECORD_SUBMIT_PATH, LOOK_UP_PATH,
    REQUESTS_PATH, TOKEN_PATH,
};
pub use social_insurance::insurance_error;

/// The integration code (`MaTichHop`) of a citizen look-up.
pub const INTEGRATION_CODE: &str = "037";

/// Error codes of this platform, carried in `error_code` with HTTP 200; the values are ours.
pub mod error_code {
    /// The population has no citizen of that number, name and date of birth.
    pub const NOT_FOUND: &str = "11";
    /// A mandatory field is missing, or a field is longer than its type allows.
    pub const BAD_FIELD: &str = "12";
    /// The integration code is not that of a citizen look-up.
    pub const UNKNOWN_INTEGRATION: &str = "13";
    /// The header `lgspaccesstoken` is missing or its keys are unknown.
    pub const UNKNOWN_SYSTEM: &str = "14";
    /// The service failed.
    pub const FAILED: &str = "15";
}

/// What the platform's dice are thrown for; apart from those of people and traffic.
mod purpose {
    pub(super) const CIVIL_STATUS: u32 = 201;
    pub(super) const JUDICIAL_RECORD: u32 = 202;
    /// And one more for each rule.
    pub(super) const FAULTS: u32 = 300;
}

/// What a simulated platform knows and how it behaves. `Debug` hides the keys.
#[derive(Clone)]
pub struct SimConfig {
    /// The caller's name at the token endpoint.
    pub consumer_key: String,
    /// The caller's secret at the token endpoint.
    pub consumer_secret: String,
    /// The `AccessKey` within `lgspaccesstoken`.
    pub access_key: String,
    /// The `SecretKey` within `lgspaccesstoken`.
    pub secret_key: String,
    /// Names the population.
    pub seed: u64,
    /// How long every answer is held back, in milliseconds.
    pub latency_ms: u64,
    /// How long a token lives, in seconds; the usual value is [`SimConfig::TOKEN_SECONDS`].
    pub token_seconds: u64,
    /// The rules of faults from the start; usually none.
    pub faults: Vec<FaultRule>,
}

impl SimConfig {
    /// How long a token usually lives, in seconds.
    pub const TOKEN_SECONDS: u64 = 3600;
}

impl fmt::Debug for SimConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimConfig")
            .field("seed", &self.seed)
            .field("latency_ms", &self.latency_ms)
            .field("token_seconds", &self.token_seconds)
            .field("faults", &self.faults)
            .finish_non_exhaustive()
    }
}

/// What the handlers share.
#[derive(Debug)]
struct Platform {
    config: SimConfig,
    people: Population,
    enterprises: Enterprises,
    tokens: Tokens,
    civil_dossiers: Ledger<civil_status::CivilDossier>,
    judicial_requests: Ledger<judicial_record::JudicialRequest>,
    faults: Faults,
    requests: tools::Requests,
}

impl Platform {
    /// Takes the time that a real platform would.
    async fn hold_back(&self) {
        if self.config.latency_ms > 0 {
            tokio::time::sleep(Duration::from_millis(self.config.latency_ms)).await;
        }
    }
}

/// Makes the platform's routes, the simulator's tools among them; it forgets its tokens and
/// dossiers with the router. Serve it on a loopback address alone.
pub fn router(config: SimConfig) -> Router {
    let platform = Arc::new(Platform {
        people: Population::new(config.seed),
        enterprises: Enterprises::new(config.seed),
        tokens: Tokens::new(Duration::from_secs(config.token_seconds)),
        civil_dossiers: Ledger::new(MOST),
        judicial_requests: Ledger::new(MOST),
        faults: Faults::new(config.seed, config.faults.clone()),
        requests: tools::Requests::default(),
        config,
    });
    let admitted = services().route_layer(from_fn_with_state(platform.clone(), admission::admit));
    Router::new()
        .route(TOKEN_PATH, post(tokens::issue))
        .merge(admitted)
        .route_layer(from_fn_with_state(platform.clone(), spoil::strike))
        .route_layer(from_fn_with_state(platform.clone(), tools::count))
        .merge(tools::routes())
        .with_state(platform)
}

fn services() -> Router<Arc<Platform>> {
    Router::new()
        .route(LOOK_UP_PATH, post(look_up::answer))
        .route(ENTERPRISE_PATH, get(enterprise::detail))
        .route(ENTERPRISE_SEARCH_PATH, get(enterprise::search))
        .route(INSURANCE_HOUSEHOLD_PATH, post(social_insurance::household))
        .route(INSURANCE_NUMBER_PATH, post(social_insurance::number))
        .route(CIVIL_STATUS_REGISTER_PATH, post(civil_status::register))
        .route(CIVIL_STATUS_STATE_PATH, post(civil_status::state))
        .route(JUDICIAL_RECORD_SUBMIT_PATH, post(judicial_record::submit))
        .route(JUDICIAL_RECORD_STATE_PATH, post(judicial_record::state))
        .route(&format!("{CATALOGUE_PATH}/{{name}}"), get(catalogues::records))
        .route(&format!("{CATALOGUE_FIELDS_PATH}/{{name}}"), get(catalogues::fields))
}

/// Serves the platform until the shutdown, then finishes what is in flight.
///
/// # Errors
/// When the listener fails, or its address is not a loopback one.
pub async fn serve(
    listener: TcpListener,
    config: SimConfig,
    shutdown: CancellationToken,
) -> io::Result<()> {
    if !listener.local_addr()?.ip().is_loopback() {
        let text = "the simulator is served on a loopback address alone";
        return Err(io::Error::new(io::ErrorKind::AddrNotAvailable, text));
    }
    axum::serve(listener, router(config)).with_graceful_shutdown(shutdown.cancelled_owned()).await
}

#[cfg(test)]
mod tests;
