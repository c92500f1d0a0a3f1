//! The services that the binary carries, so that it runs without a folder beside it.

use super::Folder;

macro_rules! bundle {
    ($($name:literal),* $(,)?) => {
        const SERVICES: &[(&str, [&str; 3])] = &[$((
            $name,
            [
                include_str!(concat!("../../../../deploy/services/", $name, "/service.toml")),
                include_str!(concat!("../../../../deploy/services/", $name, "/request.schema.json")),
                include_str!(concat!("../../../../deploy/services/", $name, "/answer.schema.json")),
            ],
        )),*];
    };
}

bundle! {
    "catalogue",
    "civil-status-status",
    "enterprise",
    "enterprise-search",
    "judicial-record-status",
    "population",
    "social-insurance-household",
    "social-insurance-number",
}

/// Returns the bundled services' files.
pub(super) fn folders() -> Vec<Folder> {
    let folder = |(name, texts): &(&str, [&str; 3])| Folder {
        name: (*name).to_owned(),
        texts: texts.map(str::to_owned),
    };
    SERVICES.iter().map(folder).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_service_of_the_folder_is_bundled() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/services");
        let bundled: Vec<_> = SERVICES.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(super::super::names(&folder), Ok(bundled));
    }
}
