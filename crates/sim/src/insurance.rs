//! Social insurance numbers (`maSoBhxh`, 10 digits) of the synthetic population.
//!
//! Nothing is stored: a number is `86`, two digits that check the rest, and the person's index,
//! shuffled. Only the ten digits are of the field; what they are made of is ours. The same index
//! has the same number with every seed.

use crate::people::POPULATION;

/// Coprime to the population, so that multiplying by it modulo the population loses nothing.
const SHUFFLE: u64 = 272_727;
/// Its inverse modulo the population.
const UNSHUFFLE: u64 = 666_663;

/// Returns the social insurance number of the person of an index (below
/// [`POPULATION`]).
///
/// ```
/// use lgsp_sim::insurance::{insurance_number, insured_index};
/// let number = insurance_number(123_456);
/// assert_eq!(insured_index(&number), Some(123_456));
/// ```
pub fn insurance_number(index: u32) -> String {
    let serial = u64::from(index % POPULATION) * SHUFFLE % u64::from(POPULATION);
    format!("86{:02}{serial:06}", check(serial))
}

/// Returns the index of the person with a social insurance number; `None` if nobody has it.
pub fn insured_index(number: &str) -> Option<u32> {
    let serial: u64 = number.get(4..).filter(|serial| serial.len() == 6)?.parse().ok()?;
    let index = u32::try_from(serial * UNSHUFFLE % u64::from(POPULATION)).ok()?;
    (insurance_number(index) == number).then_some(index)
}

fn check(serial: u64) -> u64 {
    serial * 37 % 97
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_number_leads_back_to_its_person(index in 0..POPULATION) {
            let number = insurance_number(index);
            prop_assert_eq!(number.len(), 10);
            prop_assert_eq!(insured_index(&number), Some(index));
        }

        #[test]
        fn no_text_makes_a_search_panic(text in "\\PC{0,12}") {
            let _ = insured_index(&text);
        }
    }

    #[test]
    fn a_mistyped_number_is_nobodys() {
        assert_eq!(insured_index("8699000000"), None);
        assert_eq!(insured_index("86+1000001"), None);
    }
}
