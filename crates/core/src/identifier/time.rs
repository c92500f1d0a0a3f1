//! Times and days as the field's systems write them: local times of Viet Nam, which has kept UTC+7
//! since 1975.

use std::ops::Range;
use std::str::FromStr;

use jiff::civil::{Date, DateTime};

use super::{digits, ensure};
use crate::rule::{self, Rule};

/// Reads the portal's `yyyyMMddHHmmss`, a local time of Viet Nam; `None` where there is no such
/// time.
pub fn portal_time(text: &str) -> Option<DateTime> {
    let (day_text, clock) = text.split_at_checked(8).filter(|(_, clock)| digits(clock, 6))?;
    let (hour, minute, second) = (number(clock, 0..2)?, number(clock, 2..4)?, number(clock, 4..6)?);
    day(day_text)?.at(0, 0, 0, 0).with().hour(hour).minute(minute).second(second).build().ok()
}

/// Reads `yyyyMMdd`.
pub(super) fn day(text: &str) -> Option<Date> {
    digits(text, 8).then_some(())?;
    Date::new(number(text, 0..4)?, number(text, 4..6)?, number(text, 6..8)?).ok()
}

/// Reads `yyMMdd`, a day of this century.
pub(super) fn short_day(text: &str) -> Option<Date> {
    digits(text, 6).then_some(())?;
    let year: i16 = number(text, 0..2)?;
    Date::new(2000 + year, number(text, 2..4)?, number(text, 4..6)?).ok()
}

pub(super) fn check_portal_time(text: &str) -> Result<(), &'static Rule> {
    // The national portal sends an empty string where there is no time.
    ensure(text.is_empty() || portal_time(text).is_some(), &rule::PORTAL_TIME)
}

pub(super) fn check_portal_day(text: &str) -> Result<(), &'static Rule> {
    ensure(day(text).is_some(), &rule::PORTAL_DAY)
}

pub(super) fn check_year_month(text: &str) -> Result<(), &'static Rule> {
    let month = number::<u8>(text, 4..6).filter(|_| digits(text, 6));
    ensure(month.is_some_and(|month| (1..=12).contains(&month)), &rule::YEAR_MONTH)
}

pub(super) fn check_year(text: &str) -> Result<(), &'static Rule> {
    ensure(digits(text, 4), &rule::YEAR)
}

pub(super) fn check_birth_date(text: &str) -> Result<(), &'static Rule> {
    let bytes = text.as_bytes();
    let whole = text.len() == 10
        && bytes.get(4) == Some(&b'-')
        && bytes.get(7) == Some(&b'-')
        && day(&text.replace('-', "")).is_some();
    ensure(whole || digits(text, 4), &rule::BIRTH_DATE)
}

pub(super) fn check_day_slashed(text: &str) -> Result<(), &'static Rule> {
    let parts: Vec<&str> = text.split('/').collect();
    let fits = matches!(parts.as_slice(), [first, month, year]
        if digits(first, 2) && digits(month, 2) && digits(year, 4) && day(&format!("{year}{month}{first}")).is_some());
    ensure(fits, &rule::DAY_SLASHED)
}

fn number<T: FromStr>(text: &str, range: Range<usize>) -> Option<T> {
    text.get(range)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use jiff::civil::Time;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_time_must_exist() {
        assert!(check_portal_time("20260703093000").is_ok());
        assert!(check_portal_time("20240229235959").is_ok());
        assert!(check_portal_time("").is_ok());
        for text in [
            "20260230000000",
            "20250229000000",
            "20260703240000",
            "20260703096000",
            "20260703093060",
            "2026070309300",
            "202607030930000",
            "+0260703093000",
            "20260703+93000",
            "2026-07-03 093",
            "２０２６",
        ] {
            assert_eq!(check_portal_time(text), Err(&rule::PORTAL_TIME), "{text}");
        }
    }

    #[test]
    fn a_day_a_month_and_a_year_must_exist() {
        assert!(check_birth_date("1990-01-15").is_ok() && check_birth_date("1990").is_ok());
        for text in ["", "1990-02-30", "19900115", "1990-1-15", "-990-01-15", "199", "1990-01"] {
            assert_eq!(check_birth_date(text), Err(&rule::BIRTH_DATE), "{text}");
        }
        assert!(check_day_slashed("31/12/2025").is_ok());
        for text in ["", "2025/12/31", "31/11/2025", "1/12/2025", "31/12/25", "31/12/2025/"] {
            assert_eq!(check_day_slashed(text), Err(&rule::DAY_SLASHED), "{text}");
        }
        assert!(check_year_month("199001").is_ok() && check_year_month("199012").is_ok());
        for text in ["", "1990", "199000", "199013", "19900115", "1990-1", "+99001"] {
            assert_eq!(check_year_month(text), Err(&rule::YEAR_MONTH), "{text}");
        }
        assert!(check_year("1990").is_ok() && check_year("199").is_err());
        assert!(check_portal_day("19900115").is_ok() && check_portal_day("").is_err());
    }

    proptest! {
        #[test]
        fn exactly_the_real_times_are_taken(
            year in 0i16..10_000, month in 0i8..14, day in 0i8..33, hour in 0i8..26, minute in 0i8..62, second in 0i8..62,
        ) {
            let text = format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}");
            let real = Date::new(year, month, day)
                .and_then(|date| Ok(date.to_datetime(Time::new(hour, minute, second, 0)?)));
            prop_assert_eq!(portal_time(&text), real.ok());
            let days = Date::new(year, month, day).is_ok();
            prop_assert_eq!(check_portal_day(&text[..8]).is_ok(), days);
            prop_assert_eq!(check_birth_date(&format!("{year:04}-{month:02}-{day:02}")).is_ok(), days);
            prop_assert_eq!(check_day_slashed(&format!("{day:02}/{month:02}/{year:04}")).is_ok(), days);
            prop_assert_eq!(check_year_month(&text[..6]).is_ok(), (1..=12).contains(&month));
        }

        #[test]
        fn an_added_or_lost_character_makes_it_no_time(at in 0usize..14, extra in "[0-9 T+-]") {
            let mut text = "20260703093000".to_owned();
            text.insert_str(at, &extra);
            prop_assert!(check_portal_time(&text).is_err());
            text.remove(at);
            text.remove(at);
            prop_assert!(check_portal_time(&text).is_err());
        }
    }
}
