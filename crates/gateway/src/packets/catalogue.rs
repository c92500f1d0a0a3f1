//! The catalogue of procedures, as the portal tells it.

use lgsp_core::identifier::ProcedureCode;
use lgsp_core::{ErrorCode, Fault};
use lgsp_identity::Identity;
use serde::Serialize;

use super::reply::Reply;

/// Answers `LayThuTuc`: one procedure; none where there is no such, as with every look-up.
///
/// # Errors
/// `invalid_request` where the code is none.
pub(super) fn one(identity: &Identity, code: &str) -> Result<Reply, Fault> {
    let code = ProcedureCode::parse(code)
        .map_err(|rule| Fault::at(ErrorCode::InvalidRequest, "/maTTHC", rule))?;
    let found = identity.registry().procedures().find(&code).map(|procedure| procedure.detail());
    Ok(Reply::found(found.as_slice(), "Không tìm thấy thủ tục hành chính."))
}

/// One line of the list.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(rename = "MATTHC")]
    code: &'a str,
    #[serde(rename = "TENTTHC")]
    name: &'a str,
}

/// Answers `LayDanhSachTTHC`: every procedure's code and name.
pub(super) fn all(identity: &Identity) -> Reply {
    let procedures = identity.registry().procedures().iter();
    let lines: Vec<_> = procedures
        .map(|(code, procedure)| Line { code: code.as_str(), name: procedure.name() })
        .collect();
    Reply::found(&lines, "Danh mục thủ tục hành chính trống.")
}
