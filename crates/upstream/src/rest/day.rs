//! Days in the forms of far sides, and as ISO 8601. What is partly known stays partly known: a
//! year alone, a year and a month.

use jiff::civil::Date;

/// A form of writing days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DayForm {
    /// `yyyyMMdd`, `yyyyMM`, `yyyy`.
    Compact,
    /// `dd/MM/yyyy`, `MM/yyyy`, `yyyy`.
    Slashed,
    /// `dd-MM-yyyy`, `MM-yyyy`, `yyyy`.
    Dashed,
    /// `yyyy-MM-dd`, `yyyy-MM`, `yyyy`.
    Iso,
}

/// The forms by the names that declarations use.
pub(crate) const DAY_FORMS: [(&str, DayForm); 4] = [
    ("yyyyMMdd", DayForm::Compact),
    ("dd/MM/yyyy", DayForm::Slashed),
    ("dd-MM-yyyy", DayForm::Dashed),
    ("yyyy-MM-dd", DayForm::Iso),
];

/// A day, as far as it is known; each part is its digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Day<'t> {
    year: &'t str,
    month: Option<&'t str>,
    day: Option<&'t str>,
}

impl<'t> Day<'t> {
    /// Reads a day that exists.
    pub(crate) fn read(form: DayForm, text: &'t str) -> Option<Self> {
        let parts: [Option<&str>; 3] = match form {
            DayForm::Compact => {
                let part = |range: std::ops::Range<usize>| text.get(range);
                match text.len() {
                    4 => [Some(text), None, None],
                    6 => [part(0..4), part(4..6), None],
                    8 => [part(0..4), part(4..6), part(6..8)],
                    _ => return None,
                }
            }
            DayForm::Slashed => backwards(text, '/')?,
            DayForm::Dashed => backwards(text, '-')?,
            DayForm::Iso => {
                let mut parts = text.split('-');
                let found = [parts.next(), parts.next(), parts.next()];
                parts.next().is_none().then_some(found)?
            }
        };
        let [year, month, day] = parts;
        let known = Self { year: year?, month, day };
        known.exists().then_some(known)
    }

    /// Writes the day in a form.
    pub(crate) fn write(self, form: DayForm) -> String {
        let parts = [Some(self.year), self.month, self.day];
        let known: Vec<&str> = parts.into_iter().flatten().collect();
        let turned = || known.iter().rev().copied().collect::<Vec<_>>();
        match form {
            DayForm::Compact => known.concat(),
            DayForm::Slashed => turned().join("/"),
            DayForm::Dashed => turned().join("-"),
            DayForm::Iso => known.join("-"),
        }
    }

    /// Tells how much is known, as social insurance codes it (`loaiNgaySinh`): 0 the day, 1 the
    /// year alone, 2 year and month.
    pub(crate) fn precision_code(self) -> &'static str {
        match (self.month, self.day) {
            (Some(_), Some(_)) => "0",
            (Some(_), None) => "2",
            (None, _) => "1",
        }
    }

    fn exists(self) -> bool {
        let number = |text: &str, length: usize| {
            let fits = text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
            if fits { text.parse::<i16>().ok() } else { None }
        };
        let part = |text: Option<&str>| match text {
            None => Some(1),
            Some(text) => number(text, 2).and_then(|number| i8::try_from(number).ok()),
        };
        let date = || Date::new(number(self.year, 4)?, part(self.month)?, part(self.day)?).ok();
        date().is_some()
    }
}

/// Takes year, month and day from a text that begins with what is smallest.
fn backwards(text: &str, separator: char) -> Option<[Option<&str>; 3]> {
    let mut parts = text.rsplit(separator);
    let found = [parts.next(), parts.next(), parts.next()];
    parts.next().is_none().then_some(found)
}

/// Reads a moment `yyyyMMddHHmmss` or `dd/MM/yyyy HH:mm:ss`, which is Vietnam's time, as RFC 3339.
pub(crate) fn moment(text: &str, slashed: bool) -> Option<String> {
    let (day, clock) = if slashed {
        let (day, clock) = text.split_once(' ')?;
        (Day::read(DayForm::Slashed, day)?, clock.replace(':', ""))
    } else {
        let (day, clock) = text.split_at_checked(8)?;
        (Day::read(DayForm::Compact, day)?, clock.to_owned())
    };
    let part = |range: std::ops::Range<usize>, most: u8| {
        let part = clock.get(range)?;
        let digits = part.bytes().all(|byte| byte.is_ascii_digit());
        (digits && part.parse::<u8>().ok()? <= most).then_some(part)
    };
    let (hour, minute, second) = (part(0..2, 23)?, part(2..4, 59)?, part(4..6, 59)?);
    let whole = clock.len() == 6 && day.day.is_some();
    whole.then(|| format!("{}T{hour}:{minute}:{second}+07:00", day.write(DayForm::Iso)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn days_months_and_years_pass_from_form_to_form() {
        let table = [
            ("19900115", "15/01/1990", "15-01-1990", "1990-01-15", "0"),
            ("199001", "01/1990", "01-1990", "1990-01", "2"),
            ("1990", "1990", "1990", "1990", "1"),
        ];
        for (compact, slashed, dashed, iso, code) in table {
            let texts = [compact, slashed, dashed, iso];
            let forms = [DayForm::Compact, DayForm::Slashed, DayForm::Dashed, DayForm::Iso];
            for (text, form) in texts.into_iter().zip(forms) {
                let day = Day::read(form, text).unwrap();
                assert_eq!(forms.map(|form| day.write(form)), texts, "{text}");
                assert_eq!(day.precision_code(), code);
            }
        }
    }

    #[test]
    fn what_does_not_exist_is_no_day() {
        for (form, text) in [
            (DayForm::Compact, "19900230"),
            (DayForm::Compact, "199013"),
            (DayForm::Compact, "+9900115"),
            (DayForm::Slashed, "30/02/1990"),
            (DayForm::Slashed, "1/2/1990"),
            (DayForm::Slashed, "1990/01/15"),
            (DayForm::Slashed, "15/01/90"),
            (DayForm::Slashed, "15/01/01/1990"),
            (DayForm::Iso, "1990-01-15T00:00:00"),
            (DayForm::Iso, ""),
            (DayForm::Iso, "-990"),
        ] {
            assert!(Day::read(form, text).is_none(), "{text}");
        }
    }

    #[test]
    fn moments_are_vietnams() {
        assert_eq!(moment("20260703093001", false).as_deref(), Some("2026-07-03T09:30:01+07:00"));
        assert_eq!(
            moment("03/07/2026 09:30:01", true).as_deref(),
            Some("2026-07-03T09:30:01+07:00")
        );
        for text in ["", "20260703", "20260703240000", "20260703 930010", "2026070309300"] {
            assert_eq!(moment(text, false), None, "{text}");
        }
        for text in ["03/07/2026", "07/2026 09:30:01", "03/07/2026 9:30:1", "03/07/2026 09:30"] {
            assert_eq!(moment(text, true), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,22}|[0-9/: -]{0,22}") {
            for (_, form) in DAY_FORMS {
                if let Some(day) = Day::read(form, &text) {
                    prop_assert_eq!(day.write(form), text.clone());
                }
            }
            moment(&text, true);
            moment(&text, false);
        }
    }
}
