//! `lgsp token`.

use anyhow::Result;

use crate::caller;
use crate::cli::{self, Token};
use crate::data_dir::DataDir;

pub(crate) fn run(options: &Token) -> Result<bool> {
    let data = DataDir::existing(&options.data.data_dir)?;
    cli::say(&caller::token(&data, &data.running()?, &options.client)?);
    Ok(true)
}
