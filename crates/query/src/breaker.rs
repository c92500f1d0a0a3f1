//! A far side that fails again and again is left alone for a while: its callers hear at once that it
//! is down, instead of waiting for the next failure.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::ports::UpstreamError;

/// How many failures in a row open the circuit.
const FAILURES: u32 = 5;
/// How long it stays open the first time; each trial that fails doubles it.
const SHORTEST: Duration = Duration::from_secs(2);
/// How long it stays open at most: a far side that came back is noticed by then.
const LONGEST: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, Copy)]
enum State {
    /// Questions pass; so many in a row failed.
    Closed { failures: u32 },
    /// No question passes until then; the pause is doubled where the trial after it fails.
    Open { until: Instant, pause: Duration },
    /// One question is on trial, since then.
    Trial { since: Instant, pause: Duration },
}

/// The circuit of one far side.
#[derive(Debug)]
pub(crate) struct Breaker(Mutex<State>);

impl Default for Breaker {
    fn default() -> Self {
        Self(Mutex::new(State::Closed { failures: 0 }))
    }
}

impl Breaker {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a question pass, or says when to come again.
    pub(crate) fn admit(&self, now: Instant) -> Result<(), Duration> {
        let mut state = self.state();
        match *state {
            State::Closed { .. } => Ok(()),
            State::Open { until, .. } if now < until => Err(until - now),
            State::Open { pause, .. } => {
                *state = State::Trial { since: now, pause };
                Ok(())
            }
            // A trial whose end is never told, e.g. because its caller went away before it began,
            // does not keep the circuit open for ever.
            State::Trial { since, pause } if now.duration_since(since) >= LONGEST => {
                *state = State::Trial { since: now, pause };
                Ok(())
            }
            State::Trial { pause, .. } => Err(pause),
        }
    }

    /// Notes that a question which was let pass showed nothing: it was not asked, or its caller did
    /// not wait long enough. The next one is the trial.
    pub(crate) fn nothing_learnt(&self, now: Instant) {
        let mut state = self.state();
        if let State::Trial { pause, .. } = *state {
            *state = State::Open { until: now, pause };
        }
    }

    /// Notes how a question ended.
    pub(crate) fn note<T>(&self, ended: &Result<T, UpstreamError>, now: Instant) {
        // Fails at once, so that nobody waits in vain; and one question or one caller may be why,
        // for which the others must not be shut out.
        if let Err(UpstreamError::Unavailable {
            what: "http status 5xx" | "http status 429", ..
        }) = ended
        {
            return self.nothing_learnt(now);
        }
        let failed = match ended {
            // It answered: whatever it said, it is there.
            Ok(_)
            | Err(
                UpstreamError::NotFound
                | UpstreamError::Refused { .. }
                | UpstreamError::Contract { .. },
            ) => false,
            Err(UpstreamError::Unavailable { .. } | UpstreamError::Timeout) => true,
        };
        let mut state = self.state();
        *state = match (*state, failed) {
            (_, false) => State::Closed { failures: 0 },
            (State::Closed { failures }, true) if failures + 1 < FAILURES => {
                State::Closed { failures: failures + 1 }
            }
            (State::Closed { .. }, true) => State::Open { until: now + SHORTEST, pause: SHORTEST },
            (State::Trial { pause, .. }, true) => {
                let pause = (pause * 2).min(LONGEST);
                State::Open { until: now + pause, pause }
            }
            // It was asked before the circuit opened.
            (open @ State::Open { .. }, true) => open,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure() -> Result<(), UpstreamError> {
        Err(UpstreamError::Timeout)
    }

    fn opened(now: Instant) -> Breaker {
        let breaker = Breaker::default();
        for _ in 0..FAILURES {
            assert_eq!(breaker.admit(now), Ok(()));
            breaker.note(&failure(), now);
        }
        breaker
    }

    #[test]
    fn failures_in_a_row_open_it_and_one_answer_closes_it() {
        let now = Instant::now();
        let breaker = opened(now);
        assert_eq!(breaker.admit(now), Err(SHORTEST));
        let later = now + SHORTEST;
        assert_eq!(breaker.admit(later), Ok(()));
        assert!(breaker.admit(later).is_err(), "one trial at a time");
        breaker.note(&Ok(()), later);
        assert_eq!(breaker.admit(later), Ok(()));
    }

    #[test]
    fn a_trial_that_fails_doubles_the_pause_up_to_the_longest() {
        let mut now = Instant::now();
        let breaker = opened(now);
        let mut pauses = Vec::new();
        for _ in 0..6 {
            let pause = breaker.admit(now).unwrap_err();
            pauses.push(pause.as_secs());
            now += pause;
            assert_eq!(breaker.admit(now), Ok(()));
            breaker.note(&failure(), now);
        }
        assert_eq!(pauses, [2, 4, 8, 16, 30, 30]);
    }

    #[test]
    fn answers_of_every_kind_show_that_the_far_side_is_there() {
        let now = Instant::now();
        let breaker = Breaker::default();
        for _ in 0..20 {
            breaker.note(&failure(), now);
            breaker.note::<()>(&Err(UpstreamError::NotFound), now);
        }
        assert_eq!(breaker.admit(now), Ok(()));
    }

    #[test]
    fn one_question_that_the_far_side_stumbles_over_shuts_nobody_out() {
        let now = Instant::now();
        let breaker = Breaker::default();
        for what in ["http status 5xx", "http status 429"].repeat(10) {
            breaker.note::<()>(&Err(UpstreamError::Unavailable { what, retry_after: None }), now);
        }
        assert_eq!(breaker.admit(now), Ok(()));
    }

    #[test]
    fn a_trial_that_showed_nothing_is_followed_by_another_at_once() {
        let now = Instant::now();
        let breaker = opened(now);
        let later = now + SHORTEST;
        assert_eq!(breaker.admit(later), Ok(()));
        breaker.nothing_learnt(later);
        assert_eq!(breaker.admit(later), Ok(()));
    }

    #[test]
    fn a_trial_that_nobody_ends_is_followed_by_another() {
        let now = Instant::now();
        let breaker = opened(now);
        let later = now + SHORTEST;
        assert_eq!(breaker.admit(later), Ok(()));
        assert!(breaker.admit(later + SHORTEST).is_err());
        assert_eq!(breaker.admit(later + LONGEST), Ok(()));
    }
}
