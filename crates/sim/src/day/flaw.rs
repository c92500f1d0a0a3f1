//! Records that break rules, as the field's systems do: one table of flaws.

use lgsp_core::rule;
use serde_json::Value;

use super::{Kind, PlannedBreach, Way};

/// What is wrong with a record, and which rules it must be refused by.
#[derive(Debug)]
pub(super) struct Flaw {
    /// Which records can have it.
    of: Kind,
    /// What is done to the record.
    spoils: &'static [Spoil],
    /// What it must be refused by, sorted by pointer.
    pub(super) breaches: &'static [PlannedBreach],
}

/// A change of a record.
#[derive(Debug, Clone, Copy)]
enum Spoil {
    /// Another text at this place.
    Set(&'static str, &'static str),
    /// Nothing at this place.
    Remove(&'static str),
    /// The last digit at this place is the next one.
    TurnLastDigit(&'static str),
    /// The last character at this place is missing.
    DropLast(&'static str),
    /// The month and the day at this place, so many characters from its end, are 30 February.
    February30(&'static str, usize),
    /// This text stands after the opening brace as well.
    Twice(&'static str),
    /// The text ends in its middle.
    CutOff,
}

const fn breach(pointer: &'static str, rule: &'static rule::Rule) -> PlannedBreach {
    PlannedBreach { pointer, rule }
}

const fn flaw(of: Kind, spoils: &'static [Spoil], breaches: &'static [PlannedBreach]) -> Flaw {
    Flaw { of, spoils, breaches }
}

/// Every flaw.
pub(super) const FLAWS: &[Flaw] = &[
    flaw(
        Kind::Dossier,
        &[Spoil::February30("/MaHoSo", 9)],
        &[breach("/MaHoSo", &rule::DOSSIER_CODE)],
    ),
    flaw(Kind::Dossier, &[Spoil::Remove("/MaTTHC")], &[breach("/MaTTHC", &rule::REQUIRED)]),
    flaw(
        Kind::Dossier,
        &[Spoil::Set("/TrangThaiHoSo", "11")],
        &[breach("/TrangThaiHoSo", &rule::ENUM)],
    ),
    flaw(
        Kind::Dossier,
        &[Spoil::February30("/NgayNopHoSo", 10)],
        &[breach("/NgayNopHoSo", &rule::PORTAL_TIME)],
    ),
    flaw(
        Kind::Dossier,
        &[Spoil::Set("/MaTTHC", "1.00422"), Spoil::Set("/LoaiDoiTuong", "cong dan")],
        &[breach("/LoaiDoiTuong", &rule::ENUM), breach("/MaTTHC", &rule::PROCEDURE_CODE)],
    ),
    flaw(
        Kind::Dossier,
        &[Spoil::Twice("\"MaHoSo\":\"H61.14-260703-0001\",")],
        &[breach("/MaHoSo", &rule::JSON_DUPLICATE_MEMBER)],
    ),
    flaw(Kind::Dossier, &[Spoil::CutOff], &[breach("", &rule::JSON_SYNTAX)]),
    flaw(Kind::Progress, &[Spoil::Remove("/NguoiXuLy")], &[breach("/NguoiXuLy", &rule::REQUIRED)]),
    flaw(
        Kind::Progress,
        &[Spoil::February30("/ThoiDiemXuLy", 10)],
        &[breach("/ThoiDiemXuLy", &rule::PORTAL_TIME)],
    ),
    flaw(Kind::Progress, &[Spoil::Set("/TrangThai", "11")], &[breach("/TrangThai", &rule::ENUM)]),
    flaw(
        Kind::Citizen,
        &[Spoil::DropLast("/SoDinhDanh")],
        &[breach("/SoDinhDanh", &rule::PERSONAL_NUMBER)],
    ),
    flaw(
        Kind::Citizen,
        &[Spoil::Set("/GioiTinh", "Nam"), Spoil::Set("/NgayThangNamSinh", "15/01/1990")],
        &[breach("/GioiTinh", &rule::ENUM), breach("/NgayThangNamSinh", &rule::BIRTH_DATE)],
    ),
    flaw(
        Kind::Enterprise,
        &[Spoil::TurnLastDigit("/ENTERPRISE_GDT_CODE")],
        &[breach("/ENTERPRISE_GDT_CODE", &rule::ENTERPRISE_CODE)],
    ),
    flaw(
        Kind::Enterprise,
        &[Spoil::Set("/FOUNDING_DATE", "2020-01-15"), Spoil::Remove("/NAME")],
        &[breach("/FOUNDING_DATE", &rule::DAY_SLASHED), breach("/NAME", &rule::REQUIRED)],
    ),
];

impl Flaw {
    /// Tells whether a record of that kind on that way can have it.
    pub(super) fn fits(&self, kind: Kind, way: Way) -> bool {
        let of_text =
            self.spoils.iter().any(|spoil| matches!(spoil, Spoil::Twice(_) | Spoil::CutOff));
        self.of == kind && (way.is_verbatim() || !of_text)
    }

    /// Breaks a record.
    pub(super) fn spoil(&self, mut json: Vec<u8>) -> Vec<u8> {
        for spoil in self.spoils {
            json = spoil.apply(json);
        }
        json
    }
}

impl Spoil {
    fn apply(self, mut json: Vec<u8>) -> Vec<u8> {
        match self {
            Self::Twice(member) => {
                json.splice(1..1, member.bytes());
                json
            }
            Self::CutOff => {
                json.truncate(json.iter().rposition(|byte| *byte == b',').unwrap_or(1));
                json
            }
            Self::Set(place, text) => change(&json, place, |_| Some(text.to_owned())),
            Self::Remove(place) => change(&json, place, |_| None),
            Self::TurnLastDigit(place) => change(&json, place, |text| {
                let (head, last) = text.split_at_checked(text.len().checked_sub(1)?)?;
                Some(format!("{head}{}", (last.parse::<u8>().ok()? + 1) % 10))
            }),
            Self::DropLast(place) => change(&json, place, |text| {
                text.get(..text.len().checked_sub(1)?).map(str::to_owned)
            }),
            Self::February30(place, from_end) => change(&json, place, |text| {
                let (head, tail) = text.split_at_checked(text.len().checked_sub(from_end)?)?;
                Some(format!("{head}0230{}", tail.get(4..)?))
            }),
        }
    }
}

/// Changes the text of one member at the top.
fn change(json: &[u8], place: &str, change: impl FnOnce(&str) -> Option<String>) -> Vec<u8> {
    let mut record: Value = serde_json::from_slice(json).unwrap_or_default();
    let name = place.trim_start_matches('/');
    if let Some(record) = record.as_object_mut() {
        let before = record.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        match change(&before) {
            Some(text) => drop(record.insert(name.to_owned(), text.into())),
            None => drop(record.remove(name)),
        }
    }
    record.to_string().into_bytes()
}

/// Gives a record another content that is valid too, for a conflict.
pub(super) fn amend(kind: Kind, json: &[u8]) -> Vec<u8> {
    let place = match kind {
        Kind::Dossier => "/GhiChu",
        Kind::Progress => "/PhongBanXuLy",
        Kind::Citizen => "/SoSoHoKhau",
        Kind::Enterprise => "/SHORT_NAME",
    };
    change(json, place, |before| Some(format!("{before} (đính chính)").trim().to_owned()))
}
