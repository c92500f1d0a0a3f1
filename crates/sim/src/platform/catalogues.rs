//! Shared catalogues (`dmdc`).
//!
//! The catalogues' names are the field's, and so are the fields of `qlvanbandieuhanhcap1`; the
//! fields of the others are ours. A list holds only what a source tells: not every ethnic group,
//! religion or agency. Contacts and decisions of agencies are left empty.

use axum::extract::Path;
use axum::response::{IntoResponse, Json, Response};
use serde_json::{Map, Value, json};

use super::trouble::Trouble;

/// The names of the catalogues that the simulated platform has.
pub const CATALOGUES: [&str; 5] =
    ["madantoc", "matongiao", "magioitinh", "donvihanhchinhcap1", "qlvanbandieuhanhcap1"];

const ETHNIC_GROUPS: &[(&str, &str)] = &[
    ("01", "Kinh"),
    ("02", "Tày"),
    ("03", "Thái"),
    ("04", "Hoa"),
    ("05", "Khơ-me"),
    ("06", "Mường"),
];

const RELIGIONS: &[(&str, &str)] = &[("00", "Không"), ("01", "Phật giáo"), ("02", "Công giáo")];

const GENDERS: &[(&str, &str)] = &[("1", "Nam"), ("2", "Nữ")];

/// The provinces since 1 July 2025 (Quyết định 19/2025/QĐ-TTg).
const PROVINCES: &[(&str, &str)] = &[
    ("01", "Hà Nội"),
    ("04", "Cao Bằng"),
    ("08", "Tuyên Quang"),
    ("11", "Điện Biên"),
    ("12", "Lai Châu"),
    ("14", "Sơn La"),
    ("15", "Lào Cai"),
    ("19", "Thái Nguyên"),
    ("20", "Lạng Sơn"),
    ("22", "Quảng Ninh"),
    ("24", "Bắc Ninh"),
    ("25", "Phú Thọ"),
    ("31", "Hải Phòng"),
    ("33", "Hưng Yên"),
    ("37", "Ninh Bình"),
    ("38", "Thanh Hóa"),
    ("40", "Nghệ An"),
    ("42", "Hà Tĩnh"),
    ("44", "Quảng Trị"),
    ("46", "Huế"),
    ("48", "Đà Nẵng"),
    ("51", "Quảng Ngãi"),
    ("52", "Gia Lai"),
    ("56", "Khánh Hòa"),
    ("66", "Đắk Lắk"),
    ("68", "Lâm Đồng"),
    ("75", "Đồng Nai"),
    ("79", "TP. Hồ Chí Minh"),
    ("80", "Tây Ninh"),
    ("82", "Đồng Tháp"),
    ("86", "Vĩnh Long"),
    ("91", "An Giang"),
    ("92", "Cần Thơ"),
    ("96", "Cà Mau"),
];

/// Agencies of level 1 whose code occurs in a source, from before and after the mergers.
const AGENCIES: &[(&str, &str)] = &[
    ("G01", "Bộ Công an"),
    ("G02", "Bộ Công Thương"),
    ("G03", "Bộ Giáo dục và Đào tạo"),
    ("G22", "Văn phòng Chính phủ"),
    ("H07", "Ủy ban nhân dân tỉnh Bến Tre"),
    ("H14", "Ủy ban nhân dân tỉnh Cao Bằng"),
    ("H22", "Ủy ban nhân dân tỉnh Hà Giang"),
    ("H29", "Ủy ban nhân dân TP. Hồ Chí Minh"),
    ("H30", "Ủy ban nhân dân tỉnh Hậu Giang"),
    ("H34", "Ủy ban nhân dân tỉnh Kon Tum"),
    ("H38", "Ủy ban nhân dân tỉnh Lào Cai"),
    ("H40", "Ủy ban nhân dân tỉnh Nam Định"),
    ("H41", "Ủy ban nhân dân tỉnh Nghệ An"),
    ("H48", "Ủy ban nhân dân tỉnh Quảng Ngãi"),
    ("H49", "Ủy ban nhân dân tỉnh Quảng Ninh"),
    ("H55", "Ủy ban nhân dân tỉnh Thái Nguyên"),
    ("H56", "Ủy ban nhân dân tỉnh Thanh Hóa"),
    ("H59", "Ủy ban nhân dân tỉnh Trà Vinh"),
    ("H61", "Ủy ban nhân dân tỉnh Vĩnh Long"),
];

/// A catalogue: its fields with their names, and the rows that fill the first two.
struct Catalogue {
    fields: &'static [(&'static str, &'static str)],
    rows: &'static [(&'static str, &'static str)],
}

/// Answers with a catalogue's records.
pub(super) async fn records(Path(name): Path<String>) -> Response {
    let Some(Catalogue { fields, rows }) = find(&name) else { return unknown() };
    let record = |(code, name): &(&str, &str)| {
        let values = [*code, *name].into_iter().chain(std::iter::repeat(""));
        let filled = fields.iter().zip(values);
        let filled = filled.map(|((field, _), value)| ((*field).to_owned(), value.into()));
        Value::Object(filled.collect::<Map<String, Value>>())
    };
    Json(rows.iter().map(record).collect::<Vec<Value>>()).into_response()
}

/// Answers with a catalogue's fields.
pub(super) async fn fields(Path(name): Path<String>) -> Response {
    let Some(Catalogue { fields, .. }) = find(&name) else { return unknown() };
    let field = |(code, name): &(&str, &str)| json!({"PropertyCode": code, "PropertyName": name, "PropertyType": "String"});
    Json(fields.iter().map(field).collect::<Vec<Value>>()).into_response()
}

/// What the catalogues say of a trouble that is not the question's.
pub(super) fn trouble(trouble: Trouble) -> Value {
    json!({"MSG": trouble.message(), "Count": 0})
}

fn unknown() -> Response {
    Json(json!({"MSG": "Category not found", "Count": 0})).into_response()
}

fn find(name: &str) -> Option<Catalogue> {
    let (fields, rows): (&'static [_], _) = match name {
        "madantoc" => (&[("MaDanToc", "Mã dân tộc"), ("TenDanToc", "Tên dân tộc")], ETHNIC_GROUPS),
        "matongiao" => (&[("MaTonGiao", "Mã tôn giáo"), ("TenTonGiao", "Tên tôn giáo")], RELIGIONS),
        "magioitinh" => {
            (&[("MaGioiTinh", "Mã giới tính"), ("TenGioiTinh", "Tên giới tính")], GENDERS)
        }
        "donvihanhchinhcap1" => {
            (&[("MaTinhThanh", "Mã tỉnh, thành phố"), ("TenTinhThanh", "Tên")], PROVINCES)
        }
        "qlvanbandieuhanhcap1" => (AGENCY_FIELDS, AGENCIES),
        _ => return None,
    };
    Some(Catalogue { fields, rows })
}

const AGENCY_FIELDS: &[(&str, &str)] = &[
    ("MaDinhDanhCap1", "Mã định danh cấp 1"),
    ("TenDonVi", "Tên đơn vị"),
    ("DiaChi", "Địa chỉ"),
    ("Email", "Email"),
    ("SoDienThoai", "Số điện thoại"),
    ("Fax", "Fax"),
    ("Website", "Website"),
    ("QdBanHanhQdSuaDoi", "Quyết định ban hành, quyết định sửa đổi"),
    ("NgayBanHanhQd", "Ngày ban hành quyết định"),
    ("CoQuanBanHanhQd", "Cơ quan ban hành quyết định"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_every_catalogue_that_it_names() {
        assert!(CATALOGUES.iter().all(|name| find(name).is_some()));
        assert!(find("matinhtranghonnhan").is_none());
        assert_eq!(PROVINCES.len(), 34);
    }
}
