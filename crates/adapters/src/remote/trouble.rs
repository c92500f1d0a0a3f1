//! Why the line is of no use now.

use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::StatusExt;

/// A call that did not do what it should.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// Nothing was heard, or nothing that can be understood.
    #[error("{0}")]
    Away(&'static str),
    /// There is no token to be had with this client's secret.
    #[error("{0}")]
    NoToken(&'static str),
    /// The bus refused the call.
    #[error("the bus refused the call")]
    Refused(#[source] Box<Status>),
}

impl From<Status> for Trouble {
    fn from(status: Status) -> Self {
        Self::Refused(Box::new(status))
    }
}

impl From<tokio::time::error::Elapsed> for Trouble {
    fn from(_: tokio::time::error::Elapsed) -> Self {
        Self::Away("the bus does not answer")
    }
}

impl Trouble {
    /// Tells whether another token may help.
    pub(super) fn is_of_the_token(&self) -> bool {
        match self {
            Self::Away(_) => false,
            Self::NoToken(_) => true,
            Self::Refused(status) => status.code() == Code::Unauthenticated,
        }
    }

    /// Tells whether waiting alone will not mend it.
    pub(super) fn needs_a_person(&self) -> bool {
        match self {
            Self::Away(_) => false,
            Self::NoToken(_) => true,
            Self::Refused(status) => matches!(
                status.code(),
                Code::Unauthenticated
                    | Code::PermissionDenied
                    | Code::InvalidArgument
                    | Code::Unimplemented
            ),
        }
    }

    /// Returns after which time the bus asks to be called again.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused(status) => status.get_details_retry_info()?.retry_delay,
            Self::Away(_) | Self::NoToken(_) => None,
        }
    }

    /// Names it in the log.
    pub(super) fn code(&self) -> String {
        match self {
            Self::Away(what) | Self::NoToken(what) => (*what).to_owned(),
            Self::Refused(status) => format!("{:?}", status.code()),
        }
    }
}
