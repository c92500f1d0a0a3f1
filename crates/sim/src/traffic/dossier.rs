//! Writes a dossier's record (`HoSo`) as a one-stop system would at one of its steps.

use jiff::civil::{Date, DateTime};
use serde::Serialize;

use super::calendar::{WORKED_SECONDS, clock, working_days_from};
use super::flaw::Flaw;
use super::plan::{Dossier, purpose};
use crate::people::{POPULATION, Population};
use crate::random::{chance, dice};

/// A procedure: only its code's form is real, see [`super`].
pub(super) struct Procedure {
    pub(super) code: &'static str,
    name: &'static str,
    field_code: &'static str,
    field_name: &'static str,
    /// The term in working days; 0: the same day.
    term: i32,
}

/// The procedures of the plan.
pub(super) const PROCEDURES: &[Procedure] = &[
    procedure("2.000815", "Chứng thực bản sao giấy tờ", "G15-CT01", "Chứng thực", 0),
    procedure("1.001612", "Đăng ký thành lập hộ kinh doanh", "G05-HK01", "Đăng ký kinh doanh", 3),
    procedure("1.004194", "Đăng ký nơi cư trú", "G01-CT02", "Cư trú", 3),
    procedure("1.004227", "Đăng ký biến động đất đai", "G13-DD01", "Đất đai", 10),
    procedure("3.000181", "Tiếp nhận hồ sơ tuyển sinh", "G03-GD10", "Giáo dục và đào tạo", 5),
    procedure("1.012790.000.00.00.H61", "Cấp bản sao trích lục hộ tịch", "G15-HT01", "Hộ tịch", 1),
];

const fn procedure(
    code: &'static str,
    name: &'static str,
    field_code: &'static str,
    field_name: &'static str,
    term: i32,
) -> Procedure {
    Procedure { code, name, field_code, field_name, term }
}

/// What one step tells of a dossier.
pub(super) struct Told<'a> {
    /// The day of the plan.
    pub(super) day: Date,
    /// Which dossier of the plan.
    pub(super) number: u32,
    /// The state's code.
    pub(super) state: u8,
    /// At which worked second of the day processing ended.
    pub(super) ended: Option<u32>,
    /// The agency.
    pub(super) agency: &'a str,
}

/// Composes a dossier's code: agency, day of reception, order.
pub(super) fn code(agency: &str, received: Date, order: u32) -> String {
    format!("{agency}-{}-{order:04}", received.strftime("%y%m%d"))
}

/// Writes the record; two steps of one dossier differ in state and times only.
pub(super) fn write(
    seed: u64,
    people: &Population,
    dossier: &Dossier,
    told: &Told<'_>,
    flaw: Option<Flaw>,
) -> Vec<u8> {
    let mut dice = dice(seed, purpose::DOSSIER, u64::from(told.number));
    let owner = people.person(dice.u32(0..POPULATION));
    let procedure = dice.choice(PROCEDURES);
    let (Some(owner), Some(procedure)) = (owner, procedure) else { return Vec::new() };
    let name = owner.name.to_string();
    let received = clock(working_days_from(told.day, -dossier.days_ago), dossier.received);
    let due = clock(working_days_from(received.date(), procedure.term), WORKED_SECONDS);
    let online = chance(&mut dice, 55);
    let filed_before = if online { dice.i64(300..5400) } else { 0 };
    let filed = received.saturating_sub(jiff::Span::new().seconds(filed_before));
    let ended = told.ended.map(|ended| clock(told.day, ended));
    let dossier_code = code(told.agency, received.date(), dossier.order);
    let mut record = Record {
        dossier_code: dossier_code.clone(),
        procedure_code: Some(procedure.code),
        procedure_name: procedure.name,
        field_code: procedure.field_code,
        field_name: procedure.field_name,
        channel: if online { "2" } else { "1" },
        owner: &name,
        owner_document: &owner.personal_number,
        owner_kind: "1",
        email: format!("chuhoso{}@example.com", told.number),
        telephone: format!("0000{:06}", told.number % 1_000_000),
        summary: format!("{} cho {name}", procedure.name),
        received: written(received),
        due: written(due),
        state: told.state.to_string(),
        returned: if told.state == 10 {
            ended.map(written).unwrap_or_default()
        } else {
            String::new()
        },
        result_by: if online && chance(&mut dice, 30) { "1" } else { "0" },
        ended: ended.map(written).unwrap_or_default(),
        agency_name: format!("Bộ phận Một cửa {}", told.agency),
        filed_at: "2",
        digitised: if chance(&mut dice, 80) { "1" } else { "0" },
        verified: if online { "1" } else { "0" },
        paid_online: if online && chance(&mut dice, 50) { "1" } else { "0" },
        filed: written(filed),
        owner_identities: [Identity { kind: "1", number: &owner.personal_number }],
        consulted: [Consulted { database: "1" }],
    };
    match flaw {
        Some(Flaw::DossierDate) => {
            record.dossier_code =
                format!("{}-{}0230-{:04}", told.agency, received.strftime("%y"), dossier.order);
        }
        Some(Flaw::NoProcedure) => record.procedure_code = None,
        Some(Flaw::UnknownState) => record.state = "11".to_owned(),
        Some(Flaw::ReceptionTime) => {
            record.received = format!("{}0230093000", received.strftime("%Y"))
        }
        _ => {}
    }
    let mut json = serde_json::to_vec(&record).unwrap_or_default();
    if let Some(flaw) = flaw {
        flaw.spoil(&mut json, &dossier_code);
    }
    json
}

/// Writes a time as the portal does: `yyyyMMddHHmmss`.
fn written(time: DateTime) -> String {
    time.strftime("%Y%m%d%H%M%S").to_string()
}

/// The record with its official names.
#[derive(Serialize)]
struct Record<'a> {
    #[serde(rename = "MaHoSo")]
    dossier_code: String,
    #[serde(rename = "MaTTHC", skip_serializing_if = "Option::is_none")]
    procedure_code: Option<&'a str>,
    #[serde(rename = "TenTTHC")]
    procedure_name: &'a str,
    #[serde(rename = "MaLinhVuc")]
    field_code: &'a str,
    #[serde(rename = "TenLinhVuc")]
    field_name: &'a str,
    #[serde(rename = "KenhThucHien")]
    channel: &'a str,
    #[serde(rename = "ChuHoSo")]
    owner: &'a str,
    #[serde(rename = "SoGiayToChuHoSo")]
    owner_document: &'a str,
    #[serde(rename = "LoaiDoiTuong")]
    owner_kind: &'a str,
    #[serde(rename = "Email")]
    email: String,
    #[serde(rename = "SoDienThoai")]
    telephone: String,
    #[serde(rename = "TrichYeuHoSo")]
    summary: String,
    #[serde(rename = "NgayTiepNhan")]
    received: String,
    #[serde(rename = "NgayHenTra")]
    due: String,
    #[serde(rename = "TrangThaiHoSo")]
    state: String,
    #[serde(rename = "NgayTra")]
    returned: String,
    #[serde(rename = "HinhThuc")]
    result_by: &'a str,
    #[serde(rename = "NgayKetThucXuLy")]
    ended: String,
    #[serde(rename = "DonViXuLy")]
    agency_name: String,
    #[serde(rename = "NoiNopHoSo")]
    filed_at: &'a str,
    #[serde(rename = "HoSoCoThanhPhanSoHoa")]
    digitised: &'a str,
    #[serde(rename = "TaiKhoanDuocXacThucVoiVNeID")]
    verified: &'a str,
    #[serde(rename = "DuocThanhToanTrucTuyen")]
    paid_online: &'a str,
    #[serde(rename = "NgayNopHoSo")]
    filed: String,
    #[serde(rename = "DinhDanhCHS")]
    owner_identities: [Identity<'a>; 1],
    #[serde(rename = "DSKetNoiCSDL")]
    consulted: [Consulted; 1],
}

#[derive(Serialize)]
struct Identity<'a> {
    #[serde(rename = "LoaiDinhDanh")]
    kind: &'a str,
    #[serde(rename = "SoDinhDanh")]
    number: &'a str,
}

#[derive(Serialize)]
struct Consulted {
    #[serde(rename = "MaCSDL")]
    database: &'static str,
}
