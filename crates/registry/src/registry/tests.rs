use super::*;
use lgsp_core::identifier::ProcedureCode;
use proptest::prelude::*;

const AGENCIES: &str = r#"
[[agency]]
code = "H61.14"
name = "Sở Một"
former_codes = ["000.00.14.H61"]

[[agency]]
code = "H61.25"
name = "Sở Hai"
parent = "H61.14"
"#;

const CLIENTS: &str = r#"
[[client]]
id = "motcua"
name = "Một cửa"
agency = "H61.14"
publish = [{ types = ["lgsp.dossier.recorded.v1"], agencies = ["H61.14"] }]
query = [
  { service = "population", procedures = ["1.001612.000.00.00.H48"] },
  { service = "enterprise", procedures = "any" },
]
"#;

const SECRETS: &str =
    r#"motcua = "00000000000000000000000000000000000000000000000000000000000000ff""#;

fn read(agencies: &str, clients: &str, secrets: &str) -> Result<Registry, Vec<String>> {
    let texts = Texts {
        agencies: Some(agencies.to_owned()),
        clients: Some(clients.to_owned()),
        secrets: Some(secrets.to_owned()),
        codes: None,
        procedures: None,
    };
    Registry::read(texts, Faults::default())
        .map_err(|faults| faults.iter().map(ToString::to_string).collect())
}

fn agency(text: &str) -> AgencyCode {
    AgencyCode::parse(text).unwrap()
}

#[test]
fn reads_what_is_declared_and_grants_nothing_else() {
    let registry = read(AGENCIES, CLIENTS, SECRETS).unwrap();
    assert_eq!(registry.agency(&agency("H61.25")).unwrap().parent(), Some(&agency("H61.14")));
    assert_eq!(
        registry.agency(&agency("H61.14")).unwrap().former_codes(),
        [agency("000.00.14.H61")]
    );
    assert!(registry.agency(&agency("000.00.14.H61")).is_none());

    let client = registry.client(&ClientId::parse("motcua").unwrap()).unwrap();
    assert_eq!(client.secret().unwrap().as_bytes()[31], 0xff);
    let [publish] = client.publish() else { panic!("one rule") };
    assert!(publish.covers("lgsp.dossier.recorded.v1", &agency("H61.14")));
    assert!(!publish.covers("lgsp.dossier.recorded.v1", &agency("H61.25")));
    assert!(!publish.covers("lgsp.citizen.recorded.v1", &agency("H61.14")));
    let asks = |service, code| {
        let code = ProcedureCode::parse(code).unwrap();
        client.query().iter().any(|rule| rule.covers(service, Some(&code)))
    };
    assert!(asks("population", "1.001612"));
    assert!(!asks("population", "1.004227"));
    assert!(asks("enterprise", "1.004227"));
    assert!(!asks("judicial", "1.001612"));
    assert!(!client.may_operate() && !client.may_audit());
}

#[test]
fn empty_files_grant_nothing() {
    let registry = read("", "", "").unwrap();
    assert_eq!((registry.agencies().len(), registry.clients().len()), (0, 0));
}

#[test]
fn reports_every_fault_of_every_file_at_once() {
    let agencies = r#"
[[agency]]
code = "h61.14"
name = ""
colour = "red"

[[agency]]
name = "Sở Ba"
former_codes = "H61.99"

[[agency]]
code = "H61.25"
name = "Sở Hai"
parent = "H61.77"

[[agency]]
code = "H61.25"
name = "Sở Hai lần nữa"
"#;
    let clients = r#"
[[client]]
id = "motcua"
name = "Một cửa"
agency = "H61.88"
secret = "canary-secret"
publish = [
  { types = ["lgsp.dossier.recorded.v1", "lgsp.dossier.recorded.v1", "*"], agencies = ["H61.25", "H61.*"] },
  { types = ["lgsp.dossier.recorded.v1"], agencies = ["H61.25"] },
  { types = [], agency = "H61.25" },
]
query = [
  { service = "population", procedures = ["1.001612", "1.001612.000.00.00.H48", "x"] },
  { service = "population", procedures = "all" },
]
operate = "yes"

[[client]]
id = "motcua"
name = 7
agency = "H61.25"

[[client]]
id = "tracuu"
name = "Tra cứu"
agency = "H61.25"
audit = true
"#;
    let secrets = r#"
motcua = "canary-secret"
kiemtoan = "00000000000000000000000000000000000000000000000000000000000000ff"
"canary-secret pasted as a key" = "x"
"#;
    let faults = read(agencies, clients, secrets).unwrap_err();
    assert_eq!(faults.join("\n"), include_str!("faults.txt").trim_end(), "\n{}", faults.join("\n"));
    assert!(!faults.join("\n").contains("canary"));
}

#[test]
fn a_file_that_is_not_toml_hides_no_fault_of_another_and_makes_none_up() {
    let clients = CLIENTS.replace("name = \"Một cửa\"", "name = \"\"");
    let faults =
        read("[[agency]\ncode = H61\n", &clients, "motcua = canary-secret").unwrap_err().join("\n");
    assert!(faults.contains("agencies.toml line 1: expected valid TOML"), "{faults}");
    assert!(faults.contains("clients.toml line 4: client[1].name: expected a name"), "{faults}");
    assert!(faults.contains("client-secrets.toml line 1: expected valid TOML"), "{faults}");
    assert!(!faults.contains("agencies.toml\n") && !faults.contains("agency in"), "{faults}");
    assert!(!faults.contains("canary"), "{faults}");
}

#[test]
fn two_clients_do_not_share_a_secret() {
    let clients = format!("{CLIENTS}\n[[client]]\nid = \"b\"\nname = \"B\"\nagency = \"H61.14\"\n");
    let secrets = format!("{SECRETS}\n{}", SECRETS.replace("motcua", "b"));
    let faults = read(AGENCIES, &clients, &secrets).unwrap_err();
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].contains("a secret of its own"), "{faults:?}");
}

#[test]
fn a_chosen_password_stands_as_an_argon2id_line_and_a_weak_one_is_reported() {
    let line = crate::PasswordHash::line_for("a password of today", &[7; 16]).unwrap();
    let registry = read(AGENCIES, CLIENTS, &format!("motcua = \"{line}\"")).unwrap();
    let client = registry.client(&ClientId::parse("motcua").unwrap()).unwrap();
    assert!(client.secret().is_none());
    assert!(client.password().unwrap().is_of("a password of today"));

    let weak = line.replace("m=65536", "m=4096");
    let faults = read(AGENCIES, CLIENTS, &format!("motcua = \"{weak}\"")).unwrap_err();
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].starts_with("client-secrets.toml line 1: motcua: expected an Argon2id line"));
    assert!(!faults[0].contains("4096"), "{faults:?}");
}

#[test]
fn agencies_above_each_other_do_not_go_in_a_circle() {
    let circle = AGENCIES.replace("name = \"Sở Một\"", "name = \"Sở Một\"\nparent = \"H61.25\"");
    let faults = read(&circle, CLIENTS, SECRETS).unwrap_err();
    assert_eq!(faults.len(), 2, "{faults:?}");
    let own = AGENCIES.replace("parent = \"H61.14\"", "parent = \"H61.25\"");
    assert_eq!(read(&own, CLIENTS, SECRETS).unwrap_err().len(), 1);
}

#[test]
fn a_folder_names_its_missing_and_its_misspelt_files() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("agencies.toml"), format!("\u{feff}{AGENCIES}")).unwrap();
    fs::write(folder.path().join("client.toml"), CLIENTS).unwrap();
    fs::write(folder.path().join("client-secrets.toml"), b"\xff").unwrap();
    let error = Registry::load(folder.path()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "faults in the registry: 3\n  \
         client-secrets.toml: expected UTF-8 text\n  \
         client.toml: expected no such file (known are: agencies.toml, clients.toml, client-secrets.toml, codes.toml, procedures.json)\n  \
         clients.toml: expected this file, which is missing"
    );
    let missing = Registry::load(&folder.path().join("nowhere")).unwrap_err();
    assert_eq!(missing.code(), "registry_unreadable");
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,80}", at in 0usize..600) {
        // Into each file, anywhere, and as the whole of it.
        for whole in [AGENCIES, CLIENTS, SECRETS] {
            let mut broken: Vec<char> = whole.chars().collect();
            let at = at.min(broken.len());
            broken.splice(at..at, text.chars());
            let broken: String = broken.into_iter().collect();
            for text in [&broken, &text] {
                drop(read(text, text, text));
            }
        }
    }
}
