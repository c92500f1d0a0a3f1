//! A declared service, as the corridor sees it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use lgsp_core::{Violation, rule};
use lgsp_schema::Form;

use crate::cache::Keep;
use crate::ports::Upstream;
use crate::question::Purpose;

/// How sure the shape of a service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confidence {
    /// Its form was read in a published document or in working integrations.
    Sourced,
    /// Its form was put together from pieces, or assumed: check it with the far side first.
    Reconstructed,
}

/// A part of the purpose that a service may demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PurposePart {
    /// `dossier_code`.
    Dossier,
    /// `procedure_code`.
    Procedure,
    /// `officer_number`.
    Officer,
    /// `reason`.
    Reason,
}

impl PurposePart {
    const ALL: [Self; 4] = [Self::Dossier, Self::Procedure, Self::Officer, Self::Reason];

    /// Lists what a purpose lacks of what is demanded, and what of it is malformed.
    pub(crate) fn faults(demanded: &BTreeSet<Self>, purpose: &Purpose) -> Vec<Violation> {
        let fault = |part: Self| {
            let broken = purpose.broken.iter().find(|(broken, _)| *broken == part);
            let missing =
                (demanded.contains(&part) && !part.is_in(purpose)).then_some(&rule::REQUIRED);
            let rule = broken.map(|(_, rule)| *rule).or(missing)?;
            Some(Violation::new(format!("/purpose/{}", part.name()), rule))
        };
        Self::ALL.into_iter().filter_map(fault).collect()
    }

    /// Returns the part's name in a request.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dossier => "dossierCode",
            Self::Procedure => "procedureCode",
            Self::Officer => "officerNumber",
            Self::Reason => "reason",
        }
    }

    /// Tells whether a purpose has the part.
    fn is_in(self, purpose: &Purpose) -> bool {
        match self {
            Self::Dossier => purpose.dossier.is_some(),
            Self::Procedure => purpose.procedure.is_some(),
            Self::Officer => purpose.officer.is_some(),
            Self::Reason => purpose.reason.is_some(),
        }
    }
}

/// How a field is shown to those whom it is not granted to in full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mask {
    /// All but the last three characters become `*`.
    LastThree,
    /// Of a date the year alone.
    Year,
}

/// Which fields of an answer leave the bus where a grant says nothing else. A field that stands
/// nowhere here is withheld.
#[derive(Debug, Clone, Default)]
pub struct Release {
    /// Released as they are.
    pub fields: BTreeSet<String>,
    /// Released in part.
    pub masked: BTreeMap<String, Mask>,
}

/// A time for which a far side is known to be away, in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outage {
    /// When it begins.
    pub from_unix_millis: i64,
    /// When the far side is back.
    pub until_unix_millis: i64,
}

impl Outage {
    /// Returns how long it still lasts, where it is now.
    pub(crate) fn left(&self, now_unix_millis: i64) -> Option<Duration> {
        let is_now = (self.from_unix_millis..self.until_unix_millis).contains(&now_unix_millis);
        let left = u64::try_from(self.until_unix_millis.saturating_sub(now_unix_millis)).ok();
        left.filter(|_| is_now).map(Duration::from_millis)
    }
}

/// A name in Vietnamese and in English.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Title {
    /// In Vietnamese.
    pub vi: String,
    /// In English.
    pub en: String,
}

/// A service: who answers it, what may be asked, for what purpose, and what is released.
pub struct Service {
    /// Its name in grants, paths and evidence: 1 to 40 of `a-z`, `0-9` and `-`.
    pub name: String,
    /// Its name for people.
    pub title: Title,
    /// How sure its shape is.
    pub confidence: Confidence,
    /// Whether it gives open data: nobody's record, so that no purpose is demanded and questions are
    /// counted, not recorded one by one.
    pub is_open_data: bool,
    /// The parts of a purpose without which it is not asked.
    pub purpose: BTreeSet<PurposePart>,
    /// Whether the purpose's dossier must be known to the bus, not ended, and of the asking agency
    /// (`require_open_dossier` in its declaration; it then demands the dossier).
    pub requires_open_dossier: bool,
    /// The JSON Pointer to the member of the question that names the person or enterprise asked about; the
    /// evidence holds its keyed digest.
    pub subject: Option<String>,
    /// The form of a question.
    pub request: Form,
    /// The form of an answer.
    pub answer: Form,
    /// Which fields are released.
    pub release: Release,
    /// A planned outage: meanwhile it is not asked, and callers hear when it is back.
    pub outage: Option<Outage>,
    /// How long answers are kept, of open data; nobody's record ever is.
    pub keep: Option<Keep>,
    /// The longest time that an answer may take.
    pub patience: Duration,
    /// How many questions may be with the far side at once.
    pub at_once: usize,
    /// Who answers.
    pub upstream: Arc<dyn Upstream>,
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("name", &self.name)
            .field("carrier", &self.upstream.carrier())
            .finish_non_exhaustive()
    }
}
