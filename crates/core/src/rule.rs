//! The rules that a value can break, each with its sentence in Vietnamese and English.
//!
//! One table: a schema names a rule by its `format` or keyword, a fault carries its code,
//! and the sentence a person reads stands here and nowhere else.

/// A rule: its stable code and what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// The stable machine-readable code.
    pub code: &'static str,
    /// What to do, in Vietnamese.
    pub vi: &'static str,
    /// What to do, in English.
    pub en: &'static str,
}

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $vi:literal, $en:literal;)*) => {
        $($(#[$doc])* pub const $name: Rule = Rule { code: $code, vi: $vi, en: $en };)*
        /// Every rule, in the order of this file.
        pub const ALL: &[Rule] = &[$($name),*];
    };
}

rules! {
    /// Text that is not JSON.
    JSON_SYNTAX = "json_syntax", "Nội dung không phải JSON hợp lệ (UTF-8, RFC 8259).",
        "The content is not valid JSON (UTF-8, RFC 8259).";
    /// A member name that occurs twice in one object.
    JSON_DUPLICATE_MEMBER = "json_duplicate_member", "Tên trường xuất hiện hai lần trong cùng một đối tượng; chỉ giữ lại một.",
        "A member name occurs twice in one object; keep one of them.";
    /// A required member is missing.
    REQUIRED = "required", "Thiếu trường bắt buộc này; hãy bổ sung.",
        "This required field is missing; add it.";
    /// A value of another JSON type.
    TYPE = "type", "Sai kiểu dữ liệu; hãy dùng kiểu ghi trong lược đồ.",
        "The value has the wrong type; use the type that the schema states.";
    /// A value outside a closed list.
    ENUM = "enum", "Giá trị không có trong danh mục cho phép; xem danh mục trong lược đồ.",
        "The value is not in the code list; see the list in the schema.";
    /// Text shorter than allowed.
    MIN_LENGTH = "min_length", "Giá trị để trống hoặc quá ngắn.", "The value is empty or too short.";
    /// Text longer than allowed.
    MAX_LENGTH = "max_length", "Giá trị dài hơn mức cho phép; hãy rút gọn.",
        "The value is longer than allowed; shorten it.";
    /// Text of another pattern.
    PATTERN = "pattern", "Giá trị sai mẫu quy định.", "The value does not have the prescribed pattern.";
    /// Any other keyword of the schema.
    SCHEMA = "schema", "Giá trị không đúng lược đồ.", "The value does not fit the schema.";
    /// A field that the schema does not know.
    UNKNOWN_FIELD = "unknown_field", "Trường không có trong lược đồ; bản ghi vẫn được nhận nguyên vẹn. Hãy kiểm tra chính tả tên trường.",
        "The schema does not know this field; the record was accepted as it is. Check the field's spelling.";
    /// A dossier code.
    DOSSIER_CODE = "dossier_code", "Mã hồ sơ phải có dạng <mã cơ quan>-YYMMDD-NNNN với ngày có thật, ví dụ H61.14-260703-0001.",
        "A dossier code has the form <agency code>-YYMMDD-NNNN with a real date, e.g. H61.14-260703-0001.";
    /// An administrative procedure's code.
    PROCEDURE_CODE = "procedure_code", "Mã thủ tục hành chính phải có dạng N.NNNNNN, có thể kèm mã cơ quan, ví dụ 1.004227.",
        "A procedure code has the form N.NNNNNN, optionally with an agency code, e.g. 1.004227.";
    /// An agency's code.
    AGENCY_CODE = "agency_code", "Mã định danh cơ quan phải theo dạng H61.14 (tối đa 35 ký tự) hoặc dạng cũ 000.00.14.H61.",
        "An agency code has the form H61.14 (at most 35 characters) or the old form 000.00.14.H61.";
    /// A personal number.
    PERSONAL_NUMBER = "personal_number", "Số định danh cá nhân phải gồm đúng 12 chữ số.",
        "A personal number has exactly 12 digits.";
    /// A birth prefix that is not in the list.
    PERSONAL_NUMBER_PREFIX = "personal_number_prefix", "Ba số đầu của số định danh không phải mã tỉnh trong nước đã biết; bản ghi vẫn được nhận.",
        "The first three digits of the personal number are no known domestic province; the record was accepted.";
    /// A nine-digit identity card number.
    IDENTITY_CARD_9 = "identity_card_9", "Số CMND phải gồm đúng 9 chữ số.", "An old identity card number has exactly 9 digits.";
    /// A tax code.
    TAX_CODE = "tax_code", "Mã số thuế phải gồm 10 chữ số với số kiểm tra đúng, đơn vị phụ thuộc thêm -NNN.",
        "A tax code has 10 digits with a correct check digit; a dependent unit adds -NNN.";
    /// A local time in the portal's form.
    PORTAL_TIME = "portal_time", "Thời điểm phải có dạng yyyyMMddHHmmss và là một thời điểm có thật theo giờ Việt Nam.",
        "A time has the form yyyyMMddHHmmss and is a real local time of Viet Nam.";
    /// A date of the form yyyy-MM-dd, or a year alone.
    BIRTH_DATE = "birth_date", "Ngày sinh phải có dạng yyyy-MM-dd (ngày có thật), hoặc chỉ có năm yyyy.",
        "A date of birth has the form yyyy-MM-dd (a real date), or is a year alone.";
    /// A day in the enterprise register's form.
    DAY_SLASHED = "day_slashed", "Ngày phải có dạng dd/MM/yyyy và là ngày có thật.",
        "A day has the form dd/MM/yyyy and is a real day.";
    /// An attribute of the event.
    ATTRIBUTE = "attribute", "Thuộc tính CloudEvents thiếu hoặc sai dạng.", "A CloudEvents attribute is missing or malformed.";
    /// An event type, or a schema version of it, that the bus does not have.
    EVENT_TYPE = "event_type", "Trục không có loại sự kiện hoặc phiên bản lược đồ này; kiểm tra chính tả, ví dụ lgsp.dossier.recorded.v1.",
        "The bus has no such event type or schema version; check the spelling, e.g. lgsp.dossier.recorded.v1.";
    /// An attribute that only the bus may write.
    ATTRIBUTE_RESERVED = "attribute_reserved", "Thuộc tính này do trục tự ghi; bên gửi không được gửi.",
        "Only the bus writes this attribute; do not send it.";
    /// The source is not of the caller.
    SOURCE = "source", "source phải có dạng /agencies/<mã cơ quan>/systems/<mã hệ thống> của chính bên gửi.",
        "The source has the form /agencies/<agency code>/systems/<client id> and is the sender's own.";
    /// A missing or malformed part of the purpose.
    PURPOSE = "purpose", "Phải nêu mục đích tra cứu: mã hồ sơ, mã thủ tục và số của cán bộ, đúng mẫu.",
        "State the purpose of the query: dossier code, procedure code and the officer's number, each in its form.";
    /// A text that a national database cannot take.
    PERSON_NAME = "person_name", "Họ và tên bắt buộc, tối đa 100 ký tự.", "The full name is mandatory, at most 100 characters.";
    /// A malformed request.
    REQUEST = "request", "Yêu cầu sai dạng; xem tài liệu API.", "The request is malformed; see the API's documentation.";
    /// A source value that no code list of the mapping has a code for.
    CODE_LIST = "code_list", "Giá trị của cột không có trong bảng mã đã khai báo trong ánh xạ; sửa dữ liệu hoặc bổ sung bảng mã.",
        "The column's value is not in the mapping's code list; mend the data or extend the list.";
    /// A source value that is no moment in any of the mapping's forms.
    SOURCE_TIME = "source_time", "Ngày giờ trong cột không đúng dạng đã khai báo trong ánh xạ, hoặc không có thật.",
        "The column's date or time has none of the forms that the mapping declares, or is not real.";
    /// A source value that is no number.
    SOURCE_NUMBER = "source_number", "Giá trị của cột không phải là số như ánh xạ yêu cầu.",
        "The column's value is not a number, which the mapping asks for.";
    /// Several source values where the mapping takes one.
    SOURCE_AMBIGUOUS = "source_ambiguous", "Đường dẫn trong ánh xạ khớp nhiều giá trị của bản ghi; hãy chọn một, hoặc khai báo join.",
        "The mapping's path finds several values in the record; choose one, or declare join.";
    /// A line or row that cannot be read as one.
    ROW_UNREADABLE = "row_unreadable", "Không đọc được dòng này theo định dạng đã khai báo (sai số cột, sai JSON, sai mã ký tự hoặc quá dài).",
        "The row cannot be read in the declared format (wrong number of columns, not JSON, wrong encoding or too long).";
    /// A file that cannot be read as what it is declared to be.
    FILE_UNREADABLE = "file_unreadable", "Không đọc được tệp theo định dạng đã khai báo; hãy kiểm tra định dạng, mã ký tự UTF-8 và tên trang tính.",
        "The file cannot be read in the declared format; check the format, the encoding UTF-8 and the sheet's name.";
    /// A file without the header that the mapping needs.
    FILE_HEADER = "file_header", "Dòng tiêu đề thiếu cột này, hoặc có hai cột cùng tên.",
        "The header row lacks this column, or has two of the same name.";
    /// A file that is too large.
    FILE_TOO_LARGE = "file_too_large", "Tệp lớn hơn mức cho phép hoặc có quá nhiều cột; hãy chia nhỏ.",
        "The file is larger than allowed or has too many columns; split it.";
    /// A province's code.
    PROVINCE_CODE = "province_code", "Mã tỉnh, thành phố phải gồm đúng 2 chữ số.", "A province's code has exactly 2 digits.";
    /// A former district's code.
    DISTRICT_CODE = "district_code", "Mã quận, huyện cũ phải gồm đúng 3 chữ số; địa chỉ mới từ 01/7/2025 không có mã này.",
        "A former district's code has exactly 3 digits; new addresses since 2025-07-01 have none.";
    /// A commune's code.
    COMMUNE_CODE = "commune_code", "Mã phường, xã phải gồm đúng 5 chữ số.", "A commune's code has exactly 5 digits.";
    /// An enterprise's or a household business's code.
    ENTERPRISE_CODE = "enterprise_code", "Mã số doanh nghiệp phải gồm 10 chữ số với số kiểm tra đúng, đơn vị phụ thuộc thêm -NNN; hộ kinh doanh dùng số định danh 12 chữ số.",
        "An enterprise code has 10 digits with a correct check digit, a dependent unit adds -NNN; a household business uses a personal number of 12 digits.";
    /// A social-insurance number.
    SOCIAL_INSURANCE_NUMBER = "social_insurance_number", "Mã số bảo hiểm xã hội phải gồm đúng 10 chữ số.",
        "A social-insurance number has exactly 10 digits.";
    /// A health-insurance card's number.
    HEALTH_INSURANCE_CARD = "health_insurance_card", "Số thẻ bảo hiểm y tế phải gồm 10 chữ số, hoặc 15 ký tự với 10 chữ số cuối là mã số bảo hiểm xã hội.",
        "A health-insurance card's number has 10 digits, or 15 characters of which the last ten are the social-insurance number.";
    /// A day of the form yyyyMMdd.
    PORTAL_DAY = "portal_day", "Ngày phải có dạng yyyyMMdd và là ngày có thật.", "A day has the form yyyyMMdd and is a real day.";
    /// A month of the form yyyyMM.
    YEAR_MONTH = "year_month", "Tháng phải có dạng yyyyMM và là tháng có thật.", "A month has the form yyyyMM and is a real month.";
    /// A year alone.
    YEAR = "year", "Năm phải gồm đúng 4 chữ số.", "A year has exactly 4 digits.";
    /// Text that nobody writes as a telephone number.
    PHONE = "phone", "Số điện thoại không được chứa ký tự điều khiển, như xuống dòng hay tab.",
        "A telephone number must not hold control characters, such as a line end or a tab.";
    /// A telephone number that is not written as one in Viet Nam, or not in digits alone.
    PHONE_FORM = "phone_form", "Số điện thoại nên là một số viết liền, chỉ chữ số, bắt đầu bằng 0 hoặc +84; bản ghi vẫn được nhận.",
        "A telephone number should be one number in digits alone and begin with 0 or +84; the record was accepted.";
    /// A name with control characters.
    NAME = "name", "Tên chứa ký tự điều khiển (xuống dòng, tab, ...); hãy xóa chúng.",
        "The name holds control characters (line breaks, tabs, ...); remove them.";
    /// A person's name that holds something else than a name.
    NAME_LETTERS = "name_letters", "Họ và tên phải gồm các chữ cái, không có chữ số hay ký hiệu khác.",
        "A person's name is made of letters, without digits or other symbols.";
    /// A name that is not composed Unicode.
    NAME_NOT_NFC = "name_not_nfc", "Tên dùng Unicode tổ hợp, không phải Unicode dựng sẵn (NFC, TCVN 6909); bản ghi vẫn được nhận nguyên vẹn. Hãy chuyển sang dựng sẵn để tra cứu được.",
        "The name is written in decomposed Unicode, not NFC; the record was accepted as it is. Compose it, so that it can be searched.";
    /// A gender that contradicts the personal number.
    GENDER_AGAINST_NUMBER = "gender_against_number", "Giới tính không khớp với chữ số thứ tư của số định danh; bản ghi vẫn được nhận. Hãy kiểm tra lại.",
        "The gender contradicts the fourth digit of the personal number; the record was accepted. Check both.";
    /// A year of birth that contradicts the personal number.
    BIRTH_YEAR_AGAINST_NUMBER = "birth_year_against_number", "Năm sinh không khớp với thế kỷ và năm ghi trong số định danh; bản ghi vẫn được nhận. Hãy kiểm tra lại.",
        "The year of birth contradicts the century and year in the personal number; the record was accepted. Check both.";
    /// A dossier that was received and has no deadline.
    MISSING_DEADLINE = "missing_deadline", "Hồ sơ đã tiếp nhận mà không có ngày hẹn trả; bản ghi vẫn được nhận. Chỉ để trống khi thủ tục không quy định thời hạn.",
        "The dossier was received and has no deadline; the record was accepted. Leave it empty only where the procedure has no term.";
    /// A field that systems of before do not send.
    MISSING_EXPECTED = "missing_expected", "Thiếu trường mà hệ thống mới phải gửi; bản ghi vẫn được nhận. Hãy bổ sung khi nâng cấp phần mềm.",
        "A field that newer systems send is missing; the record was accepted. Add it when the software is renewed.";
    /// A deadline before the reception.
    DEADLINE_BEFORE_RECEPTION = "deadline_before_reception", "Ngày hẹn trả sớm hơn ngày tiếp nhận; bản ghi vẫn được nhận. Hãy kiểm tra lại.",
        "The deadline lies before the reception; the record was accepted. Check both.";
    /// A state that does not follow from the one before.
    STATE_TRANSITION = "state_transition", "Trạng thái này thường không đi sau trạng thái trước đó của hồ sơ; bản ghi vẫn được nhận.",
        "This state does not usually follow the dossier's last one; the record was accepted.";
    /// A batch with too many events.
    BATCH_SIZE = "batch_size", "Một lô chỉ được có tối đa 1.000 sự kiện; hãy chia thành nhiều lô.",
        "A batch has at most 1,000 events; split it into several.";
}

/// The rules whose breach is odd, not wrong: the record is accepted, and its receipt says so.
pub const WARNINGS: &[&Rule] = &[
    &UNKNOWN_FIELD,
    &PERSONAL_NUMBER_PREFIX,
    &PHONE_FORM,
    &NAME_NOT_NFC,
    &GENDER_AGAINST_NUMBER,
    &BIRTH_YEAR_AGAINST_NUMBER,
    &MISSING_DEADLINE,
    &MISSING_EXPECTED,
    &DEADLINE_BEFORE_RECEPTION,
    &STATE_TRANSITION,
];

impl Rule {
    /// Tells whether a breach is odd, not wrong: a rule is one or the other.
    pub fn is_warning(&self) -> bool {
        WARNINGS.iter().any(|warning| warning.code == self.code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_its_own_code_and_two_sentences() {
        let mut codes: Vec<_> = ALL.iter().map(|rule| rule.code).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), ALL.len());
        for rule in ALL {
            assert!(rule.vi.ends_with('.') && rule.en.ends_with('.'), "{}", rule.code);
        }
    }

    #[test]
    fn a_warning_says_that_the_record_was_accepted_and_no_other_rule_does() {
        for rule in ALL {
            let accepted = rule.en.contains("the record was accepted");
            assert_eq!(rule.is_warning(), accepted, "{}", rule.code);
            assert_eq!(rule.vi.contains("bản ghi vẫn được nhận"), accepted, "{}", rule.code);
        }
    }
}
