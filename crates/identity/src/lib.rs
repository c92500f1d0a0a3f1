//! Who is calling, and may they.
//!
//! **For:** turning a bearer token into a [`Principal`], a principal and the registry into a
//! grant, and a client's secret into a token. Nobody else can make a [`Principal`] or a grant,
//! so that a corridor which asks for one cannot be entered without these checks. Whatever the
//! registry does not grant is refused.
//!
//! **Must never know:** events, schemas, upstreams, HTTP servers; it takes and gives plain
//! values, and the gateway binds them to requests.
//!
//! **Start reading** at [`Identity`], then the private module `token`, where a token is judged.

pub mod error;
pub mod grant;
mod identity;
pub mod keys;
pub mod oauth;
pub mod password;
mod policy;
pub mod secret;
mod source;
mod token;
mod verified;

#[cfg(test)]
mod tests;

pub use error::IdentityError;
pub use grant::{AuditGrant, OperateGrant, Principal, PublishGrant, QueryGrant, SourceGrant};
pub use identity::{AUDIENCE, Identity};
pub use keys::SigningKeys;
pub use lgsp_registry::Released;
pub use oauth::OAuthError;
pub use password::{Password, password_line};
pub use secret::generate_secret;
pub use token::{SESSION_LIFETIME_SECONDS, TOKEN_LIFETIME_SECONDS, TokenResponse};
