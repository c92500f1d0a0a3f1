//! Agency codes, in the new and the old form, and the way from old to new.
//!
//! Sources: Quyết định 20/2020/QĐ-TTg (new form, from left to right: `H61.14`); QCVN 102:2016/BTTTT
//! (old form, from right to left: `000.00.14.H61`).

use super::{AgencyCode, digits, ensure};
use crate::rule::{self, Rule};

pub(super) fn check_agency_code(text: &str) -> Result<(), &'static Rule> {
    let mut groups = text.split('.');
    let new_form = groups.next().is_some_and(is_level_one)
        && groups.all(|group| {
            !group.is_empty()
                && group.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
        });
    ensure(text.len() <= 35 && (new_form || old_form(text).is_some()), &rule::AGENCY_CODE)
}

/// Converts an agency code of the old form into the new one by dropping its unused groups:
/// `000.00.14.H61` → `H61.14`. `None` for any other text.
///
/// Real renumbering went by provincial decisions, so this is only what remains where no mapping
/// is declared.
///
/// ```
/// use lgsp_core::identifier::converted_agency_code;
/// let code = converted_agency_code("000.00.14.H61");
/// assert_eq!(code.as_ref().map(|code| code.as_str()), Some("H61.14"));
/// ```
pub fn converted_agency_code(old: &str) -> Option<AgencyCode> {
    let [four, three, two, one] = old_form(old)?;
    let groups = [one, two, three, four];
    // A group of zeros that a deeper one follows holds that one's place.
    let used = groups.iter().rposition(|group| group.bytes().any(|byte| byte != b'0'))?;
    AgencyCode::parse(&groups.get(..=used)?.join(".")).ok()
}

/// A level-1 group: a letter A–Y and two digits.
pub(super) fn is_level_one(group: &str) -> bool {
    matches!(group.as_bytes(), [b'A'..=b'Y', rest @ ..]
        if rest.len() == 2 && rest.iter().all(u8::is_ascii_digit))
}

/// Returns the four groups of an old form, from level 4 to level 1.
fn old_form(text: &str) -> Option<[&str; 4]> {
    let mut groups = text.split('.');
    let four = groups.next().filter(|group| digits(group, 3))?;
    let three = groups.next().filter(|group| digits(group, 2))?;
    let two = groups.next().filter(|group| digits(group, 2))?;
    let one = groups.next().filter(|group| is_level_one(group))?;
    groups.next().is_none().then_some([four, three, two, one])
}

/// Tells whether a text has the old form.
pub(super) fn is_old_form(text: &str) -> bool {
    old_form(text).is_some()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn takes_both_forms_and_nothing_that_only_looks_right() {
        for code in ["H61", "H61.14", "H55.242", "000.00.14.H61", "000.00.00.H41", "G22.A1"] {
            assert!(AgencyCode::parse(code).is_ok(), "{code}");
        }
        for code in ["", "Z61", "h61.14", "H61.", "H6.14", "H61..14", "H61.14/../x", "000.00.H61"] {
            assert_eq!(AgencyCode::parse(code), Err(&rule::AGENCY_CODE), "{code}");
        }
        let long = format!("H61.{}", "1".repeat(32));
        assert_eq!(AgencyCode::parse(&long), Err(&rule::AGENCY_CODE));
    }

    #[test]
    fn an_old_code_loses_the_groups_that_it_does_not_use() {
        let converted = |old| converted_agency_code(old).map(|code| code.as_str().to_owned());
        assert_eq!(converted("000.00.00.H61").as_deref(), Some("H61"));
        assert_eq!(converted("000.00.14.H61").as_deref(), Some("H61.14"));
        assert_eq!(converted("000.01.01.H59").as_deref(), Some("H59.01.01"));
        assert_eq!(converted("007.00.14.H61").as_deref(), Some("H61.14.00.007"));
        for other in ["", "H61.14", "000.00.14.Z61", "00.00.14.H61", "000.00.14.H61.1"] {
            assert_eq!(converted(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn an_old_code_and_its_new_form_name_the_same_groups(
            four in 0u32..1000, three in 0u32..100, two in 0u32..100, one in "[A-Y][0-9]{2}",
        ) {
            let old = format!("{four:03}.{three:02}.{two:02}.{one}");
            prop_assert!(AgencyCode::parse(&old).is_ok());
            let new = converted_agency_code(&old).unwrap();
            let mut numbers: Vec<u32> =
                new.as_str().split('.').skip(1).map(|group| group.parse().unwrap()).collect();
            prop_assert!(numbers.last() != Some(&0), "{}", new.as_str());
            numbers.resize(3, 0);
            prop_assert_eq!(numbers, [two, three, four]);
            prop_assert!(new.as_str().starts_with(&one));
            prop_assert_eq!(converted_agency_code(new.as_str()), None);
        }
    }
}
