//! Working days and working hours: 7:30–11:30 and 13:00–17:00.

use jiff::ToSpan;
use jiff::civil::{Date, DateTime, Weekday};

/// How many seconds are worked in a day.
pub(crate) const WORKED_SECONDS: u32 = 8 * 3600;
/// How many of them lie before noon.
pub(crate) const MORNING_SECONDS: u32 = 4 * 3600;

/// Returns the time of day at which so many seconds have been worked.
pub(crate) fn clock(day: Date, worked: u32) -> DateTime {
    let since_midnight = if worked < MORNING_SECONDS {
        7 * 3600 + 1800 + worked
    } else {
        13 * 3600 + worked - MORNING_SECONDS
    };
    day.at(0, 0, 0, 0).saturating_add(i64::from(since_midnight).seconds())
}

/// Tells whether offices work. Knows weekends and the holidays with a fixed day in the solar
/// calendar, not those of the lunar one.
pub(super) fn is_working(day: Date) -> bool {
    let weekend = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
    let holiday = matches!((day.month(), day.day()), (1, 1) | (4, 30) | (5, 1) | (9, 2));
    !weekend && !holiday
}

/// Returns the day that lies so many working days after (or, negative, before) another.
pub(crate) fn working_days_from(day: Date, days: i32) -> Date {
    let (mut left, mut reached) = (days.unsigned_abs(), day);
    while left > 0 {
        reached = reached.saturating_add(i64::from(days.signum()).days());
        left -= u32::from(is_working(reached));
        if reached == Date::MAX || reached == Date::MIN {
            break;
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn deadlines_pass_over_weekends_and_holidays() {
        // 3 July 2026 is a Friday; 2 September 2026 a Wednesday and National Day.
        assert_eq!(working_days_from(date(2026, 7, 3), 1), date(2026, 7, 6));
        assert_eq!(working_days_from(date(2026, 9, 1), 2), date(2026, 9, 4));
        assert_eq!(working_days_from(date(2026, 7, 6), -1), date(2026, 7, 3));
        assert_eq!(working_days_from(date(2026, 7, 3), 0), date(2026, 7, 3));
        assert_eq!(working_days_from(Date::MAX, 5), Date::MAX);
    }

    #[test]
    fn the_noon_break_is_not_worked() {
        let day = date(2026, 7, 3);
        assert_eq!(clock(day, 0), day.at(7, 30, 0, 0));
        assert_eq!(clock(day, MORNING_SECONDS - 1), day.at(11, 29, 59, 0));
        assert_eq!(clock(day, MORNING_SECONDS), day.at(13, 0, 0, 0));
        assert_eq!(clock(day, WORKED_SECONDS - 1), day.at(16, 59, 59, 0));
    }
}
