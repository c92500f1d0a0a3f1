//! The form of an event's `source`: `/agencies/<agency code>/systems/<client id>`.

use lgsp_core::identifier::{AgencyCode, ClientId};

/// Reads a source; `None` where it has another form. Neither part can hold a slash.
pub(crate) fn parse(source: &str) -> Option<(AgencyCode, ClientId)> {
    let (agency, client) = source.strip_prefix("/agencies/")?.split_once("/systems/")?;
    Some((AgencyCode::parse(agency).ok()?, ClientId::parse(client).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_one_form_only() {
        let (agency, client) = parse("/agencies/H61.14/systems/motcua").unwrap();
        assert_eq!((agency.as_str(), client.as_str()), ("H61.14", "motcua"));
        for source in [
            "",
            "/agencies/H61.14",
            "agencies/H61.14/systems/motcua",
            "/agencies/H61.14/systems/motcua/",
            "/agencies/H61.14/systems/motcua?x",
            "/agencies/H61.14/systems/",
            "/agencies//systems/motcua",
            "/agencies/h61.14/systems/motcua",
            "/agencies/H61.14/systems/systems/motcua",
            "/agencies/H61%2E14/systems/motcua",
            "//agencies/H61.14/systems/motcua",
            "urn:lgsp:H61.14:motcua",
        ] {
            assert!(parse(source).is_none(), "{source}");
        }
    }
}
