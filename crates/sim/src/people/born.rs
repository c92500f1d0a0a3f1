//! Finds people by their birth: years of birth rise with the index, so that only a few thousand
//! people need a look.

use super::{Birth, FIRST_YEAR, LAST_YEAR, PAIRS, POPULATION, Person, Population, YEARS};

/// Wives are up to four years younger than the pair's year.
const YOUNGER: i16 = 4;

impl Population {
    /// Returns the people born in a year whose birth is of a certain kind, by their index.
    ///
    /// ```
    /// use lgsp_sim::people::Population;
    /// let people = Population::new(7);
    /// let someone = people.person(123_456).expect("there are a million people");
    /// let mut alike = people.born(someone.birth.year(), |birth| birth == someone.birth);
    /// assert!(alike.any(|person| person == someone));
    /// ```
    pub fn born(&self, year: i16, holds: impl Fn(Birth) -> bool) -> impl Iterator<Item = Person> {
        let last = if (FIRST_YEAR..=LAST_YEAR).contains(&year) { first_index(year + 1) } else { 0 };
        (first_index(year.saturating_sub(YOUNGER))..last)
            .filter(move |index| {
                let birth = self.birth(*index);
                birth.year() == year && holds(birth)
            })
            .filter_map(|index| self.person(index))
    }
}

/// Returns the first index whose pair is of that year or a later one.
fn first_index(year: i16) -> u32 {
    let years_in = u32::try_from(year.clamp(FIRST_YEAR, LAST_YEAR + 1) - FIRST_YEAR).unwrap_or(0);
    ((years_in * PAIRS).div_ceil(YEARS) * 2).min(POPULATION)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PEOPLE: Population = Population::new(7);

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn everyone_is_found_by_their_birth(index in 0..POPULATION) {
            let person = PEOPLE.person(index).unwrap();
            let mut alike = PEOPLE.born(person.birth.year(), |birth| birth == person.birth);
            prop_assert!(alike.any(|found| found.index == index));
        }
    }

    #[test]
    fn years_without_births_find_nobody() {
        for year in [i16::MIN, 1929, 2025, i16::MAX] {
            assert_eq!(PEOPLE.born(year, |_| true).count(), 0, "{year}");
        }
    }
}
