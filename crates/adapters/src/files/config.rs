//! The section `[files]`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use lgsp_registry::document::{Faults, Section};

/// Which folder is watched, and what its files hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilesConfig {
    /// The folder; files in folders below it are not looked at.
    pub folder: PathBuf,
    /// What the files are.
    pub format: Format,
    /// How long a file must have stayed the same before it is read.
    pub settle: Duration,
    /// How often the folder is looked at.
    pub poll: Duration,
}

/// What the files of a folder are; the extension must agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    /// `.csv`, UTF-8.
    Csv {
        /// What stands between two columns.
        separator: u8,
        /// Which line holds the columns' names, from 1.
        header_row: u64,
    },
    /// `.xlsx`.
    Xlsx {
        /// The sheet's name; the first one without it.
        sheet: Option<String>,
        /// Which row holds the columns' names, from 1.
        header_row: u64,
    },
    /// `.jsonl`, one JSON object a line, UTF-8.
    JsonLines,
}

impl Format {
    /// Returns the extension of the files, in small letters.
    pub const fn extension(&self) -> &'static str {
        match self {
            Self::Csv { .. } => "csv",
            Self::Xlsx { .. } => "xlsx",
            Self::JsonLines => "jsonl",
        }
    }
}

impl FilesConfig {
    /// Reads the section; `None` with the faults reported.
    pub(crate) fn read(mut section: Section<'_>, base: &Path, faults: &mut Faults) -> Option<Self> {
        let folder = section.required("folder", faults).and_then(|item| {
            item.read(faults, "a folder's path", |text| {
                (!text.trim().is_empty()).then(|| base.join(text))
            })
        });
        let format = section.required("format", faults).and_then(|item| {
            item.read(faults, "one of \"csv\", \"xlsx\", \"jsonl\"", |text| {
                ["csv", "xlsx", "jsonl"].into_iter().find(|name| *name == text)
            })
        });
        let mut seconds = |key, usual, faults: &mut Faults| {
            section
                .optional(key)
                .map_or(Some(usual), |item| {
                    item.number(faults, "a number of seconds, 0 to 3600", 0..=3600)
                })
                .map(Duration::from_secs)
        };
        let settle = seconds("settle_seconds", 5, faults);
        let poll = seconds("poll_seconds", 2, faults);
        let table = matches!(format, Some("csv" | "xlsx"));
        let header_row = section.optional("header_row").filter(|_| table || format.is_none());
        let header_row = header_row
            .map_or(Some(1), |item| item.number(faults, "the number of a row, 1 to 100", 1..=100));
        let format = match format {
            Some("csv") => {
                let separator = section.optional("separator").map_or(Some(b','), |item| {
                    item.read(faults, "one of \",\", \";\", \"tab\"", |text| match text {
                        "," => Some(b','),
                        ";" => Some(b';'),
                        "tab" | "\t" => Some(b'\t'),
                        _ => None,
                    })
                });
                separator
                    .zip(header_row)
                    .map(|(separator, header_row)| Format::Csv { separator, header_row })
            }
            Some("xlsx") => {
                let sheet = section.optional("sheet").and_then(|item| {
                    item.read(faults, "a sheet's name", |text| Some(text.to_owned()))
                });
                header_row.map(|header_row| Format::Xlsx { sheet, header_row })
            }
            Some(_) => Some(Format::JsonLines),
            None => None,
        };
        if format.is_some() {
            section.finish(faults);
        }
        Some(Self { folder: folder?, format: format?, settle: settle?, poll: poll? })
    }
}
