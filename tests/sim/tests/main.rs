//! The simulator's histories and states, all in one program, so that they run beside each other.

#![cfg(test)]

mod collecting;
mod corpus;
mod exhaustive;
mod faults;
mod histories;
mod laws;
mod planted;
mod scrub;
mod shrinking;
