//! What is sent at one moment, and how it is written.

use std::sync::Arc;

use jiff::civil::Date;

use super::{Kind, Oddity};
use crate::people::{Person, Population};
use crate::traffic::calendar::clock;
use crate::traffic::dossier::{self, Dossier, Told};
use crate::traffic::progress;
use crate::traffic::registers::{self, Citizen};

/// What is sent at one moment.
#[derive(Debug, Clone)]
pub(super) struct Sending {
    pub(super) agency: usize,
    pub(super) about: About,
    /// When it came about: a worked second of the day.
    pub(super) happened: u32,
    pub(super) oddity: Option<Oddity>,
    /// What it was sent as, if it was sent before.
    pub(super) before: Option<Before>,
}

#[derive(Debug, Clone)]
pub(super) enum About {
    Dossier(Arc<Dossier>, Told),
    Progress(Arc<Dossier>, Told),
    Citizen(Arc<Person>, Citizen),
    Enterprise { number: u32, revision: u32 },
}

impl About {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Dossier(..) => Kind::Dossier,
            Self::Progress(..) => Kind::Progress,
            Self::Citizen(..) => Kind::Citizen,
            Self::Enterprise { .. } => Kind::Enterprise,
        }
    }
}

/// A record that was sent already and comes once more.
#[derive(Debug, Clone, Copy)]
pub(super) struct Before {
    pub(super) number: u64,
    /// With another content.
    pub(super) amended: bool,
}

impl Sending {
    /// Writes the record, and names whom it is about.
    pub(super) fn write(&self, seed: u64, day: Date, people: &Population) -> (String, Vec<u8>) {
        match &self.about {
            About::Dossier(dossier, told) => {
                (dossier.code.clone(), dossier::write(seed, people, dossier, told))
            }
            About::Progress(dossier, told) => {
                let done = clock(day, self.happened);
                (dossier.code.clone(), progress::write(seed, people, dossier, told, done))
            }
            About::Citizen(person, told) => {
                (person.personal_number.clone(), registers::write_citizen(people, person, *told))
            }
            About::Enterprise { number, revision } => {
                let record = registers::write_enterprise(seed, people, *number, *revision);
                (registers::tax_code(*number), record)
            }
        }
    }
}
