//! `docs/errors.md` says what the program says: it is made from the tables of codes, rules and
//! statuses. `LGSP_GENERATE=1 cargo test -p lgsp-tests --test errors_document` writes it.
#![cfg(test)]

use std::fmt::Write;

use lgsp_core::{ErrorCode, Fault, rule};
use lgsp_proto::status::{Loudness, row};
use lgsp_tests::golden;
use tonic::Code;

const HEAD: &str = "\
<!-- Made by tests/tests/errors_document.rs from the tables of the program. Do not edit. -->
# Errors / Mã lỗi

Every refusal has one of the codes below, over every way in. A code never changes its meaning; new ones may come, so treat an unknown code by its status and by `retryable`.

Mọi lời từ chối đều mang một trong các mã dưới đây, ở mọi cổng vào. Ý nghĩa của mã không thay đổi; có thể có thêm mã mới, khi đó hãy xử lý theo trạng thái và theo `retryable`.

## Where to find it / Đọc ở đâu

| | HTTP | gRPC |
|---|---|---|
| code / mã | `code` in `application/problem+json` (RFC 9457) | `reason` of `google.rpc.ErrorInfo`, in capitals; in a stream `fault.code` |
| sentence / diễn giải | `message.vi`, `message.en` | two `google.rpc.LocalizedMessage`; in a stream `fault.message_vi`, `fault.message_en` |
| every broken rule / từng lỗi | `violations`: `pointer`, `rule`, `message` | `google.rpc.BadRequest`, at most 16; in a stream `fault.violations`, at most 100 |
| how many in all / tổng số lỗi | `totalViolations` | `total_violations` of `ErrorInfo`; in a stream `fault.total_violations` |
| when to try again / khi nào thử lại | `Retry-After`, `retryAfterMs` | `google.rpc.RetryInfo`; in a stream `fault.retry_after_ms` |
| a batch / lô | `outcomes`: `index`, `id`, `status` and `fault` of each event; `batch` counts them | – |

A `pointer` is a JSON Pointer (RFC 6901) into the record, e.g. `/DanhSachGiayToDinhKem/0/TenGiayTo`, or the name of an attribute or header. No answer repeats a value.

`pointer` là JSON Pointer (RFC 6901) trong bản ghi, ví dụ `/DanhSachGiayToDinhKem/0/TenGiayTo`, hoặc tên thuộc tính, tên tiêu đề HTTP. Không câu trả lời nào nhắc lại giá trị đã gửi.

## What to do / Cách xử lý

- **again / gửi lại**: send the very same again, with the same event id, after the time told, then waiting twice as long each time. It is never recorded twice. / Gửi lại y nguyên, giữ nguyên mã sự kiện, sau thời gian được báo, mỗi lần sau chờ lâu gấp đôi. Không bao giờ bị ghi hai lần.
- **ask / hỏi**: something is wrong on the far side or in the bus; the operators were told, and know more. / Hệ thống phía sau hoặc trục có lỗi; đơn vị vận hành đã được báo và sẽ trả lời.
- **mend / sửa**: the same would be refused again; mend what the sentence and the violations name. / Gửi như cũ sẽ lại bị từ chối; hãy sửa những gì nêu trong diễn giải và từng lỗi.

";

/// Names a status of gRPC as its specification does.
fn grpc_name(code: Code) -> String {
    let mut name = String::new();
    for letter in format!("{code:?}").chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

/// Writes a sentence as a cell of a table.
fn cell(sentence: &str) -> String {
    sentence.replace('|', "\\|").replace('<', "&lt;").replace('>', "&gt;")
}

fn document() -> String {
    let mut text = HEAD.to_owned();
    text.push_str("## Codes / Mã\n\n");
    text.push_str(
        "| code | HTTP | gRPC | what to do | tiếng Việt | English |\n|---|---|---|---|---|---|\n",
    );
    for code in ErrorCode::ALL {
        let row = row(*code);
        let (vi, en) = code.sentences();
        let cure = match row.loudness {
            _ if code.is_retryable() => "again / gửi lại",
            Loudness::Error => "ask / hỏi",
            Loudness::Warn | Loudness::Debug => "mend / sửa",
        };
        writeln!(
            text,
            "| `{}` | {} | `{}` | {cure} | {} | {} |",
            code.as_str(),
            row.http.as_u16(),
            grpc_name(row.grpc),
            cell(vi),
            cell(en),
        )
        .unwrap();
    }
    text.push_str(
        "\n## Rules / Quy tắc\n\nA violation names one of these. Where the sentence says that the record was accepted, it is a warning in the receipt. / Mỗi lỗi nêu một quy tắc dưới đây. Câu nào ghi bản ghi vẫn được nhận thì đó là cảnh báo trong biên nhận.\n\n| rule | tiếng Việt | English |\n|---|---|---|\n",
    );
    for rule in rule::ALL {
        writeln!(text, "| `{}` | {} | {} |", rule.code, cell(rule.vi), cell(rule.en)).unwrap();
    }
    text
}

#[test]
fn the_document_is_what_the_program_says() {
    golden::compare_at("docs/errors.md", &document()).unwrap();
}

#[test]
fn what_the_document_says_of_all_codes_is_so() {
    for code in ErrorCode::ALL {
        let fault = Fault::new(*code);
        assert_eq!(fault.retry_after.is_some(), code.is_retryable(), "{code:?}");
        let (vi, en) = code.sentences();
        assert!(vi.ends_with('.') && en.ends_with('.'), "{code:?}");
    }
    assert_eq!(grpc_name(Code::ResourceExhausted), "RESOURCE_EXHAUSTED");
    assert_eq!(Fault::MAX_VIOLATIONS, 100);
}
