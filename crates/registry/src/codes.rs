//! Codes that were replaced, with their dates: the reorganisation of 2025, and those to come.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};
use lgsp_core::identifier::{AgencyCode, CodeKind, converted_agency_code};

use crate::registry::Registry;

/// How many replacements in a row are followed: more than reorganisations in a lifetime.
const MAX_STEPS: usize = 8;

/// One replaced code, as declared in `codes.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeChange {
    pub(crate) valid_from: Option<Date>,
    pub(crate) valid_to: Date,
    pub(crate) replaced_by: Option<String>,
}

impl CodeChange {
    /// Returns the first day of the old code, where that is declared.
    pub fn valid_from(&self) -> Option<Date> {
        self.valid_from
    }

    /// Returns the last day of the old code.
    pub fn valid_to(&self) -> Date {
        self.valid_to
    }

    /// Returns the code that replaced it, if one alone did.
    pub fn replaced_by(&self) -> Option<&str> {
        self.replaced_by.as_deref()
    }
}

/// Every replaced code, by kind and old code.
pub(crate) type CodeChanges = BTreeMap<(CodeKind, String), CodeChange>;

impl Registry {
    /// Returns the code that stands today for one that was replaced before; `None` where the code
    /// is today's own, is unknown, or has no single successor.
    ///
    /// An agency's code is looked up among the declared changes, then among the former codes of
    /// the agencies; at last an old form is converted mechanically, which counts only where it
    /// gives a known agency: real renumbering went by provincial decisions.
    pub fn current_code(&self, kind: CodeKind, code: &str, unix_millis: i64) -> Option<String> {
        let today = day_in_viet_nam(unix_millis)?;
        let mut current = code.to_owned();
        for _ in 0..MAX_STEPS {
            match self.codes.get(&(kind, current.clone())) {
                Some(change) if change.valid_to < today => current = change.replaced_by.clone()?,
                _ => break,
            }
        }
        if kind == CodeKind::Agency {
            // A declared change counts, and nothing beside it: no conversion of that code.
            let declared = self.codes.contains_key(&(kind, code.to_owned()));
            let agency = AgencyCode::parse(&current).ok()?;
            let agency = if declared { self.agency(&agency) } else { self.agency_of(&agency) };
            current = agency?.code().as_str().to_owned();
        }
        (current != code).then_some(current)
    }

    /// Returns the agency that has a code, had it before, or has its converted form.
    fn agency_of(&self, code: &AgencyCode) -> Option<&crate::Agency> {
        self.agency(code).or_else(|| self.agency(self.former.get(code)?)).or_else(|| {
            converted_agency_code(code.as_str()).and_then(|converted| self.agency(&converted))
        })
    }
}

/// Returns the day in Viet Nam, which has kept UTC+7 since 1975.
fn day_in_viet_nam(unix_millis: i64) -> Option<Date> {
    let time = Timestamp::from_millisecond(unix_millis).ok()?;
    Some(time.to_zoned(TimeZone::fixed(Offset::constant(7))).date())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Faults;

    const AGENCIES: &str = r#"
        [[agency]]
        code = "H61.14"
        name = "Mẫu"
        former_codes = ["000.99.14.H61"]
        [[agency]]
        code = "H61.36"
        name = "Mẫu"
    "#;
    const CODES: &str = r#"
        [[change]]
        kind = "commune"
        code = "29551"
        valid_to = 2025-06-30
        replaced_by = "29560"
        [[change]]
        kind = "commune"
        code = "29560"
        valid_to = 2030-12-31
        replaced_by = "29570"
        [[change]]
        kind = "district"
        code = "855"
        valid_to = 2025-06-30
        [[change]]
        kind = "agency"
        code = "000.07.36.H61"
        valid_to = 2025-06-30
        replaced_by = "H61.36"
        [[change]]
        kind = "agency"
        code = "000.00.36.H61"
        valid_to = 2025-06-30
    "#;

    fn registry() -> Registry {
        let texts = crate::registry::Texts {
            agencies: Some(AGENCIES.into()),
            clients: Some("".into()),
            secrets: Some("".into()),
            codes: Some(CODES.into()),
            procedures: None,
        };
        Registry::read(texts, Faults::default()).unwrap()
    }

    fn at(day: &str) -> i64 {
        format!("{day}T12:00:00+07:00").parse::<Timestamp>().unwrap().as_millisecond()
    }

    #[test]
    fn a_replaced_code_leads_to_the_one_of_the_day() {
        let registry = registry();
        let commune = |code, day| registry.current_code(CodeKind::Commune, code, at(day));
        assert_eq!(commune("29551", "2025-06-30"), None, "its last day");
        assert_eq!(commune("29551", "2025-07-01").as_deref(), Some("29560"));
        assert_eq!(commune("29551", "2031-01-01").as_deref(), Some("29570"));
        assert_eq!(commune("29560", "2026-01-01"), None);
        assert_eq!(commune("11111", "2026-01-01"), None);
        assert_eq!(registry.current_code(CodeKind::District, "855", at("2026-01-01")), None);
    }

    #[test]
    fn an_agency_is_found_by_its_changes_its_former_codes_and_its_old_form() {
        let registry = registry();
        let agency = |code| registry.current_code(CodeKind::Agency, code, at("2026-01-01"));
        assert_eq!(agency("000.07.36.H61").as_deref(), Some("H61.36"));
        assert_eq!(agency("000.99.14.H61").as_deref(), Some("H61.14"));
        assert_eq!(agency("000.00.14.H61").as_deref(), Some("H61.14"), "converted");
        assert_eq!(agency("000.00.15.H61"), None, "no such agency");
        assert_eq!(agency("000.00.36.H61"), None, "its declared change has no successor");
        assert_eq!(agency("H61.14"), None);
    }

    #[test]
    fn every_fault_of_the_file_is_told() {
        let codes = r#"
            [[change]]
            kind = "village"
            code = "29551"
            valid_to = 2025-06-30
            [[change]]
            kind = "commune"
            code = "2955"
            valid_to = "soon"
            replaced_by = "29551"
            [[change]]
            kind = "commune"
            code = "29552"
            valid_from = 2025-07-01
            valid_to = 2025-06-30
            [[change]]
            kind = "commune"
            code = "29552"
            valid_to = 2025-06-30
            replaced_by = "29552"
            [[change]]
            kind = "agency"
            code = "000.07.36.H61"
            valid_to = 2025-06-30
            replaced_by = "H61.99"
        "#;
        let texts = crate::registry::Texts {
            agencies: Some(AGENCIES.into()),
            clients: Some("".into()),
            secrets: Some("".into()),
            codes: Some(codes.into()),
            procedures: None,
        };
        let faults = Registry::read(texts, Faults::default()).unwrap_err();
        let places: Vec<String> = faults.iter().map(|fault| fault.key.clone()).collect();
        assert_eq!(
            places,
            [
                "change[1].kind",
                "change[2].code",
                "change[2].valid_to",
                "change[3].valid_to",
                "change[4].code",
                "change[4].replaced_by",
                "change[5].replaced_by",
            ],
            "{faults:?}"
        );
    }
}
