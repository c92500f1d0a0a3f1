//! The schemas that the binary carries, so that it runs without a folder beside it.

use crate::compile::Source;

macro_rules! bundle {
    ($($file:literal),* $(,)?) => {
        const FILES: &[(&str, &str)] =
            &[$(($file, include_str!(concat!("../../../schemas/", $file)))),*];
    };
}

bundle! {
    "lgsp.citizen.recorded/v1.0.json",
    "lgsp.dossier.progressed/v1.0.json",
    "lgsp.dossier.recorded/v1.0.json",
    "lgsp.enterprise.recorded/v1.0.json",
}

/// Returns the bundled schema files.
pub(crate) fn sources() -> Vec<Source> {
    FILES
        .iter()
        .map(|(file, text)| Source { file: (*file).to_owned(), text: (*text).to_owned() })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_file_of_the_folder_is_bundled() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas");
        let mut on_disk: Vec<_> = crate::schemas::read_folder(&folder).unwrap();
        on_disk.sort_by(|left, right| left.file.cmp(&right.file));
        let on_disk: Vec<_> = on_disk.iter().map(|source| source.file.as_str()).collect();
        let bundled: Vec<_> = FILES.iter().map(|(file, _)| *file).collect();
        assert_eq!(bundled, on_disk);
    }
}
