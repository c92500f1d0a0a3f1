//! Binary mode: attributes are `ce-` headers, percent-encoded; the body is the data.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, header};
use lgsp_core::{ErrorCode, Fault, rule};
use lgsp_ingest::Submission;
use percent_encoding::percent_decode_str;

use super::structured::shown;
use crate::event_grpc::assign;

/// Reads an event.
///
/// # Errors
/// `invalid_request` where an attribute has a wrong form.
pub(super) fn read(headers: &HeaderMap, body: Bytes) -> Result<Submission, Fault> {
    let mut event = Submission { data: body, adapter: "http", ..Submission::default() };
    event.content_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
    for name in headers.keys() {
        let Some(attribute) = name.as_str().strip_prefix("ce-") else { continue };
        let value = attribute_value(headers, name)?;
        match attribute {
            "specversion" => event.spec_version = value,
            "id" => event.id = value,
            "source" => event.source = value,
            "type" => event.event_type = value,
            // Told by Content-Type alone in this mode.
            "datacontenttype" => {}
            _ => assign(&mut event, attribute.to_owned(), value),
        }
    }
    Ok(event)
}

fn attribute_value(headers: &HeaderMap, name: &HeaderName) -> Result<String, Fault> {
    let wrong = || {
        let attribute = name.as_str().strip_prefix("ce-").map(shown).unwrap_or_default();
        let pointer = if attribute.is_empty() { "" } else { name.as_str() };
        Fault::at(ErrorCode::InvalidRequest, pointer, &rule::ATTRIBUTE)
    };
    let mut values = headers.get_all(name).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return Err(wrong()) };
    let text = std::str::from_utf8(value.as_bytes()).map_err(|_| wrong())?;
    Ok(percent_decode_str(text).decode_utf8().map_err(|_| wrong())?.into_owned())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_malformed_header_is_named_unless_its_name_may_be_somebody_s_number() {
        for (name, told) in [("ce-traced", "ce-traced"), ("ce-086190000001", ""), ("ce-", "")] {
            let mut headers = HeaderMap::new();
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static("%ff"));
            let fault = read(&headers, Bytes::new()).unwrap_err();
            assert_eq!(fault.violations[0].pointer, told);
        }
    }
}
