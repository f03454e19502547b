//! `rejoin backup`: writes the whole state of a node to a file.
//!
//! What must always hold: a file of that name is a whole backup, the old one or the new one.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use rejoin::MemoryDisk;

use super::NodeOptions;
use crate::failure::{EXIT_CODES, Failure};
use crate::text;

#[derive(Debug, Args)]
#[command(after_help = format!(
    "A backup is the state as it is now, with everything that syncing needs. It is restored by `rejoin \
    restore`, and the node that starts from it writes under a new id: the old one may have gone on \
    since. Never copy the directory of a node instead. Data for other programs: `rejoin export`.\n\n\
    {EXIT_CODES}\n\n\
    Examples:\n  rejoin backup berlin.backup\n  \
    rejoin backup \"berlin-$(date +%F).backup\" --node http://127.0.0.1:8401"))]
pub(crate) struct Options {
    /// The file to write; one that exists is replaced.
    file: PathBuf,
    #[command(flatten)]
    node: NodeOptions,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let mut snapshot = options.node.client()?.snapshot()?;
    // Two backups to one file at a time must not write into each other.
    let partial = options.file.with_added_extension(format!("{}.partial", std::process::id()));
    let written = write(&mut snapshot, &partial);
    let written = written.and_then(|len| fs::rename(&partial, &options.file).map(|()| len));
    let len = written.map_err(|cause| {
        // What is left of it is of no use; that it could not be removed is no other failure.
        let _ = fs::remove_file(&partial);
        Failure::File { action: "write", path: options.file.display().to_string(), cause }
    })?;
    println!("{} in {}", text::bytes(len), options.file.display());
    Ok(ExitCode::SUCCESS)
}

fn write(snapshot: &mut impl io::Read, file: &Path) -> io::Result<u64> {
    let mut bytes = Vec::new();
    snapshot.read_to_end(&mut bytes)?;
    // What can be restored is whole.
    let restored = rejoin::restore(&mut MemoryDisk::default(), &bytes);
    restored.map_err(|cause| io::Error::new(io::ErrorKind::InvalidData, cause))?;
    let mut out = File::create_new(file)?;
    out.write_all(&bytes)?;
    out.sync_all()?;
    Ok(bytes.len() as u64)
}
