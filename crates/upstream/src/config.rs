//! How the national population database is reached: declared in a file, secrets in files of
//! their own.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use lgsp_core::identifier::AgencyCode;
use reqwest::Url;
use serde::Deserialize;

/// The largest secret file that is read, in bytes.
const MAX_SECRET_BYTES: usize = 4096;

/// The population service of the national platform. `Debug` shows where, not with which keys.
///
/// ```
/// let config: lgsp_upstream::PopulationConfig = toml::from_str(r#"
///     base_url = "http://127.0.0.1:18080"
///     token_path = "/token"
///     look_up_path = "/dancu/1.0/traCuuThongTinCongDan"
///     consumer_key = "province"
///     consumer_secret_file = "/no/such/consumer-secret"
///     access_key = "access"
///     secret_key_file = "/no/such/secret-key"
///     app_name = "lgsp"
///     partner_code = "000.00.00.H61"
///     unit = "H61"
/// "#).unwrap();
/// assert_eq!(config.validate().len(), 2, "the two secret files cannot be read");
/// ```
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PopulationConfig {
    /// Where the platform is, e.g. `https://api.example.vn`. Plain `http` only on loopback: the
    /// header `lgspaccesstoken` is an encoding, no encryption.
    pub base_url: String,
    /// The path of the token endpoint, e.g. `/token`.
    pub token_path: String,
    /// The path of the citizen look-up; each carrier has its own.
    pub look_up_path: String,
    /// The bus's name at the token endpoint.
    pub consumer_key: String,
    /// The file that holds the secret of `consumer_key`.
    pub consumer_secret_file: PathBuf,
    /// The `AccessKey` within `lgspaccesstoken`.
    pub access_key: String,
    /// The file that holds the `SecretKey` within `lgspaccesstoken`.
    pub secret_key_file: PathBuf,
    /// The `AppName` within `lgspaccesstoken`.
    pub app_name: String,
    /// The `PartnerCode` within `lgspaccesstoken`: an agency's code.
    pub partner_code: String,
    /// `MaTichHop`: the integration code of a citizen look-up.
    #[serde(default = "default_integration_code")]
    pub integration_code: String,
    /// `MaDonVi`: the code of the unit that asks.
    pub unit: String,
    /// The platform's error codes that mean "no such citizen".
    #[serde(default = "default_not_found_codes")]
    pub not_found_codes: Vec<String>,
}

fn default_integration_code() -> String {
    "037".to_owned()
}

/// The simulated platform's; a real carrier's are agreed with it and declared.
fn default_not_found_codes() -> Vec<String> {
    vec!["11".to_owned()]
}

impl PopulationConfig {
    /// Returns every fault: the key, and what was expected. Reads the secret files, says nothing
    /// of what they hold. Empty when all is well.
    pub fn validate(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut expect = |holds: bool, fault: &str| {
            if !holds {
                faults.push(fault.to_owned());
            }
        };
        expect(
            base_url(&self.base_url).is_some(),
            "base_url: expected an https URL without user, query and fragment, or an http URL of a loopback address",
        );
        for (key, path) in [("token_path", &self.token_path), ("look_up_path", &self.look_up_path)]
        {
            let fits = path.starts_with('/')
                && path.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#".contains(&byte));
            expect(fits, &format!("{key}: expected a path that begins with / and has no query"));
        }
        for (key, text) in [
            ("consumer_key", &self.consumer_key),
            ("access_key", &self.access_key),
            ("app_name", &self.app_name),
            ("partner_code", &self.partner_code),
        ] {
            expect(is_word(text), &format!("{key}: expected 1 to 200 visible ASCII characters"));
        }
        expect(
            !self.consumer_key.contains(':'),
            "consumer_key: expected no colon, which HTTP Basic does not allow",
        );
        let code = &self.integration_code;
        let fits = (1..=20).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_digit());
        expect(fits, "integration_code: expected 1 to 20 digits");
        expect(
            AgencyCode::parse(&self.unit).is_ok(),
            "unit: expected an agency code such as H61 or 000.00.00.H61",
        );
        expect(
            self.not_found_codes.iter().all(|code| is_word(code)),
            "not_found_codes: expected error codes",
        );
        for (key, path) in [
            ("consumer_secret_file", &self.consumer_secret_file),
            ("secret_key_file", &self.secret_key_file),
        ] {
            if let Err(fault) = read_secret(path) {
                expect(false, &format!("{key}: {fault}"));
            }
        }
        faults
    }
}

impl fmt::Debug for PopulationConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PopulationConfig")
            .field(
                "base_url",
                &base_url(&self.base_url).map(|url| url.origin().ascii_serialization()),
            )
            .field("token_path", &self.token_path)
            .field("look_up_path", &self.look_up_path)
            .field("integration_code", &self.integration_code)
            .field("unit", &self.unit)
            .finish_non_exhaustive()
    }
}

/// Reads the base URL; `None` if requests to it could be overheard or it carries more than a place.
pub(crate) fn base_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let host = url.host_str()?;
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let loopback = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
    let safe = url.scheme() == "https" || (url.scheme() == "http" && loopback);
    let bare = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    (safe && bare).then_some(url)
}

/// Reads a secret, without the line break that editors add.
pub(crate) fn read_secret(path: &Path) -> Result<String, &'static str> {
    let bytes = std::fs::read(path).map_err(|_| "the file cannot be read")?;
    let text =
        String::from_utf8(bytes).map_err(|_| "expected visible ASCII characters in the file")?;
    let secret = text.trim_end_matches(['\n', '\r']);
    let fits = (1..=MAX_SECRET_BYTES).contains(&secret.len())
        && secret.bytes().all(|byte| byte.is_ascii_graphic());
    if fits { Ok(secret.to_owned()) } else { Err("expected visible ASCII characters in the file") }
}

fn is_word(text: &str) -> bool {
    (1..=200).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_only_places_that_cannot_be_overheard() {
        for text in [
            "https://api.example.vn",
            "http://127.0.0.1:8081",
            "http://localhost:1/x",
            "http://[::1]:8081",
        ] {
            assert!(base_url(text).is_some(), "{text}");
        }
        for text in [
            "http://api.example.vn",
            "ftp://localhost",
            "api.example.vn",
            "https://u:p@x.vn",
            "https://x.vn/?k=1",
        ] {
            assert!(base_url(text).is_none(), "{text}");
        }
    }

    #[test]
    fn reports_every_fault_at_once_and_no_secret() {
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("secret");
        std::fs::write(&secret, "canary-secret with a space\n").unwrap();
        let config = PopulationConfig {
            base_url: "http://api.example.vn".into(),
            token_path: "token".into(),
            look_up_path: "/x?y".into(),
            consumer_key: "canary:key".into(),
            consumer_secret_file: secret.clone(),
            access_key: String::new(),
            secret_key_file: folder.path().join("none"),
            app_name: "á".into(),
            partner_code: String::new(),
            integration_code: "x".into(),
            unit: "Z".into(),
            not_found_codes: vec![String::new()],
        };
        let faults = config.validate();
        let keys: Vec<&str> = faults.iter().map(|fault| fault.split(':').next().unwrap()).collect();
        assert_eq!(
            keys,
            [
                "base_url",
                "token_path",
                "look_up_path",
                "access_key",
                "app_name",
                "partner_code",
                "consumer_key",
                "integration_code",
                "unit",
                "not_found_codes",
                "consumer_secret_file",
                "secret_key_file",
            ]
        );
        assert!(!format!("{faults:?}{config:?}").contains("canary"));
        std::fs::write(&secret, "good-secret\r\n").unwrap();
        assert_eq!(read_secret(&secret), Ok("good-secret".to_owned()));
    }

    #[test]
    fn refuses_an_unknown_key() {
        let fault = toml::from_str::<PopulationConfig>("consumer_secret = \"x\"").unwrap_err();
        assert!(fault.message().contains("unknown field `consumer_secret`"));
    }
}
