use proptest::prelude::*;
use serde_json::json;

use super::*;

const TYPE: &str = "type = \"lgsp.dossier.recorded.v1\"\n";

fn mapping(fields: &str) -> Mapping {
    Mapping::parse(&format!("{TYPE}{fields}")).unwrap()
}

fn made(fields: &str, row: Value) -> Value {
    mapping(fields).apply(&row).unwrap().data
}

fn misfits(fields: &str, row: Value) -> Vec<(String, String, &'static str)> {
    let misfits = mapping(fields).apply(&row).unwrap_err();
    misfits.into_iter().map(|it| (it.column, it.pointer, it.rule.code)).collect()
}

fn faults(text: &str) -> Vec<String> {
    Mapping::parse(text).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn takes_columns_constants_and_defaults() {
    let fields = r#"
        [fields]
        A = { from = "Cột A" }
        B = { value = "0" }
        C = { from = "Cột C", default = "" }
        D = { from = "Cột D" }
        E = { value = true }
    "#;
    let row = json!({"Cột A": "  một  ", "Cột C": " ", "Cột D": null});
    assert_eq!(made(fields, row), json!({"A": "một", "B": "0", "C": "", "E": true}));
}

#[test]
fn brings_text_to_nfc_and_compares_columns_and_codes_in_it() {
    let decomposed = "Tra\u{323}ng tha\u{301}i";
    let fields = format!(
        "[fields]\nA = {{ from = \"{decomposed}\", codes = {{ \"Hu\u{309}y\" = \"7\" }} }}"
    );
    assert_eq!(made(&fields, json!({"Trạng thái": "Hủy"})), json!({"A": "7"}));
    let text = "[fields]\nA = { from = \"a\" }";
    assert_eq!(made(text, json!({"a": "Nguye\u{302}\u{303}n"})), json!({"A": "Nguyễn"}));
}

#[test]
fn joins_what_is_there_or_takes_the_first_that_is() {
    let fields = r#"
        [fields]
        Joined = { from = ["Họ", "Đệm", "Tên"], join = " " }
        First = { from = ["Đệm", "Tên"] }
    "#;
    let row = json!({"Họ": "Nguyễn", "Đệm": "", "Tên": "Mẫu"});
    assert_eq!(made(fields, row), json!({"Joined": "Nguyễn Mẫu", "First": "Mẫu"}));
}

#[test]
fn an_object_without_anything_of_the_record_is_left_out() {
    let fields = r#"
        [fields]
        Always = { value = "1" }
        [[fields.DinhDanhCHS.list]]
        LoaiDinhDanh = { value = "1" }
        SoDinhDanh = { from = "CCCD", pad = 12 }
        [[fields.DinhDanhCHS.list]]
        LoaiDinhDanh = { value = "2" }
        SoDinhDanh = { from = "CMND" }
    "#;
    let both = json!({"CCCD": 86190000001_u64, "CMND": "350000001"});
    assert_eq!(
        made(fields, both)["DinhDanhCHS"],
        json!([{"LoaiDinhDanh": "1", "SoDinhDanh": "086190000001"},
               {"LoaiDinhDanh": "2", "SoDinhDanh": "350000001"}])
    );
    let second = json!({"CCCD": "", "CMND": "350000001"});
    assert_eq!(
        made(fields, second)["DinhDanhCHS"],
        json!([{"LoaiDinhDanh": "2", "SoDinhDanh": "350000001"}])
    );
    assert_eq!(made(fields, json!({"CCCD": ""})), json!({"Always": "1"}));
}

#[test]
fn zeros_are_filled_in_only_where_it_is_known_that_they_were_lost() {
    let fields = r#"
        [fields]
        Giay = { from = "so", pad = 12, from_digits = 11, keep_digits = [9] }
        Cu = { from = "so", only_digits = [9] }
        Moi = { from = "so", pad = 12, from_digits = 11, only_digits = [11, 12] }
    "#;
    let of = |number: &str| made(fields, json!({ "so": number }));
    let new = json!({"Giay": "086190000001", "Moi": "086190000001"});
    assert_eq!(of("86190000001"), new);
    assert_eq!(of("086190000001"), new);
    assert_eq!(of("350000001"), json!({"Giay": "350000001", "Cu": "350000001"}));
    assert_eq!(of("B1234567"), json!({"Giay": "B1234567"}));
    for ambiguous in ["1500000001", "35000001"] {
        let told = misfits(fields, json!({ "so": ambiguous }));
        assert_eq!(told, [("so".to_owned(), "/Giay".to_owned(), "source_number")]);
    }
    let alone = format!("{TYPE}[fields]\nA = {{ from = \"a\", from_digits = 3 }}\n");
    assert!(faults(&alone)[0].contains("expected a pad beside it"));
}

#[test]
fn picks_from_lists_by_a_condition_and_maps_each_entry() {
    let fields = r#"
        [fields]
        Ten = { path = "$.procedure.translate[?@.languageId==228].name" }
        CoQuan = { path = "$.ancestors[*].code", join = "/" }
        TaiLieu = { each = "$.files", item = { Ten = { from = "name" }, Id = { from = "id" } } }
    "#;
    let record = json!({
        "procedure": {"translate": [{"languageId": 46, "name": "Birth"}, {"languageId": 228, "name": "Khai sinh"}]},
        "ancestors": [{"code": "H61"}, {"code": "H61.25"}],
        "files": [{"id": 1, "name": "a.pdf"}, {}, {"id": 2}],
    });
    assert_eq!(
        made(fields, record),
        json!({"Ten": "Khai sinh", "CoQuan": "H61/H61.25",
               "TaiLieu": [{"Ten": "a.pdf", "Id": "1"}, {"Id": "2"}]})
    );
}

#[test]
fn makes_numbers_and_keeps_json_where_asked() {
    let fields = r#"
        [fields]
        So = { from = "so", as = "integer" }
        Gia = { from = "gia", as = "number" }
        Goc = { from = "goc", as = "json" }
    "#;
    let row = json!({"so": "3", "gia": "1.5", "goc": {"x": [1]}});
    assert_eq!(made(fields, row), json!({"So": 3, "Gia": 1.5, "Goc": {"x": [1]}}));
    let too_exact = misfits(fields, json!({"gia": "12345678901234567.125"}));
    assert_eq!(too_exact, [("gia".to_owned(), "/Gia".to_owned(), "source_number")]);
}

#[test]
fn tells_every_misfit_with_column_place_and_rule_and_no_value() {
    let fields = r#"
        [fields]
        Ngay = { from = "Ngày", date = "%d/%m/%Y" }
        Ma = { from = "Mã", codes = { "x" = "1" } }
        So = { from = "Số", as = "integer" }
        Long = { Trong = { path = "$.a[*]" } }
        Chu = { from = "Danh sách" }
    "#;
    let row = json!({"Ngày": "32/01/2026", "Mã": "CANARY", "Số": "CANARY", "a": [1, 2], "Danh sách": ["CANARY"]});
    let expected = [
        ("Danh sách", "/Chu", "type"),
        ("$.a[*]", "/Long/Trong", "source_ambiguous"),
        ("Mã", "/Ma", "code_list"),
        ("Ngày", "/Ngay", "source_time"),
        ("Số", "/So", "source_number"),
    ];
    let expected = expected.map(|(column, at, rule)| (column.to_owned(), at.to_owned(), rule));
    let mut found = misfits(fields, row.clone());
    found.sort_by(|one, other| one.1.cmp(&other.1));
    assert_eq!(found, expected);
    let told = format!("{:?}", mapping(fields).apply(&row));
    assert!(!told.contains("CANARY"), "{told}");
}

#[test]
fn tells_from_which_column_a_field_came_also_when_it_is_missing() {
    let fields = r#"
        [fields]
        MaHoSo = { from = "Mã hồ sơ" }
        [[fields.DinhDanhCHS.list]]
        SoDinhDanh = { from = "CCCD" }
        [[fields.DinhDanhCHS.list]]
        SoDinhDanh = { from = "CMND" }
    "#;
    let trace = mapping(fields).trace(&json!({"CMND": "350000001"}));
    assert_eq!(trace.column("/MaHoSo"), Some("Mã hồ sơ"));
    assert_eq!(trace.column("/DinhDanhCHS/0/SoDinhDanh"), Some("CMND"));
    assert_eq!(trace.column("/MaHoSoKhac"), None);
    assert_eq!(Mapping::as_it_is().trace(&json!({"a/b": 1})).column("/a~1b/0"), Some("a/b"));
}

#[test]
fn tells_when_the_record_came_about() {
    let fields = r#"
        time = { from = "Lúc", date = "%d/%m/%Y %H:%M" }
        [fields]
        A = { from = "a" }
    "#;
    let time = |row| mapping(fields).apply(&row).map(|mapped| mapped.time);
    let at = json!({"a": 1, "Lúc": "03/07/2026 09:30"});
    assert_eq!(time(at).unwrap().as_deref(), Some("2026-07-03T09:30:00+07:00"));
    assert_eq!(time(json!({"a": 1})).unwrap(), None);
    let misfit = time(json!({"Lúc": "sáng"})).unwrap_err();
    assert_eq!((misfit[0].pointer.as_str(), misfit[0].rule.code), ("time", "source_time"));
}

#[test]
fn names_the_columns_that_a_file_must_have() {
    let fields = r#"
        time = { from = "Lúc", date = "iso" }
        [fields]
        A = { from = ["b", "a"], join = " " }
        B = { from = "c", optional = true }
        C = { list = [ { X = { from = "a" } } ] }
    "#;
    assert_eq!(mapping(fields).columns(), ["Lúc", "a", "b"]);
}

#[test]
fn tells_all_faults_of_a_mapping_at_once() {
    let found = faults(
        r#"type = "a b"
colour = "red"
[fields]
A = { form = "x" }
B = { from = "x", value = "1" }
C = { from = "x", date = "dd/MM/yyyy" }
D = { from = "x", codes = "unknown" }
E = { path = "not a path" }
F = { from = "x", codez = "y" }
G = "x"
H = { from = "x", date = "iso", as = "text" }
I = { from = "x", to = "%Y" }
J = { list = [] }
K = { each = "x" }
[time]
from = "x"
"#,
    );
    let expected = [
        "mapping line 1: type: expected an event type such as \"lgsp.dossier.recorded.v1\", found \"a b\"",
        "mapping line 2: colour: expected no such key",
        "mapping line 4: fields.A.form: expected a table such as",
        "mapping line 5: fields.B: expected exactly one of from, path, value, list, each",
        "mapping line 6: fields.C.date: expected a form such as",
        "mapping line 7: fields.D.codes: expected a code list, or the name of one",
        "mapping line 8: fields.E.path: expected a JSONPath",
        "mapping line 9: fields.F.codez: expected no such key",
        "mapping line 10: fields.G: expected a table such as",
        "mapping line 11: fields.H: expected at most one of date, codes, as",
        "mapping line 12: fields.I.to: expected a date beside it",
        "mapping line 13: fields.J.list: expected a list of tables, at least one",
        "mapping line 14: fields.K.item: expected this key, which is missing",
        "mapping line 15: time: expected a time's form in date",
    ];
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}\ninstead of\n{expected}");
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
}

#[test]
fn takes_code_lists_from_files_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("codes.toml"), "[codes.state]\nx = \"1\"\n").unwrap();
    let text = "type = \"t.v1\"\ncode_files = [\"codes.toml\"]\n[fields]\nA = { from = \"a\", codes = \"state\" }\n";
    let file = folder.path().join("mapping.toml");
    std::fs::write(&file, text).unwrap();
    let mapping = Mapping::load(&file).unwrap();
    assert_eq!(mapping.apply(&json!({"a": "x"})).unwrap().data, json!({"A": "1"}));
    assert!(faults(text)[0].contains("expected no other files here"));
    std::fs::write(folder.path().join("codes.toml"), "[codes.state]\nx = []\n[more]\n").unwrap();
    let found: Vec<_> = Mapping::load(&file).unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), 3, "two of the list, one of its use: {found:#?}");
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        Just(json!("03/07/2026 09:30")),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-e]", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    /// Whatever the row holds, the same comes out each time, or misfits whose places are fields.
    #[test]
    fn any_row_is_mapped_the_same_way_each_time(row in any_json()) {
        let mapping = mapping(r#"
            time = { path = "$.a.b", date = ["iso", "unix-millis"] }
            [fields]
            A = { from = "a", as = "number" }
            B = { path = "$..b", join = "," }
            C = { path = "$.c[?@.d=='x'].e", date = ["%d/%m/%Y %H:%M", "%Y"] }
            D = { each = "d", item = { E = { from = "e", pad = 12 }, F = { value = 1 } } }
            E = { list = [ { G = { from = ["a", "b"], default = 3 } }, { value = 2 } ] }
        "#);
        let mapped = mapping.apply(&row);
        prop_assert_eq!(&mapped, &mapping.apply(&row));
        mapping.trace(&row);
        if let Err(misfits) = mapped {
            prop_assert!(!misfits.is_empty());
            for misfit in misfits {
                prop_assert!(misfit.pointer == "time" || misfit.pointer.starts_with('/'));
            }
        }
    }
}
