//! Where histories come from: half of their seeds are always the same, half are new with each commit.
//!
//! The first half repeats what has been seen to hold. The second half is derived from the commit, so that a
//! rerun of a commit repeats the run, and the histories that all commits have seen become more and more.

use std::fmt;
use std::process::Command;
use std::str::FromStr;

use thiserror::Error;

use crate::replay::generator;

/// Every half begins at a multiple of this: whatever goes by the remainder of a seed is as often in it as in
/// any other.
const ALIGNMENT: u64 = 10_000;

/// As many digits of a commit's name as are taken.
const DIGITS: usize = 16;

/// What the new half is derived from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seeds {
    /// The first digits of the commit.
    commit: Option<u64>,
}

/// A text that is no name of a commit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("a commit is named by at least {DIGITS} hexadecimal digits")]
pub struct NotACommit;

impl Seeds {
    /// The seeds of the commit that the sources are at. Outside of a repository both halves are always the
    /// same.
    pub fn of_head() -> Self {
        let mut git = Command::new("git");
        let asked = git.args(["-C", env!("CARGO_MANIFEST_DIR"), "rev-parse", "HEAD"]).output();
        let name = asked.ok().and_then(|output| String::from_utf8(output.stdout).ok());
        name.and_then(|name| name.trim().parse().ok()).unwrap_or(Self { commit: None })
    }

    /// The first seed of the new half of those that begin at `first`.
    pub(crate) fn derived(self, first: u64) -> u64 {
        let base = generator(self.commit.unwrap_or(0), first).u64(..u64::MAX / 2);
        base - base % ALIGNMENT
    }

    /// So many seeds: one half from `first` on, one derived.
    pub(crate) fn of(self, first: u64, count: u64) -> impl Iterator<Item = u64> {
        let (derived, kept) = (self.derived(first), count / 2);
        (first..first + kept).chain(derived..derived + (count - kept))
    }
}

impl FromStr for Seeds {
    type Err = NotACommit;

    fn from_str(name: &str) -> Result<Self, NotACommit> {
        let digits = name.get(..DIGITS).ok_or(NotACommit)?;
        match name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            true => u64::from_str_radix(digits, 16)
                .map(|commit| Self { commit: Some(commit) })
                .map_err(|_| NotACommit),
            false => Err(NotACommit),
        }
    }
}

impl fmt::Display for Seeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.commit {
            Some(commit) => write!(f, "commit {commit:0DIGITS$x}"),
            None => f.write_str("no commit, for git does not name one: the same in every run"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_repeats_its_seeds_and_another_one_has_others() {
        let seeds = |name: &str| name.parse::<Seeds>().map(|seeds| seeds.of(7_000, 9));
        let one: Vec<u64> = seeds("00000000000000af51").unwrap().collect();
        assert!(one.iter().eq(&seeds("00000000000000afff").unwrap().collect::<Vec<_>>()));
        let other: Vec<u64> = seeds("00000000000000b051").unwrap().collect();
        assert_eq!(one[..4], [7_000, 7_001, 7_002, 7_003]);
        assert_eq!((one.len(), &one[..4]), (9, &other[..4]));
        assert!(one[4..].iter().all(|seed| !other.contains(seed)));
        assert_eq!(one[4] % ALIGNMENT, 0);
    }

    #[test]
    fn a_commit_is_written_as_it_is_read() {
        let seeds: Seeds = "0123456789abcdef0000".parse().unwrap();
        assert_eq!(seeds.to_string(), "commit 0123456789abcdef");
        for wrong in ["", "HEAD", "0123456789abcde", "0123456789abcdeg", "+123456789abcdef"] {
            assert_eq!(wrong.parse::<Seeds>(), Err(NotACommit), "{wrong}");
        }
    }
}
