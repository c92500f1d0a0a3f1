//! What is odd about a record as a whole: fields that contradict each other, or a field whose
//! absence is unusual. A schema declares it in its block; a breach is a warning.

use lgsp_core::identifier::numbered_birth;
use lgsp_core::rule::{self, Rule};
use lgsp_core::{Fault, Violation};
use serde::Deserialize;
use serde_json::Value;

use crate::place::Place;

/// One declared oddity; `rule` in the file is the rule's code.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "rule", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Oddity {
    /// The gender (1 male, 2 female) is not that of the personal number.
    GenderAgainstNumber { number: Place, gender: Place },
    /// The year at the first of these places that has a date is not that of the personal number.
    BirthYearAgainstNumber { number: Place, birth: Vec<Place> },
    /// There is a time of reception, and no deadline.
    MissingDeadline { at: Place, reception: Place },
    /// A field is missing or empty that the newer of the sources always has, and the older never.
    MissingExpected { at: Place },
    /// The deadline lies before the reception; both are portal times.
    DeadlineBeforeReception { at: Place, reception: Place },
}

impl Oddity {
    /// Returns every place that must be declared as text.
    pub(crate) fn places(&self) -> Vec<&Place> {
        match self {
            Self::GenderAgainstNumber { number, gender } => vec![number, gender],
            Self::BirthYearAgainstNumber { number, birth } => {
                birth.iter().chain([number]).collect()
            }
            Self::MissingExpected { at } => vec![at],
            Self::MissingDeadline { at, reception }
            | Self::DeadlineBeforeReception { at, reception } => vec![at, reception],
        }
    }

    /// Returns where a valid record is odd in this way, and the rule.
    fn found<'o>(&'o self, record: &Value) -> Option<(&'o Place, &'static Rule)> {
        match self {
            Self::GenderAgainstNumber { number, gender } => {
                let male = match gender.find(record)? {
                    Value::String(code) => gender_of(code)?,
                    Value::Number(code) => gender_of(&code.to_string())?,
                    _ => return None,
                };
                let birth = numbered_birth(number.text(record)?)?;
                (birth.male != male).then_some((gender, &rule::GENDER_AGAINST_NUMBER))
            }
            Self::BirthYearAgainstNumber { number, birth } => {
                let (place, date) =
                    birth.iter().find_map(|place| Some((place, place.text(record)?)))?;
                // Every form of a date of birth begins with the year.
                let year: i16 = date.get(..4)?.parse().ok()?;
                let numbered = numbered_birth(number.text(record)?)?;
                (numbered.year != year).then_some((place, &rule::BIRTH_YEAR_AGAINST_NUMBER))
            }
            Self::MissingDeadline { at, reception } => {
                reception.text(record)?;
                at.text(record).is_none().then_some((at, &rule::MISSING_DEADLINE))
            }
            Self::MissingExpected { at } => {
                at.text(record).is_none().then_some((at, &rule::MISSING_EXPECTED))
            }
            Self::DeadlineBeforeReception { at, reception } => {
                // Written year first, times order as texts.
                let before = at.text(record)? < reception.text(record)?;
                before.then_some((at, &rule::DEADLINE_BEFORE_RECEPTION))
            }
        }
    }
}

/// Adds what is odd about a valid record to what is odd about its single values, sorted by pointer.
pub(crate) fn add(oddities: &[Oddity], record: &Value, warnings: &mut Vec<Violation>) {
    let known = warnings.len();
    for (place, rule) in oddities.iter().filter_map(|oddity| oddity.found(record)) {
        if warnings.len() < Fault::MAX_VIOLATIONS {
            warnings.push(Violation::new(place.pointer(), rule));
        }
    }
    if warnings.len() > known {
        warnings.sort_by(|left, right| left.pointer.cmp(&right.pointer));
    }
}

/// Tells whether a gender's code says male; `None` for a code that says neither.
fn gender_of(code: &str) -> Option<bool> {
    match code {
        "1" => Some(true),
        "2" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(oddity: Value, record: Value) -> Option<(String, &'static str)> {
        let oddity: Oddity = serde_json::from_value(oddity).unwrap();
        oddity.found(&record).map(|(place, rule)| (place.pointer().to_owned(), rule.code))
    }

    #[test]
    fn a_gender_contradicts_the_number_or_not() {
        let judged = |number: Value, gender: Value| {
            let oddity =
                json!({"rule": "gender_against_number", "number": "/So", "gender": "/Gioi"});
            found(oddity, json!({"So": number, "Gioi": gender}))
        };
        let odd = Some(("/Gioi".to_owned(), "gender_against_number"));
        let (woman, man) = (json!("086190000001"), json!("086090000001"));
        assert_eq!(judged(woman.clone(), json!("1")), odd);
        assert_eq!(judged(man.clone(), json!(2)), odd);
        assert_eq!(judged(woman.clone(), json!("2")), None);
        assert_eq!(judged(man, json!(1)), None);
        for unknown in [json!("3"), json!(""), json!(null), json!(3)] {
            assert_eq!(judged(woman.clone(), unknown), None);
        }
        assert_eq!(judged(json!("330000001"), json!("1")), None);
    }

    #[test]
    fn a_year_of_birth_contradicts_the_number_in_year_or_century() {
        let judged = |birth: Value| {
            let places = ["/Sinh", "/Sinh/NgayThangNam", "/Sinh/Nam"];
            let oddity =
                json!({"rule": "birth_year_against_number", "number": "/So", "birth": places});
            found(oddity, json!({"So": "086301000001", "Sinh": birth})).map(|(place, _)| place)
        };
        for usual in [json!("2001-05-06"), json!("2001"), json!(""), json!(null), json!({})] {
            assert_eq!(judged(usual.clone()), None, "{usual}");
        }
        assert_eq!(judged(json!({"NgayThangNam": "20010506", "Nam": "1990"})), None);
        assert_eq!(judged(json!("1901-05-06")).as_deref(), Some("/Sinh"));
        assert_eq!(judged(json!("2002")).as_deref(), Some("/Sinh"));
        assert_eq!(
            judged(json!({"NgayThangNam": "", "Nam": "2002"})).as_deref(),
            Some("/Sinh/Nam")
        );
    }

    #[test]
    fn an_expected_field_may_be_missing_and_that_is_told() {
        let judged = |record: Value| {
            found(json!({"rule": "missing_expected", "at": "/Noi"}), record).map(|(place, _)| place)
        };
        for missing in [json!({}), json!({"Noi": ""}), json!({"Noi": null})] {
            assert_eq!(judged(missing).as_deref(), Some("/Noi"));
        }
        assert_eq!(judged(json!({"Noi": "2"})), None);
    }

    #[test]
    fn a_deadline_is_missed_only_after_the_reception() {
        let judged = |rule: &str, due: Value, received: Value| {
            let oddity = json!({"rule": rule, "at": "/Hen", "reception": "/Nhan"});
            found(oddity, json!({"Hen": due, "Nhan": received})).is_some()
        };
        let (before, after) = (json!("20260703093000"), json!("20260710170000"));
        for none in [json!(""), json!(null)] {
            assert!(judged("missing_deadline", none.clone(), before.clone()));
            assert!(!judged("missing_deadline", none.clone(), none.clone()));
            assert!(!judged("deadline_before_reception", none.clone(), after.clone()));
            assert!(!judged("deadline_before_reception", before.clone(), none));
        }
        assert!(!judged("missing_deadline", after.clone(), before.clone()));
        assert!(!judged("deadline_before_reception", after.clone(), before.clone()));
        assert!(!judged("deadline_before_reception", after.clone(), after.clone()));
        assert!(judged("deadline_before_reception", before, after));
    }

    #[test]
    fn warnings_stay_sorted_and_bounded() {
        let oddities: Vec<Oddity> = serde_json::from_value(json!([
            {"rule": "missing_deadline", "at": "/Hen", "reception": "/Nhan"},
        ]))
        .unwrap();
        let record = json!({"Nhan": "20260703093000"});
        let mut warnings = vec![Violation::new("/Z", &rule::UNKNOWN_FIELD)];
        add(&oddities, &record, &mut warnings);
        let places: Vec<_> = warnings.iter().map(|warning| warning.pointer.as_str()).collect();
        assert_eq!(places, ["/Hen", "/Z"]);
        let mut full = vec![Violation::new("/Z", &rule::UNKNOWN_FIELD); Fault::MAX_VIOLATIONS];
        add(&oddities, &record, &mut full);
        assert_eq!(full.len(), Fault::MAX_VIOLATIONS);
    }
}
