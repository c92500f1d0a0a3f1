//! What a client prefers: the `Prefer` header (RFC 7240).

use http::{HeaderMap, HeaderName, HeaderValue};

/// How a batch is handled of which not all is well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Handling {
    /// All or nothing is taken.
    Strict,
    /// What can be taken is taken.
    Lenient,
}

/// Tells the client which preference was heeded.
pub(super) const APPLIED: HeaderName = HeaderName::from_static("preference-applied");

const PREFER: HeaderName = HeaderName::from_static("prefer");

impl Handling {
    /// Reads the preference `handling`; of several the first counts, as the RFC says. What is not
    /// understood is no preference.
    pub(super) fn asked(headers: &HeaderMap) -> Option<Self> {
        let texts = headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok());
        let asked = texts.flat_map(|text| unquoted(text, ',')).find_map(|preference| {
            // What follows a semicolon are parameters, of which `handling` has none.
            let preference = unquoted(preference, ';').next()?;
            let (name, value) = preference.split_once('=')?;
            name.trim().eq_ignore_ascii_case("handling").then(|| value.trim().trim_matches('"'))
        })?;
        match asked {
            lenient if lenient.eq_ignore_ascii_case("lenient") => Some(Self::Lenient),
            strict if strict.eq_ignore_ascii_case("strict") => Some(Self::Strict),
            _ => None,
        }
    }

    /// Writes the preference as it was heeded.
    pub(super) fn applied(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Strict => "handling=strict",
            Self::Lenient => "handling=lenient",
        })
    }
}

/// Splits a text, but not within quotes.
fn unquoted(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |character| {
        let splits = !quoted && character == separator;
        quoted ^= character == '"' && !escaped;
        escaped = quoted && character == '\\' && !escaped;
        splits
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(values: &[&str]) -> Option<Handling> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(PREFER, HeaderValue::from_str(value).unwrap());
        }
        Handling::asked(&headers)
    }

    #[test]
    fn reads_the_forms_that_the_rfc_allows() {
        for values in [
            &["handling=lenient"][..],
            &["Handling = \"Lenient\""],
            &["respond-async, wait=100, handling=lenient"],
            &["return=minimal; foo=\"some, value\"", "handling=lenient; x=1"],
            &["handling=lenient", "handling=strict"],
            &["note=\"a \\\", handling=strict\", handling=lenient"],
        ] {
            assert_eq!(asked(values), Some(Handling::Lenient), "{values:?}");
        }
        assert_eq!(asked(&["handling=strict"]), Some(Handling::Strict));
    }

    #[test]
    fn what_is_not_understood_is_no_preference() {
        for values in [
            &[][..],
            &["lenient"],
            &["handling"],
            &["handling=maybe"],
            &["x=\", handling=lenient\""],
        ] {
            assert_eq!(asked(values), None, "{values:?}");
        }
    }
}
