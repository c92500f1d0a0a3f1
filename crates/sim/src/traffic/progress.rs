//! Writes the record of a step in a dossier's processing (`TienDo`).

use jiff::civil::DateTime;
use serde_json::json;

use super::dossier::{Dossier, Told, written};
use super::purpose;
use crate::people::{POPULATION, Population};
use crate::random::{dice, pick};

/// Writes the record: who did what when, and which state came of it.
pub(crate) fn write(
    seed: u64,
    people: &Population,
    dossier: &Dossier,
    told: &Told,
    done: DateTime,
) -> Vec<u8> {
    const OFFICES: &[&str] = &["Bộ phận Một cửa", "Phòng chuyên môn", "Lãnh đạo cơ quan"];
    const TITLES: &[&str] = &["Chuyên viên", "Công chức một cửa", "Phó trưởng phòng"];
    let mut dice = dice(seed, purpose::PROGRESS, u64::from(dossier.number));
    let Some(officer) = people.person(dice.u32(0..POPULATION)) else { return Vec::new() };
    let record = json!({
        "MaHoSo": dossier.code,
        "NguoiXuLy": officer.name.to_string(),
        "ChucDanh": pick(&mut dice, TITLES),
        "ThoiDiemXuLy": written(Some(done)),
        "PhongBanXuLy": pick(&mut dice, OFFICES),
        "NoiDungXuLy": content(told.state),
        "TrangThai": told.state.to_string(),
        "NgayBatDau": written(Some(told.at)),
        "NgayKetThucTheoQuyDinh": "",
    });
    record.to_string().into_bytes()
}

fn content(state: u8) -> &'static str {
    match state {
        4 => "Chuyển hồ sơ đến phòng chuyên môn xử lý",
        5 => "Yêu cầu bổ sung giấy tờ",
        6 => "Thông báo nghĩa vụ tài chính",
        8 => "Dừng xử lý hồ sơ",
        9 => "Hoàn thành xử lý, chuyển trả kết quả",
        _ => "Cập nhật tiến độ",
    }
}
