//! Times and days: the forms in which agencies write them, and the one that a field wants.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::fmt::strtime::{self, BrokenDownTime};
use jiff::tz::{Offset, TimeZone};

/// The national portal's form, local time of Viet Nam.
pub(super) const PORTAL: &str = "%Y%m%d%H%M%S";

/// RFC 3339, local time of Viet Nam, as an event's `time` has it.
pub(super) const RFC_3339: &str = "%Y-%m-%dT%H:%M:%S+07:00";

/// Viet Nam keeps UTC+7 since 1975, without summer time; dossiers are younger.
const VIET_NAM: Offset = Offset::constant(7);

/// Years that can occur in a record; others are slips, such as `26` read as a year.
const YEARS: std::ops::RangeInclusive<i16> = 1900..=2199;

/// The forms in which a source writes a moment, and the form that is wanted.
pub(super) struct Moments {
    forms: Vec<Form>,
    to: String,
}

enum Form {
    /// `strftime`'s.
    Pattern(String),
    /// ISO 8601; with an offset it is brought to local time.
    Iso,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    UnixMillis,
}

/// A moment as exact as it was written.
enum Moment {
    At(DateTime),
    /// A year alone stays one: many people's birthday is not known better.
    Year(i16),
}

impl Moments {
    /// Takes the forms: `iso`, `unix-millis`, or of `strftime`; `None` for one that is no form.
    pub(super) fn new(forms: &[&str], to: &str) -> Option<Self> {
        let forms = forms.iter().map(|form| Form::new(form)).collect::<Option<Vec<_>>>()?;
        // A form that cannot be written is none.
        let written = strtime::format(to, sample()).ok().filter(|text| !text.is_empty());
        (written.is_some() && !forms.is_empty()).then(|| Self { forms, to: to.to_owned() })
    }

    /// Turns a moment into the wanted form; `None` if it has none of the forms.
    ///
    /// A time in ISO 8601 with its `T` is always understood: spreadsheets and databases give it.
    pub(super) fn turn(&self, text: &str) -> Option<String> {
        let has_t = text.as_bytes().get(10) == Some(&b'T');
        let iso = has_t.then(|| Form::Iso.read(text)).flatten();
        match iso.or_else(|| self.forms.iter().find_map(|form| form.read(text)))? {
            Moment::Year(year) => YEARS.contains(&year).then(|| format!("{year:04}")),
            Moment::At(at) if !YEARS.contains(&at.year()) => None,
            Moment::At(at) => strtime::format(&self.to, at).ok(),
        }
    }
}

impl Form {
    fn new(text: &str) -> Option<Self> {
        match text {
            "iso" => Some(Self::Iso),
            "unix-millis" => Some(Self::UnixMillis),
            pattern => {
                // What it writes it must be able to read, and a year at least.
                let form = Self::Pattern(pattern.to_owned());
                let written = strtime::format(pattern, zoned_sample()).ok()?;
                form.read(&written).map(|_| form)
            }
        }
    }

    fn read(&self, text: &str) -> Option<Moment> {
        match self {
            Self::Iso => iso(text).map(Moment::At),
            Self::UnixMillis => {
                let at = Timestamp::from_millisecond(text.parse().ok()?).ok()?;
                Some(Moment::At(local(at)))
            }
            Self::Pattern(pattern) => {
                let broken = BrokenDownTime::parse(pattern, text).ok()?;
                if broken.offset().is_some() {
                    return Some(Moment::At(local(broken.to_timestamp().ok()?)));
                }
                match broken.to_datetime() {
                    Ok(at) => Some(Moment::At(at)),
                    Err(_) if broken.month().is_none() && broken.day().is_none() => {
                        broken.year().map(Moment::Year)
                    }
                    Err(_) => None,
                }
            }
        }
    }
}

fn iso(text: &str) -> Option<DateTime> {
    let civil = || text.parse().or_else(|_| text.parse().map(|day: Date| day.into())).ok();
    text.parse().map(local).ok().or_else(civil)
}

fn local(at: Timestamp) -> DateTime {
    VIET_NAM.to_datetime(at)
}

fn sample() -> DateTime {
    DateTime::constant(2026, 7, 3, 9, 30, 15, 0)
}

fn zoned_sample() -> BrokenDownTime {
    match sample().to_zoned(TimeZone::fixed(VIET_NAM)) {
        Ok(zoned) => BrokenDownTime::from(&zoned),
        Err(_) => BrokenDownTime::from(sample()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turned(forms: &[&str], to: &str, text: &str) -> Option<String> {
        Moments::new(forms, to).unwrap().turn(text)
    }

    #[test]
    fn turns_each_form_of_the_field_into_the_portals() {
        for (form, text) in [
            ("%Y%m%d%H%M%S", "20260703093000"),
            ("%d/%m/%Y %H:%M:%S", "03/07/2026 09:30:00"),
            ("%d/%m/%Y %H:%M", "3/7/2026 9:30"),
            ("%d-%m-%Y %H:%M", "03-07-2026 09:30"),
            ("iso", "2026-07-03T09:30:00"),
            ("iso", "2026-07-03T02:30:00.000Z"),
            ("iso", "2026-07-03T02:30:00.000+0000"),
            ("iso", "2026-07-03T09:30:00+07:00"),
            ("unix-millis", "1783045800000"),
            ("%Y-%m-%d %H:%M:%S%z", "2026-07-03 02:30:00+0000"),
        ] {
            let found = turned(&[form], PORTAL, text);
            assert_eq!(found.as_deref(), Some("20260703093000"), "{form} {text}");
        }
        assert_eq!(turned(&["%d/%m/%Y"], PORTAL, "03/07/2026").as_deref(), Some("20260703000000"));
        assert_eq!(turned(&["%Y%m%d"], "%d/%m/%Y", "20260703").as_deref(), Some("03/07/2026"));
    }

    #[test]
    fn takes_the_first_form_that_fits_and_keeps_a_year_alone() {
        let forms = ["%d/%m/%Y", "%Y"];
        assert_eq!(turned(&forms, "%Y-%m-%d", "15/01/1990").as_deref(), Some("1990-01-15"));
        assert_eq!(turned(&forms, "%Y-%m-%d", "1990").as_deref(), Some("1990"));
    }

    #[test]
    fn a_spreadsheets_own_time_needs_no_form() {
        let found = turned(&["%d/%m/%Y"], PORTAL, "2026-07-03T09:30:00");
        assert_eq!(found.as_deref(), Some("20260703093000"));
    }

    #[test]
    fn refuses_days_that_are_none_and_slips_of_the_year() {
        for text in ["31/02/2026", "03/07/26", "2026-07-03", "", "hôm qua", "03/07/2026 09:30"] {
            assert_eq!(turned(&["%d/%m/%Y"], PORTAL, text), None, "{text}");
        }
    }

    #[test]
    fn a_form_must_be_one() {
        for form in ["", "%Q-%!", "dd/MM/yyyy", "%H:%M"] {
            assert!(Moments::new(&[form], PORTAL).is_none(), "{form}");
        }
        assert!(Moments::new(&["%d/%m/%Y"], "%!").is_none());
        assert!(Moments::new(&[], PORTAL).is_none());
    }
}
