//! The forms of a value that a far side gives, and what the bus makes of it.

use serde_json::{Map, Number, Value};

use super::day::{DAY_FORMS, Day, DayForm, moment};
use super::pointer::{is_name, text_of};

/// The form of a value, as a declaration states it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Given {
    /// `text`: a text, or a number as its digits.
    Text,
    /// `number`: a number, or a text of digits with a decimal point.
    Number,
    /// `integer`: a whole number, or a text of digits.
    Integer,
    /// `date <form>`: becomes ISO 8601, as far as it is known.
    Day(DayForm),
    /// `time yyyyMMddHHmmss` or `time dd/MM/yyyy HH:mm:ss`: becomes RFC 3339.
    Moment { slashed: bool },
    /// `boolean <yes>/<no>`, e.g. `boolean Y/N`.
    Flag { yes: String, no: String },
    /// `list <separator>`, e.g. `list ;`: a text of several, becomes a list of texts.
    Several(char),
    /// `rows`: a list of flat objects, taken as it is; for catalogues, whose fields are their own.
    Rows,
}

/// What is made of a value.
pub(crate) enum Made {
    /// A value, and how many of its members are left out.
    Value(Value, usize),
    /// Nothing: what is empty is absent.
    Absent,
}

/// The value does not have the form that is declared.
pub(crate) struct OtherForm;

impl Given {
    /// What a declaration must hold for one.
    pub(crate) const EXPECTED: &str = "text, number, integer, date <yyyyMMdd, dd/MM/yyyy, dd-MM-yyyy or yyyy-MM-dd>, \
        time <yyyyMMddHHmmss or dd/MM/yyyy HH:mm:ss>, boolean <yes>/<no>, list <separator> or rows";

    /// Reads a form's name.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(' ').unwrap_or((text, ""));
        Some(match (kind, rest) {
            ("text", "") => Self::Text,
            ("number", "") => Self::Number,
            ("integer", "") => Self::Integer,
            ("rows", "") => Self::Rows,
            ("date", form) => Self::Day(
                DAY_FORMS.iter().find_map(|(name, known)| (*name == form).then_some(*known))?,
            ),
            ("time", "yyyyMMddHHmmss") => Self::Moment { slashed: false },
            ("time", "dd/MM/yyyy HH:mm:ss") => Self::Moment { slashed: true },
            ("boolean", words) => {
                let (yes, no) = words.split_once('/').filter(|(yes, no)| yes != no)?;
                let fits = !yes.is_empty() && !no.is_empty() && !no.contains('/');
                fits.then(|| Self::Flag { yes: yes.to_owned(), no: no.to_owned() })?
            }
            ("list", separator) => {
                let mut characters = separator.chars();
                let one = characters.next().filter(|one| one.is_ascii_punctuation())?;
                characters.next().is_none().then_some(Self::Several(one))?
            }
            _ => return None,
        })
    }

    /// Makes what the bus has of a value.
    pub(crate) fn make(&self, value: &Value) -> Result<Made, OtherForm> {
        if let Self::Rows = self {
            return rows(value);
        }
        if let (Self::Flag { .. }, Value::Bool(_)) = (self, value) {
            return Ok(Made::Value(value.clone(), 0));
        }
        let text = match value {
            Value::Null => return Ok(Made::Absent),
            other => text_of(other).ok_or(OtherForm)?,
        };
        if text.is_empty() {
            return Ok(Made::Absent);
        }
        let made = match self {
            Self::Text => Some(Value::String(text)),
            Self::Number => number(&text),
            Self::Integer => integer(&text),
            Self::Day(form) => {
                Day::read(*form, &text).map(|day| Value::String(day.write(DayForm::Iso)))
            }
            Self::Moment { slashed } => moment(&text, *slashed).map(Value::String),
            Self::Flag { yes, .. } if *yes == text => Some(Value::Bool(true)),
            Self::Flag { no, .. } if *no == text => Some(Value::Bool(false)),
            Self::Flag { .. } => None,
            Self::Several(separator) => return Ok(several(&text, *separator)),
            Self::Rows => None,
        };
        made.map(|made| Made::Value(made, 0)).ok_or(OtherForm)
    }
}

fn integer(text: &str) -> Option<Value> {
    let plain = text.strip_prefix('-').unwrap_or(text);
    let digits = !plain.is_empty() && plain.bytes().all(|byte| byte.is_ascii_digit());
    if !digits {
        return None;
    }
    text.parse::<i64>().map(Value::from).or_else(|_| text.parse::<u64>().map(Value::from)).ok()
}

fn number(text: &str) -> Option<Value> {
    // What JSON itself writes with an exponent is taken, infinities and names are not.
    let begins = |byte: &u8| byte.is_ascii_digit() || *byte == b'-';
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || b"-.eE+".contains(&byte));
    integer(text).or_else(|| {
        let fits = plain && text.as_bytes().first().is_some_and(begins);
        let number = text.parse::<f64>().ok().filter(|_| fits)?;
        Number::from_f64(number).map(Value::Number)
    })
}

fn several(text: &str, separator: char) -> Made {
    let parts = text.split(separator).map(str::trim).filter(|part| !part.is_empty());
    let parts: Vec<Value> = parts.map(Value::from).collect();
    if parts.is_empty() { Made::Absent } else { Made::Value(Value::Array(parts), 0) }
}

/// Takes a list of flat objects; members that are no field's name, or hold more than one value,
/// are left out.
fn rows(value: &Value) -> Result<Made, OtherForm> {
    let rows = value.as_array().ok_or(OtherForm)?;
    let mut left_out = 0;
    let mut taken = Vec::with_capacity(rows.len());
    for row in rows {
        let mut members = Map::new();
        for (name, value) in row.as_object().ok_or(OtherForm)? {
            match value {
                _ if !is_name(name) => left_out += 1,
                Value::Array(_) | Value::Object(_) => left_out += 1,
                Value::Null => {}
                Value::String(text) if text.trim().is_empty() => {}
                Value::String(text) => {
                    members.insert(name.clone(), text.trim().into());
                }
                Value::Bool(_) | Value::Number(_) => {
                    members.insert(name.clone(), value.clone());
                }
            }
        }
        if !members.is_empty() {
            taken.push(Value::Object(members));
        }
    }
    Ok(match taken.is_empty() {
        true => Made::Absent,
        false => Made::Value(Value::Array(taken), left_out),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// What a form makes of a value; `None` is another form, null is absent.
    fn made(form: &str, value: &Value) -> Option<Value> {
        match Given::parse(form).unwrap().make(value) {
            Ok(Made::Value(value, _)) => Some(value),
            Ok(Made::Absent) => Some(Value::Null),
            Err(OtherForm) => None,
        }
    }

    #[test]
    fn each_form_makes_what_it_says() {
        let table = [
            ("text", json!(" Mẫu "), json!("Mẫu")),
            ("text", json!(7), json!("7")),
            ("number", json!("5000000000.125"), json!(5000000000.125)),
            ("number", json!("50"), json!(50)),
            ("number", json!(1.5), json!(1.5)),
            ("integer", json!("12"), json!(12)),
            ("integer", json!(-3), json!(-3)),
            ("date dd/MM/yyyy", json!("15/01/2020"), json!("2020-01-15")),
            ("date yyyyMMdd", json!(19900115), json!("1990-01-15")),
            ("date yyyyMMdd", json!("1990"), json!("1990")),
            ("time yyyyMMddHHmmss", json!("20260703093000"), json!("2026-07-03T09:30:00+07:00")),
            ("boolean Y/N", json!("Y"), json!(true)),
            ("boolean Y/N", json!("N"), json!(false)),
            ("boolean 1/0", json!(1), json!(true)),
            ("boolean 1/0", json!(false), json!(false)),
            (
                "list ;",
                json!("Nguyễn Văn Mẫu; Trần Thị Mẫu;"),
                json!(["Nguyễn Văn Mẫu", "Trần Thị Mẫu"]),
            ),
            (
                "rows",
                json!([{"Ma": "01", "Ten": " Kinh ", "Trong": "", "x y": 1, "z": []}]),
                json!([{"Ma": "01", "Ten": "Kinh"}]),
            ),
        ];
        for (form, value, expected) in table {
            assert_eq!(made(form, &value), Some(expected), "{form} {value}");
        }
    }

    #[test]
    fn empty_is_absent_in_every_form() {
        for form in ["text", "number", "integer", "date yyyyMMdd", "boolean Y/N", "list ;"] {
            for value in [json!(null), json!(""), json!("  ")] {
                assert_eq!(made(form, &value), Some(Value::Null), "{form} {value}");
            }
        }
        assert_eq!(made("rows", &json!([])), Some(Value::Null));
    }

    #[test]
    fn another_form_is_no_value() {
        for (form, value) in [
            ("text", json!(true)),
            ("text", json!([])),
            ("text", json!({})),
            ("number", json!("1,5")),
            ("number", json!("inf")),
            ("number", json!("-inf")),
            ("number", json!("1e999")),
            ("number", json!("NaN")),
            ("integer", json!("1.5")),
            ("integer", json!("-")),
            ("integer", json!("99999999999999999999")),
            ("date yyyyMMdd", json!("15/01/1990")),
            ("boolean Y/N", json!("y")),
            ("rows", json!({})),
            ("rows", json!([1])),
            ("rows", json!(null)),
        ] {
            assert_eq!(made(form, &value), None, "{form} {value}");
        }
    }

    #[test]
    fn a_form_must_be_known() {
        for form in [
            "",
            "Text",
            "date",
            "date ddMMyyyy",
            "boolean",
            "boolean Y",
            "boolean Y/Y",
            "boolean /N",
            "list",
            "list ;;",
            "list a",
            "time",
            "rows x",
        ] {
            assert!(Given::parse(form).is_none(), "{form}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_a_form_panic(text in "\\PC{0,30}|[0-9.eE+-]{0,30}") {
            for form in ["text", "number", "integer", "date dd/MM/yyyy", "time yyyyMMddHHmmss", "boolean Y/N", "list ;", "rows"] {
                made(form, &Value::from(text.clone()));
            }
            Given::parse(&text);
        }
    }
}
