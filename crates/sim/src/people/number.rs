//! Personal numbers: `AAA B CC DDDDDD` (Nghị định 137/2015/NĐ-CP, article 13).
//!
//! `AAA` is the province of birth registration, `B` the century and gender, `CC` the last two
//! digits of the year, `DDDDDD` a serial. Here the serial names the person: it is the person's
//! index, shuffled, so that neighbours' numbers look unrelated and the index can be had back.

use super::{Gender, POPULATION};

/// Coprime to the population, so that multiplying by it modulo the population loses nothing.
const SHUFFLE: u64 = 618_033;
/// Its inverse modulo the population.
const UNSHUFFLE: u64 = 7_697;

/// Birth prefixes of the province and, rarer, of others whose code outlived the merger of
/// provinces in 2025, each with the province's present two-digit code and a weight.
pub(super) const PREFIXES: &[((&str, &str), u32)] = &[
    (("086", "86"), 40),
    (("083", "86"), 30),
    (("084", "86"), 20),
    (("092", "92"), 4),
    (("079", "79"), 3),
    (("001", "01"), 1),
    (("038", "38"), 1),
    (("040", "40"), 1),
];

/// Composes the number of the person of that index.
pub(super) fn compose(prefix: &str, gender: Gender, birth_year: i16, index: u32) -> String {
    let century = (birth_year.div_euclid(100) - 19).clamp(0, 4);
    let digit = century * 2 + i16::from(gender == Gender::Female);
    format!("{prefix}{digit}{:02}{:06}", birth_year.rem_euclid(100), serial(index))
}

/// Returns the index that a number's serial names; `None` for what is no number.
pub(super) fn index(number: &str) -> Option<u32> {
    let digits = number.len() == 12 && number.bytes().all(|byte| byte.is_ascii_digit());
    let serial: u64 = number.get(6..).filter(|_| digits)?.parse().ok()?;
    u32::try_from(serial * UNSHUFFLE % u64::from(POPULATION)).ok()
}

/// Returns the six-digit serial of an index below the population.
pub(super) fn serial(index: u32) -> u64 {
    u64::from(index) * SHUFFLE % u64::from(POPULATION)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shuffling_is_undone() {
        assert_eq!(SHUFFLE * UNSHUFFLE % u64::from(POPULATION), 1);
    }

    #[test]
    fn composes_the_documented_samples() {
        let number = compose("086", Gender::Female, 1990, 0);
        assert_eq!(number, "086190000000");
        assert_eq!(&compose("086", Gender::Female, 2001, 0)[..6], "086301");
        assert_eq!(&compose("086", Gender::Male, 1990, 0)[..6], "086090");
    }
}
