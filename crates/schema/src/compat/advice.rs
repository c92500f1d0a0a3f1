//! One sentence of advice for each kind of change, in Vietnamese and in English.

use super::finding::{Breaks, Change, Finding};

/// What to do about a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Advice {
    /// In Vietnamese.
    pub vi: &'static str,
    /// In English.
    pub en: &'static str,
}

/// A row: the keywords it is about (none: any), the change, whom it breaks (none: anybody).
type Row = (&'static [&'static str], Change, Option<Breaks>, Advice);

const SIZES: &[&str] = &[
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
];
const LISTS: &[&str] = &["enum", "const"];
const FORMS: &[&str] = &["format", "pattern"];
const MODEL: &[&str] = &["additionalProperties"];
const REQUIRED: &[&str] = &["required"];
const TYPE: &[&str] = &["type"];
const ANY: &[&str] = &[];

macro_rules! advice {
    ($(($keywords:expr, $change:ident, $breaks:expr, $vi:literal, $en:literal)),* $(,)?) => {
        /// The first row that fits speaks; the last rows fit every change.
        const ROWS: &[Row] = &[$(($keywords, Change::$change, $breaks, Advice { vi: $vi, en: $en })),*];
    };
}

advice! {
    (ANY, PropertyAdded, Some(Breaks::Backward),
        "Mô hình mở: dữ liệu cũ có thể đã mang trường này với nội dung bất kỳ; hãy khai báo không ràng buộc, hoặc tăng phiên bản chính.",
        "The model is open: old data may hold anything under this name; declare it without constraints, or raise the major version."),
    (ANY, PropertyAdded, Some(Breaks::Forward),
        "Mô hình đóng: bên đọc còn dùng lược đồ cũ sẽ từ chối trường mới; hãy nâng cấp mọi bên đọc trước khi gửi trường này.",
        "The model is closed: readers with the old schema refuse the new field; upgrade every reader before anyone sends it."),
    (ANY, PropertyAdded, Some(Breaks::Both),
        "Trường mới khác với quy định chung cho các trường khác: cả dữ liệu cũ lẫn bên đọc cũ đều vướng; hãy tăng phiên bản chính.",
        "The new field differs from what was laid down for all others: old data and old readers both fail; raise the major version."),
    (ANY, PropertyAdded, Some(Breaks::Nobody),
        "Trường mới không thêm ràng buộc nào nên không ảnh hưởng ai.",
        "The new field adds no constraint, so nobody is affected."),
    (ANY, PropertyRemoved, Some(Breaks::Backward),
        "Mô hình đóng: dữ liệu cũ có trường này sẽ bị từ chối; hãy giữ trường và ghi deprecated, hoặc tăng phiên bản chính.",
        "The model is closed: old data with this field is refused; keep the field and mark it deprecated, or raise the major version."),
    (ANY, PropertyRemoved, Some(Breaks::Forward),
        "Mô hình mở: bên gửi mới có thể ghi nội dung bất kỳ dưới tên này và bên đọc cũ sẽ từ chối; hãy giữ khai báo và ghi deprecated.",
        "The model is open: new senders may put anything under this name and old readers refuse it; keep it declared and mark it deprecated."),
    (ANY, PropertyRemoved, Some(Breaks::Both),
        "Bỏ trường khiến quy định chung áp cho tên này: cả dữ liệu cũ lẫn bên đọc cũ đều vướng; hãy giữ trường hoặc tăng phiên bản chính.",
        "Without it the rule for all other names applies: old data and old readers both fail; keep the field or raise the major version."),
    (ANY, PropertyRemoved, Some(Breaks::Nobody),
        "Trường được bỏ không có ràng buộc nào nên không ảnh hưởng ai.",
        "The field had no constraint, so nobody is affected."),
    (REQUIRED, Narrowed, None,
        "Trường thành bắt buộc: dữ liệu cũ thiếu trường này sẽ bị từ chối; hãy để tùy chọn, hoặc tăng phiên bản chính.",
        "The field became mandatory: old data without it is refused; keep it optional, or raise the major version."),
    (REQUIRED, Widened, None,
        "Trường không còn bắt buộc: bên đọc cũ sẽ từ chối dữ liệu mới thiếu trường này; hãy nâng cấp bên đọc trước.",
        "The field is no longer mandatory: old readers refuse new data without it; upgrade the readers first."),
    (TYPE, Narrowed, None,
        "Ít kiểu dữ liệu hơn trước: dữ liệu cũ thuộc kiểu đã bỏ sẽ bị từ chối; hãy giữ các kiểu cũ, hoặc tăng phiên bản chính.",
        "Fewer types than before: old data of a dropped type is refused; keep the old types, or raise the major version."),
    (TYPE, Widened, None,
        "Thêm kiểu dữ liệu: bên đọc cũ sẽ từ chối dữ liệu thuộc kiểu mới; hãy nâng cấp bên đọc trước.",
        "More types than before: old readers refuse data of the new type; upgrade the readers first."),
    (TYPE, Replaced, None,
        "Đổi kiểu dữ liệu: hai phiên bản từ chối dữ liệu của nhau; hãy thêm trường mới với tên khác, hoặc tăng phiên bản chính.",
        "Another type: each version refuses the other's data; add a field with another name, or raise the major version."),
    (LISTS, Narrowed, None,
        "Danh mục hẹp hơn trước: dữ liệu cũ mang mã đã bỏ sẽ bị từ chối; hãy giữ mã cũ, hoặc tăng phiên bản chính.",
        "The code list is narrower: old data with a dropped code is refused; keep the old codes, or raise the major version."),
    (LISTS, Widened, None,
        "Danh mục rộng hơn trước: bên đọc cũ sẽ từ chối mã mới; hãy nâng cấp bên đọc trước khi dùng mã mới.",
        "The code list is wider: old readers refuse the new codes; upgrade the readers before anyone uses them."),
    (LISTS, Replaced, None,
        "Danh mục vừa bỏ vừa thêm mã: hai phiên bản từ chối dữ liệu của nhau; hãy giữ mã cũ và chỉ thêm mã mới.",
        "The code list lost and gained codes: each version refuses the other's data; keep the old codes and only add new ones."),
    (SIZES, Narrowed, None,
        "Giới hạn chặt hơn trước: dữ liệu cũ vượt giới hạn mới sẽ bị từ chối; hãy giữ giới hạn cũ, hoặc tăng phiên bản chính.",
        "A tighter limit: old data beyond it is refused; keep the old limit, or raise the major version."),
    (SIZES, Widened, None,
        "Giới hạn nới hơn trước: bên đọc cũ sẽ từ chối dữ liệu mới vượt giới hạn cũ; hãy nâng cấp bên đọc trước.",
        "A looser limit: old readers refuse new data beyond the old one; upgrade the readers first."),
    (FORMS, Narrowed, None,
        "Thêm quy định về dạng: dữ liệu cũ sai dạng sẽ bị từ chối; hãy chỉ cảnh báo, hoặc tăng phiên bản chính.",
        "A form was prescribed: old data of another form is refused; only warn about it, or raise the major version."),
    (FORMS, Widened, None,
        "Bỏ quy định về dạng: bên đọc cũ sẽ từ chối dữ liệu mới sai dạng cũ; hãy nâng cấp bên đọc trước.",
        "A form is no longer prescribed: old readers refuse new data of another form; upgrade the readers first."),
    (FORMS, Replaced, None,
        "Đổi dạng quy định mà không chứng minh được dạng nào bao dạng nào; hãy thêm trường mới, hoặc tăng phiên bản chính.",
        "Another form, and neither is proven to include the other; add a field with another name, or raise the major version."),
    (MODEL, Narrowed, None,
        "Mô hình hẹp lại: dữ liệu cũ có trường ngoài khai báo sẽ bị từ chối; hãy để mở, hoặc tăng phiên bản chính.",
        "The model was closed or tightened: old data with undeclared fields is refused; leave it open, or raise the major version."),
    (MODEL, Widened, None,
        "Mô hình mở rộng ra: bên đọc cũ sẽ từ chối các trường ngoài khai báo; hãy nâng cấp bên đọc trước.",
        "The model was opened: old readers refuse undeclared fields; upgrade the readers first."),
    (ANY, Narrowed, None,
        "Chặt hơn trước: một phần dữ liệu cũ sẽ bị từ chối; hãy giữ quy định cũ, hoặc tăng phiên bản chính.",
        "Stricter than before: some old data is refused; keep the old rule, or raise the major version."),
    (ANY, Widened, None,
        "Rộng hơn trước: bên đọc cũ sẽ từ chối một phần dữ liệu mới; hãy nâng cấp bên đọc trước.",
        "Wider than before: old readers refuse some new data; upgrade the readers first."),
    (ANY, Replaced, None,
        "Quy định đã khác hẳn: hai phiên bản từ chối dữ liệu của nhau; hãy tăng phiên bản chính.",
        "Another rule: each version refuses the other's data; raise the major version."),
    (ANY, Unproven, None,
        "Không chứng minh được là tương thích nên tính là phá vỡ; hãy giữ nguyên chỗ này, hoặc tăng phiên bản chính.",
        "It cannot be proven compatible, so it counts as breaking; leave this as it was, or raise the major version."),
    (ANY, Rewritten, None,
        "Cách viết khác, dữ liệu hợp lệ không đổi; không phải làm gì.",
        "Other words for the same: what is valid stays the same; nothing to do."),
    (ANY, Annotation, None,
        "Chỉ phần chú giải thay đổi; dữ liệu hợp lệ không đổi.",
        "Only annotations changed; what is valid stays the same."),
}

/// For what no row tells, which a test rules out.
const OTHERWISE: Advice = Advice {
    vi: "Hãy tăng phiên bản chính nếu chưa chắc.",
    en: "Raise the major version if in doubt.",
};

impl Finding {
    /// Returns what to do about it.
    pub fn advice(&self) -> Advice {
        let fits = |(keywords, change, breaks, _): &&Row| {
            (keywords.is_empty() || keywords.contains(&self.keyword.as_str()))
                && *change == self.change
                && breaks.is_none_or(|breaks| breaks == self.breaks)
        };
        ROWS.iter().find(fits).map_or(OTHERWISE, |(.., advice)| *advice)
    }

    /// Tells whether readers with the new schema may refuse old data.
    pub fn breaks_backward(&self) -> bool {
        matches!(self.breaks, Breaks::Backward | Breaks::Both)
    }

    /// Tells whether readers with the old schema may refuse new data.
    pub fn breaks_forward(&self) -> bool {
        matches!(self.breaks, Breaks::Forward | Breaks::Both)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Side;
    use super::*;

    #[test]
    fn every_change_has_its_advice_in_both_languages() {
        use Breaks::{Backward, Both, Forward, Nobody};
        let possible: &[(Change, &[Breaks])] = &[
            (Change::PropertyAdded, &[Backward, Forward, Both, Nobody]),
            (Change::PropertyRemoved, &[Backward, Forward, Both, Nobody]),
            (Change::Narrowed, &[Backward]),
            (Change::Widened, &[Forward]),
            (Change::Replaced, &[Both]),
            (Change::Unproven, &[Backward, Forward, Both]),
            (Change::Rewritten, &[Nobody]),
            (Change::Annotation, &[Nobody]),
        ];
        for (change, breaks) in possible {
            for breaks in *breaks {
                for keyword in [
                    "",
                    "type",
                    "required",
                    "maxLength",
                    "enum",
                    "format",
                    "items",
                    "additionalProperties",
                ] {
                    let finding = Finding {
                        breaks: *breaks,
                        pointer: String::new(),
                        side: Side::New,
                        keyword: keyword.to_owned(),
                        change: *change,
                        detail: None,
                    };
                    assert_ne!(finding.advice(), OTHERWISE, "{finding:?}");
                }
            }
        }
        for (.., advice) in ROWS {
            assert!(
                advice.vi.ends_with('.') && advice.en.ends_with('.') && advice.en.is_ascii(),
                "{advice:?}"
            );
        }
    }
}
