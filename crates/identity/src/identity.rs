//! The front of this crate: tokens in, tokens out. What is permitted stands in `policy`.

use std::fmt;
use std::sync::Arc;

use jsonwebtoken::Validation;
use lgsp_core::identifier::ClientId;
use lgsp_core::{Clock, ErrorCode, Fault};
use lgsp_registry::{Client, Registry};
use serde_json::{Value, json};

use crate::error::IdentityError;
use crate::grant::Principal;
use crate::keys::SigningKeys;
use crate::oauth::{self, OAuthError};
use crate::password::{Password, PasswordDesk};
use crate::secret;
use crate::token::{self, SESSION_LIFETIME_SECONDS, TOKEN_LIFETIME_SECONDS, TokenResponse};
use crate::verified::VerifiedTokens;

/// The audience of every access token: the bus, wherever it runs.
pub const AUDIENCE: &str = "urn:lgsp:bus";

/// Decides who is calling and whether they may; one for the process, behind an `Arc`.
pub struct Identity {
    pub(crate) registry: Arc<Registry>,
    keys: SigningKeys,
    issuer: String,
    validation: Validation,
    verified: VerifiedTokens,
    passwords: PasswordDesk,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Identity {
    /// Joins the registry, the keys and the clock.
    ///
    /// `issuer` is the bus's public base URL, e.g. `https://truc.vinhlong.example`: tokens
    /// carry it and the discovery document's addresses begin with it. It comes from the
    /// configuration, never from a request.
    pub fn new(
        registry: Arc<Registry>,
        keys: SigningKeys,
        issuer: String,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let validation = token::validation(&issuer);
        let (verified, passwords) = (VerifiedTokens::default(), PasswordDesk::new());
        Self { registry, keys, issuer, validation, verified, passwords, clock }
    }

    /// Tells who is calling, from the value of the `Authorization` header.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use lgsp_core::{SystemClock, identifier::ClientId};
    /// # use lgsp_identity::{Identity, SigningKeys, generate_secret};
    /// # use lgsp_registry::{Registry, write_sample};
    /// # let folder = tempfile::tempdir()?;
    /// # let dir = folder.path().join("registry");
    /// # write_sample(&dir, &|_| generate_secret().map(|(_, digest)| digest).unwrap_or_default())?;
    /// # let registry = Arc::new(Registry::load(&dir)?);
    /// # let keys = SigningKeys::load_or_create(folder.path())?;
    /// # let client = registry.clients().next().map(|client| client.id().clone()).unwrap();
    /// let identity = Identity::new(registry, keys, "http://127.0.0.1:8080".to_owned(), Arc::new(SystemClock));
    /// let token = identity.issue(&client)?.access_token;
    /// let principal = identity.authenticate(Some(&format!("Bearer {token}")))?;
    /// assert_eq!(principal.client(), &client);
    /// assert!(identity.authenticate(None).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorCode::Unauthenticated`], the same for every cause.
    pub fn authenticate(&self, authorization: Option<&str>) -> Result<Principal, Fault> {
        self.principal(authorization).ok_or_else(|| Fault::new(ErrorCode::Unauthenticated))
    }

    fn principal(&self, authorization: Option<&str>) -> Option<Principal> {
        let token = token::bearer(authorization?)?;
        let now = self.clock.unix_seconds();
        let verify = || token::verify(&self.keys, &self.validation, token, now);
        let verified = self.verified.get_or(token, now, verify)?;
        // A client that left the registry is nobody, however long its token would last.
        let client = self.registry.client(&verified.client)?;
        Some(Principal {
            client: verified.client,
            agency: client.agency().clone(),
            expires_unix_seconds: verified.expires_unix_seconds,
            token_id: verified.token_id,
        })
    }

    /// Answers `POST /oauth2/token`: a client's secret for a token (RFC 6749, 4.4).
    ///
    /// `authorization` is the header's value, `form` the decoded pairs of the body, in which
    /// duplicates are still to be seen.
    ///
    /// # Errors
    /// As RFC 6749, 5.2; a wrong secret and an unknown client look the same.
    pub fn exchange_credentials(
        &self,
        authorization: Option<&str>,
        form: &[(String, String)],
    ) -> Result<TokenResponse, OAuthError> {
        let presented = oauth::read_request(authorization, form)?;
        let client =
            ClientId::parse(&presented.client_id).ok().and_then(|id| self.registry.client(&id));
        if !secret::is_secret_of(client, &presented.client_secret) {
            return Err(OAuthError::InvalidClient);
        }
        let client = client.ok_or(OAuthError::InvalidClient)?;
        self.mint(client, TOKEN_LIFETIME_SECONDS).map_err(|_| OAuthError::ServerError)
    }

    /// Answers a login of the packet protocol: a client's id with its generated secret, or with a
    /// password that a person chose, for a token of [`SESSION_LIFETIME_SECONDS`] that is the
    /// session. Nothing of it is kept here, so that it outlives a restart.
    ///
    /// # Errors
    /// [`ErrorCode::Unauthenticated`], the same for a wrong password and an unknown name;
    /// [`ErrorCode::Overloaded`] for a name that failed too often, and while too many log in.
    pub async fn log_in(&self, name: &str, password: &Password) -> Result<TokenResponse, Fault> {
        let client = ClientId::parse(name).ok().and_then(|id| self.registry.client(&id));
        let is_right = secret::is_secret_of(client, password.as_str())
            || self
                .passwords
                .is_right(&self.registry, client, name, password, self.clock.unix_millis())
                .await?;
        let client = client.filter(|_| is_right).ok_or(ErrorCode::Unauthenticated)?;
        self.mint(client, SESSION_LIFETIME_SECONDS).map_err(|_| ErrorCode::Internal.into())
    }

    /// Makes a token without a secret, for the command line of someone who holds the key file.
    ///
    /// # Errors
    /// [`IdentityError::UnknownClient`] where the registry has no such client.
    pub fn issue(&self, client: &ClientId) -> Result<TokenResponse, IdentityError> {
        let client = self
            .registry
            .client(client)
            .ok_or_else(|| IdentityError::UnknownClient(client.clone()))?;
        self.mint(client, TOKEN_LIFETIME_SECONDS)
    }

    fn mint(&self, client: &Client, lifetime_seconds: i64) -> Result<TokenResponse, IdentityError> {
        let now = self.clock.unix_seconds();
        token::mint(&self.keys, &self.issuer, client, now, lifetime_seconds)
    }

    /// Returns the public keys for `GET /oauth2/jwks` (RFC 7517).
    pub fn jwks(&self) -> Value {
        self.keys.jwks()
    }

    /// Returns the document for `GET /.well-known/openid-configuration` (RFC 8414).
    pub fn discovery(&self) -> Value {
        let base = self.issuer.trim_end_matches('/');
        json!({
            "issuer": self.issuer,
            "token_endpoint": format!("{base}/oauth2/token"),
            "jwks_uri": format!("{base}/oauth2/jwks"),
            "grant_types_supported": ["client_credentials"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            // There is no authorization endpoint, but the member is mandatory (RFC 8414, 2).
            "response_types_supported": [],
            // Mandatory in OpenID Connect Discovery 1.0, 3; its readers insist on them.
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
        })
    }

    /// Vouches for a client whose work the bus does itself, by an adapter that its operators
    /// declared: no token is made, and the client's grants hold as for any caller.
    ///
    /// # Errors
    /// [`ErrorCode::PermissionDenied`] where the registry has no such client.
    pub fn vouch_for(&self, client: &ClientId) -> Result<Principal, Fault> {
        let client = self.registry.client(client);
        let client = client.ok_or_else(|| Fault::new(ErrorCode::PermissionDenied))?;
        Ok(Principal {
            client: client.id().clone(),
            agency: client.agency().clone(),
            expires_unix_seconds: i64::MAX,
            token_id: "adapter".to_owned(),
        })
    }

    /// Returns the registry: who exists, and which codes were replaced.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Returns the configured issuer.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("issuer", &self.issuer)
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}
