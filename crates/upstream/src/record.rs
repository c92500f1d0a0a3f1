//! A citizen's record: from the elements of `CongDan` (QCVN 109:2017/BTTTT) to the bus's form.
//!
//! Every element is optional in practice, and empty means absent. An element that occurs twice
//! breaks the contract: it would be chance which of the two counts.

use jiff::civil::Date;
use lgsp_query::UpstreamError;

use crate::citizen::{Address, Citizen, Gender, Relative};
use crate::xml::Element;

type Normalised<T> = Result<T, UpstreamError>;

/// Reads a record, and how many of its elements are not known and left out.
pub(crate) fn read(element: &Element) -> Normalised<(Citizen, usize)> {
    let mut known = Fields { element, path: "CongDan", taken: 0 };
    let citizen = Citizen {
        personal_number: known.text("SoDinhDanh")?,
        identity_card_number: known.text("SoCMND")?,
        full_name: known.one("HoVaTen")?.and_then(full_name),
        gender: known.text("GioiTinh")?.and_then(|code| gender(&code)),
        birth_date: match known.one("NgayThangNamSinh")? {
            Some(element) => birth_date(element)?,
            None => None,
        },
        ethnic_group_code: known.text("DanToc")?,
        religion_code: known.text("TonGiao")?,
        marital_status_code: known.text("TinhTrangHonNhan")?,
        nationality_code: known.text("QuocTich")?,
        birth_registration: known.address("NoiDangKyKhaiSinh")?,
        home_town: known.address("QueQuan")?,
        permanent_residence: known.address("ThuongTru")?,
        current_residence: match known.address("NoiOHienTai")? {
            Some(address) => Some(address),
            None => known.address("NoiOHienNay")?,
        },
        father: known.relative("Cha")?,
        mother: known.relative("Me")?,
        spouse: known.relative("VoChong")?,
    };
    Ok((citizen, element.children.len() - known.taken))
}

/// The children of one element, each at most once.
struct Fields<'a> {
    element: &'a Element,
    /// Where a fault is said to be.
    path: &'static str,
    /// How many children were asked for and found.
    taken: usize,
}

impl<'a> Fields<'a> {
    fn one(&mut self, name: &str) -> Normalised<Option<&'a Element>> {
        let mut found = self.element.children.iter().filter(|child| child.name == name);
        let first = found.next();
        if found.next().is_some() {
            return Err(UpstreamError::Contract { path: self.path.into() });
        }
        self.taken += usize::from(first.is_some());
        Ok(first)
    }

    fn text(&mut self, name: &str) -> Normalised<Option<String>> {
        Ok(self.one(name)?.and_then(Element::value).map(str::to_owned))
    }

    fn address(&mut self, name: &str) -> Normalised<Option<Address>> {
        let Some(element) = self.one(name)? else { return Ok(None) };
        let mut parts = Fields { element, path: "CongDan/address", taken: 0 };
        let address = Address {
            province_code: parts.text("MaTinhThanh")?,
            district_code: parts.text("MaQuanHuyen")?,
            commune_code: parts.text("MaPhuongXa")?,
            detail: parts.text("ChiTiet")?,
            country_code: parts.text("QuocGia")?,
        };
        Ok(Some(address).filter(|address| *address != Address::default()))
    }

    fn relative(&mut self, name: &str) -> Normalised<Option<Relative>> {
        let Some(element) = self.one(name)? else { return Ok(None) };
        let mut parts = Fields { element, path: "CongDan/relative", taken: 0 };
        let relative = Relative {
            full_name: parts.one("HoVaTen")?.and_then(full_name),
            personal_number: parts.text("SoDinhDanh")?,
        };
        Ok(Some(relative).filter(|relative| *relative != Relative::default()))
    }
}

/// Joins `Ho`, `ChuDem` and `Ten` by spaces; where there are none, takes the text itself.
fn full_name(element: &Element) -> Option<String> {
    let parts = ["Ho", "ChuDem", "Ten"];
    let text: Vec<&str> = if element.children.is_empty() {
        element.value().into_iter().collect()
    } else {
        parts.iter().filter_map(|part| element.children_named(part).next()?.value()).collect()
    };
    let words: Vec<&str> = text.iter().flat_map(|text| text.split_whitespace()).collect();
    (!words.is_empty()).then(|| words.join(" "))
}

/// An unknown code is no reason to withhold the rest of the record.
fn gender(code: &str) -> Option<Gender> {
    match code {
        "1" => Some(Gender::Male),
        "2" => Some(Gender::Female),
        _ => None,
    }
}

/// Reads `{Nam, NgayThangNam}`: the day as `yyyy-MM-dd` where it is known, else the year alone.
fn birth_date(element: &Element) -> Normalised<Option<String>> {
    let path = "CongDan/NgayThangNamSinh";
    let mut parts = Fields { element, path, taken: 0 };
    let (day, year) = (parts.text("NgayThangNam")?, parts.text("Nam")?);
    let broken = UpstreamError::Contract { path: path.into() };
    match (day, year) {
        (Some(day), _) => written_day(&day).map(Some).ok_or(broken),
        (None, Some(year)) if digits(&year, 4) => Ok(Some(year)),
        (None, Some(_)) => Err(broken),
        (None, None) => Ok(None),
    }
}

/// Writes `yyyyMMdd` as `yyyy-MM-dd`; `None` for a day that does not exist.
fn written_day(text: &str) -> Option<String> {
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i16>().ok();
    let (year, month, day) = (number(0..4)?, number(4..6)?, number(6..8)?);
    let date = Date::new(year, month.try_into().ok()?, day.try_into().ok()?).ok()?;
    digits(text, 8).then(|| date.to_string())
}

fn digits(text: &str, count: usize) -> bool {
    text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::xml;

    fn citizen(inner: &str) -> Normalised<Citizen> {
        let element = xml::read(&format!("<CongDan>{inner}</CongDan>"));
        let broken = UpstreamError::Contract { path: "test".into() };
        read(&element.map_err(|_| broken)?).map(|(citizen, _unknown)| citizen)
    }

    #[test]
    fn empty_is_absent() {
        let citizen = citizen(
            "<SoDinhDanh/><SoCMND> </SoCMND><HoVaTen><Ho/><Ten/></HoVaTen><QueQuan><ChiTiet/></QueQuan><Cha><HoVaTen/></Cha>\
             <NgayThangNamSinh><Nam/><NgayThangNam/></NgayThangNamSinh>",
        );
        assert!(citizen == Ok(Citizen::default()));
    }

    #[test]
    fn names_are_joined_from_their_parts() {
        let parts =
            citizen("<HoVaTen><Ho>Nguyễn</Ho><ChuDem>Thị  Kim</ChuDem><Ten> Mẫu</Ten></HoVaTen>")
                .unwrap();
        assert_eq!(parts.full_name.as_deref(), Some("Nguyễn Thị Kim Mẫu"));
        let whole = citizen(
            "<HoVaTen><Ho/><ChuDem/><Ten>Nguyễn Thị Mẫu</Ten></HoVaTen><Cha><HoVaTen>Lê Văn Mẫu</HoVaTen></Cha>",
        );
        let whole = whole.unwrap();
        assert_eq!(whole.full_name.as_deref(), Some("Nguyễn Thị Mẫu"));
        assert_eq!(whole.father.unwrap().full_name.as_deref(), Some("Lê Văn Mẫu"));
    }

    #[test]
    fn dates_are_rewritten_and_years_stay_alone() {
        let born = |inner: &str| {
            citizen(&format!("<NgayThangNamSinh>{inner}</NgayThangNamSinh>"))
                .map(|citizen| citizen.birth_date)
        };
        let day = born("<Nam>1990</Nam><NgayThangNam>19900115</NgayThangNam>");
        assert_eq!(day, Ok(Some("1990-01-15".to_owned())));
        assert_eq!(born("<Nam>1950</Nam><NgayThangNam/>"), Ok(Some("1950".to_owned())));
        for inner in [
            "<NgayThangNam>19900230</NgayThangNam>",
            "<NgayThangNam>+990-1-1</NgayThangNam>",
            "<Nam>90</Nam>",
        ] {
            assert_eq!(
                born(inner),
                Err(UpstreamError::Contract { path: "CongDan/NgayThangNamSinh".into() }),
                "{inner}"
            );
        }
    }

    #[test]
    fn an_unknown_gender_is_absent_and_unknown_elements_are_left_out() {
        let citizen = citizen(
            "<GioiTinh>9</GioiTinh><NhomMau>00</NhomMau><Khac><X/></Khac><DanToc>05</DanToc>",
        )
        .unwrap();
        assert_eq!((citizen.gender, citizen.ethnic_group_code.as_deref()), (None, Some("05")));
    }

    #[test]
    fn an_element_twice_breaks_the_contract() {
        for inner in
            ["<DanToc>01</DanToc><DanToc>05</DanToc>", "<Cha><SoDinhDanh/><SoDinhDanh/></Cha>"]
        {
            assert!(matches!(citizen(inner), Err(UpstreamError::Contract { .. })), "{inner}");
        }
    }

    #[test]
    fn both_spellings_of_the_present_residence_are_read() {
        for name in ["NoiOHienTai", "NoiOHienNay"] {
            let citizen =
                citizen(&format!("<{name}><MaTinhThanh>86</MaTinhThanh></{name}>")).unwrap();
            assert_eq!(citizen.current_residence.unwrap().province_code.as_deref(), Some("86"));
        }
    }

    proptest! {
        #[test]
        fn no_day_makes_it_panic(text in "\\PC{0,12}") {
            let _ = written_day(&text);
        }
    }
}
