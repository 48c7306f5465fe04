//! Small pieces of text that several commands print.

use std::time::Duration;

/// A time in words, rounded so that a reader is not told milliseconds of an hour.
pub(crate) fn short_duration(duration: Duration) -> String {
    if duration < Duration::from_secs(60) {
        format!("{:.1} s", duration.as_secs_f64())
    } else {
        humantime::format_duration(Duration::from_secs(duration.as_secs())).to_string()
    }
}

/// A bound of times in words: whole days as such, without years of 365.25 days.
pub(crate) fn bound(duration: Duration) -> String {
    const DAY: u64 = 24 * 60 * 60;
    let seconds = duration.as_secs();
    if seconds >= DAY && seconds.is_multiple_of(DAY) {
        count_of(
            usize::try_from(seconds / DAY).unwrap_or(usize::MAX),
            "day",
            "days",
        )
    } else {
        humantime::format_duration(duration).to_string()
    }
}

/// A text in which nothing moves the cursor of a terminal or rings its bell: programs and servers of
/// strangers wrote parts of it.
pub(crate) fn harmless(text: &str) -> String {
    let moves = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    text.chars()
        .map(|c| if moves(c) { '?' } else { c })
        .collect()
}

/// A number and the word for what it counts.
pub(crate) fn count_of(count: usize, one: &str, more: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        _ => format!("{count} {more}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_counts_read_naturally() {
        assert_eq!(short_duration(Duration::from_millis(1234)), "1.2 s");
        assert_eq!(short_duration(Duration::from_secs(3723)), "1h 2m 3s");
        assert_eq!(bound(Duration::from_millis(10)), "10ms");
        assert_eq!(bound(Duration::from_secs(366 * 24 * 3600)), "366 days");
        assert_eq!(count_of(1, "copy", "copies"), "1 copy");
        assert_eq!(count_of(0, "copy", "copies"), "0 copies");
    }

    #[test]
    fn nothing_that_a_stranger_wrote_moves_the_cursor() {
        assert_eq!(harmless("a\u{1b}[2J\nb\r\u{7}\tc"), "a?[2J\nb??\tc");
    }
}
