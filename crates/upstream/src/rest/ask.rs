//! From a question to the far side's request, by a declared table.

use std::borrow::Cow;

use lgsp_core::Violation;
use lgsp_core::identifier::{DossierCode, OfficerNumber, ProcedureCode};
use lgsp_core::rule::{self, Rule};
use lgsp_query::{PurposePart, Question};
use reqwest::{Client, Method, RequestBuilder, Url};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::form::Form;
use super::pointer::{Pointer, text_of};

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

/// What a far side's field gets of a question. Holds what was asked: no `Debug` on purpose.
enum Found {
    /// There is nothing, or an empty text.
    Absent,
    /// There is something that the far side's form cannot write, e.g. a day that does not exist.
    /// It is never taken for absent: the far side would be asked another question.
    Unwritable,
    /// This.
    Value(Value),
}

/// A request, ready to be sent. Holds what was asked: no `Debug` on purpose.
pub(crate) struct Asked {
    method: Method,
    pub(crate) path: String,
    query: Vec<(String, String)>,
    body: Option<Map<String, Value>>,
}

impl Request {
    /// Composes the request.
    ///
    /// # Errors
    /// Everything of the question that is missing or that the far side's form cannot write; places
    /// lie within the question's body, and what the purpose lacks is told of the whole.
    pub(crate) fn compose(
        &self,
        id: Uuid,
        unit: &str,
        question: &Question,
    ) -> Result<Asked, Vec<Violation>> {
        let mut odd = Vec::new();
        let path: String =
            self.path.iter().filter_map(|part| part.text(question, &mut odd)).collect();
        let mut all = |fields: &[(String, Expression)]| {
            let mut values = Vec::with_capacity(fields.len());
            for (name, expression) in fields {
                let value = match (expression.find(id, unit, question), expression.absent) {
                    (Found::Value(value), _) => value,
                    (Found::Unwritable, _) => {
                        odd.push(expression.source.violation(&rule::SCHEMA));
                        continue;
                    }
                    (Found::Absent, Absent::Refused) => {
                        odd.push(expression.source.violation(&rule::REQUIRED));
                        continue;
                    }
                    (Found::Absent, Absent::LeftOut) => continue,
                    (Found::Absent, Absent::Empty) => Value::String(String::new()),
                };
                values.push((name.clone(), value));
            }
            values
        };
        let query = all(&self.query).into_iter().map(|(name, value)| (name, parameter(value)));
        let query = query.collect();
        let body = all(&self.body);
        if odd.is_empty() {
            let body = (self.method == Method::POST).then(|| body.into_iter().collect());
            return Ok(Asked { method: self.method.clone(), path, query, body });
        }
        // A member may go into several fields.
        let mut told = Vec::new();
        odd.retain(|violation| {
            let is_new = !told.contains(&violation.pointer);
            told.push(violation.pointer.clone());
            is_new
        });
        Err(odd)
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

impl PathPart {
    fn text<'p>(&'p self, question: &Question, odd: &mut Vec<Violation>) -> Option<Cow<'p, str>> {
        let at = match self {
            Self::Fixed(text) => return Some(text.into()),
            Self::Member(at) => at,
        };
        let text = at.find_in(&question.body).and_then(text_of);
        let rule = if text.is_some() { &rule::PATTERN } else { &rule::REQUIRED };
        let word = text.filter(|text| is_path_word(text));
        if word.is_none() {
            odd.push(Violation::new(at.to_string(), rule));
        }
        word.map(Cow::from)
    }
}

impl Source {
    /// Names the place that this takes from, and the rule that it broke.
    fn violation(&self, rule: &'static Rule) -> Violation {
        match self {
            Self::Body(at) => Violation::new(at.to_string(), rule),
            Self::Purpose(_) => Violation::new("", &rule::PURPOSE),
            Self::Id | Self::Unit | Self::Constant(_) => Violation::new("", &rule::REQUEST),
        }
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
    fn find(&self, id: Uuid, unit: &str, question: &Question) -> Found {
        let purpose = &question.purpose;
        let text = match &self.source {
            Source::Constant(value) => return Found::Value(value.clone()),
            Source::Id => Some(id.to_string()),
            Source::Unit => Some(unit.to_owned()),
            Source::Body(at) => match at.find_in(&question.body) {
                None | Some(Value::Null) => None,
                Some(value) => match text_of(value) {
                    Some(text) => Some(text),
                    None => return Found::Unwritable,
                },
            },
            Source::Purpose(part) => match part {
                PurposePart::Dossier => purpose.dossier.as_ref().map(DossierCode::as_str),
                PurposePart::Procedure => purpose.procedure.as_ref().map(ProcedureCode::as_str),
                PurposePart::Officer => purpose.officer.as_ref().map(OfficerNumber::as_str),
                PurposePart::Reason => purpose.reason.as_deref(),
            }
            .map(str::to_owned),
        };
        match text.filter(|text| !text.is_empty()) {
            None => Found::Absent,
            Some(text) => self.form.write(&text).map_or(Found::Unwritable, Found::Value),
        }
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
    use crate::rest::day::DayForm;

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
        let odd = request.compose(Uuid::nil(), "H61", &question(lesser)).err();
        assert_eq!(odd, Some(vec![Violation::new("/birthDate", &rule::REQUIRED)]));
    }

    #[test]
    fn what_cannot_be_written_is_never_taken_for_absent() {
        let day = Form::Day(DayForm::Compact);
        for (form, value, expected) in [
            (Form::Text, json!("x"), None),
            (Form::Text, json!(null), None),
            (Form::Text, json!(" "), None),
            (Form::Text, json!(true), Some(&rule::SCHEMA)),
            (Form::Text, json!(["x"]), Some(&rule::SCHEMA)),
            (day, json!("1990-02-28"), None),
            (day, json!("1990-02-31"), Some(&rule::SCHEMA)),
            (Form::DayPrecision, json!("1990-13"), Some(&rule::SCHEMA)),
            (Form::Integer, json!(5.0), None),
            (Form::Integer, json!(1e20), Some(&rule::SCHEMA)),
            (Form::Integer, json!("x"), Some(&rule::SCHEMA)),
            (Form::FoldedName, json!("李明"), Some(&rule::SCHEMA)),
        ] {
            for absent in [Absent::LeftOut, Absent::Empty] {
                let fields = || vec![("f".to_owned(), from("/member", form, absent))];
                let path = vec![PathPart::Fixed("/x".to_owned())];
                let request =
                    Request { method: Method::POST, path, query: fields(), body: fields() };
                let asked = question(json!({"member": value.clone()}));
                let odd = request.compose(Uuid::nil(), "H61", &asked).err();
                let expected = expected.map(|rule| vec![Violation::new("/member", rule)]);
                assert_eq!(odd, expected, "{form:?} {value}");
            }
        }
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
            let asked = request.compose(Uuid::nil(), "H61", &asked).ok()?;
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
