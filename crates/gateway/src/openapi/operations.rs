//! The table of operations: one row for each HTTP route.

use lgsp_core::ErrorCode;

/// An operation's row.
pub(super) struct Operation {
    /// `GET` or `POST`.
    pub(super) method: &'static str,
    /// The path as the routes have it.
    pub(super) path: &'static str,
    /// Its `operationId`.
    pub(super) id: &'static str,
    /// The group in which it is shown.
    pub(super) tag: &'static str,
    /// What it does, in Vietnamese and in English.
    pub(super) told: (&'static str, &'static str),
    /// What proves who calls.
    pub(super) proof: Proof,
    /// Its parameters, by their names among the components.
    pub(super) parameters: &'static [&'static str],
    /// The forms of its body: a media type and a schema among the components each.
    pub(super) body: &'static [(&'static str, &'static str)],
    /// Its answers beside problems.
    pub(super) answers: &'static [Answer],
    /// The faults that it may end with, beside those of the door; told as problems.
    pub(super) codes: &'static [ErrorCode],
    /// The schema of its problems, among the components.
    pub(super) problem: &'static str,
}

/// What proves who calls; of several ways one is enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// Nothing.
    None,
    /// An access token.
    Bearer,
    /// Nothing on loopback, elsewhere an access token.
    BearerElsewhere,
    /// The client's id and secret, in the header or in the form.
    Client,
    /// A session of the packet protocol, in one of two headers.
    Session,
}

/// An answer that is not a problem.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) told: &'static str,
    /// The media type and the schema among the components; none for an answer without content.
    pub(super) content: Option<(&'static str, &'static str)>,
    /// Its headers, by name and by their name among the components.
    pub(super) headers: &'static [(&'static str, &'static str)],
}

/// The faults that any operation may end with, at the door: too many requests at once, and a
/// request or an answer that takes too long.
pub(super) const DOOR: &[ErrorCode] = &[ErrorCode::Overloaded, ErrorCode::DeadlineExceeded];

const JSON: &str = "application/json";
const KEPT: &[(&str, &str)] = &[("ETag", "ETag"), ("Cache-Control", "CacheControl")];
const NOT_KEPT: &[(&str, &str)] = &[("Cache-Control", "CacheControl")];

const EVENTS: &[(&str, &str)] = &[
    ("application/cloudevents+json", "CloudEvent"),
    ("application/cloudevents-batch+json", "CloudEvents"),
    (JSON, "Record"),
];
const EVENT_PARAMETERS: &[&str] =
    &["ceSpecVersion", "ceId", "ceSource", "ceType", "ceTime", "prefer"];
const EVENT_FAULTS: &[ErrorCode] = &[
    ErrorCode::InvalidJson,
    ErrorCode::InvalidRequest,
    ErrorCode::Unauthenticated,
    ErrorCode::PermissionDenied,
    ErrorCode::Conflict,
    ErrorCode::PayloadTooLarge,
    ErrorCode::UnsupportedMediaType,
    ErrorCode::UnknownEventType,
    ErrorCode::SchemaViolation,
    ErrorCode::InvalidBatch,
    ErrorCode::LogUnavailable,
    ErrorCode::Internal,
];
const QUERY_FAULTS: &[ErrorCode] = &[
    ErrorCode::InvalidJson,
    ErrorCode::InvalidRequest,
    ErrorCode::Unauthenticated,
    ErrorCode::PermissionDenied,
    ErrorCode::PurposeRequired,
    ErrorCode::DossierNotOpen,
    ErrorCode::NotFound,
    ErrorCode::PayloadTooLarge,
    // While it cannot be told whether the purpose's dossier is open.
    ErrorCode::LogUnavailable,
    ErrorCode::AuditUnavailable,
    ErrorCode::UpstreamUnavailable,
    ErrorCode::UpstreamRefused,
    ErrorCode::UpstreamContract,
    ErrorCode::UpstreamTimeout,
    ErrorCode::Internal,
];
const GRANTED: &[ErrorCode] =
    &[ErrorCode::Unauthenticated, ErrorCode::PermissionDenied, ErrorCode::Internal];

const fn ok(told: &'static str, schema: &'static str) -> Answer {
    Answer { status: 200, told, content: Some((JSON, schema)), headers: &[] }
}

const UNCHANGED: Answer =
    Answer { status: 304, told: "The caller has it already.", content: None, headers: KEPT };

/// A public GET without parameters, as most rows begin.
const GET: Operation = Operation {
    method: "GET",
    path: "",
    id: "",
    tag: "",
    told: ("", ""),
    proof: Proof::None,
    parameters: &[],
    body: &[],
    answers: &[],
    codes: &[],
    problem: "Problem",
};

/// Every operation.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        method: "POST",
        path: "/v1/events",
        id: "publishEvents",
        tag: "events",
        told: (
            "Gửi một sự kiện hoặc một lô sự kiện (CloudEvents 1.0); trả biên nhận khi Kafka đã lưu.",
            "Publishes one event or a batch (CloudEvents 1.0): structured as application/cloudevents+json, batched as application/cloudevents-batch+json; any other JSON is the data of an event whose attributes are `ce-` headers. Answers when Kafka has it. After 503 or 504 the outcome is unknown: send the same id again, it is never recorded twice.",
        ),
        proof: Proof::Bearer,
        parameters: EVENT_PARAMETERS,
        body: EVENTS,
        answers: &[
            Answer {
                status: 200,
                told: "It is durable.",
                content: Some((JSON, "Published")),
                headers: &[("Preference-Applied", "PreferenceApplied")],
            },
            Answer {
                status: 207,
                told: "A batch with `handling=lenient`: what became of each event.",
                content: Some((JSON, "BatchReport")),
                headers: &[
                    ("Preference-Applied", "PreferenceApplied"),
                    ("Retry-After", "RetryAfterWhereItHelps"),
                ],
            },
        ],
        codes: EVENT_FAULTS,
        problem: "BatchProblem",
    },
    Operation {
        method: "POST",
        path: "/v1/events/validate",
        id: "validateEvents",
        tag: "events",
        told: (
            "Kiểm tra sự kiện như khi gửi thật nhưng không ghi gì.",
            "Judges events as publishing does, a batch strictly, and records nothing.",
        ),
        proof: Proof::Bearer,
        parameters: EVENT_PARAMETERS,
        body: EVENTS,
        answers: &[ok("It would be recorded.", "Considered")],
        codes: EVENT_FAULTS,
        problem: "BatchProblem",
    },
    Operation {
        path: "/v1/receipts",
        id: "getReceipt",
        tag: "events",
        told: (
            "Tra biên nhận của một sự kiện do chính hệ thống gọi đã gửi.",
            "Tells what became of an event of the caller's own; 503 while that is in doubt.",
        ),
        proof: Proof::Bearer,
        parameters: &["source", "id"],
        answers: &[ok("The receipt.", "lgsp.event.v1.Receipt")],
        codes: &[
            ErrorCode::InvalidRequest,
            ErrorCode::Unauthenticated,
            ErrorCode::PermissionDenied,
            ErrorCode::NotFound,
            ErrorCode::LogUnavailable,
            ErrorCode::Internal,
        ],
        ..GET
    },
    Operation {
        path: "/v1/queries",
        id: "listServices",
        tag: "queries",
        told: (
            "Liệt kê các dịch vụ tra cứu mà hệ thống gọi được phép dùng.",
            "Lists the services that the caller may ask.",
        ),
        proof: Proof::Bearer,
        answers: &[ok("The services.", "lgsp.query.v1.ListServicesResponse")],
        codes: GRANTED,
        ..GET
    },
    Operation {
        method: "POST",
        path: "/v1/queries/{service}",
        id: "query",
        tag: "queries",
        told: (
            "Tra cứu một dịch vụ đã khai báo, với mục đích nêu rõ.",
            "Asks a declared service, for a stated purpose. Which parts of the purpose are mandatory, the service says; its question and answer are the components `service.<name>.request` and `service.<name>.answer`.",
        ),
        proof: Proof::Bearer,
        parameters: &["service"],
        body: &[(JSON, "QueryRequest")],
        answers: &[ok("The answer.", "QueryAnswer")],
        codes: QUERY_FAULTS,
        ..GET
    },
    Operation {
        method: "POST",
        path: "/v1/population/citizens:lookUp",
        id: "lookUpCitizen",
        tag: "queries",
        told: (
            "Tra cứu một công dân trong Cơ sở dữ liệu quốc gia về dân cư.",
            "Looks one citizen up in the national population database: the typed form of the service `population`.",
        ),
        proof: Proof::Bearer,
        body: &[(JSON, "lgsp.query.v1.LookUpCitizenRequest")],
        answers: &[ok("The record.", "lgsp.query.v1.LookUpCitizenResponse")],
        codes: QUERY_FAULTS,
        ..GET
    },
    Operation {
        path: "/v1/ops/lag",
        id: "getLag",
        tag: "operations",
        told: (
            "Độ trễ của từng nhóm tiêu thụ.",
            "Tells the lag of every consumer group. Needs the grant `operate`.",
        ),
        proof: Proof::Bearer,
        answers: &[ok("The figures of the last poll.", "lgsp.ops.v1.GetLagResponse")],
        codes: GRANTED,
        ..GET
    },
    Operation {
        path: "/v1/ops/topics",
        id: "listTopics",
        tag: "operations",
        told: (
            "Các chủ đề Kafka: khai báo so với thực tế.",
            "Lists the topics, declared against found. Needs the grant `operate`.",
        ),
        proof: Proof::Bearer,
        answers: &[ok("The topics.", "lgsp.ops.v1.ListTopicsResponse")],
        codes: GRANTED,
        ..GET
    },
    Operation {
        method: "POST",
        path: "/dvcqg/login",
        id: "portalLogIn",
        tag: "portal packets",
        told: (
            "Đăng nhập theo gói tin của Cổng Dịch vụ công quốc gia.",
            "Logs in, as clients of the national portal do. The answer is always HTTP 200, with an `error_code` within.",
        ),
        body: &[(JSON, "PortalLogin")],
        answers: &[Answer {
            headers: NOT_KEPT,
            ..ok("A session, or why there is none.", "PortalSession")
        }],
        ..GET
    },
    Operation {
        method: "POST",
        path: "/dvcqg/service",
        id: "portalService",
        tag: "portal packets",
        told: (
            "Một gói tin của Cổng Dịch vụ công quốc gia; phiên làm việc nằm trong nội dung.",
            "Takes a packet, as the national portal does; the session stands within. The answer is always HTTP 200, with an `error_code` within.",
        ),
        body: &[(JSON, "PortalPacket")],
        answers: &[Answer { headers: NOT_KEPT, ..ok("What became of it.", "PortalAnswer") }],
        ..GET
    },
    Operation {
        method: "POST",
        path: "/dvcqg/api/SynsTTHCC/DongBoHoSoMC",
        id: "portalSynchronizeDossiers",
        tag: "portal packets",
        told: (
            "Đồng bộ hồ sơ, danh sách trần.",
            "Takes dossiers as a bare list. The answer is always HTTP 200, with an `error_code` within.",
        ),
        proof: Proof::Session,
        parameters: &["maDinhDanhDV", "isUpdating"],
        body: &[(JSON, "PortalRecords")],
        answers: &[Answer { headers: NOT_KEPT, ..ok("What became of each.", "PortalAnswer") }],
        ..GET
    },
    Operation {
        method: "POST",
        path: "/dvcqg/api/SynsTTHCC/CapNhatTienDoHoSoMC",
        id: "portalUpdateProgress",
        tag: "portal packets",
        told: (
            "Cập nhật tiến độ hồ sơ, danh sách trần.",
            "Takes dossiers' progress as a bare list. The answer is always HTTP 200, with an `error_code` within.",
        ),
        proof: Proof::Session,
        parameters: &["maDinhDanhDV", "isUpdating"],
        body: &[(JSON, "PortalRecords")],
        answers: &[Answer { headers: NOT_KEPT, ..ok("What became of each.", "PortalAnswer") }],
        ..GET
    },
    Operation {
        path: "/v1/schemas",
        id: "listSchemas",
        tag: "schemas",
        told: ("Liệt kê lược đồ của các sự kiện.", "Lists the schemas of events."),
        parameters: &["ifNoneMatch"],
        answers: &[Answer { headers: KEPT, ..ok("The list.", "SchemaList") }, UNCHANGED],
        ..GET
    },
    Operation {
        path: "/v1/schemas/{type}/{version}",
        id: "getSchema",
        tag: "schemas",
        told: (
            "Một lược đồ JSON Schema; mỗi phiên bản không bao giờ đổi.",
            "Gives one schema (JSON Schema 2020-12); a version never changes. The components `event.<type>.<version>` are the same schemas.",
        ),
        parameters: &["type", "version", "ifNoneMatch"],
        answers: &[
            Answer {
                status: 200,
                told: "The schema.",
                content: Some(("application/schema+json", "SchemaDocument")),
                headers: KEPT,
            },
            UNCHANGED,
        ],
        codes: &[ErrorCode::NotFound],
        ..GET
    },
    Operation {
        path: "/openapi.json",
        id: "getOpenApi",
        tag: "schemas",
        told: ("Chính tài liệu này.", "Gives this document."),
        answers: &[ok("The document.", "OpenApiDocument")],
        ..GET
    },
    Operation {
        method: "POST",
        path: "/oauth2/token",
        id: "getToken",
        tag: "identity",
        told: (
            "Lấy mã truy cập bằng mã hệ thống và mật khẩu.",
            "Gives an access token for client credentials (RFC 6749). The Vietnamese sentences of other problems are missing here, since the RFC allows ASCII only.",
        ),
        proof: Proof::Client,
        body: &[("application/x-www-form-urlencoded", "TokenRequest")],
        answers: &[
            Answer { headers: NOT_KEPT, ..ok("The token.", "TokenAnswer") },
            Answer {
                status: 400,
                headers: NOT_KEPT,
                ..ok("The request is malformed.", "OAuthError")
            },
            Answer {
                status: 401,
                headers: &[
                    ("Cache-Control", "CacheControl"),
                    ("WWW-Authenticate", "WwwAuthenticate"),
                ],
                ..ok("The client is unknown, or its secret is wrong or missing.", "OAuthError")
            },
            Answer {
                status: 500,
                headers: NOT_KEPT,
                ..ok("The token could not be made.", "OAuthError")
            },
        ],
        ..GET
    },
    Operation {
        path: "/oauth2/jwks",
        id: "getKeys",
        tag: "identity",
        told: (
            "Khóa công khai để kiểm tra mã truy cập.",
            "Gives the keys that tokens are signed with.",
        ),
        answers: &[ok("The keys.", "KeySet")],
        ..GET
    },
    Operation {
        path: "/.well-known/openid-configuration",
        id: "discover",
        tag: "identity",
        told: (
            "Thông tin để tự cấu hình OAuth 2.0.",
            "Tells where the token endpoint is and what it can do.",
        ),
        answers: &[ok("The metadata.", "Discovery")],
        ..GET
    },
    Operation {
        path: "/healthz",
        id: "isAlive",
        tag: "operations",
        told: ("Tiến trình còn chạy.", "Tells that the process answers."),
        answers: &[ok("It does.", "Alive")],
        ..GET
    },
    Operation {
        path: "/readyz",
        id: "isReady",
        tag: "operations",
        told: (
            "Trục đã sẵn sàng hay chưa, và vì sao.",
            "Tells whether the bus can work, and if not, why.",
        ),
        answers: &[
            ok("It is ready.", "Readiness"),
            Answer { status: 503, ..ok("It is not ready, or stops.", "Readiness") },
        ],
        ..GET
    },
    Operation {
        path: "/metrics",
        id: "getMetrics",
        tag: "operations",
        told: (
            "Số đo cho hệ thống giám sát.",
            "Gives the metrics: to everybody on loopback, elsewhere to callers with the grant `operate`.",
        ),
        proof: Proof::BearerElsewhere,
        answers: &[Answer {
            status: 200,
            told: "The metrics.",
            content: Some((
                "application/openmetrics-text; version=1.0.0; charset=utf-8",
                "Metrics",
            )),
            headers: &[],
        }],
        codes: GRANTED,
        ..GET
    },
];
