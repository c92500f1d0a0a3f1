//! The catalogue of administrative procedures, in the national portal's own form.
//!
//! `procedures.json` is a list of what the portal answers to `LayThuTuc`: an export of it can be
//! put there as it is. What is known of the form is checked; members beyond it pass through.

use std::collections::BTreeMap;
use std::fmt;

use lgsp_core::identifier::ProcedureCode;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::client::national_part;
use crate::document::Faults;

/// The most procedures: the whole country has some 6,000.
const MAX_PROCEDURES: usize = 20_000;

/// How much may be wrong before the rest is not told: one misunderstanding repeats in each entry.
const MAX_FAULTS: usize = 100;

/// The longest code or name, in characters.
const MAX_TEXT_CHARACTERS: usize = 4_000;

/// The administrative procedures that the bus tells of, by code.
#[derive(Debug, Default)]
pub struct ProcedureCatalogue(BTreeMap<ProcedureCode, Procedure>);

/// One procedure.
pub struct Procedure {
    name: Box<str>,
    detail: Box<RawValue>,
}

impl Procedure {
    /// Returns its name, `TENTTHC`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns everything that the file says of it: a JSON object, byte for byte.
    pub fn detail(&self) -> &RawValue {
        &self.detail
    }
}

impl fmt::Debug for Procedure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Procedure").field("name", &self.name).finish_non_exhaustive()
    }
}

impl ProcedureCatalogue {
    /// Finds a procedure: by the whole code, else by its national part, since what follows names the
    /// province that published it, and merged provinces keep old names.
    pub fn find(&self, code: &ProcedureCode) -> Option<&Procedure> {
        let national = || {
            let national = ProcedureCode::parse(national_part(code)).ok()?;
            let mut from = self.0.range(&national..);
            from.next().filter(|(found, _)| national_part(found) == national.as_str())
        };
        self.0.get(code).or_else(|| national().map(|(_, procedure)| procedure))
    }

    /// Lists every procedure, by code.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&ProcedureCode, &Procedure)> {
        self.0.iter()
    }

    /// Reads the text of `procedures.json`.
    pub(crate) fn read(file: &str, text: &str, faults: &mut Faults) -> Self {
        let mut catalogue = Self::default();
        let entries: Vec<&RawValue> = match serde_json::from_str(text) {
            Ok(entries) => entries,
            Err(error) => {
                // The library's text may quote the file.
                faults.of_json(file, error.line(), "", "a JSON list of procedures");
                return catalogue;
            }
        };
        if entries.len() > MAX_PROCEDURES {
            faults.of_file(file, format!("at most {MAX_PROCEDURES} procedures"));
            return catalogue;
        }
        let mut told = 0;
        for (index, entry) in entries.into_iter().enumerate() {
            let offset = (entry.get().as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
            let line = 1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count();
            let place = format!("[{}]", index + 1);
            let mut wrong = Vec::new();
            let value: Value = serde_json::from_str(entry.get()).unwrap_or_default();
            check(&value, &place, &Shape::Object(PROCEDURE), &mut wrong);
            let text = |name| value.get(name).and_then(Value::as_str).unwrap_or_default();
            if wrong.is_empty() {
                let (code, name) = (ProcedureCode::parse(text("MATTHC")), text("TENTTHC").into());
                let procedure = Procedure { name, detail: entry.to_owned() };
                let before = code.ok().and_then(|code| catalogue.0.insert(code, procedure));
                if before.is_some() {
                    wrong.push((format!("{place}.MATTHC"), "a code that no other procedure has"));
                }
            }
            for (key, expected) in wrong {
                told += 1;
                match told {
                    ..=MAX_FAULTS => faults.of_json(file, line, &key, expected),
                    _ => return catalogue,
                }
            }
        }
        catalogue
    }
}

/// What a value must be.
enum Shape {
    /// Text of any length but none.
    Name,
    /// A procedure's code.
    Code,
    /// Text, a number or nothing.
    Scalar,
    /// An object with these members, others besides.
    Object(&'static [Member]),
    /// A list of such objects.
    List(&'static [Member]),
    /// A list of such objects that has some.
    SomeList(&'static [Member]),
}

struct Member {
    name: &'static str,
    required: bool,
    shape: Shape,
}

const fn required(name: &'static str, shape: Shape) -> Member {
    Member { name, required: true, shape }
}

const fn optional(name: &'static str, shape: Shape) -> Member {
    Member { name, required: false, shape }
}

/// What one-stop software reads of a procedure; it takes the first field of work without a look
/// whether there is one.
const PROCEDURE: &[Member] = &[
    required("MATTHC", Shape::Code),
    required("TENTTHC", Shape::Name),
    required("LINHVUCTHUCHIEN", Shape::SomeList(FIELD_OF_WORK)),
    optional("TRINHTUTHUCHIEN", Shape::Object(STEPS)),
    optional("CACHTHUCTHUCHIEN", Shape::List(WAY)),
    optional("YEUCAU", Shape::Scalar),
    optional("MOTADOITUONGTHUCHIEN", Shape::Scalar),
    optional("KETQUATHUCHIEN", Shape::List(RESULT)),
    optional("THANHPHANHOSO", Shape::List(PART)),
    optional("CANCUPHAPLY", Shape::List(LAW)),
    optional("COQUANTHUCHIEN", Shape::List(AGENCY)),
];
const FIELD_OF_WORK: &[Member] =
    &[required("MALINHVUC", Shape::Name), required("TENLINHVUC", Shape::Name)];
const STEPS: &[Member] =
    &[optional("TRUONGHOP", Shape::Scalar), optional("TRINHTU", Shape::List(STEP))];
const STEP: &[Member] = &[optional("TENTRINHTU", Shape::Scalar)];
const WAY: &[Member] =
    &[optional("KENH", Shape::Scalar), optional("THOIGIAN", Shape::List(DURATION))];
const DURATION: &[Member] = &[
    optional("THOIGIANGIAIQUYET", Shape::Scalar),
    optional("DONVITINH", Shape::Scalar),
    optional("MOTA", Shape::Scalar),
    optional("PHILEPHI", Shape::List(FEE)),
];
const FEE: &[Member] = &[
    optional("SOTIEN", Shape::Scalar),
    optional("DONVI", Shape::Scalar),
    optional("MOTA", Shape::Scalar),
];
const RESULT: &[Member] =
    &[optional("MAKETQUA", Shape::Scalar), optional("TENKETQUA", Shape::Scalar)];
const PART: &[Member] = &[optional("GIAYTO", Shape::List(PAPER))];
const PAPER: &[Member] = &[
    optional("MAGIAYTO", Shape::Scalar),
    optional("TENMAUDON", Shape::Scalar),
    optional("URL", Shape::Scalar),
];
const LAW: &[Member] = &[optional("SOVANBAN", Shape::Scalar), optional("TENVANBAN", Shape::Scalar)];
const AGENCY: &[Member] =
    &[optional("TENDONVI", Shape::Scalar), optional("MADONVI", Shape::Scalar)];

fn check(value: &Value, place: &str, shape: &Shape, wrong: &mut Vec<(String, &'static str)>) {
    let mut demand = |holds: bool, expected| {
        if !holds {
            wrong.push((place.to_owned(), expected));
        }
        holds
    };
    let within =
        |text: &str| !text.trim().is_empty() && text.chars().count() <= MAX_TEXT_CHARACTERS;
    match shape {
        Shape::Code => {
            let fits = value.as_str().is_some_and(|text| ProcedureCode::parse(text).is_ok());
            demand(fits, "a procedure code such as \"1.004227\"");
        }
        Shape::Name => {
            demand(value.as_str().is_some_and(within), "a text of 1 to 4000 characters");
        }
        Shape::Scalar => {
            demand(!value.is_object() && !value.is_array(), "a text or a number");
        }
        Shape::Object(members) => {
            if demand(value.is_object(), "an object") {
                check_members(value, place, members, wrong);
            }
        }
        Shape::List(members) | Shape::SomeList(members) => {
            let may_be_empty = matches!(shape, Shape::List(_));
            let entries = value.as_array().map(Vec::as_slice).unwrap_or_default();
            let expected = if may_be_empty { "a list" } else { "a list with at least one entry" };
            if demand(value.is_array() && (may_be_empty || !entries.is_empty()), expected) {
                for (index, entry) in entries.iter().enumerate() {
                    let place = format!("{place}[{}]", index + 1);
                    check(entry, &place, &Shape::Object(members), wrong);
                }
            }
        }
    }
}

fn check_members(
    value: &Value,
    place: &str,
    members: &'static [Member],
    wrong: &mut Vec<(String, &'static str)>,
) {
    for member in members {
        let place = format!("{place}.{}", member.name);
        match value.get(member.name) {
            // The portal writes null where it has nothing.
            None | Some(Value::Null) if member.required => {
                wrong.push((place, "this member, which is missing"));
            }
            None | Some(Value::Null) => {}
            Some(value) => check(value, &place, &member.shape, wrong),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SAMPLE: &str = include_str!("../../../deploy/registry/procedures.json");

    fn read(text: &str) -> Result<ProcedureCatalogue, String> {
        let mut faults = Faults::default();
        let catalogue = ProcedureCatalogue::read("procedures.json", text, &mut faults);
        let told = |faults: Vec<crate::RegistryFault>| {
            faults.iter().map(|fault| format!("{fault}\n")).collect::<String>()
        };
        faults.into_result().map_err(told)?;
        Ok(catalogue)
    }

    fn code(text: &str) -> ProcedureCode {
        ProcedureCode::parse(text).unwrap()
    }

    #[test]
    fn the_sample_is_found_by_its_code_and_by_the_code_with_a_province() {
        let catalogue = read(SAMPLE).unwrap();
        assert!(catalogue.iter().len() >= 6);
        let found = catalogue.find(&code("1.004227")).unwrap();
        assert!(found.detail().get().contains("LINHVUCTHUCHIEN"));
        let local = catalogue.find(&code("1.004227.000.00.00.H61")).unwrap();
        assert_eq!(local.name(), found.name());
        assert!(catalogue.find(&code("9.999999")).is_none());
    }

    #[test]
    fn the_whole_code_goes_before_its_national_part() {
        let one = |code: &str| {
            format!(
                r#"{{"MATTHC":"{code}","TENTTHC":"tên {code}","LINHVUCTHUCHIEN":[{{"MALINHVUC":"G01","TENLINHVUC":"mẫu"}}],"KHAC":{{}}}}"#
            )
        };
        let (first, second) = ("1.001612.000.00.00.H34", "1.001612.000.00.00.H48");
        let catalogue = read(&format!("[{},{}]", one(first), one(second))).unwrap();
        let name = |text| catalogue.find(&code(text)).map(Procedure::name);
        assert_eq!(name(second), Some("tên 1.001612.000.00.00.H48"));
        assert_eq!(name("1.001612.000.00.00.H61"), Some("tên 1.001612.000.00.00.H34"));
        assert_eq!(name("1.001613"), None);
        assert_eq!(catalogue.find(&code(first)).unwrap().detail().get(), one(first));
    }

    #[test]
    fn every_fault_is_told_with_its_line_and_place() {
        let text = r#"[
            {"MATTHC": "1.00422", "TENTTHC": " ", "LINHVUCTHUCHIEN": []},
            {"MATTHC": "1.004227", "TENTTHC": "a", "LINHVUCTHUCHIEN": [{"MALINHVUC": "G03"}],
             "CACHTHUCTHUCHIEN": [{"THOIGIAN": [{"PHILEPHI": [{"SOTIEN": {}}]}]}], "YEUCAU": null},
            7,
            {"MATTHC": "1.004228", "TENTTHC": "a", "LINHVUCTHUCHIEN": [{"MALINHVUC": "a", "TENLINHVUC": "b"}]},
            {"MATTHC": "1.004228", "TENTTHC": "a", "LINHVUCTHUCHIEN": [{"MALINHVUC": "a", "TENLINHVUC": "b"}]}
        ]"#;
        assert_eq!(
            read(text).unwrap_err(),
            "procedures.json line 2: [1].MATTHC: expected a procedure code such as \"1.004227\"\n\
             procedures.json line 2: [1].TENTTHC: expected a text of 1 to 4000 characters\n\
             procedures.json line 2: [1].LINHVUCTHUCHIEN: expected a list with at least one entry\n\
             procedures.json line 3: [2].LINHVUCTHUCHIEN[1].TENLINHVUC: expected this member, which is missing\n\
             procedures.json line 3: [2].CACHTHUCTHUCHIEN[1].THOIGIAN[1].PHILEPHI[1].SOTIEN: expected a text or a number\n\
             procedures.json line 5: [3]: expected an object\n\
             procedures.json line 7: [5].MATTHC: expected a code that no other procedure has\n"
        );
        assert!(
            read("{}").unwrap_err().starts_with("procedures.json line 1: expected a JSON list")
        );
        let many = format!("[{}]", vec!["7"; 5000].join(",\n"));
        assert_eq!(read(&many).unwrap_err().lines().count(), MAX_FAULTS);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "\\PC{0,40}", at in 0usize..2000) {
            let mut broken: Vec<char> = SAMPLE.chars().collect();
            let at = at.min(broken.len());
            broken.splice(at..at, text.chars());
            drop(read(&broken.into_iter().collect::<String>()));
            drop(read(&text));
        }
    }
}
