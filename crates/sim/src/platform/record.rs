//! Writes a citizen's record as the national platform does: a SOAP envelope with a
//! `CongdanCollection` (QCVN 109:2017/BTTTT).

use quick_xml::escape::escape;

use crate::people::{Birth, Gender, Home, Name, Person, Population};

/// Writes the record. An element without value stays, empty.
pub(super) fn write(people: &Population, person: &Person) -> String {
    let mut xml = Xml::default();
    xml.0.push_str(
        "<soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\"><soapenv:Body>\
         <ns1:CongdanCollection xmlns:ns1=\"http://www.mic.gov.vn/dancu/1.0\"><ns1:CongDan>",
    );
    xml.leaf("SoDinhDanh", &person.personal_number);
    xml.leaf("SoCMND", person.identity_card_number.as_deref().unwrap_or_default());
    xml.group("HoVaTen", |xml| name(xml, person));
    xml.leaf("GioiTinh", if person.gender == Gender::Male { "1" } else { "2" });
    xml.group("NgayThangNamSinh", |xml| birth(xml, person.birth));
    xml.leaf("DanToc", person.ethnic_group_code);
    xml.leaf("TonGiao", person.religion_code);
    xml.leaf("TinhTrangHonNhan", if person.spouse.is_some() { "2" } else { "1" });
    xml.leaf("NhomMau", "00");
    xml.group("NoiDangKyKhaiSinh", |xml| province(xml, person.birth_province_code));
    xml.group("QueQuan", |xml| province(xml, person.birth_province_code));
    xml.group("ThuongTru", |xml| home(xml, &person.residence));
    // Both spellings occur in the field.
    let present = if person.index.is_multiple_of(2) { "NoiOHienTai" } else { "NoiOHienNay" };
    xml.group(present, |xml| home(xml, &person.residence));
    xml.leaf("QuocTich", "VN");
    let (father, mother) = person.parents.unzip();
    xml.group("Cha", |xml| relative(xml, people, father));
    xml.group("Me", |xml| relative(xml, people, mother));
    xml.group("VoChong", |xml| relative(xml, people, person.spouse));
    xml.leaf("SoSoHoKhau", "");
    xml.0.push_str("</ns1:CongDan></ns1:CongdanCollection></soapenv:Body></soapenv:Envelope>");
    xml.0
}

/// Some records have the name in three parts, some the whole of it in `Ten`.
fn name(xml: &mut Xml, person: &Person) {
    let Name { family, middle, given } = person.name;
    if person.index.is_multiple_of(4) {
        xml.leaf("Ho", "");
        xml.leaf("ChuDem", "");
        xml.leaf("Ten", &person.name.to_string());
    } else {
        xml.leaf("Ho", family);
        xml.leaf("ChuDem", middle);
        xml.leaf("Ten", given);
    }
}

/// One of the two may be empty.
fn birth(xml: &mut Xml, birth: Birth) {
    let (year, day) = match birth {
        Birth::Day(day) => (String::new(), day.strftime("%Y%m%d").to_string()),
        Birth::Year(year) => (format!("{year:04}"), String::new()),
    };
    xml.leaf("Nam", &year);
    xml.leaf("NgayThangNam", &day);
}

fn province(xml: &mut Xml, code: &str) {
    xml.leaf("MaTinhThanh", code);
    xml.leaf("QuocGia", "VN");
}

fn home(xml: &mut Xml, home: &Home) {
    xml.leaf("MaTinhThanh", home.province_code);
    xml.leaf("MaPhuongXa", &home.commune_code);
    xml.leaf("ChiTiet", &home.detail);
    xml.leaf("QuocGia", "VN");
}

fn relative(xml: &mut Xml, people: &Population, index: Option<u32>) {
    let relative = index.and_then(|index| people.person(index));
    let (name, number) = relative
        .map(|relative| (relative.name.to_string(), relative.personal_number))
        .unwrap_or_default();
    xml.leaf("HoVaTen", &name);
    xml.leaf("QuocTich", if number.is_empty() { "" } else { "VN" });
    xml.leaf("SoDinhDanh", &number);
    xml.leaf("SoCMND", "");
}

/// The text so far.
#[derive(Default)]
struct Xml(String);

impl Xml {
    fn leaf(&mut self, name: &str, text: &str) {
        self.group(name, |xml| xml.0.push_str(&escape(text)));
    }

    fn group(&mut self, name: &str, inner: impl FnOnce(&mut Self)) {
        for part in ["<ns1:", name, ">"] {
            self.0.push_str(part);
        }
        inner(self);
        for part in ["</ns1:", name, ">"] {
            self.0.push_str(part);
        }
    }
}
