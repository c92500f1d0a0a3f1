//! The packets of the national public service portal, under `/dvcqg/`: one-stop software that
//! calls the portal changes its URL and nothing else.
//!
//! | step | call |
//! |---|---|
//! | log in | `POST /dvcqg/login` with `{"username", "password"}` → `{"session", "error_code": 0}` |
//! | everything else | `POST /dvcqg/service` with `{"session", "madonvi", "service", …}` |
//! | the other transport | `POST /dvcqg/api/SynsTTHCC/<service>?MaDinhDanhDV=…&isUpdating=…` with a bare list; the session in `Authorization: Bearer …` or a header `session` |
//!
//! The portal's answers are always HTTP 200, with an `error_code` within (`reply`). The session is an
//! access token, so that it outlives a restart of the bus. It never stands in a URL, where proxies
//! would log it.
//!
//! Sources: the client code of OpenCPS and of two provinces' one-stop systems; the portal's own
//! guide is not public. Where those are silent, the choice stands beside the code.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{Query, State};
use axum::response::Response;
use axum::routing::post;
use axum::{Extension, Router};
use bytes::Bytes;
use http::{HeaderMap, Request};
use lgsp_core::{ErrorCode, Fault, rule};
use lgsp_identity::{Password, Principal};
use serde::Deserialize;

use crate::door::RequestId;
use crate::routes::Gateway;
use crate::{json, oauth_http};

mod catalogue;
mod delivery;
mod envelope;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod reply;
mod room;

use delivery::{Delivery, Kind};
use envelope::{Envelope, Records};
use reply::Reply;
use room::Room;

/// The largest packet, in bytes.
const MAX_PACKET_BYTES: usize = 16 * 1024 * 1024;

/// The largest login, in bytes.
const MAX_LOGIN_BYTES: usize = 16 * 1024;

/// How long a packet may take to come.
const READING_PATIENCE: Duration = Duration::from_secs(9);

/// How long the work on it may take: both together end before the door's own patience.
const WORKING_PATIENCE: Duration = Duration::from_secs(9);

/// Binds the routes.
pub(crate) fn router() -> Router<Gateway> {
    Router::new()
        .route("/dvcqg/login", post(log_in))
        .route("/dvcqg/service", post(serve))
        .route("/dvcqg/api/SynsTTHCC/DongBoHoSoMC", post(serve_list))
        .route("/dvcqg/api/SynsTTHCC/CapNhatTienDoHoSoMC", post(serve_list))
        .layer(Extension(Arc::new(Room::default())))
}

/// The body of a login.
#[derive(Deserialize)]
struct Login {
    username: String,
    password: Password,
}

/// `POST /dvcqg/login`. Headers such as `dstcode` are for the portal's own routing.
async fn log_in(
    State(gateway): State<Gateway>,
    Extension(RequestId(request_id)): Extension<RequestId>,
    request: Request<Body>,
) -> Response {
    let work = async {
        let body = in_time(json::body(request.into_body(), MAX_LOGIN_BYTES)).await?;
        // What is wrong with it is not told: the place might be within the password.
        let login: Login = serde_json::from_slice(&body)
            .map_err(|_| Fault::at(ErrorCode::InvalidRequest, "", &rule::REQUEST))?;
        drop(body);
        gateway.identity.log_in(&login.username, &login.password).await
    };
    reply::login(&work.await, &request_id)
}

/// `POST /dvcqg/service`.
async fn serve(
    State(gateway): State<Gateway>,
    Extension(RequestId(request_id)): Extension<RequestId>,
    Extension(room): Extension<Arc<Room>>,
    request: Request<Body>,
) -> Response {
    let work = async {
        let (body, _place) = in_time(room.read(request.into_body())).await?;
        let envelope = Envelope::read(&body)?;
        let session = envelope.session.as_deref().ok_or(ErrorCode::Unauthenticated)?;
        let caller = gateway.identity.authenticate(Some(&format!("Bearer {session}")))?;
        answer(&gateway, &caller, &body, envelope).await
    };
    work.await.unwrap_or_else(|fault| Reply::refusal(&fault)).into_response(&request_id)
}

/// What the other transport says in the URL; further parameters pass.
#[derive(Debug, Deserialize)]
struct Named {
    #[serde(rename = "MaDinhDanhDV")]
    agency: Option<String>,
    #[serde(rename = "isUpdating")]
    updating: Option<String>,
}

/// `POST /dvcqg/api/SynsTTHCC/…`: the path ends with the service.
async fn serve_list(
    State(gateway): State<Gateway>,
    Extension(RequestId(request_id)): Extension<RequestId>,
    Extension(room): Extension<Arc<Room>>,
    named: Result<Query<Named>, axum::extract::rejection::QueryRejection>,
    request: Request<Body>,
) -> Response {
    let work = async {
        // Before anything of the body is read.
        let caller = caller_of(&gateway, request.headers())?;
        let Query(named) =
            named.map_err(|_| Fault::at(ErrorCode::InvalidRequest, "", &rule::REQUEST))?;
        let updating = named.updating.as_deref().map(envelope::flag);
        let service = request.uri().path().rsplit('/').next().map(|name| name.to_owned().into());
        let (body, _place) = in_time(room.read(request.into_body())).await?;
        let envelope = Envelope {
            agency: named.agency.map(Into::into),
            service,
            updating: updating.transpose()?,
            data: Some(Records::read(&body)?),
            ..Envelope::default()
        };
        answer(&gateway, &caller, &body, envelope).await
    };
    work.await.unwrap_or_else(|fault| Reply::refusal(&fault)).into_response(&request_id)
}

/// Proves who calls, by a header. The portal's clients do not agree on one.
fn caller_of(gateway: &Gateway, headers: &HeaderMap) -> Result<Principal, Fault> {
    match oauth_http::authorization(headers) {
        Some(authorization) => gateway.identity.authenticate(Some(authorization)),
        None => {
            let session = headers.get("session").and_then(|value| value.to_str().ok());
            let session = session.map(|session| format!("Bearer {session}"));
            gateway.identity.authenticate(session.as_deref())
        }
    }
}

async fn in_time<T>(work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    let late = |_| Fault::new(ErrorCode::DeadlineExceeded);
    tokio::time::timeout(READING_PATIENCE, work).await.map_err(late)?
}

/// Answers one packet.
async fn answer(
    gateway: &Gateway,
    caller: &Principal,
    body: &Bytes,
    envelope: Envelope<'_>,
) -> Result<Reply, Fault> {
    let deadline = Instant::now() + WORKING_PATIENCE;
    let missing = |name| Fault::at(ErrorCode::InvalidRequest, name, &rule::REQUIRED);
    match envelope.service.as_deref().ok_or_else(|| missing("/service"))? {
        "DongBoHoSoMC" => deliver(gateway, caller, body, envelope, Kind::Dossier, deadline).await,
        "CapNhatTienDoHoSoMC" => {
            deliver(gateway, caller, body, envelope, Kind::Progress, deadline).await
        }
        "TraCuuHoSo" => {
            let dossier = envelope.dossier.as_deref().ok_or_else(|| missing("/mahoso"))?;
            let event_type = Kind::Dossier.event_type();
            let found = gateway.ingest.recall(caller, event_type, dossier, deadline).await?;
            Ok(Reply::dossier(found.as_ref()))
        }
        "LayThuTuc" => {
            let code = envelope.procedure.as_deref().ok_or_else(|| missing("/maTTHC"))?;
            catalogue::one(&gateway.identity, code)
        }
        "LayDanhSachTTHC" => Ok(catalogue::all(&gateway.identity)),
        _ => Err(Fault::at(ErrorCode::Unimplemented, "/service", &rule::ENUM)),
    }
}

async fn deliver(
    gateway: &Gateway,
    caller: &Principal,
    body: &Bytes,
    envelope: Envelope<'_>,
    kind: Kind,
    deadline: Instant,
) -> Result<Reply, Fault> {
    let missing = |name| Fault::at(ErrorCode::InvalidRequest, name, &rule::REQUIRED);
    let agency = envelope.agency.ok_or_else(|| missing("/madonvi"))?;
    let records = envelope.data.ok_or_else(|| missing("/data"))?.within(body)?;
    // Who does not say whether it is new or an update does not want to be told that it is there.
    let only_new = kind == Kind::Dossier && envelope.updating == Some(false);
    let delivery = Delivery { kind, agency: &agency, only_new, records };
    let outcomes = delivery.hand_over(gateway, caller, deadline).await?;
    Ok(Reply::outcomes(kind, &outcomes))
}
