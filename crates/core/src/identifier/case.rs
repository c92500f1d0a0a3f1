//! Codes of dossiers and of procedures.
//!
//! Sources: Thông tư 01/2018/TT-VPCP, article 19 (dossier code), with the agency code in either
//! form; procedure codes as systems send them: `1.004227`, alone or with an agency's old code.

use jiff::civil::Date;

use super::agency::{check_agency_code, is_old_form};
use super::time::short_day;
use super::{DossierCode, digits, ensure};
use crate::rule::{self, Rule};

impl DossierCode {
    /// Returns the code of the agency that gave the dossier its code, in the form used there.
    pub fn agency(&self) -> &str {
        agency_of_dossier(self.as_str()).unwrap_or_default()
    }

    /// Returns the day in the code: when the dossier was received, or filed online.
    pub fn day(&self) -> Option<Date> {
        parts(self.as_str()).map(|(_, day)| day)
    }
}

/// Returns the agency's code within a dossier's code; `None` where the text is none.
///
/// ```
/// use lgsp_core::identifier::agency_of_dossier;
/// assert_eq!(agency_of_dossier("000.00.14.H61-250630-0001"), Some("000.00.14.H61"));
/// assert_eq!(agency_of_dossier("H61.14-250230-0001"), None);
/// ```
pub fn agency_of_dossier(code: &str) -> Option<&str> {
    parts(code).map(|(agency, _)| agency)
}

pub(super) fn check_dossier_code(text: &str) -> Result<(), &'static Rule> {
    ensure(parts(text).is_some(), &rule::DOSSIER_CODE)
}

/// Takes a dossier's code apart: agency, day.
fn parts(text: &str) -> Option<(&str, Date)> {
    let mut parts = text.rsplitn(3, '-');
    parts.next().filter(|order| digits(order, 4) || digits(order, 5))?;
    let day = short_day(parts.next()?)?;
    let agency = parts.next().filter(|agency| check_agency_code(agency).is_ok())?;
    Some((agency, day))
}

pub(super) fn check_procedure_code(text: &str) -> Result<(), &'static Rule> {
    ensure(is_procedure_code(text), &rule::PROCEDURE_CODE)
}

fn is_procedure_code(text: &str) -> bool {
    let Some((national, rest)) = text.split_at_checked(8) else { return false };
    let is_national = matches!(national.split_once('.'), Some((kind, number))
        if digits(kind, 1) && digits(number, 6));
    let Some(local) = rest.strip_prefix('.') else { return is_national && rest.is_empty() };
    // A service's number, two digits, may follow the agency's code.
    let agency = match local.rsplit_once('.') {
        Some((agency, service)) if digits(service, 2) => agency,
        _ => local,
    };
    is_national && is_old_form(agency)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;
    use crate::identifier::ProcedureCode;

    #[test]
    fn a_dossier_code_tells_agency_and_day() {
        for (code, agency, day) in [
            ("H61.14-260703-0001", "H61.14", date(2026, 7, 3)),
            ("000.00.53.H48-220921-0099", "000.00.53.H48", date(2022, 9, 21)),
            ("H56.14-260228-00012", "H56.14", date(2026, 2, 28)),
        ] {
            let parsed = DossierCode::parse(code).unwrap();
            assert_eq!((parsed.agency(), parsed.day()), (agency, Some(day)));
        }
    }

    #[test]
    fn refuses_dossier_codes_that_only_look_right() {
        for code in [
            "",
            "H61.14-260230-0001",
            "H61.14-261301-0001",
            "H61.14-260703-1",
            "260703-0001",
            "-260703-0001",
            "H61.14-26070a-0001",
            "H61.14-260703-000001",
            "H61.14 -260703-0001",
        ] {
            assert_eq!(DossierCode::parse(code), Err(&rule::DOSSIER_CODE), "{code}");
        }
    }

    #[test]
    fn tells_procedure_codes_from_what_only_looks_right() {
        for code in ["1.004227", "1.001612.000.00.00.H48", "2.000815.000.00.00.H55.02"] {
            assert!(ProcedureCode::parse(code).is_ok(), "{code}");
        }
        for code in [
            "",
            "1.00422",
            "1.0042277",
            "1.004227.",
            "1.004227.H61",
            "x.004227",
            "1.004227.000.00.00.H48.2",
            "1.004227.000.00.00.H48.02.02",
            "1.00422é.000.00.00.H48",
        ] {
            assert_eq!(ProcedureCode::parse(code), Err(&rule::PROCEDURE_CODE), "{code}");
        }
    }

    proptest! {
        #[test]
        fn a_dossier_code_holds_a_real_day_and_nothing_else(
            agency in "[A-Y][0-9]{2}(\\.[0-9]{2,3}){0,2}", year in 0i16..100, month in 0i8..14, day in 0i8..33, order in 0u32..100_000,
        ) {
            let code = format!("{agency}-{year:02}{month:02}{day:02}-{order:04}");
            let real = Date::new(2000 + year, month, day).ok();
            let parsed = DossierCode::parse(&code).ok();
            prop_assert_eq!(parsed.as_ref().and_then(DossierCode::day), real);
            prop_assert_eq!(agency_of_dossier(&code), real.map(|_| agency.as_str()));
        }

        #[test]
        fn a_procedure_code_keeps_to_its_groups(text in "[0-9]\\.[0-9]{5,7}(\\.[0-9]{3}\\.[0-9]{2}\\.[0-9]{2}\\.[A-Z][0-9]{2}(\\.[0-9]{1,3})?)?") {
            let groups: Vec<&str> = text.split('.').collect();
            let expected = groups[1].len() == 6
                && groups.get(5).is_none_or(|one| !one.starts_with('Z'))
                && groups.get(6).is_none_or(|service| service.len() == 2);
            prop_assert_eq!(check_procedure_code(&text).is_ok(), expected);
        }
    }
}
