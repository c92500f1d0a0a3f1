//! A working day of a whole province: every record that its agencies send, by every way in.
//!
//! A day is planned as it is read: a dossier comes into being when its hour has come and is
//! forgotten after its last step, so that a day of any size costs little memory. The same settings
//! give the same day, byte for byte.
//!
//! The day has the faults of real ones. Some records break rules, each planned with the rules that
//! it must be refused by; some are sent twice; some come after a newer state of their dossier; a
//! few carry an id that another content has; some dossiers and addresses bear the codes from
//! before 1 July 2025.

mod course;
mod dossier;
mod flaw;
mod plan;
mod province;
mod sending;
mod shares;

use std::time::Duration;

use jiff::civil::{Date, DateTime};
use lgsp_core::rule::Rule;

pub use plan::Day;
pub use province::{Agency, Office, province, systems};
pub use shares::Shares;

/// The type of a dossier's event.
pub const DOSSIER_RECORDED: &str = "lgsp.dossier.recorded.v1";
/// The type of the event that tells of a step in a dossier's processing.
pub const DOSSIER_PROGRESSED: &str = "lgsp.dossier.progressed.v1";
/// The type of a citizen's event.
pub const CITIZEN_RECORDED: &str = "lgsp.citizen.recorded.v1";
/// The type of an enterprise's event.
pub const ENTERPRISE_RECORDED: &str = "lgsp.enterprise.recorded.v1";

/// What a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A dossier has reached a state (`HoSo`).
    Dossier,
    /// Someone has worked on a dossier (`TienDo`).
    Progress,
    /// A citizen's data.
    Citizen,
    /// An enterprise's data.
    Enterprise,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Dossier, Self::Progress, Self::Citizen, Self::Enterprise];

    /// Returns the CloudEvents `type`.
    pub const fn event_type(self) -> &'static str {
        match self {
            Self::Dossier => DOSSIER_RECORDED,
            Self::Progress => DOSSIER_PROGRESSED,
            Self::Citizen => CITIZEN_RECORDED,
            Self::Enterprise => ENTERPRISE_RECORDED,
        }
    }
}

/// A way into the bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Way {
    /// Events on a gRPC stream.
    GrpcStream,
    /// One event a call, gRPC.
    Grpc,
    /// One CloudEvent a request, HTTP.
    Http,
    /// Batches of CloudEvents, HTTP.
    HttpBatch,
    /// Packets of the national portal, under `/dvcqg/`.
    Packet,
    /// Rows of files in a watched folder.
    File,
    /// Rows of a database's outbox table.
    Outbox,
}

impl Way {
    /// Every way.
    pub const ALL: [Self; 7] = [
        Self::GrpcStream,
        Self::Grpc,
        Self::Http,
        Self::HttpBatch,
        Self::Packet,
        Self::File,
        Self::Outbox,
    ];

    /// Returns a name for tables and ledgers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::GrpcStream => "grpc-stream",
            Self::Grpc => "grpc",
            Self::Http => "http",
            Self::HttpBatch => "http-batch",
            Self::Packet => "packet",
            Self::File => "file",
            Self::Outbox => "outbox",
        }
    }

    /// Tells whether records of a kind can go this way: a packet is a dossier's or its progress.
    pub const fn carries(self, kind: Kind) -> bool {
        match self {
            Self::Packet => matches!(kind, Kind::Dossier | Kind::Progress),
            Self::File => !matches!(kind, Kind::Progress),
            _ => true,
        }
    }

    /// Tells whether the sender names its events itself, so that an id can come again.
    pub const fn has_ids(self) -> bool {
        !matches!(self, Self::Packet | Self::File | Self::Outbox)
    }

    /// Tells whether a record can come again unchanged and be known. A packet is known only
    /// directly after itself.
    pub const fn repeats(self) -> bool {
        self.has_ids() || matches!(self, Self::Packet)
    }

    /// Tells whether the record's bytes travel as they are, so that even a text that is no JSON
    /// arrives and is judged alone.
    pub const fn is_verbatim(self) -> bool {
        matches!(self, Self::GrpcStream | Self::Grpc | Self::Http)
    }
}

/// A rule that a planned record breaks: JSON Pointer and rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedBreach {
    /// Where: JSON Pointer into the data.
    pub pointer: &'static str,
    /// Which rule.
    pub rule: &'static Rule,
}

/// What should become of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// It is recorded.
    Accepted,
    /// It is known: the receipt is the first one.
    Duplicate,
    /// It is refused for breaking exactly these rules, sorted by pointer.
    Refused(&'static [PlannedBreach]),
    /// It is refused since its id names another content.
    Conflict,
}

/// What is odd about a record that is accepted all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Oddity {
    /// It comes after a newer state of its dossier.
    Late,
    /// No law foresees this change of state.
    OddTransition,
    /// The dossier has no day on which it is due.
    NoDeadline,
    /// The dossier was numbered under an agency code from before 1 July 2025.
    OldAgencyCode,
    /// The address has codes of a district and a commune from before 1 July 2025.
    OldCommuneCode,
    /// The citizen's gender contradicts the personal number.
    GenderAgainstNumber,
}

/// A record on its way, with what should become of it. `Debug` hides whom it is about.
#[derive(Clone, PartialEq, Eq)]
pub struct Planned {
    /// When it is sent: working time since offices opened, the noon break not counted.
    pub at: Duration,
    /// When it came about, local time of Viet Nam.
    pub happened: DateTime,
    /// The way in; all records of an entity take the same.
    pub way: Way,
    /// What it is about.
    pub kind: Kind,
    /// The dossier's code, the enterprise's code or the citizen's personal number.
    pub entity: String,
    /// Which of the day's agencies sends it.
    pub agency: usize,
    /// CloudEvents `source`.
    pub source: String,
    /// CloudEvents `id`: the same only for the same event again, and for a conflict. Where the
    /// sender gives no ids ([`Way::has_ids`]) it names the record in ledgers only.
    pub id: String,
    /// The record as JSON; broken on purpose where the expectation says so.
    pub data: Vec<u8>,
    /// What should become of it.
    pub expected: Expected,
    /// What is odd about it though it should be accepted.
    pub oddity: Option<Oddity>,
}

impl Planned {
    /// Returns the CloudEvents `type`.
    pub const fn event_type(&self) -> &'static str {
        self.kind.event_type()
    }
}

impl std::fmt::Debug for Planned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Planned")
            .field("id", &self.id)
            .field("way", &self.way)
            .field("kind", &self.kind)
            .field("expected", &self.expected)
            .field("oddity", &self.oddity)
            .finish_non_exhaustive()
    }
}

/// What day is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Names the day: another seed, another day.
    pub seed: u64,
    /// The date.
    pub day: Date,
    /// How many dossiers move; about three records each.
    pub dossiers: u32,
    /// Who sends; without agencies nothing happens.
    pub agencies: Vec<Agency>,
    /// How often things go wrong.
    pub shares: Shares,
}

#[cfg(test)]
mod tests;
