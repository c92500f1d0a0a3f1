//! Writes citizens' and enterprises' records as an agency publishes them.

use lgsp_core::identifier::tax_check_digit;
use serde_json::json;

use super::purpose;
use crate::people::{Gender, POPULATION, Person, Population};
use crate::random::{dice, pick};

/// What an agency tells of a citizen.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Citizen {
    /// How often the citizen's data have changed before.
    pub(crate) revision: u32,
    /// Whether the address has the codes from before 1 July 2025.
    pub(crate) old_commune: bool,
    /// Whether the gender contradicts the number.
    pub(crate) other_gender: bool,
}

/// A former district and communes in it, by the codes of the registry's sample: of the prescribed
/// form, and no statement about any place.
const OLD_PLACES: &[(&str, &str)] = &[("855", "29551")];

/// Returns the citizen of a number: each number has one of its own.
pub(crate) fn citizen(seed: u64, people: &Population, number: u32) -> Option<Person> {
    let first = dice(seed, purpose::CITIZEN, 0).u64(0..u64::from(POPULATION));
    // 413,011 has no divisor in common with the population: a million numbers, a million people.
    let index = (first + u64::from(number) * 413_011) % u64::from(POPULATION);
    people.person(u32::try_from(index).ok()?)
}

/// Writes a citizen's record, with the names of the population database.
pub(crate) fn write_citizen(people: &Population, person: &Person, told: Citizen) -> Vec<u8> {
    let relative = |index: Option<u32>| {
        let relative = index.and_then(|index| people.person(index))?;
        Some(json!({
            "HoVaTen": relative.name.to_string(),
            "QuocTich": "VN",
            "SoDinhDanh": relative.personal_number,
        }))
    };
    let mut residence = json!({
        "MaTinhThanh": person.residence.province_code,
        "MaPhuongXa": person.residence.commune_code,
        "ChiTiet": person.residence.detail,
        "QuocGia": "VN",
    });
    let mut staying = residence.clone();
    let at = usize::try_from(person.index).unwrap_or(0) % OLD_PLACES.len();
    if let (true, Some((district, commune))) = (told.old_commune, OLD_PLACES.get(at))
        && let Some(residence) = residence.as_object_mut()
    {
        residence.insert("MaQuanHuyen".to_owned(), (*district).into());
        residence.insert("MaPhuongXa".to_owned(), (*commune).into());
    }
    if let (1.., Some(staying)) = (told.revision, staying.as_object_mut()) {
        staying.insert("ChiTiet".to_owned(), format!("Chỗ ở thứ {}", told.revision + 1).into());
    }
    let male = (person.gender == Gender::Male) != told.other_gender;
    let record = json!({
        "SoDinhDanh": person.personal_number,
        "SoCMND": person.identity_card_number,
        "HoVaTen": person.name.to_string(),
        "NgayThangNamSinh": person.birth.to_string(),
        "GioiTinh": if male { "1" } else { "2" },
        "DanToc": person.ethnic_group_code,
        "TonGiao": person.religion_code,
        "QuocTich": "VN",
        "QueQuan": {"MaTinhThanh": person.birth_province_code, "QuocGia": "VN"},
        "ThuongTru": residence,
        "NoiOHienTai": staying,
        "Cha": relative(person.parents.map(|(father, _)| father)),
        "Me": relative(person.parents.map(|(_, mother)| mother)),
        "VoChong": relative(person.spouse),
    });
    record.to_string().into_bytes()
}

/// Writes an enterprise's record, with the names of the enterprise register; `revision` tells how
/// often its registration has changed in the day.
pub(crate) fn write_enterprise(
    seed: u64,
    people: &Population,
    number: u32,
    revision: u32,
) -> Vec<u8> {
    const FORMS: &[&str] = &["CÔNG TY TNHH", "CÔNG TY CỔ PHẦN", "DOANH NGHIỆP TƯ NHÂN"];
    const TRADES: &[&str] =
        &["THƯƠNG MẠI", "XÂY DỰNG", "THỦY SẢN", "NÔNG SẢN", "VẬN TẢI", "DỊCH VỤ"];
    let mut dice = dice(seed, purpose::ENTERPRISE, u64::from(number));
    let Some(owner) = people.person(dice.u32(0..POPULATION)) else { return Vec::new() };
    let (form, trade) = (pick(&mut dice, FORMS), pick(&mut dice, TRADES));
    let (street, city) = (format!("Số {}", dice.u32(1..400)), "Vĩnh Long");
    let record = json!({
        "ENTERPRISE_GDT_CODE": tax_code(number),
        "NAME": format!("{form} {trade} {} {}", owner.name.given.to_uppercase(), number),
        "ENTERPRISE_ID": number,
        "ENTERPRISE_TYPE_NAME": form,
        "FOUNDING_DATE": format!("{:02}/{:02}/{}", dice.u32(1..=28), dice.u32(1..=12), dice.u32(2000..=2025)),
        "NUMBER_CHANGES": dice.u32(0..8) + revision,
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

/// Composes the tax code of a number: `15 9NNNNNN` and the check digit. Serials from 9,000,000 up
/// lie far above those that a province has given out.
pub(crate) fn tax_code(number: u32) -> String {
    // Each number has two serials; where no digit fits the first, one fits the second: their
    // weighted sums differ by 3.
    let serial = 9_000_000 + number % 500_000 * 2;
    let (head, digit) = [serial, serial + 1]
        .into_iter()
        .map(|serial| format!("15{serial:07}"))
        .find_map(|head| tax_check_digit(&head).map(|digit| (head, digit)))
        .unwrap_or_default();
    format!("{head}{digit}")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use lgsp_core::identifier::TaxCode;

    use super::*;

    #[test]
    fn every_number_has_a_tax_code_of_its_own() {
        let codes: HashSet<String> = (0..20_000).map(tax_code).collect();
        assert_eq!(codes.len(), 20_000);
        assert!(codes.iter().all(|code| TaxCode::parse(code).is_ok()));
    }

    #[test]
    fn every_number_has_a_citizen_of_its_own() {
        let people = Population::new(7);
        let numbers: HashSet<String> =
            (0..5_000).map(|number| citizen(7, &people, number).unwrap().personal_number).collect();
        assert_eq!(numbers.len(), 5_000);
    }
}
