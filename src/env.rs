//! The only place of this crate that reads a clock, draws randomness, or asks where the user keeps things.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use rejoin_crdt::ReplicaId;

use crate::Environment;

/// The clock and the randomness of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl Environment for System {
    #[allow(clippy::disallowed_methods, reason = "this file is where the clock is read")]
    fn now_ms(&self) -> u64 {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)
    }

    fn new_replica_id(&self) -> ReplicaId {
        ReplicaId::from(uuid::Uuid::new_v4())
    }
}

/// A clock that never goes back, from an origin of its own; for time-outs, never for stamps.
#[derive(Clone, Copy, Debug)]
pub struct Monotonic {
    origin: std::time::Instant,
}

impl Monotonic {
    /// A clock that starts at zero now.
    #[allow(clippy::disallowed_methods, reason = "this file is where the clock is read")]
    pub fn start() -> Self {
        Self { origin: std::time::Instant::now() }
    }

    /// Milliseconds since the start.
    pub fn now_ms(self) -> u64 {
        u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// Where the token of the instance in `directory` stands: with the state of the user's programs, outside
/// of what a backup or a copy of the directory contains. The file is named for the directory.
///
/// # Errors
/// When the directory cannot be found or the place cannot be made.
pub fn instance_place(directory: &Path) -> io::Result<PathBuf> {
    let home =
        |name: &str, below: &str| std::env::var_os(name).map(|home| Path::new(&home).join(below));
    let state = home("XDG_STATE_HOME", "")
        .or_else(|| home("HOME", ".local/state"))
        .or_else(|| home("LOCALAPPDATA", ""))
        .unwrap_or_else(std::env::temp_dir);
    let state = state.join("rejoin").join("instances");
    std::fs::create_dir_all(&state)?;
    let path = directory.canonicalize()?;
    let name = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, path.as_os_str().as_encoded_bytes());
    Ok(state.join(name.to_string()))
}

/// 64 random bits, to spread retries and announcements.
pub fn random_bits() -> u64 {
    let (high, low) = uuid::Uuid::new_v4().as_u64_pair();
    // The version and variant bits of the one half are random in the other.
    high ^ low.rotate_left(32)
}
