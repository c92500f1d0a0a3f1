//! The forms in which values of a question go to a far side.

use serde_json::Value;

use super::day::{Day, DayForm};
use crate::name::{fold, national_part};

/// In which form a value goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A text.
    Text,
    /// A number.
    Integer,
    /// A day.
    Day(DayForm),
    /// How much of a day is known: 0 all, 1 the year alone, 2 year and month (`loaiNgaySinh`).
    DayPrecision,
    /// A name in capitals without diacritics and spaces.
    FoldedName,
    /// The part of a procedure's code that is the same in all provinces.
    NationalPart,
}

/// The forms by the names that declarations use, besides those of days.
pub(crate) const FORMS: [(&str, Form); 5] = [
    ("text", Form::Text),
    ("integer", Form::Integer),
    ("date-precision", Form::DayPrecision),
    ("name-without-diacritics", Form::FoldedName),
    ("national-part", Form::NationalPart),
];

impl Form {
    /// Writes a text in the far side's form; days come as ISO 8601. `None` where it cannot.
    pub(crate) fn write(self, text: &str) -> Option<Value> {
        let day = || Day::read(DayForm::Iso, text);
        Some(match self {
            Self::Text => Value::from(text),
            // To a schema 5.0 is a whole number too.
            Self::Integer => {
                Value::from(text.strip_suffix(".0").unwrap_or(text).parse::<i64>().ok()?)
            }
            Self::Day(form) => Value::from(day()?.write(form)),
            Self::DayPrecision => Value::from(day()?.precision_code()),
            // A name in letters of another kind has none that could be sent.
            Self::FoldedName => Value::from(Some(fold(text)).filter(|name| !name.is_empty())?),
            Self::NationalPart => Value::from(national_part(text)),
        })
    }
}
