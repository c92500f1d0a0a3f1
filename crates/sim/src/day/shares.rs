//! How often things go wrong, kept to even in a short day.

use fastrand::Rng;

/// How many of a thousand records are faulty or odd, by what is wrong with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shares {
    /// Break rules.
    pub broken: u32,
    /// Are sent again unchanged.
    pub repeated: u32,
    /// Are followed by another content under the same id.
    pub conflicting: u32,
    /// Are held back until a newer state of their dossier was sent.
    pub late: u32,
    /// Of a thousand dossiers, citizens and courses: have old codes, no deadline, an odd course.
    pub odd: u32,
}

impl Shares {
    /// The faults of a usual day: 2 % broken, 1 % repeated, some late, conflicting, odd.
    pub const USUAL: Self = Self { broken: 20, repeated: 10, conflicting: 2, late: 10, odd: 30 };
    /// A day whose only faults are broken records.
    pub const BROKEN_ONLY: Self = Self { broken: 20, repeated: 0, conflicting: 0, late: 0, odd: 0 };
}

/// Takes turns: one in so many, spread by chance, but never more or fewer than the share by much.
#[derive(Debug, Clone)]
pub(super) struct Turns {
    per_thousand: u32,
    /// In thousandths of a turn.
    owed: u32,
}

impl Turns {
    pub(super) const fn new(per_thousand: u32) -> Self {
        Self { per_thousand, owed: 0 }
    }

    /// Counts one more, and tells whether it is the turn of this one, if it fits.
    pub(super) fn is_due(&mut self, dice: &mut Rng, fits: bool) -> bool {
        self.owed = self.owed.saturating_add(self.per_thousand);
        // Not always at once: else every fiftieth record in a row would be the faulty one.
        let due = fits && self.owed >= 1000 && dice.u32(0..4) == 0;
        self.owed -= if due { 1000 } else { 0 };
        due
    }
}
