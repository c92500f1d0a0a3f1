//! Broken records and the violations that they are told: a golden file.
//!
//! After a wanted change, copy the file that the failing test names over the golden one.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use bytes::Bytes;
use lgsp_core::Fault;
use lgsp_schema::Schemas;
use proptest::prelude::*;
use serde_json::{Value, json};

static SCHEMAS: LazyLock<Schemas> = LazyLock::new(|| Schemas::bundled().unwrap());

const GOLDEN: &str = include_str!("golden/violations.txt");
/// Stands where personal data would.
const CANARY: &str = "CANARY-086190999999";

/// What is done to the valid example of a type: (pointer, new value), `None` removes.
type Changes = Vec<(&'static str, Option<Value>)>;

fn set(pointer: &'static str, value: impl Into<Value>) -> (&'static str, Option<Value>) {
    (pointer, Some(value.into()))
}

fn broken_records() -> Vec<(&'static str, &'static str, Changes)> {
    let (dossier, citizen, enterprise) =
        ("lgsp.dossier.recorded.v1", "lgsp.citizen.recorded.v1", "lgsp.enterprise.recorded.v1");
    vec![
        (
            "a dossier without its code and its procedure",
            dossier,
            vec![("/MaHoSo", None), ("/MaTTHC", None)],
        ),
        ("a dossier with nothing in it", dossier, vec![set("", json!({}))]),
        ("a dossier that is a list", dossier, vec![set("", json!([CANARY]))]),
        (
            "a dossier with codes outside the lists",
            dossier,
            vec![
                set("/TrangThaiHoSo", "11"),
                set("/KenhThucHien", "4"),
                set("/LoaiDoiTuong", "0"),
                set("/HoSoCoThanhPhanSoHoa", "2"),
                set("/DuocThanhToanTrucTuyen", CANARY),
            ],
        ),
        (
            "a dossier with numbers where text is due",
            dossier,
            vec![
                set("/TrangThaiHoSo", 4),
                set("/MaHoSo", 7),
                set("/NgayNopHoSo", 20_260_703_081_500_i64),
                set("/DinhDanhCHS", CANARY),
            ],
        ),
        (
            "a dossier with times that do not exist",
            dossier,
            vec![
                set("/NgayTiepNhan", "20260230093000"),
                set("/NgayHenTra", "2026-07-10"),
                set("/NgayNopHoSo", ""),
                set("/NgayTra", CANARY),
            ],
        ),
        (
            "a dossier with texts too long or empty",
            dossier,
            vec![
                set("/ChuHoSo", CANARY.repeat(30)),
                set("/Email", CANARY.repeat(6)),
                set("/TenTTHC", ""),
                set("/NoiNopHoSo", CANARY),
                set("/MaTTHC", format!("1.004227{}", "0".repeat(50))),
            ],
        ),
        (
            "a dossier whose code holds another person's data",
            dossier,
            vec![set("/MaHoSo", CANARY), set("/MaTTHC", CANARY)],
        ),
        (
            "a dossier with wrong identity numbers",
            dossier,
            vec![set(
                "/DinhDanhCHS",
                json!([
                    {"LoaiDinhDanh": "1", "SoDinhDanh": "330000001"},
                    {"LoaiDinhDanh": "2", "SoDinhDanh": "086190000001"},
                    {"LoaiDinhDanh": "3", "SoDinhDanh": CANARY},
                    {"SoDinhDanh": CANARY}, {"LoaiDinhDanh": "1"}, CANARY,
                ]),
            )],
        ),
        (
            "a dossier with unknown fields and one fault",
            dossier,
            vec![set("/086190999999", CANARY), set("/GhiChu", json!({"a": CANARY}))],
        ),
        (
            "a citizen without number and name",
            citizen,
            vec![("/SoDinhDanh", None), set("/HoVaTen", "")],
        ),
        (
            "a citizen with malformed fields",
            citizen,
            vec![
                set("/SoDinhDanh", "08619000001"),
                set("/SoCMND", CANARY),
                set("/NgayThangNamSinh", "15/01/1990"),
                set("/GioiTinh", "Nam"),
                set("/DanToc", "1"),
                set("/ThuongTru/MaPhuongXa", "123"),
                set("/ThuongTru/MaTinhThanh", CANARY),
                set("/NoiOHienTai", CANARY),
                set("/Cha/SoDinhDanh", CANARY),
                set("/ChuHo/HoVaTen", CANARY.repeat(6)),
            ],
        ),
        (
            "an enterprise with malformed fields",
            enterprise,
            vec![
                set("/ENTERPRISE_GDT_CODE", "1500999907"),
                ("/NAME", None),
                set("/FOUNDING_DATE", "2020-01-15"),
                set("/CAPITAL_AMOUNT", "5000000000"),
                set("/HOAdress/CityID", 86),
                set("/BusinessActivity/0/IS_MAIN", "y"),
                set("/ENTERPRISE_STATUS", CANARY),
            ],
        ),
    ]
}

fn change(record: &mut Value, pointer: &str, value: Option<Value>) {
    if let Some(place) = record.pointer_mut(pointer)
        && let Some(value) = &value
    {
        *place = value.clone();
        return;
    }
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = record.pointer_mut(parent).and_then(Value::as_object_mut).unwrap();
    match value {
        Some(value) => assert!(parent.insert(name.to_owned(), value).is_none()),
        None => assert!(parent.remove(name).is_some()),
    }
}

fn example(event_type: &str) -> Value {
    let kind = SCHEMAS.kinds().find(|kind| kind.event_type() == event_type).unwrap();
    serde_json::from_slice::<Value>(kind.document())
        .unwrap()
        .pointer("/examples/0")
        .unwrap()
        .clone()
}

fn faults() -> Vec<(&'static str, Fault)> {
    let judged = broken_records().into_iter().map(|(name, event_type, changes)| {
        let mut record = example(event_type);
        for (pointer, value) in changes {
            change(&mut record, pointer, value);
        }
        let data = Bytes::from(serde_json::to_vec(&record).unwrap());
        (name, SCHEMAS.judge(event_type, None, data).expect_err(name))
    });
    let malformed = [
        ("text that is no JSON", format!("{{{CANARY}")),
        (
            "a member twice",
            format!(r#"{{"DinhDanhCHS":[{{"SoDinhDanh":"{CANARY}","SoDinhDanh":"{CANARY}"}}]}}"#),
        ),
        (
            "a member twice whose name is personal data",
            format!(r#"{{"a":{{"{CANARY}":1,"{CANARY}":2}}}}"#),
        ),
    ];
    let malformed = malformed.map(|(name, text)| {
        (name, SCHEMAS.judge("lgsp.dossier.recorded.v1", None, text.into()).expect_err(name))
    });
    judged.chain(malformed).collect()
}

#[test]
fn each_broken_record_is_told_all_of_its_violations() {
    let mut actual = String::new();
    for (name, fault) in faults() {
        writeln!(actual, "{name}: {} ({})", fault.code.as_str(), fault.total_violations).unwrap();
        for violation in &fault.violations {
            writeln!(actual, "  {:?} {}", violation.pointer, violation.rule.code).unwrap();
        }
    }
    if actual != GOLDEN {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("violations.txt");
        fs::write(&path, &actual).unwrap();
        panic!("differs from tests/golden/violations.txt, see {}:\n{actual}", path.display());
    }
}

#[test]
fn no_fault_repeats_a_value_or_a_name_that_may_be_personal() {
    for (name, fault) in faults() {
        let shown = format!("{fault:?} {fault}");
        assert!(!shown.contains("CANARY") && !shown.contains("086190999999"), "{name}: {shown}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_damaged_record_never_makes_it_panic(at in any::<prop::sample::Index>(), bytes in prop::collection::vec(any::<u8>(), 0..8)) {
        let mut text = serde_json::to_vec(&example("lgsp.dossier.recorded.v1")).unwrap();
        let start = at.index(text.len());
        let end = (start + bytes.len()).min(text.len());
        text.splice(start..end, bytes);
        let judged = SCHEMAS.judge("lgsp.dossier.recorded.v1", None, text.into());
        prop_assert!(judged.err().is_none_or(|fault| !fault.violations.is_empty()));
    }
}
