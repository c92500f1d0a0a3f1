//! The look-ups that officers make in a day.

use jiff::civil::Date;

use super::dossier::{PROCEDURES, code};
use super::purpose;
use crate::people::{POPULATION, Person, Population};
use crate::random::dice;

/// What the bus should answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpectAnswer {
    /// The citizen's record.
    Found,
    /// That there is no such citizen.
    NotFound,
    /// A refusal, since the question states no purpose.
    PurposeRequired,
}

/// Why a planned question is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedPurpose {
    /// The dossier's code.
    pub dossier: String,
    /// The procedure's code.
    pub procedure: String,
    /// The officer's number.
    pub officer: String,
}

/// A question that an officer is going to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedLookUp {
    /// `SoDinhDanh`.
    pub personal_number: String,
    /// `HoVaTen`, as one writes it, with diacritics.
    pub full_name: String,
    /// `yyyy-MM-dd`, or the year alone.
    pub birth_date: String,
    /// Why; a few questions do not say.
    pub purpose: Option<PlannedPurpose>,
    /// What should be answered.
    pub expectation: ExpectAnswer,
}

/// Plans `count` questions about the population of the seed, to be asked of a platform with the
/// same seed: about one in ten about nobody, one in twenty without a purpose.
pub fn questions(
    seed: u64,
    day: Date,
    count: usize,
    agencies: &[&str],
) -> impl Iterator<Item = PlannedLookUp> + use<> {
    let agencies: Vec<String> = agencies.iter().map(|agency| (*agency).to_owned()).collect();
    let people = Population::new(seed);
    (0..count).filter_map(move |number| {
        let mut dice = dice(seed, purpose::QUESTION, u64::try_from(number).ok()?);
        let person = people.person(dice.u32(0..POPULATION))?;
        let officer = people.person(dice.u32(0..POPULATION))?.personal_number;
        let dossier = code(dice.choice(&agencies)?, day, dice.u32(1..=9999));
        let procedure = dice.choice(PROCEDURES)?.code.to_owned();
        // By turns rather than by chance, so that even a short plan has each kind.
        let expectation = match number % 20 {
            7 | 17 => ExpectAnswer::NotFound,
            13 => ExpectAnswer::PurposeRequired,
            _ => ExpectAnswer::Found,
        };
        let known = expectation != ExpectAnswer::NotFound;
        Some(PlannedLookUp {
            personal_number: if known {
                person.personal_number.clone()
            } else {
                nobodys_number(&person)
            },
            full_name: person.name.to_string(),
            birth_date: person.birth.to_string(),
            purpose: (expectation != ExpectAnswer::PurposeRequired).then_some(PlannedPurpose {
                dossier,
                procedure,
                officer,
            }),
            expectation,
        })
    })
}

/// Makes a number of the right form that nobody has: the person's with another province, where
/// only they could have it.
fn nobodys_number(person: &Person) -> String {
    let tail = person.personal_number.get(3..).unwrap_or_default();
    format!("062{tail}")
}

#[cfg(test)]
mod tests {
    use lgsp_core::identifier::{DossierCode, OfficerNumber, PersonalNumber, ProcedureCode};

    use super::*;

    #[test]
    fn questions_are_what_they_are_expected_to_be() {
        let people = Population::new(7);
        let plan: Vec<PlannedLookUp> =
            questions(7, jiff::civil::date(2026, 7, 3), 200, &["H61.14"]).collect();
        let count = |kind| plan.iter().filter(|question| question.expectation == kind).count();
        assert_eq!(plan.len(), 200);
        assert_eq!(count(ExpectAnswer::NotFound), 20);
        assert_eq!(count(ExpectAnswer::PurposeRequired), 10);
        for question in &plan {
            assert!(PersonalNumber::parse(&question.personal_number).is_ok());
            let known = people.find(&question.personal_number);
            assert_eq!(known.is_none(), question.expectation == ExpectAnswer::NotFound);
            assert_eq!(
                question.purpose.is_none(),
                question.expectation == ExpectAnswer::PurposeRequired
            );
            if let Some(known) = known {
                assert_eq!(known.name.to_string(), question.full_name);
            }
            if let Some(purpose) = &question.purpose {
                assert!(DossierCode::parse(&purpose.dossier).is_ok());
                assert!(ProcedureCode::parse(&purpose.procedure).is_ok());
                assert!(OfficerNumber::parse(&purpose.officer).is_ok());
            }
        }
    }
}
