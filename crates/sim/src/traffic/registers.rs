//! Writes citizens' and enterprises' records as an agency publishes them.

use lgsp_core::identifier::tax_check_digit;
use serde_json::json;

use super::flaw::Flaw;
use super::plan::purpose;
use crate::people::{Gender, POPULATION, Population};
use crate::random::{dice, pick};

/// Writes a citizen's record, with the names of the population database.
pub(super) fn write_citizen(seed: u64, people: &Population, number: u32) -> Vec<u8> {
    let mut dice = dice(seed, purpose::CITIZEN, u64::from(number));
    let Some(person) = people.person(dice.u32(0..POPULATION)) else { return Vec::new() };
    let relative = |index: Option<u32>| {
        let relative = index.and_then(|index| people.person(index))?;
        Some(json!({
            "HoVaTen": relative.name.to_string(),
            "QuocTich": "VN",
            "SoDinhDanh": relative.personal_number,
        }))
    };
    let residence = json!({
        "MaTinhThanh": person.residence.province_code,
        "MaPhuongXa": person.residence.commune_code,
        "ChiTiet": person.residence.detail,
        "QuocGia": "VN",
    });
    let record = json!({
        "SoDinhDanh": person.personal_number,
        "SoCMND": person.identity_card_number,
        "HoVaTen": person.name.to_string(),
        "NgayThangNamSinh": person.birth.to_string(),
        "GioiTinh": if person.gender == Gender::Male { "1" } else { "2" },
        "DanToc": person.ethnic_group_code,
        "TonGiao": person.religion_code,
        "QuocTich": "VN",
        "QueQuan": {"MaTinhThanh": person.birth_province_code, "QuocGia": "VN"},
        "ThuongTru": residence,
        "NoiOHienTai": residence,
        "Cha": relative(person.parents.map(|(father, _)| father)),
        "Me": relative(person.parents.map(|(_, mother)| mother)),
        "VoChong": relative(person.spouse),
    });
    record.to_string().into_bytes()
}

/// Writes an enterprise's record, with the names of the enterprise register.
pub(super) fn write_enterprise(
    seed: u64,
    people: &Population,
    number: u32,
    flaw: Option<Flaw>,
) -> Vec<u8> {
    const FORMS: &[&str] = &["CÔNG TY TNHH", "CÔNG TY CỔ PHẦN", "DOANH NGHIỆP TƯ NHÂN"];
    const TRADES: &[&str] =
        &["THƯƠNG MẠI", "XÂY DỰNG", "THỦY SẢN", "NÔNG SẢN", "VẬN TẢI", "DỊCH VỤ"];
    let mut dice = dice(seed, purpose::ENTERPRISE, u64::from(number));
    let Some(owner) = people.person(dice.u32(0..POPULATION)) else { return Vec::new() };
    let (form, trade) = (pick(&mut dice, FORMS), pick(&mut dice, TRADES));
    let (street, city) = (format!("Số {}", dice.u32(1..400)), "Vĩnh Long");
    let record = json!({
        "ENTERPRISE_GDT_CODE": tax_code(number, flaw == Some(Flaw::TaxCheckDigit)),
        "NAME": format!("{form} {trade} {} {}", owner.name.given.to_uppercase(), number),
        "ENTERPRISE_ID": number,
        "ENTERPRISE_TYPE_NAME": form,
        "FOUNDING_DATE": format!("{:02}/{:02}/{}", dice.u32(1..=28), dice.u32(1..=12), dice.u32(2000..=2025)),
        "NUMBER_CHANGES": dice.u32(0..8),
        "LEGAL_NAMES": owner.name.to_string(),
        "CAPITAL_AMOUNT": dice.u64(1..200) * 100_000_000,
        "HOAdress": {
            "CityID": "86",
            "CityName": city,
            "WardID": owner.residence.commune_code,
            "StreetNumber": street,
            "AddressFullText": format!("{street}, {city}"),
        },
    });
    record.to_string().into_bytes()
}

/// Composes the tax code of a number: `15 9NNNNNN` and the check digit, or a wrong one. Serials
/// from 9,000,000 up lie far above those that a province has given out.
fn tax_code(number: u32, wrong: bool) -> String {
    // Each number has two serials; where no digit fits the first, one fits the second: their
    // weighted sums differ by 3.
    let serial = 9_000_000 + number % 500_000 * 2;
    let (head, digit) = [serial, serial + 1]
        .into_iter()
        .map(|serial| format!("15{serial:07}"))
        .find_map(|head| tax_check_digit(&head).map(|digit| (head, digit)))
        .unwrap_or_default();
    format!("{head}{}", if wrong { (digit + 1) % 10 } else { digit })
}

#[cfg(test)]
mod tests {
    use lgsp_core::identifier::TaxCode;

    use super::*;

    #[test]
    fn every_number_has_a_tax_code_of_its_own() {
        let codes: std::collections::HashSet<String> =
            (0..20_000).map(|number| tax_code(number, false)).collect();
        assert_eq!(codes.len(), 20_000);
        assert!(codes.iter().all(|code| TaxCode::parse(code).is_ok()));
        assert!((0..20_000).all(|number| TaxCode::parse(&tax_code(number, true)).is_err()));
    }
}
