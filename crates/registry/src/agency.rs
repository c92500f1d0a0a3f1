//! An agency.

use lgsp_core::identifier::AgencyCode;

/// An agency of the province, as declared in `agencies.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agency {
    pub(crate) code: AgencyCode,
    pub(crate) name: String,
    pub(crate) former_codes: Vec<AgencyCode>,
    pub(crate) parent: Option<AgencyCode>,
}

impl Agency {
    /// Returns the code it has today.
    pub fn code(&self) -> &AgencyCode {
        &self.code
    }

    /// Returns its name, for people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the codes it had before; grants name it by [`Agency::code`] alone, a source may also
    /// name it by these.
    pub fn former_codes(&self) -> &[AgencyCode] {
        &self.former_codes
    }

    /// Returns the code of the agency above it, which the registry has too.
    pub fn parent(&self) -> Option<&AgencyCode> {
        self.parent.as_ref()
    }
}
