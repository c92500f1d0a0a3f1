//! Golden files: what clients hold on to, written down and compared.

use std::fs;

use anyhow::{Result, ensure};

use crate::place;

/// Compares a text with `tests/golden/<name>`; with `LGSP_GENERATE` set, writes it first.
///
/// # Errors
/// When they differ; names the first line that does.
pub fn compare(name: &str, text: &str) -> Result<()> {
    compare_at(&format!("tests/golden/{name}"), text)
}

/// Compares a text with a file of the repository; with `LGSP_GENERATE` set, writes it first.
///
/// # Errors
/// As [`compare`].
pub fn compare_at(name: &str, text: &str) -> Result<()> {
    let path = place::root().join(name);
    #[expect(clippy::disallowed_methods, reason = "a switch for developers, not configuration")]
    if std::env::var("LGSP_GENERATE").is_ok() {
        fs::write(&path, text)?;
    }
    let golden = fs::read_to_string(&path).unwrap_or_default();
    let differs = golden.lines().zip(text.lines()).find(|(golden, now)| golden != now);
    ensure!(
        golden == text,
        "{name} differs (golden, now): {differs:?}, {} and {} lines. If clients can \
         bear the change, write it with LGSP_GENERATE=1",
        golden.lines().count(),
        text.lines().count(),
    );
    Ok(())
}
