//! The look-up's answer: XML within the `message` of a JSON envelope, errors with HTTP 200.

use std::borrow::Cow;

use lgsp_query::UpstreamError;
use serde::Deserialize;

use crate::citizen::Citizen;
use crate::code::sanitised;
use crate::record;
use crate::xml::{self, Element};

/// The JSON envelope.
#[derive(Deserialize)]
struct Envelope<'a> {
    error_code: Code<'a>,
    #[serde(borrow)]
    message: Option<Cow<'a, str>>,
}

/// An error code: some carriers write numbers, some strings.
#[derive(Deserialize)]
#[serde(untagged)]
enum Code<'a> {
    Number(i64),
    #[serde(borrow)]
    Text(Cow<'a, str>),
}

/// Reads the answer to a question about one personal number: the record, and how many of its
/// elements are not known.
pub(crate) fn read(
    body: &[u8],
    asked_for: &str,
    not_found_codes: &[String],
) -> Result<(Citizen, usize), UpstreamError> {
    let envelope: Envelope<'_> = serde_json::from_slice(body).map_err(|_| broken("answer"))?;
    let code = match envelope.error_code {
        Code::Number(number) => number.to_string(),
        Code::Text(text) => text.into_owned(),
    };
    if !matches!(code.as_str(), "0" | "00") {
        return Err(if not_found_codes.contains(&code) {
            UpstreamError::NotFound
        } else {
            UpstreamError::Refused { code: sanitised(&code) }
        });
    }
    let message =
        envelope.message.filter(|message| !message.trim().is_empty()).ok_or(broken("message"))?;
    let root = xml::read(&message).map_err(|_| broken("message/xml"))?;
    let (citizen, unknown) = record::read(the_citizen(&root)?)?;
    // A record that does not say whose it is, or is another's, must never be released.
    if citizen.personal_number.as_deref() != Some(asked_for) {
        return Err(broken("CongDan/SoDinhDanh"));
    }
    Ok((citizen, unknown))
}

/// Finds `Envelope/Body/CongdanCollection/CongDan`: there is one at most, for one number.
fn the_citizen(root: &Element) -> Result<&Element, UpstreamError> {
    let body = (root.name == "Envelope")
        .then(|| only(root, "Body"))
        .flatten()
        .ok_or(broken("Envelope/Body"))?;
    let collection =
        only(body, "CongdanCollection").ok_or(broken("Envelope/Body/CongdanCollection"))?;
    match collection.children.as_slice() {
        [] => Err(UpstreamError::NotFound),
        [citizen] if citizen.name == "CongDan" => Ok(citizen),
        _ => Err(broken("CongdanCollection/CongDan")),
    }
}

fn only<'a>(element: &'a Element, name: &'a str) -> Option<&'a Element> {
    let mut found = element.children_named(name);
    found.next().filter(|_| found.next().is_none())
}

fn broken(path: &'static str) -> UpstreamError {
    UpstreamError::Contract { path: path.into() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const NUMBER: &str = "086190000001";

    fn answer(code: &Value, message: &str) -> Result<Citizen, UpstreamError> {
        let body = json!({"error_code": code, "message": message}).to_string();
        read(body.as_bytes(), NUMBER, &["11".to_owned()]).map(|(citizen, _unknown)| citizen)
    }

    fn soap(inner: &str) -> String {
        format!(
            "<soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\"><soapenv:Body>{inner}</soapenv:Body></soapenv:Envelope>"
        )
    }

    fn collection(people: &str) -> String {
        soap(&format!(
            "<ns1:CongdanCollection xmlns:ns1=\"http://www.mic.gov.vn/dancu/1.0\">{people}</ns1:CongdanCollection>"
        ))
    }

    #[test]
    fn success_has_three_writings() {
        let message = collection(&format!(
            "<ns1:CongDan><ns1:SoDinhDanh>{NUMBER}</ns1:SoDinhDanh></ns1:CongDan>"
        ));
        for code in [json!(0), json!("0"), json!("00")] {
            assert_eq!(
                answer(&code, &message).unwrap().personal_number.as_deref(),
                Some(NUMBER),
                "{code}"
            );
        }
    }

    #[test]
    fn other_codes_are_refusals_without_their_text() {
        for code in [json!("11"), json!(11)] {
            assert!(answer(&code, "Nguyễn Thị Mẫu") == Err(UpstreamError::NotFound));
        }
        let refused = |code: &str| Err(UpstreamError::Refused { code: code.to_owned() });
        assert!(answer(&json!("E-12"), "") == refused("E-12"));
        assert!(answer(&json!(-3), "") == refused("-3"));
        for code in [json!("Công dân Mẫu"), json!("086190000001"), json!(86190000001u64), json!("")]
        {
            assert!(answer(&code, "") == refused("unreadable"), "{code}");
        }
    }

    #[test]
    fn an_empty_collection_is_nobody() {
        assert!(answer(&json!(0), &collection("")) == Err(UpstreamError::NotFound));
    }

    #[test]
    fn what_breaks_the_contract_says_where() {
        let another = "<CongDan><SoDinhDanh>086190000002</SoDinhDanh></CongDan>";
        let nameless = "<CongDan><HoVaTen><Ten>Nguyễn Thị Mẫu</Ten></HoVaTen></CongDan>";
        let cases = [
            (String::new(), "message"),
            ("<soapenv:Envelope>".to_owned(), "message/xml"),
            ("<!DOCTYPE x [<!ENTITY a \"b\">]>".to_owned() + &collection(""), "message/xml"),
            ("<CongdanCollection/>".to_owned(), "Envelope/Body"),
            (soap("<soapenv:Fault/>"), "Envelope/Body/CongdanCollection"),
            (collection("<Khac/>"), "CongdanCollection/CongDan"),
            (collection("<CongDan/><CongDan/>"), "CongdanCollection/CongDan"),
            (collection(another), "CongDan/SoDinhDanh"),
            (collection(nameless), "CongDan/SoDinhDanh"),
        ];
        for (message, path) in cases {
            assert!(answer(&json!(0), &message) == Err(broken(path)), "{path}");
        }
        for body in [
            "",
            "[]",
            "{}",
            "null",
            "{\"error_code\":0",
            "{\"error_code\":{}}",
            "{\"error_code\":0,\"error_code\":1}",
        ] {
            let read = read(body.as_bytes(), NUMBER, &[]);
            assert!(read == Err(broken("answer")), "{body}");
        }
    }

    proptest! {
        #[test]
        fn no_rubbish_is_taken_for_a_record(body in proptest::collection::vec(any::<u8>(), 0..200), message in "\\PC{0,100}") {
            prop_assert!(read(&body, NUMBER, &[]).is_err());
            prop_assert!(answer(&json!(0), &message).is_err());
        }
    }
}
