//! What a manager reads at the end.

use std::fmt;

use super::Lag;
use super::ask::{ANSWERED, Asked, NO_PURPOSE, NOT_FOUND};
use super::publish::Published;
use super::read_back::{Evidence, Found};

/// How the day went.
#[derive(Debug)]
pub(super) struct Summary {
    pub(super) published: Published,
    pub(super) asked: Asked,
    pub(super) behind: Lag,
    pub(super) caught_up: Lag,
    pub(super) read_back: Found,
    pub(super) evidence: Evidence,
}

impl Summary {
    /// Events read back exactly once, byte for byte, among those acknowledged.
    fn conserved(&self) -> usize {
        let same = |(event, digest)| self.read_back.get(event) == Some(&(1, digest));
        self.published.acknowledged.iter().filter(|(event, digest)| same((event, **digest))).count()
    }

    /// Records found in all, repeats counted.
    fn found(&self) -> usize {
        self.read_back.values().map(|(count, _)| count).sum()
    }

    fn unexpected(&self) -> impl Iterator<Item = &String> {
        self.published.unexpected.iter().chain(&self.asked.unexpected)
    }

    /// Questions that reached the far side.
    fn reached(&self) -> usize {
        self.asked.count(ANSWERED) + self.asked.count(NOT_FOUND)
    }

    fn evidence_is_whole(&self) -> bool {
        let expected = Evidence {
            intents: self.reached(),
            answered: self.asked.count(ANSWERED),
            not_found: self.asked.count(NOT_FOUND),
            otherwise: 0,
            broken: 0,
        };
        self.evidence == expected
    }

    /// Tells whether all of it held, and enough happened for that to mean something.
    pub(super) fn is_right(&self) -> bool {
        let acknowledged = self.published.acknowledged.len();
        let happened = acknowledged > 0
            && !self.published.refused.is_empty()
            && [ANSWERED, NOT_FOUND, NO_PURPOSE]
                .iter()
                .all(|outcome| self.asked.count(outcome) > 0)
            && self.behind.records > 0;
        happened
            && self.unexpected().next().is_none()
            && self.conserved() == acknowledged
            && self.found() == acknowledged
            && self.caught_up.records == 0
            && self.evidence_is_whole()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let acknowledged = self.published.acknowledged.len();
        let refused: usize = self.published.refused.values().sum();
        writeln!(f, "\nEvents in / Sự kiện vào")?;
        writeln!(f, "  accepted / đã nhận      {acknowledged:>6}")?;
        writeln!(f, "  refused / bị từ chối    {refused:>6}")?;
        for (rule, count) in &self.published.refused {
            writeln!(f, "    {rule:<22}{count:>6}")?;
        }
        if let Some((event_type, fault)) = &self.published.example {
            writeln!(f, "  an example / một ví dụ: {event_type}, {}", fault.code)?;
            for violation in &fault.violations {
                writeln!(f, "    at {:?}, rule {}", violation.pointer, violation.rule)?;
                writeln!(f, "    vi: {}", violation.message_vi)?;
                writeln!(f, "    en: {}", violation.message_en)?;
            }
        }
        writeln!(f, "\nQueries out / Tra cứu")?;
        for (outcome, count) in &self.asked.outcomes {
            writeln!(f, "  {outcome:<32}{count:>6}")?;
        }
        let (p50, p99) =
            (self.asked.at(0.5).as_secs_f64() * 1000.0, self.asked.at(0.99).as_secs_f64() * 1000.0);
        writeln!(f, "  time: p50 {p50:.1} ms, p99 {p99:.1} ms")?;
        let Evidence { intents, answered, not_found, otherwise, broken } = self.evidence;
        let outcomes = answered + not_found + otherwise;
        writeln!(
            f,
            "  evidence: {intents} intents, {outcomes} outcomes, {broken} breaks in the chain"
        )?;
        writeln!(f, "\nLag / Độ trễ")?;
        writeln!(
            f,
            "  while the group had stopped: {} records, {:.1} s",
            self.behind.records, self.behind.seconds
        )?;
        writeln!(
            f,
            "  after it caught up:          {} records, {:.1} s",
            self.caught_up.records, self.caught_up.seconds
        )?;
        for unexpected in self.unexpected() {
            writeln!(f, "UNEXPECTED: {unexpected}")?;
        }
        let verdict = if self.is_right() {
            "all is well / mọi thứ đúng"
        } else {
            "SOMETHING IS WRONG / CÓ SAI SÓT"
        };
        write!(
            f,
            "\nacknowledged {acknowledged} = read back from Kafka {}, {} of them exactly as sent: {verdict}",
            self.found(),
            self.conserved()
        )
    }
}
