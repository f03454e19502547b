//! Why a command did not do what it was asked, what to do next, and the exit code.

use std::io;
use std::process::ExitCode;

use thiserror::Error;

use crate::api::Problem;

/// Something failed: no answer, a refusal, a broken file.
pub(crate) const FAILED: u8 = 1;
/// The command line makes no sense, or only a part was done and the rest was named.
pub(crate) const USAGE_OR_PARTLY: u8 = 2;
/// There is nothing at that path.
pub(crate) const NOT_FOUND: u8 = 3;

/// The part of the help that documents the exit codes, the same for every command.
pub(crate) const EXIT_CODES: &str = "Exit codes: 0 done; 1 failed (no node, refused, broken file); \
     2 wrong usage, or only partly done; 3 nothing found.";

/// Why a command failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum Failure {
    /// Nothing listens at the address.
    #[error("no node answers at {url} ({cause})")]
    NoNode {
        /// The node that was asked.
        url: String,
        /// What the connection said.
        cause: String,
    },
    /// The address answers, but not as a node does.
    #[error("{url} does not answer like a node: {cause}")]
    NotANode {
        /// The node that was asked.
        url: String,
        /// What was odd.
        cause: String,
    },
    /// The node stopped in the middle of an answer.
    #[error("the answer of {url} broke off: {cause}")]
    BrokeOff {
        /// The node that was asked.
        url: String,
        /// What the connection said.
        cause: io::Error,
    },
    /// The node refused the request and said why.
    #[error(transparent)]
    Refused(Problem),
    /// A file could not be read or written.
    #[error("cannot {action} {path}: {cause}")]
    File {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file.
        path: String,
        /// Why not.
        cause: io::Error,
    },
    /// The directory with the state cannot be used.
    #[error("cannot open the state in {path}: {cause}")]
    Data {
        /// The directory.
        path: String,
        /// Why not.
        cause: Box<rejoin::OpenReplicaError>,
    },
    /// A snapshot could not be restored; the directory is as it was.
    #[error("cannot restore to {path}: {cause}")]
    Restore {
        /// The directory.
        path: String,
        /// Why not.
        cause: rejoin::RestoreError,
    },
    /// Standard output could not be written.
    #[error("cannot write the result: {0}")]
    Output(#[from] io::Error),
    /// The command line asks for something that makes no sense.
    #[error("{message}")]
    Usage {
        /// What is wrong.
        message: String,
    },
    /// An import met a row it cannot store, and was told to stop there.
    #[error("{path}, line {line}: {reason}")]
    BadRow {
        /// The file.
        path: String,
        /// The line on which the row begins.
        line: u64,
        /// What is wrong with the row.
        reason: String,
    },
    /// A port could not be opened.
    #[error("cannot listen on {address}: {cause}")]
    Listen {
        /// The address asked for.
        address: String,
        /// Why not.
        cause: io::Error,
    },
    /// The process lacks something it needs from the system.
    #[error("cannot {action}: {cause}")]
    System {
        /// What was tried, as a verb.
        action: &'static str,
        /// Why not.
        cause: io::Error,
    },
}

impl Failure {
    /// The exit code that tells this kind of failure from the others.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Usage { .. } => USAGE_OR_PARTLY,
            Self::Refused(problem) if problem.status == 404 => NOT_FOUND,
            _ => FAILED,
        })
    }

    /// What the person can do about it, where that is known.
    pub(crate) fn advice(&self) -> Option<String> {
        Some(match self {
            Self::NoNode { .. } => "start one with `rejoin serve`, or name another one with \
                 --node URL or the environment variable REJOIN_NODE"
                .into(),
            Self::NotANode { .. } => "--node takes the address after `http=` in the line that \
                 `rejoin serve` prints"
                .into(),
            Self::BadRow { .. } => "the rows before it are stored; mend the line and import \
                 again (stored rows write nothing), or go on past bad rows with --on-bad-row skip"
                .into(),
            Self::Listen { .. } => "name another address, or port 0 for any free port".into(),
            Self::Refused(problem) => return problem.advice(),
            Self::Usage { .. } => "see `rejoin help`".into(),
            Self::BrokeOff { .. } => "see whether the node still runs: `rejoin status`".into(),
            Self::Data { .. } => {
                "a directory belongs to one running node; name another one, or stop \
                 the node that uses it"
                    .into()
            }
            Self::Restore { cause: rejoin::RestoreError::NotEmpty, .. } => {
                "a backup is restored to a directory without a state; name a new one".into()
            }
            Self::Restore { cause: rejoin::RestoreError::Damaged { .. }, .. } => {
                "the file is no whole backup; take another one, or let a new node sync".into()
            }
            Self::Restore { .. } | Self::File { .. } | Self::Output(_) | Self::System { .. } => {
                return None;
            }
        })
    }

    /// Whether the reader of standard output has gone, as `head` does: no reason to complain.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(cause) if cause.kind() == io::ErrorKind::BrokenPipe)
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::Usage { message: message.into() }
    }
}
