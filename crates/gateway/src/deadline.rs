//! How long a caller waits.

use std::time::{Duration, Instant};

use http::HeaderMap;

/// How long a request may take where the caller names no shorter time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// The longest time by which an answer comes before its caller stops to wait.
const LONGEST_MARGIN: Duration = Duration::from_millis(250);

/// Reads gRPC's `grpc-timeout`; the default also bounds it.
pub(crate) fn of(headers: &HeaderMap) -> Instant {
    let asked = headers.get("grpc-timeout").and_then(|value| value.to_str().ok()).and_then(parse);
    Instant::now() + asked.map_or(PATIENCE, before).min(PATIENCE)
}

/// Leaves time for the answer to arrive: at its very deadline a caller hears nothing but silence,
/// and never learns that it may send the same again.
fn before(asked: Duration) -> Duration {
    asked.saturating_sub((asked / 5).min(LONGEST_MARGIN))
}

/// Parses at most eight digits and a unit (gRPC over HTTP/2).
fn parse(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if !(1..=8).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(count * 3600),
        "M" => Duration::from_secs(count * 60),
        "S" => Duration::from_secs(count),
        "m" => Duration::from_millis(count),
        "u" => Duration::from_micros(count),
        "n" => Duration::from_nanos(count),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_comes_before_its_caller_stops_to_wait() {
        let millis = |asked| before(Duration::from_millis(asked)).as_millis();
        assert_eq!([millis(0), millis(10), millis(1000), millis(9000)], [0, 8, 800, 8750]);
    }

    #[test]
    fn reads_each_unit_and_refuses_the_rest() {
        assert_eq!(parse("5S"), Some(Duration::from_secs(5)));
        assert_eq!(parse("250m"), Some(Duration::from_millis(250)));
        assert_eq!(parse("99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
        for text in ["", "S", "5", "5s", "-5S", "123456789S", "5ü"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
