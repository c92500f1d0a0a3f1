//! `lgsp registry`.

use std::io::Read;

use anyhow::{Context, Result};
use lgsp_identity::{Password, password_line};

use crate::cli::{self, RegistryCommand};

/// More than the longest password: what is longer is refused, not cut.
const MOST_READ_BYTES: u64 = 4096;

pub(crate) fn run(command: &RegistryCommand) -> Result<bool> {
    match command {
        RegistryCommand::HashPassword => {
            let mut text = String::new();
            std::io::stdin()
                .take(MOST_READ_BYTES)
                .read_to_string(&mut text)
                .context("the password on standard input is no UTF-8 text")?;
            // `echo` and editors end a text with a line end, which is not of the password.
            let end = text.trim_end_matches(['\r', '\n']).len();
            text.truncate(end);
            cli::say(&password_line(&Password::new(text))?);
            Ok(true)
        }
    }
}
