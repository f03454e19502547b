//! `rejoin restore`: puts a backup into an empty directory.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use rejoin::FileDisk;

use crate::failure::{EXIT_CODES, Failure};

#[derive(Debug, Args)]
#[command(after_help = format!(
    "The node that is started in the directory writes under a new id, and gets from its peers what \
    they have beyond the backup. In a document with members it has to be admitted: `rejoin members \
    admit`.\n\n{EXIT_CODES}\n\n\
    Examples:\n  rejoin restore berlin.backup --data ./berlin\n  \
    rejoin serve --name berlin --data ./berlin --peer 127.0.0.1:7401"))]
pub(crate) struct Options {
    /// A file that `rejoin backup` has written.
    file: PathBuf,
    /// The directory of the new node; it is made if it does not exist, and must hold no state.
    #[arg(long, value_name = "DIR", env = "REJOIN_DATA")]
    data: PathBuf,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let (file, data) = (options.file.display().to_string(), options.data.display().to_string());
    let snapshot = fs::read(&options.file);
    let snapshot = snapshot.map_err(|cause| Failure::File { action: "read", path: file, cause })?;
    let made = fs::create_dir_all(&options.data);
    made.map_err(|cause| Failure::File { action: "make", path: data.clone(), cause })?;
    let opened = FileDisk::open(&options.data)
        .map_err(|cause| Failure::Data { path: data.clone(), cause: Box::new(cause.into()) })?;
    let mut disk = opened;
    let restored = rejoin::restore(&mut disk, &snapshot);
    restored.map_err(|cause| Failure::Restore { path: data.clone(), cause })?;
    println!("restored to {data}; start it with: rejoin serve --data {data}");
    Ok(ExitCode::SUCCESS)
}
