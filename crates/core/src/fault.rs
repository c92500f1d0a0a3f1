//! What a caller is told when something is refused: one closed set of codes, bilingual.

use std::time::Duration;

use crate::rule::Rule;

macro_rules! error_codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, retry $retry:literal, $vi:literal, $en:literal;)*) => {
        /// Why the bus refused: a closed, short set.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode { $($(#[$doc])* $name),* }

        impl ErrorCode {
            /// Every code, in the order of this file.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Returns the stable machine-readable code.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code),* }
            }

            /// Tells whether the same request may succeed later.
            pub const fn is_retryable(self) -> bool {
                match self { $(Self::$name => $retry),* }
            }

            /// Returns the sentences for a person: Vietnamese, English.
            pub const fn sentences(self) -> (&'static str, &'static str) {
                match self { $(Self::$name => ($vi, $en)),* }
            }
        }
    };
}

error_codes! {
    /// The body is not JSON, or has a member twice.
    InvalidJson = "invalid_json", retry false,
        "Nội dung gửi lên không phải JSON hợp lệ.", "The content is not valid JSON.";
    /// The request lacks or misspells something of the protocol.
    InvalidRequest = "invalid_request", retry false,
        "Yêu cầu sai dạng; xem từng lỗi kèm theo.", "The request is malformed; see each violation.";
    /// The content type is none that the route takes.
    UnsupportedMediaType = "unsupported_media_type", retry false,
        "Kiểu nội dung không được hỗ trợ; dùng application/json, application/cloudevents+json hoặc application/cloudevents-batch+json.",
        "The content type is not supported; use application/json, application/cloudevents+json or application/cloudevents-batch+json.";
    /// No such event type or schema version.
    UnknownEventType = "unknown_event_type", retry false,
        "Loại sự kiện hoặc phiên bản lược đồ không có trên trục.", "The bus has no such event type or schema version.";
    /// The record breaks rules of its schema.
    SchemaViolation = "schema_violation", retry false,
        "Bản ghi vi phạm lược đồ; sửa từng lỗi kèm theo rồi gửi lại.",
        "The record breaks its schema; mend each violation and send it again.";
    /// The same source and id came before with other content.
    Conflict = "conflict", retry false,
        "Mã sự kiện này đã được dùng cho nội dung khác; nội dung mới cần mã mới.",
        "This event id was used for other content before; new content needs a new id.";
    /// No token, or none that is valid.
    Unauthenticated = "unauthenticated", retry false,
        "Thiếu mã truy cập hoặc mã không còn hiệu lực; lấy mã mới tại /oauth2/token.",
        "The access token is missing or not valid; get a new one at /oauth2/token.";
    /// The caller is known and may not do this.
    PermissionDenied = "permission_denied", retry false,
        "Hệ thống gọi chưa được cấp quyền cho việc này; liên hệ đơn vị vận hành trục.",
        "The calling system has no grant for this; ask the operators of the bus.";
    /// The purpose of a query is missing or malformed.
    PurposeRequired = "purpose_required", retry false,
        "Tra cứu phải nêu mục đích hợp lệ: mã hồ sơ, mã thủ tục, cán bộ.",
        "A query states a valid purpose: dossier code, procedure code, officer.";
    /// The dossier of a query's purpose is unknown to the bus, ended, or of another agency.
    DossierNotOpen = "dossier_not_open", retry false,
        "Hồ sơ nêu trong mục đích chưa được gửi lên trục, đã kết thúc, hoặc không thuộc cơ quan của hệ thống gọi; hãy gửi hồ sơ lên trục trước rồi tra cứu.",
        "The dossier of the purpose is not on the bus, has ended, or is of another agency; publish the dossier first, then ask.";
    /// There is no such thing.
    NotFound = "not_found", retry false,
        "Không tìm thấy; hãy kiểm tra lại mã hoặc đường dẫn.", "Not found; check the identifier or the path.";
    /// The route exists, with another method.
    MethodNotAllowed = "method_not_allowed", retry false,
        "Đường dẫn này không nhận phương thức HTTP đó; xem tài liệu API.",
        "The route does not take this HTTP method; see the API's documentation.";
    /// The body or the event is larger than allowed.
    PayloadTooLarge = "payload_too_large", retry false,
        "Nội dung lớn hơn mức cho phép (sự kiện tối đa 1 MiB, lô tối đa 1.000 sự kiện và 16 MiB); hãy chia nhỏ.",
        "The content is larger than allowed (an event: 1 MiB at most, a batch: 1,000 events and 16 MiB); split it.";
    /// Too much at once.
    Overloaded = "overloaded", retry true,
        "Trục đang quá tải; hãy gửi lại sau thời gian nêu trong Retry-After.",
        "The bus has too much to do; send again after the time in Retry-After.";
    /// The log did not acknowledge in time: the outcome is unknown.
    LogUnavailable = "log_unavailable", retry true,
        "Chưa rõ bản ghi đã được lưu hay chưa; hãy gửi lại đúng mã sự kiện này, sẽ không bị ghi hai lần.",
        "It is unknown whether the record was stored; send the same id again, it will not be recorded twice.";
    /// The evidence could not be written, so nothing was asked.
    AuditUnavailable = "audit_unavailable", retry true,
        "Chưa ghi được nhật ký kiểm toán nên chưa tra cứu; hãy thử lại sau.",
        "The audit record could not be written, so nothing was asked; try again later.";
    /// The national database cannot be reached or is in maintenance.
    UpstreamUnavailable = "upstream_unavailable", retry true,
        "Cơ sở dữ liệu quốc gia hiện không truy cập được; hãy thử lại sau.",
        "The national database cannot be reached now; try again later.";
    /// The national database refused the bus's request.
    UpstreamRefused = "upstream_refused", retry false,
        "Cơ sở dữ liệu quốc gia từ chối yêu cầu; hãy kiểm tra điều kiện tra cứu, gửi lại như cũ sẽ lại bị từ chối.",
        "The national database refused the request; check what was asked, the same request will be refused again.";
    /// The national database answered in a form that breaks its contract.
    UpstreamContract = "upstream_contract", retry false,
        "Cơ sở dữ liệu quốc gia trả lời sai cấu trúc đã thỏa thuận; đơn vị vận hành đã được báo.",
        "The national database's answer breaks its contract; the operators were told.";
    /// The national database did not answer in time.
    UpstreamTimeout = "upstream_timeout", retry true,
        "Cơ sở dữ liệu quốc gia không trả lời kịp; hãy thử lại sau.",
        "The national database did not answer in time; try again later.";
    /// The caller's deadline passed.
    DeadlineExceeded = "deadline_exceeded", retry true,
        "Quá thời hạn của yêu cầu; kết quả chưa rõ, hãy gửi lại đúng yêu cầu này.",
        "The request's deadline passed; the outcome is unknown, send the same request again.";
    /// The method does not exist.
    Unimplemented = "unimplemented", retry false,
        "Trục không có phương thức này; hãy kiểm tra tên dịch vụ và phiên bản.",
        "The bus has no such method; check the service's name and version.";
    /// A fault of the bus itself.
    Internal = "internal", retry true,
        "Lỗi nội bộ của trục; đơn vị vận hành đã được báo.", "A fault of the bus itself; the operators were told.";
    /// The bus is stopping.
    ShuttingDown = "shutting_down", retry true,
        "Trục đang dừng; hãy gửi lại sau ít phút.", "The bus is stopping; send again in a moment.";
    /// One or more events of a batch are refused, so that none was recorded.
    InvalidBatch = "invalid_batch", retry false,
        "Lô có sự kiện bị từ chối nên chưa sự kiện nào được ghi; sửa từng sự kiện nêu trong outcomes rồi gửi lại cả lô.",
        "Events of the batch are refused, so nothing of it was recorded; mend each of outcomes and send the whole batch again.";
}

/// One broken rule at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// JSON Pointer (RFC 6901) to the field within the data, or the attribute's or header's name.
    pub pointer: String,
    /// The rule that it broke.
    pub rule: &'static Rule,
}

impl Violation {
    /// Names a rule broken at a place.
    pub fn new(pointer: impl Into<String>, rule: &'static Rule) -> Self {
        Self { pointer: pointer.into(), rule }
    }
}

/// A refusal as the caller sees it: a code and every violation. Never carries values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", code.as_str())]
pub struct Fault {
    /// Why.
    pub code: ErrorCode,
    /// Every broken rule, at most [`Fault::MAX_VIOLATIONS`].
    pub violations: Vec<Violation>,
    /// How many rules were broken in all.
    pub total_violations: usize,
    /// After which time to try again, where that can help.
    pub retry_after: Option<Duration>,
}

impl Fault {
    /// How many violations a fault carries at most; `total_violations` counts the rest.
    pub const MAX_VIOLATIONS: usize = 100;

    /// Makes a fault of a code alone; a retryable one hints at one second.
    pub fn new(code: ErrorCode) -> Self {
        let retry_after = code.is_retryable().then_some(Duration::from_secs(1));
        Self { code, violations: Vec::new(), total_violations: 0, retry_after }
    }

    /// Makes a fault with its violations, keeping the first [`Fault::MAX_VIOLATIONS`].
    pub fn with(code: ErrorCode, mut violations: Vec<Violation>) -> Self {
        let total_violations = violations.len();
        violations.truncate(Self::MAX_VIOLATIONS);
        Self { violations, total_violations, ..Self::new(code) }
    }

    /// Makes a fault with one violation.
    pub fn at(code: ErrorCode, pointer: impl Into<String>, rule: &'static Rule) -> Self {
        Self::with(code, vec![Violation::new(pointer, rule)])
    }

    /// Sets after which time to try again.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }
}

impl From<ErrorCode> for Fault {
    fn from(code: ErrorCode) -> Self {
        Self::new(code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule;

    #[test]
    fn counts_violations_beyond_those_it_carries() {
        let many = vec![Violation::new("/x", &rule::REQUIRED); 250];
        let fault = Fault::with(ErrorCode::SchemaViolation, many);
        assert_eq!((fault.violations.len(), fault.total_violations), (100, 250));
    }

    #[test]
    fn only_retryable_codes_hint_at_a_time() {
        for code in ErrorCode::ALL {
            assert_eq!(Fault::new(*code).retry_after.is_some(), code.is_retryable());
        }
    }
}
