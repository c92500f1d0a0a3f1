//! A synthetic register of enterprises: twenty thousand that do not exist.
//!
//! None is stored: an enterprise is derived from the seed and its number whenever asked for, and
//! its tax code leads back to its number. What agencies publish of the same seed's enterprises
//! ([`crate::traffic`]) agrees with it. Owners are people of the seed's population. The codes of
//! kinds, states and activities are ours: no list of them was found.

use std::fmt;
use std::sync::OnceLock;

use jiff::civil::Date;

use crate::folding;
use crate::people::{POPULATION, Population};
use crate::random::{chance, dice, pick};
use crate::traffic::purpose;
use crate::traffic::registers::tax_code;

/// How many enterprises there are.
pub const ENTERPRISES: u32 = 20_000;

/// What only the register knows is drawn with dice of its own.
const REGISTER: u32 = 121;

const FORMS: &[&str] = &["CÔNG TY TNHH", "CÔNG TY CỔ PHẦN", "DOANH NGHIỆP TƯ NHÂN"];
const TRADES: &[&str] = &["THƯƠNG MẠI", "XÂY DỰNG", "THỦY SẢN", "NÔNG SẢN", "VẬN TẢI", "DỊCH VỤ"];

/// Whether an enterprise is active.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnterpriseStatus {
    /// It does business; code `1`, which is ours.
    Active,
    /// It stopped for a while; code `2`, which is ours.
    Suspended,
    /// It was dissolved; code `3`, which is ours.
    Dissolved,
}

impl EnterpriseStatus {
    /// Returns the value of `ENTERPRISE_STATUS`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Active => "1",
            Self::Suspended => "2",
            Self::Dissolved => "3",
        }
    }
}

/// Who put capital into an enterprise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// `MEMBER_NAME`.
    pub name: String,
    /// `AMOUNT`, in đồng.
    pub amount: u64,
    /// `RATIO_PERCENT`; an enterprise's members have a hundred together.
    pub percent: u64,
}

/// What an enterprise does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    /// `CODE`, which is ours.
    pub code: String,
    /// `NAME`.
    pub name: &'static str,
    /// `IS_MAIN`.
    pub is_main: bool,
}

/// An enterprise that does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enterprise {
    /// Its number within the register, `ENTERPRISE_ID`.
    pub number: u32,
    /// `ENTERPRISE_GDT_CODE`: the tax code, which is the enterprise's code too.
    pub tax_code: String,
    /// `NAME`.
    pub name: String,
    /// `ENTERPRISE_TYPE_NAME`.
    pub kind_name: &'static str,
    /// `ENTERPRISE_TYPE_ID`, which is ours.
    pub kind_code: String,
    /// `FOUNDING_DATE`.
    pub founded: Date,
    /// `LAST_AMEND_DATE`.
    pub amended: Date,
    /// `NUMBER_CHANGES`.
    pub changes: u32,
    /// `ENTERPRISE_STATUS`.
    pub status: EnterpriseStatus,
    /// `LEGAL_NAMES`.
    pub legal_name: String,
    /// `CAPITAL_AMOUNT`, in đồng.
    pub capital: u64,
    /// `WardID`.
    pub commune_code: String,
    /// `StreetNumber`.
    pub street: String,
    /// `BusinessActivity`; the first is the main one.
    pub activities: Vec<Activity>,
    /// `Member`.
    pub members: Vec<Member>,
}

/// The register of a seed.
///
/// ```
/// use lgsp_sim::enterprises::Enterprises;
/// let register = Enterprises::new(7);
/// let some = register.enterprise(42).expect("there are twenty thousand");
/// assert_eq!(register.find(&some.tax_code), Some(some));
/// ```
pub struct Enterprises {
    seed: u64,
    people: Population,
    /// The names as they are searched for: derived with the first search.
    names: OnceLock<Vec<Box<str>>>,
}

impl Enterprises {
    /// Names the register of a seed.
    pub const fn new(seed: u64) -> Self {
        Self { seed, people: Population::new(seed), names: OnceLock::new() }
    }

    /// Returns the enterprise of a number; `None` from [`ENTERPRISES`] on.
    pub fn enterprise(&self, number: u32) -> Option<Enterprise> {
        if number < ENTERPRISES { self.derive(number) } else { None }
    }

    /// Returns the enterprise with a tax code; `None` if there is none.
    pub fn find(&self, code: &str) -> Option<Enterprise> {
        let serial: u32 = code.get(2..9)?.parse().ok()?;
        let number = serial.checked_sub(9_000_000)? / 2;
        let is_its = number < ENTERPRISES && tax_code(number) == code;
        if is_its { self.derive(number) } else { None }
    }

    /// Searches by a part of the name, whatever its case, diacritics and spaces. Returns how many
    /// there are, and those from `offset` on, `limit` at most, by their numbers.
    pub fn search(&self, part: &str, offset: usize, limit: usize) -> (usize, Vec<Enterprise>) {
        let part = folding::letters_and_digits(part);
        let names = self.names.get_or_init(|| self.names());
        let found: Vec<u32> = (0..ENTERPRISES)
            .zip(names)
            .filter(|(_, name)| name.contains(&part))
            .map(|(number, _)| number)
            .collect();
        let page = found.iter().skip(offset).take(limit);
        (found.len(), page.filter_map(|number| self.derive(*number)).collect())
    }

    fn names(&self) -> Vec<Box<str>> {
        (0..ENTERPRISES)
            .filter_map(|number| self.derive(number))
            .map(|enterprise| folding::letters_and_digits(&enterprise.name).into_boxed_str())
            .collect()
    }

    fn derive(&self, number: u32) -> Option<Enterprise> {
        // In the order of the records that agencies publish, so that they agree.
        let mut dice = dice(self.seed, purpose::ENTERPRISE, u64::from(number));
        let owner = self.people.person(dice.u32(0..POPULATION))?;
        let (kind_name, trade) = (pick(&mut dice, FORMS), pick(&mut dice, TRADES));
        let street = format!("Số {}", dice.u32(1..400));
        let (day, month, year) = (dice.u32(1..=28), dice.u32(1..=12), dice.u32(2000..=2025));
        let founded = date(year, month, day)?;
        let changes = dice.u32(0..8);
        let capital = dice.u64(1..200) * 100_000_000;
        let kind_code =
            FORMS.iter().position(|form| *form == kind_name).map(|at| format!("{:02}", at + 1));
        let legal_name = owner.name.to_string();
        let mut more = self.dice(number);
        Some(Enterprise {
            number,
            tax_code: tax_code(number),
            name: format!("{kind_name} {trade} {} {number}", owner.name.given.to_uppercase()),
            kind_name,
            kind_code: kind_code.unwrap_or_default(),
            founded,
            amended: if changes == 0 { founded } else { date(2026, more.u32(1..=6), day)? },
            changes,
            status: match more.u32(0..100) {
                0..5 => EnterpriseStatus::Suspended,
                5..10 => EnterpriseStatus::Dissolved,
                _ => EnterpriseStatus::Active,
            },
            members: self.members(&mut more, &legal_name, kind_name, capital),
            activities: activities(&mut more, trade),
            legal_name,
            capital,
            commune_code: owner.residence.commune_code,
            street,
        })
    }

    fn dice(&self, number: u32) -> fastrand::Rng {
        dice(self.seed, REGISTER, u64::from(number))
    }

    /// The owner alone, or with one other; a private enterprise has one owner.
    fn members(
        &self,
        dice: &mut fastrand::Rng,
        owner: &str,
        kind: &str,
        capital: u64,
    ) -> Vec<Member> {
        let other = self.people.person(dice.u32(0..POPULATION));
        let percent = dice.u64(51..100);
        let member =
            |name: String, percent| Member { name, amount: capital / 100 * percent, percent };
        match other {
            Some(other) if Some(&kind) != FORMS.last() && chance(dice, 60) => vec![
                member(owner.to_owned(), percent),
                member(other.name.to_string(), 100 - percent),
            ],
            _ => vec![member(owner.to_owned(), 100)],
        }
    }
}

impl fmt::Debug for Enterprises {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Enterprises").field("seed", &self.seed).finish_non_exhaustive()
    }
}

fn date(year: u32, month: u32, day: u32) -> Option<Date> {
    Date::new(year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?).ok()
}

fn activities(dice: &mut fastrand::Rng, trade: &'static str) -> Vec<Activity> {
    let second = pick(dice, TRADES);
    let coded = (9_901..).zip(TRADES);
    let activity = |(code, name): (u32, &&'static str)| Activity {
        code: code.to_string(),
        name,
        is_main: *name == trade,
    };
    let mut activities: Vec<Activity> =
        coded.filter(|(_, name)| **name == trade || **name == second).map(activity).collect();
    activities.sort_by_key(|activity| !activity.is_main);
    activities
}

#[cfg(test)]
mod tests {
    use lgsp_core::identifier::TaxCode;
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::traffic::registers::write_enterprise;

    proptest! {
        #[test]
        fn a_tax_code_leads_back_to_its_enterprise(number in 0..ENTERPRISES) {
            let register = Enterprises::new(7);
            let enterprise = register.enterprise(number).unwrap();
            prop_assert!(TaxCode::parse(&enterprise.tax_code).is_ok());
            prop_assert_eq!(enterprise.members.iter().map(|member| member.percent).sum::<u64>(), 100);
            prop_assert!(enterprise.activities[0].is_main);
            prop_assert_eq!(register.find(&enterprise.tax_code), Some(enterprise));
        }

        #[test]
        fn no_text_makes_a_search_panic(text in "\\PC{0,14}") {
            let _ = Enterprises::new(7).find(&text);
        }

        #[test]
        fn agrees_with_what_agencies_publish(seed: u64, number in 0..ENTERPRISES) {
            let told = write_enterprise(seed, &Population::new(seed), number, 0);
            let told: Value = serde_json::from_slice(&told).unwrap();
            let known = Enterprises::new(seed).enterprise(number).unwrap();
            prop_assert_eq!(told["ENTERPRISE_GDT_CODE"].as_str(), Some(known.tax_code.as_str()));
            prop_assert_eq!(told["NAME"].as_str(), Some(known.name.as_str()));
            let founded = known.founded.strftime("%d/%m/%Y").to_string();
            prop_assert_eq!(told["FOUNDING_DATE"].as_str(), Some(founded.as_str()));
            prop_assert_eq!(told["CAPITAL_AMOUNT"].as_u64(), Some(known.capital));
            prop_assert_eq!(told["HOAdress"]["StreetNumber"].as_str(), Some(known.street.as_str()));
        }
    }

    #[test]
    fn finds_by_a_part_of_the_name_in_pages() {
        let register = Enterprises::new(7);
        let (count, first) = register.search("thuy san", 0, 5);
        assert!((2_500..4_500).contains(&count), "{count}");
        assert!(first.iter().all(|enterprise| enterprise.name.contains("THỦY SẢN")));
        let (_, second) = register.search("Thủy  Sản", 3, 5);
        assert_eq!((&first[3..], first.len()), (&second[..2], 5));
        assert_eq!(register.search("KHÔNG CÓ CÔNG TY NÀY", 0, 5), (0, Vec::new()));
        assert_eq!(register.enterprise(ENTERPRISES), None);
    }
}
