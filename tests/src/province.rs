//! A whole province's registry, for a bus that is going to have a working day.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use lgsp_core::digest::{hex, sha256};
use lgsp_sim::day::{Office, province};

/// How many agencies the reference province has.
pub const AGENCIES: usize = 137;

/// The client that sends for all of them.
pub const CLIENT: &str = "motcua";

/// Lists the agencies, sorted by code.
pub fn offices() -> Vec<Office> {
    let mut offices = province("H61", AGENCIES);
    offices.sort_by(|left, right| left.code.cmp(&right.code));
    offices
}

/// Makes the registry and its clients' secrets in a data folder that no bus has used yet: the sample,
/// with the agencies of the province instead of its own.
///
/// # Errors
/// When the disk refuses, or the sample has another form than expected.
pub fn write_registry(data: &Path) -> Result<()> {
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
    let private = |path: &Path| fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    let secrets = data.join("secrets");
    private(data)?;
    private(&secrets)?;
    let failure = std::cell::RefCell::new(None);
    let registry = data.join("registry");
    lgsp_registry::write_sample(&registry, &|client| {
        let secret = uuid::Uuid::new_v4().to_string();
        let written = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(secrets.join(client.as_str()))
            .and_then(|mut file| std::io::Write::write_all(&mut file, secret.as_bytes()));
        failure.borrow_mut().replace(written).transpose().ok();
        hex(&sha256(secret.as_bytes()))
    })?;
    failure.into_inner().context("the sample has no clients")??;

    let offices = offices();
    let agencies = offices.iter().map(|office| {
        let former = office.former_code.iter().map(|code| format!("former_codes = [{code:?}]\n"));
        let (code, former) = (&office.code, former.collect::<String>());
        format!("[[agency]]\ncode = {code:?}\nname = \"Cơ quan {code} (mẫu)\"\n{former}\n")
    });
    fs::write(registry.join("agencies.toml"), agencies.collect::<String>())?;
    let clients = registry.join("clients.toml");
    let text = fs::read_to_string(&clients)?;
    let codes: Vec<_> = offices.iter().map(|office| format!("{:?}", office.code)).collect();
    let granted = "[\"H61.14\", \"H61.25\", \"H61.36\"]";
    ensure!(text.contains(granted), "the sample grants other agencies");
    fs::write(clients, text.replace(granted, &format!("[{}]", codes.join(", "))))?;
    lgsp_registry::Registry::load(&registry)?;
    Ok(())
}
