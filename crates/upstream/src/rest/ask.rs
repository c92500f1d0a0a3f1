//! From a question to the far side's request, by a declared table.

use lgsp_core::identifier::{DossierCode, OfficerNumber, ProcedureCode};
use lgsp_query::{PurposePart, Question};
use reqwest::{Client, Method, RequestBuilder, Url};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::day::{Day, DayForm};
use super::pointer::{Pointer, text_of};
use crate::name::{fold, national_part};

/// How a far side is asked.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) path: Vec<PathPart>,
    pub(crate) query: Vec<(String, Expression)>,
    pub(crate) body: Vec<(String, Expression)>,
}

/// A part of the path.
#[derive(Debug)]
pub(crate) enum PathPart {
    /// As it is declared.
    Fixed(String),
    /// A member of the question: letters, digits, `_` and `-` alone.
    Member(Pointer),
}

/// What the far side's field gets.
#[derive(Debug)]
pub(crate) struct Expression {
    pub(crate) source: Source,
    pub(crate) form: Form,
    pub(crate) absent: Absent,
}

/// Whence a value comes.
#[derive(Debug)]
pub(crate) enum Source {
    /// A place in the question's body.
    Body(Pointer),
    /// A part of the purpose.
    Purpose(PurposePart),
    /// The id of the question's evidence.
    Id,
    /// The code of the unit that asks.
    Unit,
    /// Always the same.
    Constant(Value),
}

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

/// What happens where there is no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Absent {
    /// The question is not asked.
    Refused,
    /// The field is left out.
    LeftOut,
    /// The field is empty.
    Empty,
}

/// A request, ready to be sent. Holds what was asked: no `Debug` on purpose.
pub(crate) struct Asked {
    method: Method,
    pub(crate) path: String,
    query: Vec<(String, String)>,
    body: Option<Map<String, Value>>,
}

impl Request {
    /// Composes the request; `None` where the question lacks what it needs.
    pub(crate) fn compose(&self, id: Uuid, unit: &str, question: &Question) -> Option<Asked> {
        let mut path = String::new();
        for part in &self.path {
            match part {
                PathPart::Fixed(text) => path.push_str(text),
                PathPart::Member(at) => {
                    let text = at.find_in(&question.body).and_then(text_of)?;
                    path.push_str(Some(text.as_str()).filter(|text| is_path_word(text))?);
                }
            }
        }
        let evaluate = |(name, expression): &(String, Expression)| {
            let value = match expression.value(id, unit, question) {
                Some(value) => Some(value),
                None => match expression.absent {
                    Absent::Refused => return Err(()),
                    Absent::LeftOut => None,
                    Absent::Empty => Some(Value::String(String::new())),
                },
            };
            Ok(value.map(|value| (name.clone(), value)))
        };
        let all = |fields: &[(String, Expression)]| {
            let values: Result<Vec<_>, ()> = fields.iter().map(evaluate).collect();
            values.ok().map(|values| values.into_iter().flatten().collect::<Vec<_>>())
        };
        let query = all(&self.query)?;
        let body = all(&self.body)?;
        Some(Asked {
            method: self.method.clone(),
            path,
            query: query.into_iter().map(|(name, value)| (name, parameter(value))).collect(),
            body: (self.method == Method::POST).then(|| body.into_iter().collect()),
        })
    }

    /// Lists what the request takes from the question: places, and whether each must be there.
    pub(crate) fn sources(&self) -> impl Iterator<Item = (&Source, bool)> {
        let fields = self.query.iter().chain(&self.body);
        fields.map(|(_, field)| (&field.source, field.absent == Absent::Refused))
    }

    /// Lists the members of the question that stand in the path.
    pub(crate) fn path_members(&self) -> impl Iterator<Item = &Pointer> {
        self.path.iter().filter_map(|part| match part {
            PathPart::Member(at) => Some(at),
            PathPart::Fixed(_) => None,
        })
    }
}

impl Asked {
    /// Adds the parameters to the far side's place, percent-encoded.
    pub(crate) fn placed(&self, mut url: Url) -> Url {
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        url
    }

    /// Makes the request.
    pub(crate) fn request(&self, client: &Client, url: Url) -> RequestBuilder {
        let request = client.request(self.method.clone(), url);
        match &self.body {
            Some(body) => request.json(body),
            None => request,
        }
    }
}

impl Expression {
    fn value(&self, id: Uuid, unit: &str, question: &Question) -> Option<Value> {
        let purpose = &question.purpose;
        let text = match &self.source {
            Source::Constant(value) => return Some(value.clone()),
            Source::Id => id.to_string(),
            Source::Unit => unit.to_owned(),
            Source::Body(at) => at.find_in(&question.body).and_then(text_of)?,
            Source::Purpose(part) => match part {
                PurposePart::Dossier => purpose.dossier.as_ref().map(DossierCode::as_str),
                PurposePart::Procedure => purpose.procedure.as_ref().map(ProcedureCode::as_str),
                PurposePart::Officer => purpose.officer.as_ref().map(OfficerNumber::as_str),
                PurposePart::Reason => purpose.reason.as_deref(),
            }?
            .to_owned(),
        };
        (!text.is_empty()).then(|| self.form.write(&text)).flatten()
    }
}

impl Form {
    /// Writes a text in the far side's form; days come as ISO 8601.
    fn write(self, text: &str) -> Option<Value> {
        let day = || Day::read(DayForm::Iso, text);
        Some(match self {
            Self::Text => Value::from(text),
            Self::Integer => Value::from(text.parse::<i64>().ok()?),
            Self::Day(form) => Value::from(day()?.write(form)),
            Self::DayPrecision => Value::from(day()?.precision_code()),
            Self::FoldedName => Value::from(fold(text)),
            Self::NationalPart => Value::from(national_part(text)),
        })
    }
}

fn parameter(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// Tells whether a text may stand in a path without changing where it leads.
fn is_path_word(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (1..=64).contains(&text.len()) && text.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use lgsp_query::Purpose;
    use serde_json::json;

    use super::*;

    fn from(pointer: &str, form: Form, absent: Absent) -> Expression {
        let source = Source::Body(Pointer::parse(pointer).unwrap());
        Expression { source, form, absent }
    }

    fn question(body: Value) -> Question {
        let purpose = Purpose {
            procedure: Some(ProcedureCode::parse("1.001612.000.00.00.H48").unwrap()),
            ..Purpose::default()
        };
        Question { purpose, body: body.as_object().cloned().unwrap(), place: "" }
    }

    #[test]
    fn each_field_goes_in_its_form() {
        let field = |name: &str, expression| (name.to_owned(), expression);
        let always = |source, form| Expression { source, form, absent: Absent::Refused };
        let request = Request {
            method: Method::POST,
            path: vec![PathPart::Fixed("/x".to_owned())],
            query: Vec::new(),
            body: vec![
                field("hoTen", from("/fullName", Form::FoldedName, Absent::Refused)),
                field("ngaySinh", from("/birthDate", Form::Day(DayForm::Compact), Absent::Refused)),
                field("ngay", from("/birthDate", Form::Day(DayForm::Slashed), Absent::Refused)),
                field("loai", from("/birthDate", Form::DayPrecision, Absent::Refused)),
                field("maDonVi", from("/unit", Form::Integer, Absent::Refused)),
                field("maTinh", from("/none", Form::Text, Absent::Empty)),
                field("maXa", from("/none", Form::Text, Absent::LeftOut)),
                field("MaDVC", always(Source::Purpose(PurposePart::Procedure), Form::NationalPart)),
                field("MaYeuCau", always(Source::Id, Form::Text)),
                field("MaDonVi", always(Source::Unit, Form::Text)),
                field("isKs", always(Source::Constant(json!(1)), Form::Text)),
            ],
        };
        let asked = json!({"fullName": "Nguyễn Thị Mẫu", "birthDate": "1990-01", "unit": "12"});
        let composed = request.compose(Uuid::nil(), "H61", &question(asked)).unwrap();
        let expected = json!({
            "hoTen": "NGUYENTHIMAU", "ngaySinh": "199001", "ngay": "01/1990", "loai": "2", "maDonVi": 12,
            "maTinh": "", "MaDVC": "1.001612", "MaYeuCau": Uuid::nil().to_string(), "MaDonVi": "H61", "isKs": 1,
        });
        assert_eq!(composed.body.map(Value::Object), Some(expected));
        let lesser = json!({"fullName": "Nguyễn Thị Mẫu", "unit": "12"});
        assert!(request.compose(Uuid::nil(), "H61", &question(lesser)).is_none());
    }

    #[test]
    fn parameters_are_encoded_and_paths_lead_nowhere_else() {
        let name = Pointer::parse("/name").unwrap();
        let request = Request {
            method: Method::GET,
            path: vec![PathPart::Fixed("/Category/".to_owned()), PathPart::Member(name)],
            query: vec![("ten".to_owned(), from("/text", Form::Text, Absent::Refused))],
            body: Vec::new(),
        };
        let compose = |name: &str| {
            let asked = question(json!({"name": name, "text": "Mẫu & x=1#?"}));
            let asked = request.compose(Uuid::nil(), "H61", &asked)?;
            let url = Url::parse(&format!("http://127.0.0.1{}", asked.path)).unwrap();
            Some(asked.placed(url).to_string())
        };
        assert_eq!(
            compose("madantoc").as_deref(),
            Some("http://127.0.0.1/Category/madantoc?ten=M%E1%BA%ABu+%26+x%3D1%23%3F")
        );
        for name in ["", "..", "a/b", "a?b", "a%2Fb", "ă"] {
            assert_eq!(compose(name), None, "{name}");
        }
    }
}
