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
}
