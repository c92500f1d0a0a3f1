//! A synthetic population of a province: a million people who do not exist.
//!
//! Nobody is stored: a person is derived from the seed and an index whenever asked for, and a
//! personal number leads back to its index. Families hold together: parents are people of this
//! population where it reaches back far enough, children bear the father's family name, and a
//! spouse's spouse is oneself.

mod born;
mod names;
mod number;

use jiff::civil::Date;

use crate::random::{chance, dice, draw, pick};

/// How many people there are.
pub const POPULATION: u32 = 1_000_000;

/// Two people of neighbouring indices, a man and a woman of about one age.
const PAIRS: u32 = POPULATION / 2;
/// The eldest are born in this year.
const FIRST_YEAR: i16 = 1930;
/// The youngest are born in this year.
const LAST_YEAR: i16 = 2024;
/// How many years of birth there are; pairs are spread over them evenly.
const YEARS: u32 = 95;
/// Only who was born by then is married.
const LAST_MARRIED_YEAR: i16 = 2001;

/// What dice are thrown for, each with dice of its own.
mod purpose {
    pub(super) const BIRTH: u32 = 1;
    pub(super) const PARENTS: u32 = 2;
    pub(super) const LINEAGE: u32 = 3;
    pub(super) const MARRIAGE: u32 = 4;
    pub(super) const PERSON: u32 = 5;
    pub(super) const HOME: u32 = 6;
    pub(super) const PREFIX: u32 = 7;
}

/// A gender, by the population database's codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gender {
    /// Code 1, nam.
    Male,
    /// Code 2, nữ.
    Female,
}

/// When someone was born, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Birth {
    /// The day.
    Day(Date),
    /// The year alone, as of some of the elder.
    Year(i16),
}

impl Birth {
    /// Returns the year.
    pub fn year(self) -> i16 {
        match self {
            Self::Day(day) => day.year(),
            Self::Year(year) => year,
        }
    }
}

impl std::fmt::Display for Birth {
    /// Writes `yyyy-MM-dd` or `yyyy`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Day(day) => write!(f, "{day}"),
            Self::Year(year) => write!(f, "{year:04}"),
        }
    }
}

/// A Vietnamese name in its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name {
    /// `Ho`.
    pub family: &'static str,
    /// `ChuDem`.
    pub middle: &'static str,
    /// `Ten`.
    pub given: &'static str,
}

impl std::fmt::Display for Name {
    /// Writes the parts, joined by spaces.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {}", self.family, self.middle, self.given)
    }
}

/// A place of the two levels that exist since 1 July 2025. The commune codes (99001 and up) are
/// of the prescribed form and belong to no commune.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    /// `MaTinhThanh`.
    pub province_code: &'static str,
    /// `MaPhuongXa`.
    pub commune_code: String,
    /// `ChiTiet`.
    pub detail: String,
}

/// Someone who does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The index within the population.
    pub index: u32,
    /// `SoDinhDanh`.
    pub personal_number: String,
    /// `SoCMND`; many of the elder still have one.
    pub identity_card_number: Option<String>,
    /// `HoVaTen`.
    pub name: Name,
    /// `GioiTinh`.
    pub gender: Gender,
    /// `NgayThangNamSinh`.
    pub birth: Birth,
    /// `DanToc`.
    pub ethnic_group_code: &'static str,
    /// `TonGiao`.
    pub religion_code: &'static str,
    /// The present code of the province where the birth was registered.
    pub birth_province_code: &'static str,
    /// `ThuongTru`.
    pub residence: Home,
    /// The indices of `Cha` and `Me`, where the population reaches back to them.
    pub parents: Option<(u32, u32)>,
    /// The index of `VoChong`.
    pub spouse: Option<u32>,
}

/// The population of a seed.
///
/// ```
/// use lgsp_sim::people::Population;
/// let people = Population::new(7);
/// let someone = people.person(123_456).expect("there are a million people");
/// assert_eq!(people.find(&someone.personal_number), Some(someone));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Population {
    seed: u64,
}

impl Population {
    /// Names the population of a seed.
    pub const fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// Returns the person of an index; `None` from [`POPULATION`] on.
    pub fn person(&self, index: u32) -> Option<Person> {
        (index < POPULATION).then(|| self.derive(index))
    }

    /// Returns the person with a personal number; `None` if there is nobody with it.
    pub fn find(&self, personal_number: &str) -> Option<Person> {
        let person = self.person(number::index(personal_number)?)?;
        (person.personal_number == personal_number).then_some(person)
    }

    fn derive(&self, index: u32) -> Person {
        let mut dice = self.dice(purpose::PERSON, index);
        let gender = gender(index);
        let birth = self.birth(index);
        let (family, ethnic_group_code) = self.lineage(index);
        let (middle, given) = match gender {
            Gender::Male => (names::MIDDLE_MALE, names::GIVEN_MALE),
            Gender::Female => (names::MIDDLE_FEMALE, names::GIVEN_FEMALE),
        };
        let name = Name { family, middle: pick(&mut dice, middle), given: pick(&mut dice, given) };
        let (prefix, birth_province_code) =
            draw(&mut self.dice(purpose::PREFIX, index), number::PREFIXES);
        let has_card = birth.year() <= 1997 && chance(&mut dice, 60);
        Person {
            index,
            personal_number: number::compose(prefix, gender, birth.year(), index),
            identity_card_number: has_card.then(|| format!("330{:06}", number::serial(index))),
            name,
            gender,
            birth,
            ethnic_group_code,
            religion_code: draw(&mut dice, &[("00", 75), ("01", 17), ("02", 8)]),
            birth_province_code,
            residence: self.residence(index),
            parents: self.parents(index),
            spouse: self.spouse(index),
        }
    }

    fn dice(&self, purpose: u32, index: u32) -> fastrand::Rng {
        dice(self.seed, purpose, u64::from(index))
    }

    fn birth(&self, index: u32) -> Birth {
        let mut dice = self.dice(purpose::BIRTH, index);
        let year = match gender(index) {
            Gender::Male => pair_year(index / 2),
            Gender::Female => (pair_year(index / 2) + dice.i16(0..5)).min(LAST_YEAR),
        };
        if year < 1970 && chance(&mut dice, 10) {
            return Birth::Year(year);
        }
        // Every month has 28 days at least, so that the day always exists.
        Date::new(year, dice.i8(1..=12), dice.i8(1..=28)).map_or(Birth::Year(year), Birth::Day)
    }

    /// Finds the father and the mother: a pair that was born 24 to 38 years before.
    fn parents(&self, index: u32) -> Option<(u32, u32)> {
        let mut dice = self.dice(purpose::PARENTS, index);
        let year = self.birth(index).year() - dice.i16(24..=38);
        let years_in = u32::try_from(year - FIRST_YEAR).ok()?;
        let first = (years_in * PAIRS).div_ceil(YEARS);
        let pair = (first + dice.u32(0..PAIRS / YEARS)).min(PAIRS - 1);
        Some((pair * 2, pair * 2 + 1))
    }

    /// Goes up the fathers to the eldest, whose family name and ethnic group all bear.
    fn lineage(&self, index: u32) -> (&'static str, &'static str) {
        let mut eldest = index;
        while let Some((father, _)) = self.parents(eldest) {
            eldest = father;
        }
        draw(&mut self.dice(purpose::LINEAGE, eldest), names::LINEAGES)
    }

    fn spouse(&self, index: u32) -> Option<u32> {
        let pair = index / 2;
        let of_age = pair_year(pair) <= LAST_MARRIED_YEAR - 4;
        (of_age && chance(&mut self.dice(purpose::MARRIAGE, pair), 85)).then_some(index ^ 1)
    }

    /// Spouses live together.
    fn residence(&self, index: u32) -> Home {
        let household = self.spouse(index).map_or(index, |spouse| spouse.min(index));
        let mut dice = self.dice(purpose::HOME, household);
        let detail = if chance(&mut dice, 50) {
            format!("Số {}, đường {}", dice.u32(1..400), pick(&mut dice, names::STREETS))
        } else {
            format!("Tổ {}, ấp {}", dice.u32(1..20), dice.u32(1..12))
        };
        Home { province_code: "86", commune_code: format!("{}", 99_001 + dice.u32(0..124)), detail }
    }
}

fn gender(index: u32) -> Gender {
    if index.is_multiple_of(2) { Gender::Male } else { Gender::Female }
}

fn pair_year(pair: u32) -> i16 {
    FIRST_YEAR + i16::try_from(u64::from(pair) * u64::from(YEARS) / u64::from(PAIRS)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use lgsp_core::identifier::{FORMATS, Format, ODDITIES, PersonalNumber};
    use proptest::prelude::*;

    use super::*;

    const PEOPLE: Population = Population::new(20_260_703);

    proptest! {
        #[test]
        fn a_number_leads_back_to_its_person(index in 0..POPULATION) {
            let person = PEOPLE.person(index).unwrap();
            prop_assert_eq!(PEOPLE.find(&person.personal_number).map(|found| found.index), Some(index));
        }

        #[test]
        fn numbers_dates_and_cards_have_their_prescribed_form(index in 0..POPULATION) {
            let person = PEOPLE.person(index).unwrap();
            prop_assert!(PersonalNumber::parse(&person.personal_number).is_ok());
            let find = |rules: &[Format], name: &str| rules.iter().find(|(format, _)| *format == name).unwrap().1;
            prop_assert!(find(ODDITIES, "personal-number")(&person.personal_number).is_ok());
            prop_assert!(find(ODDITIES, "person-name")(&person.name.to_string()).is_ok());
            let check = |name| find(FORMATS, name);
            prop_assert!(check("person-name")(&person.name.to_string()).is_ok());
            prop_assert!(check("birth-date")(&person.birth.to_string()).is_ok());
            if let Some(card) = &person.identity_card_number {
                prop_assert!(check("identity-card-9")(card).is_ok());
            }
        }

        #[test]
        fn families_hold_together(index in 0..POPULATION) {
            let person = PEOPLE.person(index).unwrap();
            if let Some((father, mother)) = person.parents {
                let (father, mother) = (PEOPLE.person(father).unwrap(), PEOPLE.person(mother).unwrap());
                prop_assert_eq!((father.gender, mother.gender), (Gender::Male, Gender::Female));
                prop_assert_eq!(father.name.family, person.name.family);
                prop_assert_eq!(father.ethnic_group_code, person.ethnic_group_code);
                prop_assert!((18..=40).contains(&(person.birth.year() - mother.birth.year())));
                prop_assert!((24..=40).contains(&(person.birth.year() - father.birth.year())));
            }
            if let Some(spouse) = person.spouse {
                let spouse = PEOPLE.person(spouse).unwrap();
                prop_assert_eq!(spouse.spouse, Some(index));
                prop_assert_eq!(spouse.residence, person.residence);
            }
        }

        #[test]
        fn no_text_makes_a_search_panic(text in "\\PC{0,20}") {
            let _ = PEOPLE.find(&text);
        }
    }

    #[test]
    fn a_population_is_the_same_on_every_run() {
        // Changing what a seed means breaks every recorded demonstration: it is pinned here.
        let person = PEOPLE.person(123_456).unwrap();
        assert_eq!(person.personal_number, "083041882048");
        assert_eq!(person.name.to_string(), "Nguyễn Minh Nhân");
        assert_ne!(Population::new(1).person(5), Population::new(2).person(5));
    }

    #[test]
    fn the_population_is_mixed() {
        let sample: Vec<Person> =
            (0..POPULATION).step_by(997).filter_map(|index| PEOPLE.person(index)).collect();
        let share = |holds: &dyn Fn(&Person) -> bool| {
            sample.iter().filter(|person| holds(person)).count() * 100 / sample.len()
        };
        assert!((35..=45).contains(&share(&|person| person.personal_number.starts_with("086"))));
        assert!((1..=10).contains(&share(&|person| matches!(person.birth, Birth::Year(_)))));
        assert!((5..=20).contains(&share(&|person| person.ethnic_group_code == "05")));
        assert!((40..=80).contains(&share(&|person| person.spouse.is_some())));
        assert_eq!(PEOPLE.person(POPULATION), None);
    }
}
