//! The enterprise register (`apiCSDLDKDN`).

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Json, Response};
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Platform;
use super::trouble::Trouble;
use crate::enterprises::Enterprise;

/// How many enterprises a page of a search has when nothing is said, and at most.
const PAGE: usize = 20;
const LONGEST_PAGE: usize = 100;

/// Which enterprise is meant. Absent and empty are alike.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Detail {
    msdn: String,
}

/// Which enterprises are meant.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Search {
    ten: String,
    offset: String,
    limit: String,
}

/// Tells of an enterprise.
pub(super) async fn detail(
    State(platform): State<Arc<Platform>>,
    Query(question): Query<Detail>,
) -> Response {
    let found = platform.enterprises.find(question.msdn.trim());
    let answer = found.map_or_else(|| refuse("Không tìm thấy doanh nghiệp"), |found| tell(&found));
    Json(answer).into_response()
}

/// Searches by a part of the name, of three letters at least.
pub(super) async fn search(
    State(platform): State<Arc<Platform>>,
    Query(question): Query<Search>,
) -> Response {
    let number = |text: &str, usual: usize| match text.trim() {
        "" => Some(usual),
        text => text.parse().ok(),
    };
    let page = number(&question.offset, 0).zip(number(&question.limit, PAGE));
    let answer = match page {
        Some((offset, limit)) if question.ten.trim().chars().count() >= 3 => {
            let limit = limit.min(LONGEST_PAGE);
            let (count, found) = platform.enterprises.search(&question.ten, offset, limit);
            let rows: Vec<Value> = found.iter().map(brief).collect();
            json!({"DataCount": count, "Status": "1", "Message": "", "Data": rows})
        }
        _ => refuse("Tham số không hợp lệ"),
    };
    Json(answer).into_response()
}

/// What the register says of a trouble that is not the question's.
pub(super) fn trouble(trouble: Trouble) -> Value {
    refuse(trouble.message())
}

fn refuse(message: &str) -> Value {
    json!({"DataCount": 0, "Status": "0", "Message": message})
}

fn brief(enterprise: &Enterprise) -> Value {
    json!({
        "ENTERPRISE_GDT_CODE": enterprise.tax_code,
        "NAME": enterprise.name,
        "ENTERPRISE_STATUS": enterprise.status.code(),
    })
}

fn tell(enterprise: &Enterprise) -> Value {
    let activities: Vec<Value> = enterprise
        .activities
        .iter()
        .map(|activity| {
            let is_main = if activity.is_main { "Y" } else { "N" };
            json!({"CODE": activity.code, "NAME": activity.name, "IS_MAIN": is_main})
        })
        .collect();
    let members: Vec<Value> = enterprise
        .members
        .iter()
        .map(|member| {
            json!({
                "MEMBER_NAME": member.name,
                "AMOUNT": member.amount,
                "RATIO_PERCENT": member.percent,
                "COUNTRY": "VN",
            })
        })
        .collect();
    json!({
        "DataCount": 1,
        "Status": "1",
        "Message": "",
        "MainInformation": {
            "ENTERPRISE_ID": enterprise.number,
            "ENTERPRISE_GDT_CODE": enterprise.tax_code,
            "IMP_BUSINESS_CODE": "",
            "ENTERPRISE_TYPE_ID": enterprise.kind_code,
            "ENTERPRISE_TYPE_NAME": enterprise.kind_name,
            "NAME": enterprise.name,
            "SHORT_NAME": "",
            "NAME_F": "",
            "FOUNDING_DATE": day(enterprise.founded),
            "LAST_AMEND_DATE": day(enterprise.amended),
            "NUMBER_CHANGES": enterprise.changes,
            "ENTERPRISE_STATUS": enterprise.status.code(),
            "LEGAL_NAMES": enterprise.legal_name,
            "CAPITAL_AMOUNT": enterprise.capital,
        },
        "HOAdress": {
            "CityID": "86",
            "CityName": "Vĩnh Long",
            "DistrictID": "",
            "DistrictName": "",
            "WardID": enterprise.commune_code,
            "WardName": "",
            "StreetNumber": enterprise.street,
            "AddressFullText": format!("{}, Vĩnh Long", enterprise.street),
        },
        "BusinessActivity": activities,
        "Member": members,
    })
}

fn day(day: Date) -> String {
    day.strftime("%d/%m/%Y").to_string()
}
