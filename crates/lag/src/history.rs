//! Where a partition ended, poll after poll: tells when a record was written without reading it.

use std::collections::VecDeque;

/// How many points are kept for each partition: at one poll in five seconds, an hour of traffic.
pub const POINTS: usize = 720;

/// Between two points further apart than this, in milliseconds, nothing is interpolated: the
/// polls between them failed, and the record's own time is the better answer.
pub const LONGEST_GAP_MILLIS: i64 = 60_000;

#[derive(Debug, Clone, Copy)]
struct Point {
    unix_millis: i64,
    end: i64,
}

/// The end offsets of one partition over time.
#[derive(Debug, Default)]
pub(crate) struct History {
    points: VecDeque<Point>,
}

impl History {
    /// Adds what a poll saw. An end that went back means that the topic was made anew: what was
    /// known is then forgotten. Returns whether it was.
    pub(crate) fn add(&mut self, unix_millis: i64, end: i64) -> bool {
        let anew = self.points.back().is_some_and(|last| end < last.end);
        if anew {
            self.points.clear();
        }
        // Of a quiet time, its first and its last point say all.
        let quiet = self.points.iter().rev().take(2).filter(|point| point.end == end).count() == 2;
        if quiet {
            self.points.pop_back();
        }
        self.points.push_back(Point { unix_millis, end });
        if self.points.len() > POINTS {
            self.points.pop_front();
        }
        anew
    }

    /// Tells whether a poll at this time will tell when the record at an offset was written, one
    /// that came after the last point.
    pub(crate) fn will_cover(&self, offset: i64, unix_millis: i64) -> bool {
        self.points.back().is_some_and(|last| {
            last.end <= offset
                && (0..=LONGEST_GAP_MILLIS).contains(&unix_millis.saturating_sub(last.unix_millis))
        })
    }

    /// Estimates when the record at an offset was written, milliseconds since 1970; `None` where
    /// the points do not cover it.
    pub(crate) fn written_at(&self, offset: i64) -> Option<i64> {
        let after = self.points.partition_point(|point| point.end <= offset);
        let from = *self.points.get(after.checked_sub(1)?)?;
        let to = *self.points.get(after)?;
        let took = to.unix_millis.saturating_sub(from.unix_millis);
        if !(0..=LONGEST_GAP_MILLIS).contains(&took) {
            return None;
        }
        // The record is the (offset - from.end + 1)th of those that came between the two points.
        let share = (offset - from.end + 1) as f64 / (to.end - from.end) as f64;
        Some(from.unix_millis + (took as f64 * share) as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(points: &[(i64, i64)]) -> History {
        let mut history = History::default();
        for (unix_millis, end) in points {
            history.add(*unix_millis, *end);
        }
        history
    }

    #[test]
    fn interpolates_between_the_two_polls_around_a_record() {
        let history = history(&[(0, 100), (10_000, 110), (20_000, 110), (30_000, 130)]);
        assert_eq!(history.written_at(104), Some(5_000));
        assert_eq!(history.written_at(109), Some(10_000));
        assert_eq!(history.written_at(119), Some(25_000), "the quiet time belongs to no record");
    }

    #[test]
    fn knows_nothing_of_records_before_its_first_or_after_its_last_point() {
        let history = history(&[(0, 100), (10_000, 110)]);
        assert_eq!(history.written_at(99), None);
        assert_eq!(history.written_at(110), None);
        assert_eq!(History::default().written_at(0), None);
    }

    #[test]
    fn does_not_guess_across_a_gap_in_the_polls() {
        assert_eq!(history(&[(0, 100), (LONGEST_GAP_MILLIS + 1, 110)]).written_at(105), None);
    }

    #[test]
    fn a_quiet_day_takes_two_points() {
        let quiet: Vec<_> = (0..10_000).map(|poll| (poll * 5_000, 7)).collect();
        let mut history = history(&quiet);
        assert_eq!(history.points.len(), 2);
        history.add(10_000 * 5_000, 8);
        assert_eq!(history.written_at(7), Some(50_000_000));
    }

    #[test]
    fn forgets_everything_when_the_end_goes_back() {
        let mut history = history(&[(0, 100), (10_000, 110)]);
        assert!(history.add(20_000, 3));
        assert_eq!(history.written_at(105), None);
        assert!(!history.add(30_000, 4));
    }

    #[test]
    fn never_holds_more_than_its_bound() {
        let busy: Vec<_> = (0..5_000).map(|poll| (poll * 5_000, poll)).collect();
        assert_eq!(history(&busy).points.len(), POINTS);
    }
}
