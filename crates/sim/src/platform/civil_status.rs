//! Civil status (`apiHoTichTuPhap`): dossiers of births, deaths and marriages.
//!
//! A dossier goes one step on with every question about its state, so that a test need not wait:
//! 1 received, 3 eligible, 4 done. One in ten needs a supplement (2) until it is registered
//! again, one in fifty ends in 0.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Json, Response};
use jiff::civil::Date;
use quick_xml::events::Event;
use serde_json::{Value, json};

use super::ledger::number_of;
use super::question::Question;
use super::trouble::Trouble;
use super::{Platform, purpose};
use crate::random::dice;

/// An error of civil status, carried in `errorCode` with HTTP 200 and `status` 0: code and name
/// are the field's, the names of the two answering fields are ours.
type Refusal = (u32, &'static str);

const AUTHEN_ERROR: Refusal = (100, "AUTHEN_ERROR");
const AGENCY_ID_INCORRECT: Refusal = (106, "AGENCY_ID_INCORRECT");
const RECORD_UNCOMPLETE: Refusal = (200, "RECORD_UNCOMPLETE");
const RECORD_NOT_FOUND: Refusal = (201, "RECORD_NOT_FOUND");
const DATA_TYPE_INVALID: Refusal = (302, "DATA_TYPE_INVALID");
const DATA_INCORRECT: Refusal = (500, "DATA_INCORRECT");

/// Births, deaths, and those of the joined procedures.
const MODULES: [&str; 5] = ["KS", "KT", "LTKS", "LTKT", "LTKH"];
/// The forms of date that occur; which of them this service takes was not found.
const DATES: [&str; 5] = ["%d/%m/%Y", "%Y%m%d", "%Y-%m-%d", "%d/%m/%Y %H:%M:%S", "%Y%m%d%H%M%S"];

/// How far a dossier is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Received,
    NeedsSupplement,
    Eligible,
    Done,
    Failed,
}

impl Stage {
    fn status(self) -> u32 {
        match self {
            Self::Failed => 0,
            Self::Received => 1,
            Self::NeedsSupplement => 2,
            Self::Eligible => 3,
            Self::Done => 4,
        }
    }
}

/// A dossier that was registered.
#[derive(Debug)]
pub(super) struct CivilDossier {
    stage: Stage,
    supplemented: bool,
}

/// Registers a dossier. Once more is the supplement that was asked for; otherwise it changes
/// nothing.
pub(super) async fn register(State(platform): State<Arc<Platform>>, body: Bytes) -> Response {
    let answer = match judge(&body) {
        Err(refusal) => refuse(refusal),
        Ok(key) => {
            platform.civil_dossiers.at(&key, |dossier| match dossier {
                Some(dossier) if dossier.stage == Stage::NeedsSupplement => {
                    *dossier = CivilDossier { stage: Stage::Received, supplemented: true };
                }
                Some(_) => {}
                None => {
                    *dossier = Some(CivilDossier { stage: Stage::Received, supplemented: false });
                }
            });
            json!({"status": 1})
        }
    };
    Json(answer).into_response()
}

/// Tells how far a dossier is.
pub(super) async fn state(State(platform): State<Arc<Platform>>, body: Bytes) -> Response {
    let key = Question::read(&body).ok_or(DATA_TYPE_INVALID).and_then(|question| key(&question));
    let stage = key.and_then(|key| {
        platform.civil_dossiers.at(&key, |dossier| {
            let dossier = dossier.as_mut().ok_or(RECORD_NOT_FOUND)?;
            let stage = dossier.stage;
            dossier.stage = next(stage, dossier.supplemented, course(&platform, &key));
            Ok(stage)
        })
    });
    let answer = match stage {
        Ok(Stage::Failed) | Err(DATA_INCORRECT) => refuse(DATA_INCORRECT),
        Ok(stage) => json!({"status": stage.status()}),
        Err(refusal) => refuse(refusal),
    };
    Json(answer).into_response()
}

/// What civil status says of a trouble that is not the question's.
pub(super) fn trouble(trouble: Trouble) -> Value {
    match trouble {
        Trouble::UnknownSystem => refuse(AUTHEN_ERROR),
        Trouble::Failed => refuse(DATA_INCORRECT),
    }
}

fn refuse((code, name): Refusal) -> Value {
    json!({"status": 0, "errorCode": code, "errorDescription": name})
}

/// Draws a dossier's course: a number below 100.
fn course(platform: &Platform, key: &str) -> u32 {
    dice(platform.config.seed, purpose::CIVIL_STATUS, number_of(key)).u32(0..100)
}

fn next(stage: Stage, supplemented: bool, course: u32) -> Stage {
    match (stage, course) {
        (Stage::Received, 0..10) if !supplemented => Stage::NeedsSupplement,
        (Stage::Received, 10..12) => Stage::Failed,
        (Stage::Received, _) => Stage::Eligible,
        (Stage::Eligible, _) => Stage::Done,
        (Stage::NeedsSupplement | Stage::Done | Stage::Failed, _) => stage,
    }
}

/// Judges what is to be registered; returns the dossier's key.
fn judge(body: &[u8]) -> Result<String, Refusal> {
    let question = Question::read(body).ok_or(DATA_TYPE_INVALID)?;
    if !question.missing(&["module", "maHoSo", "ngayTiepNhan", "data"]).is_empty() {
        return Err(RECORD_UNCOMPLETE);
    }
    let key = key(&question)?;
    let day = question.text("ngayTiepNhan");
    let is_day = DATES.iter().any(|form| Date::strptime(form, &day).is_ok());
    if !MODULES.contains(&question.text("module").as_str()) || !is_day {
        return Err(DATA_TYPE_INVALID);
    }
    if is_xml(&question.text("data")) { Ok(key) } else { Err(DATA_INCORRECT) }
}

/// Agency and code name a dossier; the agency is a positive number.
fn key(question: &Question) -> Result<String, Refusal> {
    if !question.missing(&["maDonVi", "maHoSo"]).is_empty() {
        return Err(RECORD_UNCOMPLETE);
    }
    let agency: i64 = question.text("maDonVi").parse().map_err(|_| DATA_TYPE_INVALID)?;
    if agency <= 0 {
        return Err(AGENCY_ID_INCORRECT);
    }
    Ok(format!("{agency} {}", question.text("maHoSo")))
}

/// Tells whether a text is one XML element whose tags match.
fn is_xml(text: &str) -> bool {
    let mut reader = quick_xml::Reader::from_str(text);
    let (mut depth, mut roots) = (0_u32, 0_u32);
    loop {
        match reader.read_event() {
            Err(_) => return false,
            Ok(Event::Start(_)) => {
                roots += u32::from(depth == 0);
                depth += 1;
            }
            Ok(Event::Empty(_)) => roots += u32::from(depth == 0),
            Ok(Event::End(_)) => depth = depth.saturating_sub(1),
            Ok(Event::Eof) => return depth == 0 && roots == 1,
            Ok(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "(\\PC|[<>/a ]){0,40}") {
            prop_assert!(!is_xml(&text) || text.contains('<'));
            prop_assert!(judge(text.as_bytes()).is_err());
        }
    }

    #[test]
    fn tells_xml_from_what_only_looks_like_it() {
        for (text, expected) in [
            ("<?xml version=\"1.0\"?><a><b/></a>", true),
            ("<a/>", true),
            ("<a><b></a>", false),
            ("<a>", false),
            ("<a/><b/>", false),
            ("text", false),
            ("", false),
        ] {
            assert_eq!(is_xml(text), expected, "{text}");
        }
    }

    #[test]
    fn a_supplement_is_waited_for() {
        let asked = next(Stage::Received, false, 5);
        assert_eq!(
            (asked, next(asked, false, 5)),
            (Stage::NeedsSupplement, Stage::NeedsSupplement)
        );
        assert_eq!(next(Stage::Received, true, 5), Stage::Eligible);
        assert_eq!(next(Stage::Received, false, 50), Stage::Eligible);
        assert_eq!(next(Stage::Received, false, 11), Stage::Failed);
        assert_eq!(next(Stage::Eligible, false, 50), Stage::Done);
    }
}
