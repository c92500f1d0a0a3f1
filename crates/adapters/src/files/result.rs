//! The result beside a file: what is wrong with which row, in a table that a spreadsheet opens.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use csv::WriterBuilder;

use super::batch::short;
use super::folder::{Stamp, result_path};
use super::journal::Progress;
use super::rows::FileBreach;
use crate::delivery::Settled;
use crate::mapping::Trace;
use crate::publisher::Breach;

/// The header: row, column, place in the data, rule, what to do in both languages, what became of
/// the row, and the file as dead letters name it.
const HEADER: [&str; 8] = ["row", "column", "pointer", "rule", "vi", "en", "outcome", "file"];

/// Lines of a result that were not written yet.
pub(super) struct Lines {
    text: csv::Writer<Vec<u8>>,
    file: String,
}

impl Lines {
    /// Begins with nothing; `separator` is that of the file itself, where it is a CSV, and `sha256`
    /// its digest, hexadecimal.
    pub(super) fn new(separator: u8, sha256: &str) -> Self {
        let text = WriterBuilder::new().delimiter(separator).from_writer(Vec::new());
        Self { text, file: short(sha256).to_owned() }
    }

    /// Tells what became of a row, if there is anything to tell: nothing is said of a row that was
    /// recorded without warnings.
    pub(super) fn row(&mut self, row: u64, settled: &Settled, trace: &Trace) -> io::Result<()> {
        let breaches = match settled {
            Settled::Recorded { warnings } => warnings,
            Settled::SetAside(refusal) => &refusal.breaches,
        };
        for breach in breaches {
            let column = trace.column(&breach.pointer).unwrap_or_default();
            self.line(Some(row), column, breach, settled.outcome())?;
        }
        match settled {
            Settled::SetAside(refusal) if refusal.breaches.is_empty() => {
                let whole = Breach {
                    pointer: String::new(),
                    rule: refusal.code.clone(),
                    vi: refusal.vi.clone(),
                    en: refusal.en.clone(),
                };
                self.line(Some(row), "", &whole, settled.outcome())
            }
            _ => Ok(()),
        }
    }

    /// Tells what is wrong with the file itself.
    pub(super) fn file(&mut self, breach: &FileBreach) -> io::Result<()> {
        let FileBreach { row, column, rule } = breach;
        self.line(*row, column, &Breach::of(rule), "file_refused")
    }

    /// Tells the sum at the end.
    pub(super) fn sum(&mut self, progress: &Progress) -> io::Result<()> {
        let Progress { recorded, refused, .. } = progress;
        let said = Breach {
            pointer: String::new(),
            rule: String::new(),
            vi: format!("Đã ghi nhận {recorded} bản ghi, từ chối {refused}."),
            en: format!("{recorded} records were recorded, {refused} refused."),
        };
        self.line(None, "", &said, "done")
    }

    fn line(
        &mut self,
        row: Option<u64>,
        column: &str,
        it: &Breach,
        outcome: &str,
    ) -> io::Result<()> {
        let row = row.map(|row| row.to_string()).unwrap_or_default();
        let column = harmless(column);
        let line =
            [&row, &column, &it.pointer, &it.rule, &it.vi, &it.en, outcome, self.file.as_str()];
        Ok(self.text.write_record(line)?)
    }

    /// Returns the text of the lines.
    pub(super) fn into_bytes(self) -> io::Result<Vec<u8>> {
        self.text.into_inner().map_err(|error| io::Error::other(error.to_string()))
    }
}

/// A column's name comes from the file; a spreadsheet must not take it for a formula.
fn harmless(cell: &str) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{cell}")
    } else {
        cell.to_owned()
    }
}

/// Makes sure of a file's result, before anything of the file is published: that at `at` bytes it
/// can be written on, or begun. Returns its length then. Blocks.
pub(super) fn begin(file: &Path, separator: u8, at: u64) -> io::Result<u64> {
    let at = append(file, separator, at, &[])?;
    existing(&result_path(file))?;
    Ok(at)
}

/// Writes lines behind the first `at` bytes of a file's result and returns its new length; what
/// stood behind them is written anew. At 0 the result begins anew, with its header. Blocks.
pub(super) fn append(file: &Path, separator: u8, at: u64, lines: &[u8]) -> io::Result<u64> {
    let path = result_path(file);
    // Someone may have taken the result away, or put something else in its place.
    let is_ours = fs::symlink_metadata(&path).is_ok_and(|it| it.is_file() && it.len() >= at);
    let at = if is_ours { at } else { 0 };
    if at > 0 && lines.is_empty() {
        return Ok(at);
    }
    let mut result = if at == 0 { anew(&path)? } else { existing(&path)? };
    let mut end = at;
    if at == 0 {
        let mut header = Lines::new(separator, "");
        header.text.write_record(HEADER)?;
        // Without the mark a spreadsheet takes Vietnamese for something else.
        let mut text = "\u{feff}".as_bytes().to_vec();
        text.extend(header.into_bytes()?);
        result.write_all(&text)?;
        end = text.len() as u64;
    } else {
        result.set_len(at)?;
        result.seek(SeekFrom::Start(at))?;
    }
    result.write_all(lines)?;
    result.sync_all()?;
    Ok(end + lines.len() as u64)
}

fn anew(path: &PathBuf) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new().write(true).create_new(true).open(path)
}

/// Opens the result that this adapter began; never something else that took its name.
fn existing(path: &PathBuf) -> io::Result<File> {
    let named = fs::symlink_metadata(path)?;
    let file = OpenOptions::new().write(true).open(path)?;
    if named.is_file() && Stamp::of(&named) == Stamp::of(&file.metadata()?) {
        Ok(file)
    } else {
        Err(io::Error::other("the result is no longer a file"))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use lgsp_core::rule;

    use super::*;
    use crate::publisher::Refusal;

    fn text(path: &Path) -> String {
        fs::read_to_string(result_path(path)).unwrap()
    }

    #[test]
    fn tells_rows_and_columns_and_the_sum() {
        let breach = |pointer: &str| Breach {
            pointer: pointer.to_owned(),
            rule: "required".to_owned(),
            vi: "Thiếu; bổ sung.".to_owned(),
            en: "Missing.".to_owned(),
        };
        let refusal = |breaches| Refusal {
            code: "conflict".to_owned(),
            vi: "Mã".to_owned(),
            en: "Id".to_owned(),
            breaches,
        };
        let trace = crate::Mapping::as_it_is().trace(&serde_json::json!({"=A": 1}));
        let mut lines = Lines::new(b';', "0123456789abcdef");
        lines.row(2, &Settled::Recorded { warnings: Vec::new() }, &trace).unwrap();
        lines.row(3, &Settled::Recorded { warnings: vec![breach("/x")] }, &trace).unwrap();
        lines
            .row(4, &Settled::SetAside(refusal(vec![breach("/=A/0"), breach("")])), &trace)
            .unwrap();
        lines.row(5, &Settled::SetAside(refusal(Vec::new())), &trace).unwrap();
        lines.sum(&Progress { recorded: 2, refused: 2, ..Progress::default() }).unwrap();
        let expected = "3;;/x;required;\"Thiếu; bổ sung.\";Missing.;recorded;0123456789ab
4;'=A;/=A/0;required;\"Thiếu; bổ sung.\";Missing.;refused;0123456789ab
4;;;required;\"Thiếu; bổ sung.\";Missing.;refused;0123456789ab
5;;;conflict;Mã;Id;refused;0123456789ab
;;;;Đã ghi nhận 2 bản ghi, từ chối 2.;2 records were recorded, 2 refused.;done;0123456789ab
";
        assert_eq!(String::from_utf8(lines.into_bytes().unwrap()).unwrap(), expected);
    }

    #[test]
    fn what_was_written_after_the_last_noted_place_is_written_again() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("a.csv");
        let begun = append(&file, b',', 0, b"1\n").unwrap();
        let header = "\u{feff}row,column,pointer,rule,vi,en,outcome,file\n";
        assert_eq!((text(&file), begun), (format!("{header}1\n"), header.len() as u64 + 2));
        append(&file, b',', begun, b"2\n3\n").unwrap();
        assert_eq!(append(&file, b',', begun, b"2\n").unwrap(), begun + 2);
        assert_eq!(text(&file), format!("{header}1\n2\n"));
        append(&file, b',', 0, b"").unwrap();
        assert_eq!(text(&file), header);
        fs::remove_file(result_path(&file)).unwrap();
        append(&file, b',', 500, b"4\n").unwrap();
        assert_eq!(text(&file), format!("{header}4\n"), "one that was taken away begins anew");
    }

    #[test]
    fn a_link_in_the_results_place_is_not_followed() {
        let home = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::NamedTempFile::new().unwrap();
        let file = home.path().join("a.csv");
        symlink(elsewhere.path(), result_path(&file)).unwrap();
        append(&file, b',', 5, b"x").unwrap();
        fs::remove_file(result_path(&file)).unwrap();
        symlink(elsewhere.path(), result_path(&file)).unwrap();
        append(&file, b',', 0, b"x").unwrap();
        assert_eq!(fs::read(elsewhere.path()).unwrap(), b"");
        let breach = FileBreach { row: None, column: "a".to_owned(), rule: &rule::FILE_HEADER };
        let mut lines = Lines::new(b',', "");
        lines.file(&breach).unwrap();
        assert!(lines.into_bytes().unwrap().starts_with(b",a,,file_header,"));
    }
}
