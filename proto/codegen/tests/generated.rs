//! The generated gRPC code is committed; this test makes it again and compares, so that a build
//! needs no protobuf compiler. `make generate` writes it.

use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn committed_code_is_what_the_protos_generate() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let (proto, committed) = (root.join("proto"), root.join("crates/proto/src/generated"));
    #[expect(clippy::disallowed_methods, reason = "a switch for developers, not configuration")]
    if std::env::var("LGSP_GENERATE").is_ok() {
        lgsp_proto_codegen::generate(&proto, &committed).unwrap();
    }
    let fresh = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("generated");
    fs::create_dir_all(&fresh).unwrap();
    for left_over in fs::read_dir(&fresh).unwrap() {
        fs::remove_file(left_over.unwrap().path()).unwrap();
    }
    lgsp_proto_codegen::generate(&proto, &fresh).unwrap();
    let names: Vec<_> =
        fs::read_dir(&fresh).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(
        names.len(),
        fs::read_dir(&committed).unwrap().count(),
        "a file too many or too few"
    );
    for name in names {
        let (ours, theirs) = (
            fs::read(committed.join(&name)).unwrap_or_default(),
            fs::read(fresh.join(&name)).unwrap(),
        );
        assert!(ours == theirs, "{} differs: run `make generate`", name.display());
    }
}
