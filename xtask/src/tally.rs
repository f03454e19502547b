//! How many tests passed and failed, read from what the test runners print.
//!
//! Two runners are understood: Rust's libtest, one `test result:` line per test binary, and
//! Node's, whose summary has one line for `pass` and one for `fail`.

use std::fmt;

/// A count of tests by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl Tally {
    /// Adds what `line` reports; a line that is no summary changes nothing.
    pub(crate) fn read_line(&mut self, line: &str) {
        let line = without_colours(line);
        let line = line.trim();
        if let Some(result) = line.strip_prefix("test result: ") {
            self.passed += count_before(result, " passed");
            self.failed += count_before(result, " failed");
        } else if let Some(summary) = node_summary(line) {
            self.passed += count_after(summary, "pass ");
            // A test that Node cancels (its parent ended first) never ran to its end.
            self.failed += count_after(summary, "fail ") + count_after(summary, "cancelled ");
        }
    }

    /// Adds the counts of `other`.
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

/// Node marks summary lines with `ℹ` (spec reporter) or `#` (TAP reporter).
fn node_summary(line: &str) -> Option<&str> {
    line.strip_prefix("ℹ ").or_else(|| line.strip_prefix("# "))
}

fn count_before(text: &str, label: &str) -> u64 {
    let head = text.split_once(label).map(|(head, _)| head);
    head.and_then(|head| head.rsplit(' ').next()).and_then(|n| n.parse().ok()).unwrap_or(0)
}

fn count_after(text: &str, label: &str) -> u64 {
    text.strip_prefix(label).and_then(|n| n.parse().ok()).unwrap_or(0)
}

/// Drops the escape sequences that set colours: `ESC [ … m`.
fn without_colours(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut pieces = line.split('\u{1b}');
    plain.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        plain.push_str(piece.split_once('m').map_or(piece, |(_, rest)| rest));
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(lines: &[&str]) -> Tally {
        let mut tally = Tally::default();
        for line in lines {
            tally.read_line(line);
        }
        tally
    }

    #[test]
    fn the_result_lines_of_several_test_binaries_add_up() {
        let lines = [
            "test cell::a_join_is_idempotent ... ok\n",
            "test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s\n",
            "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s\n",
        ];
        assert_eq!(tally(&lines), Tally { passed: 15, failed: 2 });
    }

    #[test]
    fn the_summary_of_node_is_counted_with_and_without_colours() {
        let lines =
            ["\u{1b}[34mℹ tests 5\u{1b}[39m\n", "\u{1b}[34mℹ pass 4\u{1b}[39m\n", "ℹ fail 1\n"];
        assert_eq!(tally(&lines), Tally { passed: 4, failed: 1 });
        assert_eq!(tally(&["# pass 7\n", "# cancelled 1\n"]), Tally { passed: 7, failed: 1 });
    }

    #[test]
    fn other_lines_that_speak_of_passing_count_nothing() {
        assert_eq!(
            tally(&["12 passed; 1 failed\n", "pass 3\n", "# passes 3 states\n"]),
            Tally::default()
        );
    }
}
