//! A look-up in the national population database, and what comes back.

use std::fmt;

use lgsp_core::identifier::{DossierCode, OfficerNumber, PersonalNumber, ProcedureCode};

/// Why a record is asked for: the dossier, the procedure and the officer.
#[derive(Debug, Clone)]
pub struct Purpose {
    /// The dossier that needs the record.
    pub dossier: DossierCode,
    /// The procedure of that dossier (the far side's `MaDVC`).
    pub procedure: ProcedureCode,
    /// The officer who asks (the far side's `MaCanBo`), as the calling system asserts.
    pub officer: OfficerNumber,
}

/// A question about one citizen. `Debug` hides all of it.
#[derive(Clone)]
pub struct CitizenLookUp {
    /// Why.
    pub purpose: Purpose,
    /// The personal number (`SoDinhDanh`), 12 digits.
    pub personal_number: PersonalNumber,
    /// The full name (`HoVaTen`), at most 100 characters.
    pub full_name: String,
    /// The date of birth: `yyyy-MM-dd`, or a year alone.
    pub birth_date: String,
}

impl fmt::Debug for CitizenLookUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CitizenLookUp(..)")
    }
}

/// Gender as the population database codes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gender {
    /// Code 1, nam.
    Male,
    /// Code 2, nữ.
    Female,
}

/// A place, by the administrative codes; each part may be absent.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Address {
    /// `MaTinhThanh`, two digits.
    pub province_code: Option<String>,
    /// `MaQuanHuyen`, three digits; absent from addresses after 1 July 2025.
    pub district_code: Option<String>,
    /// `MaPhuongXa`, five digits.
    pub commune_code: Option<String>,
    /// `ChiTiet`.
    pub detail: Option<String>,
    /// `QuocGia`, e.g. `VN`.
    pub country_code: Option<String>,
}

/// A relative named in a citizen's record.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Relative {
    /// `HoVaTen`.
    pub full_name: Option<String>,
    /// `SoDinhDanh`.
    pub personal_number: Option<String>,
}

/// A citizen's record, as far as the far side gave it; empty there is absent here.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Citizen {
    /// `SoDinhDanh`.
    pub personal_number: Option<String>,
    /// `SoCMND`, nine digits.
    pub identity_card_number: Option<String>,
    /// `HoVaTen`: family, middle and given name joined by spaces.
    pub full_name: Option<String>,
    /// `GioiTinh`.
    pub gender: Option<Gender>,
    /// `NgayThangNamSinh` as `yyyy-MM-dd`, or a year alone where only that is known.
    pub birth_date: Option<String>,
    /// `DanToc`, two digits.
    pub ethnic_group_code: Option<String>,
    /// `TonGiao`, two digits.
    pub religion_code: Option<String>,
    /// `TinhTrangHonNhan`.
    pub marital_status_code: Option<String>,
    /// `QuocTich`, e.g. `VN`.
    pub nationality_code: Option<String>,
    /// `NoiDangKyKhaiSinh`.
    pub birth_registration: Option<Address>,
    /// `QueQuan`.
    pub home_town: Option<Address>,
    /// `ThuongTru`.
    pub permanent_residence: Option<Address>,
    /// `NoiOHienTai` (or `NoiOHienNay`).
    pub current_residence: Option<Address>,
    /// `Cha`.
    pub father: Option<Relative>,
    /// `Me`.
    pub mother: Option<Relative>,
    /// `VoChong`.
    pub spouse: Option<Relative>,
}

macro_rules! hidden {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    )*};
}

hidden!(Address, Relative, Citizen);
