//! Writes a dossier's record (`HoSo`) as a one-stop system would at one of its steps.

use jiff::civil::{Date, DateTime};
use serde::Serialize;
use serde_json::{Value, json};

use super::calendar::{WORKED_SECONDS, clock, working_days_from};
use super::purpose;
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
    /// The fee in đồng; 0: none.
    fee: u32,
}

/// The procedures of the plan.
pub(super) const PROCEDURES: &[Procedure] = &[
    procedure("2.000815", "Chứng thực bản sao giấy tờ", "G15-CT01", "Chứng thực", 0, 2_000),
    procedure(
        "1.001612",
        "Đăng ký thành lập hộ kinh doanh",
        "G05-HK01",
        "Đăng ký kinh doanh",
        3,
        100_000,
    ),
    procedure("1.004194", "Đăng ký nơi cư trú", "G01-CT02", "Cư trú", 3, 0),
    procedure("1.004227", "Đăng ký biến động đất đai", "G13-DD01", "Đất đai", 10, 50_000),
    procedure("3.000181", "Tiếp nhận hồ sơ tuyển sinh", "G03-GD10", "Giáo dục và đào tạo", 5, 0),
    procedure(
        "1.012790.000.00.00.H61",
        "Cấp bản sao trích lục hộ tịch",
        "G15-HT01",
        "Hộ tịch",
        1,
        8_000,
    ),
];

const fn procedure(
    code: &'static str,
    name: &'static str,
    field_code: &'static str,
    field_name: &'static str,
    term: i32,
    fee: u32,
) -> Procedure {
    Procedure { code, name, field_code, field_name, term, fee }
}

/// What is true of a dossier at all of its steps.
#[derive(Debug, Clone)]
pub(crate) struct Dossier {
    /// Which dossier of the plan.
    pub(crate) number: u32,
    /// Its code.
    pub(crate) code: String,
    /// The code of the agency that processes it.
    pub(crate) agency: String,
    /// Whether it was filed online.
    pub(crate) online: bool,
    /// When it was filed.
    pub(crate) filed: DateTime,
    /// Whether nobody has said when it is due.
    pub(crate) without_deadline: bool,
    /// Whether its record has to fit into a row: without lists.
    pub(crate) flat: bool,
}

/// What one step tells of a dossier.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told {
    /// The state's code.
    pub(crate) state: u8,
    /// When that came about.
    pub(crate) at: DateTime,
    /// When the dossier was received, once it was.
    pub(crate) received: Option<DateTime>,
    /// When processing ended, once it has.
    pub(crate) ended: Option<DateTime>,
}

/// Composes a dossier's code: agency, day of filing, order.
pub(crate) fn code(agency: &str, filed: Date, order: u32) -> String {
    format!("{agency}-{}-{order:04}", filed.strftime("%y%m%d"))
}

/// Returns when a dossier is due, once it was received.
fn due(dossier: &Dossier, procedure: &Procedure, received: Option<DateTime>) -> Option<DateTime> {
    let received = received.filter(|_| !dossier.without_deadline)?;
    Some(clock(working_days_from(received.date(), procedure.term), WORKED_SECONDS))
}

/// Writes the record; two steps of one dossier differ in state, times and what they brought about.
pub(crate) fn write(seed: u64, people: &Population, dossier: &Dossier, told: &Told) -> Vec<u8> {
    let mut dice = dice(seed, purpose::DOSSIER, u64::from(dossier.number));
    let owner = people.person(dice.u32(0..POPULATION));
    let procedure = dice.choice(PROCEDURES);
    let (Some(owner), Some(procedure)) = (owner, procedure) else { return Vec::new() };
    let name = owner.name.to_string();
    let due = due(dossier, procedure, told.received);
    let online = dossier.online;
    let lists = if dossier.flat { Lists::default() } else { lists(dossier, procedure, told, due) };
    let record = Record {
        dossier_code: &dossier.code,
        procedure_code: procedure.code,
        procedure_name: procedure.name,
        field_code: procedure.field_code,
        field_name: procedure.field_name,
        channel: if online { "2" } else { "1" },
        owner: &name,
        owner_document: &owner.personal_number,
        owner_kind: "1",
        email: format!("chuhoso{}@example.com", dossier.number),
        telephone: format!("0000{:06}", dossier.number % 1_000_000),
        summary: format!("{} cho {name}", procedure.name),
        received: written(told.received),
        due: written(due),
        state: told.state.to_string(),
        returned: written(told.ended.and(Some(told.at)).filter(|_| told.state == 10)),
        result_by: if online && chance(&mut dice, 30) { "1" } else { "0" },
        ended: written(told.ended),
        refused: written(Some(told.at).filter(|_| told.state == 3)),
        agency_name: format!("Bộ phận Một cửa {}", dossier.agency),
        note: format!("Cập nhật {}", written(Some(told.at))),
        filed_at: "2",
        digitised: if chance(&mut dice, 80) { "1" } else { "0" },
        verified: if online { "1" } else { "0" },
        paid_online: if online && chance(&mut dice, 50) { "1" } else { "0" },
        filed: written(Some(dossier.filed)),
        owner_identities: [Identity { kind: "1", number: &owner.personal_number }]
            .into_iter()
            .take(usize::from(!dossier.flat))
            .collect(),
        lists,
    };
    serde_json::to_vec(&record).unwrap_or_default()
}

/// What a state brought about.
fn lists(dossier: &Dossier, procedure: &Procedure, told: &Told, due: Option<DateTime>) -> Lists {
    let number = dossier.number;
    let papers = (0..u32::from(dossier.online)).map(|paper| {
        json!({
            "TepDinhKemId": format!("{number}-{paper}"),
            "TenTepDinhKem": "don-de-nghi.pdf",
            "IsDeleted": "False",
            "MaThanhPhanHoSo": "",
            "DuongDanTaiTepTin": format!("https://motcua.example/tep/{number}-{paper}"),
            "DuocSoHoa": "1",
            "DuocTaiSuDung": "0",
            "DuocLayTuKhoDMQG": "0",
            "MaKetQuaThayThe": "",
        })
    });
    let fees = (told.state == 6 && procedure.fee > 0).then(|| {
        json!({
            "TenPhiLePhi": "Lệ phí", "MaPhiLePhi": "LP01", "HinhThucThu": "1",
            "Gia": procedure.fee.to_string(), "LoaiPhiLePhi": "1",
        })
    });
    let supplements = (told.state == 5).then(|| {
        json!({
            "HoSoBoSungId": number, "NguoiYeuCauBoSung": "Bộ phận Một cửa",
            "NoiDungBoSung": "Bổ sung giấy tờ còn thiếu", "NgayBoSung": written(Some(told.at)),
            "TrangThaiBoSung": false, "DanhSachGiayToBoSung": [], "DanhSachLePhiBoSung": [],
            "NgayHenTraTruoc": written(due),
        })
    });
    let results = matches!(told.state, 9 | 10).then(|| {
        json!({
            "TenGiayTo": procedure.name, "MaThanhPhanHoSo": "", "GiayToId": number.to_string(),
            "DuongDanTepTinKetQua": format!("https://motcua.example/ket-qua/{number}"),
            "MaGiayToKetQua": format!("KQ-{number:06}"),
        })
    });
    Lists {
        consulted: vec![json!({"MaCSDL": "1"})],
        papers: papers.collect(),
        fees: fees.into_iter().collect(),
        supplements: supplements.into_iter().collect(),
        results: results.into_iter().collect(),
    }
}

/// Writes a time as the portal does: `yyyyMMddHHmmss`, empty for none.
pub(super) fn written(time: Option<DateTime>) -> String {
    time.map(|time| time.strftime("%Y%m%d%H%M%S").to_string()).unwrap_or_default()
}

/// The record with its official names.
#[derive(Serialize)]
struct Record<'a> {
    #[serde(rename = "MaHoSo")]
    dossier_code: &'a str,
    #[serde(rename = "MaTTHC")]
    procedure_code: &'a str,
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
    #[serde(rename = "NgayTuChoi", skip_serializing_if = "String::is_empty")]
    refused: String,
    #[serde(rename = "DonViXuLy")]
    agency_name: String,
    #[serde(rename = "GhiChu")]
    note: String,
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
    #[serde(rename = "DinhDanhCHS", skip_serializing_if = "Vec::is_empty")]
    owner_identities: Vec<Identity<'a>>,
    #[serde(flatten)]
    lists: Lists,
}

#[derive(Serialize)]
struct Identity<'a> {
    #[serde(rename = "LoaiDinhDanh")]
    kind: &'a str,
    #[serde(rename = "SoDinhDanh")]
    number: &'a str,
}

#[derive(Serialize, Default)]
struct Lists {
    #[serde(rename = "DSKetNoiCSDL", skip_serializing_if = "Vec::is_empty")]
    consulted: Vec<Value>,
    #[serde(rename = "TaiLieuNop", skip_serializing_if = "Vec::is_empty")]
    papers: Vec<Value>,
    #[serde(rename = "DanhSachLePhi", skip_serializing_if = "Vec::is_empty")]
    fees: Vec<Value>,
    #[serde(rename = "DanhSachHoSoBoSung", skip_serializing_if = "Vec::is_empty")]
    supplements: Vec<Value>,
    #[serde(rename = "DanhSachGiayToKetQua", skip_serializing_if = "Vec::is_empty")]
    results: Vec<Value>,
}
