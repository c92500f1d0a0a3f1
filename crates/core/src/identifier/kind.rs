//! The kinds of codes that reorganisations replace.

use super::{agency, territory};

/// What a code names: an agency, or a place of one of the three levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CodeKind {
    /// An agency.
    Agency,
    /// A province: 2 digits.
    Province,
    /// A district, a level that was abolished on 1 July 2025: 3 digits.
    District,
    /// A commune: 5 digits.
    Commune,
}

impl CodeKind {
    /// Every kind.
    pub const ALL: &'static [Self] = &[Self::Agency, Self::Province, Self::District, Self::Commune];

    /// Returns the kind's name in files: `agency`, `province`, `district` or `commune`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agency => "agency",
            Self::Province => "province",
            Self::District => "district",
            Self::Commune => "commune",
        }
    }

    /// Reads a kind's name; `None` where it is none.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == name)
    }

    /// Tells whether a text has the form of codes of this kind.
    pub fn fits(self, text: &str) -> bool {
        let check = match self {
            Self::Agency => agency::check_agency_code,
            Self::Province => territory::check_province_code,
            Self::District => territory::check_district_code,
            Self::Commune => territory::check_commune_code,
        };
        check(text).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_a_name_and_codes_of_its_own_form() {
        let codes = ["H61.14", "86", "855", "29551"];
        for (kind, own) in CodeKind::ALL.iter().zip(codes) {
            assert_eq!(CodeKind::parse(kind.as_str()), Some(*kind));
            for code in codes {
                assert_eq!(kind.fits(code), code == own, "{kind:?} {code}");
            }
        }
        assert_eq!(CodeKind::parse("village"), None);
    }
}
