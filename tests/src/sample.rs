//! Records to publish. The people in them do not exist.

use lgsp_proto::event::v1::CloudEvent;
use lgsp_proto::event::v1::cloud_event::Data;
use serde_json::{Value, json};

/// The sample's one-stop system, in the name of one agency.
pub const SOURCE: &str = "/agencies/H61.14/systems/motcua";
/// A dossier's event.
pub const DOSSIER: &str = "lgsp.dossier.recorded.v1";
/// A citizen's event.
pub const CITIZEN: &str = "lgsp.citizen.recorded.v1";
/// An enterprise's event.
pub const ENTERPRISE: &str = "lgsp.enterprise.recorded.v1";

/// Makes the record of a dossier; `order` is the number at the end of its code.
pub fn dossier(order: u32) -> Value {
    json!({
        "MaHoSo": dossier_code(order),
        "MaTTHC": "1.004227",
        "TenTTHC": "Thủ tục hành chính mẫu",
        "MaLinhVuc": "G03-GD10",
        "TenLinhVuc": "Lĩnh vực mẫu",
        "ChuHoSo": "Nguyễn Thị Mẫu",
        "SoGiayToChuHoSo": "086190000001",
        "LoaiDoiTuong": "1",
        "NgayNopHoSo": "20260703081500",
        "NgayTiepNhan": "20260703093000",
        "NgayHenTra": "20260710170000",
        "TrangThaiHoSo": "4",
        "HinhThuc": "0",
        "DonViXuLy": "UBND xã Mẫu",
        "NoiNopHoSo": "2",
        "HoSoCoThanhPhanSoHoa": "1",
        "TaiKhoanDuocXacThucVoiVNeID": "1",
        "DuocThanhToanTrucTuyen": "0",
    })
}

/// Names the dossier of an order number.
pub fn dossier_code(order: u32) -> String {
    format!("H61.14-260703-{order:04}")
}

/// Makes an event of the one-stop system for gRPC.
pub fn event(id: &str, data: &str) -> CloudEvent {
    CloudEvent {
        id: id.to_owned(),
        source: SOURCE.to_owned(),
        spec_version: "1.0".to_owned(),
        r#type: DOSSIER.to_owned(),
        attributes: std::collections::HashMap::default(),
        data: Some(Data::TextData(data.to_owned())),
    }
}

/// Makes an id that nobody used before.
pub fn new_id() -> String {
    uuid::Uuid::new_v4().to_string()
}
