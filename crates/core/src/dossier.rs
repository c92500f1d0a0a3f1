//! How a dossier goes from state to state.
//!
//! No published source has a table of transitions; this one is inferred from the duties of
//! Nghị định 61/2018/NĐ-CP, articles 17–20, and the portal's list of states. Systems skip states,
//! so a breach is odd, not wrong.

use crate::rule::{self, Rule};

/// From each state (`TrangThaiHoSo`) the states that may follow; a state may always be told again.
const FOLLOWING: &[(&str, &[&str])] = &[
    // Mới đăng ký: newly registered.
    ("1", &["2", "3", "5", "7"]),
    // Được tiếp nhận: received; procedures of the same day end from here.
    ("2", &["4", "5", "6", "7", "8", "9"]),
    // Không được tiếp nhận: not received.
    ("3", &[]),
    // Đang xử lý: in process.
    ("4", &["5", "6", "7", "8", "9"]),
    // Yêu cầu bổ sung giấy tờ: to be supplemented, before reception (1, 2) or after.
    ("5", &["1", "2", "4", "7", "8"]),
    // Yêu cầu thực hiện nghĩa vụ tài chính: financial duty to be met.
    ("6", &["4", "7", "8", "9"]),
    // Công dân yêu cầu rút hồ sơ: withdrawn.
    ("7", &[]),
    // Dừng xử lý: stopped.
    ("8", &[]),
    // Đã xử lý xong: processed.
    ("9", &["10"]),
    // Đã trả kết quả: result returned.
    ("10", &[]),
];

/// Judges a dossier's change of state. Without a state before, every known state is usual: who
/// connects to the bus tells of dossiers that began long ago.
///
/// ```
/// use lgsp_core::dossier::transition;
/// assert!(transition(Some("4"), "9").is_ok());
/// assert!(transition(Some("10"), "4").is_err());
/// ```
///
/// # Errors
/// [`rule::STATE_TRANSITION`], a warning.
pub fn transition(from: Option<&str>, to: &str) -> Result<(), &'static Rule> {
    let following = |state| FOLLOWING.iter().find(|(known, _)| *known == state);
    let usual = following(to).is_some()
        && from.is_none_or(|from| {
            from == to || following(from).is_some_and(|(_, next)| next.contains(&to))
        });
    if usual { Ok(()) } else { Err(&rule::STATE_TRANSITION) }
}

/// Tells whether a dossier in a state is still being worked on: one that was refused, withdrawn,
/// stopped or returned is not, nor is one in a state that nobody knows.
///
/// ```
/// use lgsp_core::dossier::is_open;
/// assert!(is_open("4") && !is_open("10"));
/// ```
pub fn is_open(state: &str) -> bool {
    FOLLOWING.iter().any(|(known, next)| *known == state && !next.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row for each state before, a column for each state after, 1 to 10.
    const TABLE: [&str; 10] = [
        "=++.+.+...",
        ".=.++++++.",
        "..=.......",
        "...=+++++.",
        "++.+=.++..",
        "...+.=+++.",
        "......=...",
        ".......=..",
        "........=+",
        ".........=",
    ];

    #[test]
    fn every_pair_of_states_is_usual_or_odd_as_the_table_says() {
        for (from, row) in (1..).zip(TABLE) {
            for (to, cell) in (1..).zip(row.chars()) {
                let judged = transition(Some(&from.to_string()), &to.to_string());
                let expected = if cell == '.' { Err(&rule::STATE_TRANSITION) } else { Ok(()) };
                assert_eq!(judged, expected, "{from} to {to}");
                assert_eq!(cell == '=', from == to);
            }
        }
    }

    #[test]
    fn a_dossier_may_first_be_heard_of_in_any_state() {
        for state in 1..=10 {
            assert!(transition(None, &state.to_string()).is_ok());
        }
    }

    #[test]
    fn a_state_outside_the_list_is_odd() {
        for state in ["", "0", "11", "01", " 1"] {
            assert!(transition(None, state).is_err(), "{state:?}");
            assert!(transition(Some("1"), state).is_err(), "{state:?}");
            assert!(transition(Some(state), "1").is_err(), "{state:?}");
            assert!(transition(Some(state), state).is_err(), "{state:?}");
        }
    }
}
