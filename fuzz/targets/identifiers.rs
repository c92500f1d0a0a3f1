//! The formats of identifiers, and what is read out of them.
#![no_main]

use lgsp_core::dossier::transition;
use lgsp_core::identifier::{
    AgencyCode, CodeKind, DossierCode, FORMATS, ODDITIES, TaxCode, agency_of_dossier,
    converted_agency_code, numbered_birth, portal_time, tax_check_digit,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let keeps = |name: &str| {
        let check = FORMATS.iter().find(|(format, _)| *format == name).unwrap().1;
        check(text).is_ok()
    };
    for (name, check) in FORMATS {
        match check(text) {
            Ok(()) => {
                assert!(!text.chars().any(char::is_control), "{name}");
                // Names are in every script, and telephone numbers are as people write them.
                let is_free = name.ends_with("name") || *name == "phone";
                assert!(text.is_ascii() || is_free, "{name}");
            }
            Err(rule) => assert!(!rule.is_warning()),
        }
    }
    for (_, check) in ODDITIES {
        assert!(check(text).err().is_none_or(|rule| rule.is_warning()));
    }
    if let Some(new) = converted_agency_code(text) {
        assert!(keeps("agency-code"));
        assert!(AgencyCode::parse(new.as_str()).is_ok());
        assert!(converted_agency_code(new.as_str()).is_none());
        let mut groups: Vec<_> = text.split('.').rev().collect();
        groups.truncate(new.as_str().split('.').count());
        assert_eq!(groups.join("."), new.as_str());
    }
    assert_eq!(agency_of_dossier(text).is_some(), keeps("dossier-code"));
    if let Ok(dossier) = DossierCode::parse(text) {
        assert!(AgencyCode::parse(dossier.agency()).is_ok());
        assert!(dossier.day().is_some());
    }
    assert_eq!(numbered_birth(text).is_some(), keeps("personal-number"));
    assert_eq!(portal_time(text).is_some() || text.is_empty(), keeps("portal-time"));
    if TaxCode::parse(text).is_ok() && text.len() == 10 {
        assert_eq!(tax_check_digit(text), text.chars().last().and_then(|digit| digit.to_digit(10)));
    }
    for kind in CodeKind::ALL {
        kind.fits(text);
    }
    transition(None, text).ok();
    transition(Some(text), "4").ok();
});
