//! The program from outside: real processes on loopback, one file per behaviour.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod support;

mod backup;
mod conflict;
mod convergence;
mod durable;
mod export;
mod import;
mod members;
mod page;
mod readme;
mod refusal;
mod second;
mod stop;
mod watch;
