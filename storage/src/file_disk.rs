//! A disk of two files in a directory, and the token in a file of its own.
//!
//! A file's length and name are as important as its bytes: the directory is synced when a file in it
//! appears or is renamed. Source: Pillai and others, *All File Systems Are Not Created Equal*, 2014,
//! section 2 (what a crash may do to appends, creation and rename).

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::disk::{Disk, DiskError, Slot};
use crate::token::{Token, TokenPlace};

/// The files `log-a` and `log-b` of a directory that belongs to this process alone.
#[derive(Debug)]
pub struct FileDisk {
    a: File,
    b: File,
    /// Locked as long as it is open.
    _lock: File,
}

impl FileDisk {
    /// Opens the files of `directory` and creates what is missing.
    ///
    /// # Errors
    /// [`DiskError::InUse`] if another process has the directory open, and what the system says. Missing
    /// files may have been created; those that existed are unchanged.
    pub fn open(directory: &Path) -> Result<Self, DiskError> {
        fs::create_dir_all(directory)?;
        let lock = file(&directory.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Err(DiskError::InUse),
            Err(fs::TryLockError::Error(error)) => return Err(error.into()),
        }
        let a = file(&directory.join("log-a"))?;
        let b = file(&directory.join("log-b"))?;
        sync_directory(directory)?;
        Ok(Self { a, b, _lock: lock })
    }

    const fn file(&self, slot: Slot) -> &File {
        match slot {
            Slot::A => &self.a,
            Slot::B => &self.b,
        }
    }
}

impl Disk for FileDisk {
    fn len_bytes(&self, slot: Slot) -> Result<u64, DiskError> {
        Ok(self.file(slot).metadata()?.len())
    }

    fn read(&self, slot: Slot, offset: u64, into: &mut [u8]) -> Result<(), DiskError> {
        let mut file = self.file(slot);
        file.seek(SeekFrom::Start(offset))?;
        Ok(file.read_exact(into)?)
    }

    fn append(&mut self, slot: Slot, bytes: &[u8]) -> Result<(), DiskError> {
        let mut file = self.file(slot);
        file.seek(SeekFrom::End(0))?;
        Ok(file.write_all(bytes)?)
    }

    fn truncate(&mut self, slot: Slot, len_bytes: u64) -> Result<(), DiskError> {
        if len_bytes < self.len_bytes(slot)? {
            self.file(slot).set_len(len_bytes)?;
        }
        Ok(())
    }

    fn sync(&mut self, slot: Slot) -> Result<(), DiskError> {
        Ok(self.file(slot).sync_all()?)
    }
}

/// A token in a file. It belongs where neither backups nor snapshots nor images of the machine go.
#[derive(Clone, Debug)]
pub struct FilePlace {
    path: PathBuf,
}

impl FilePlace {
    /// The place at this path; its directory must exist.
    pub const fn new(path: PathBuf) -> Self {
        Self { path }
    }
}

impl TokenPlace for FilePlace {
    fn read(&self) -> Result<Option<Token>, DiskError> {
        match fs::read(&self.path) {
            Ok(bytes) => Ok(bytes.try_into().ok().map(Token)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn write(&mut self, token: Token) -> Result<(), DiskError> {
        let new = self.path.with_extension("new");
        let mut file = File::create(&new)?;
        file.write_all(&token.0)?;
        file.sync_all()?;
        fs::rename(&new, &self.path)?;
        match self.path.parent() {
            Some(directory) if !directory.as_os_str().is_empty() => sync_directory(directory),
            _ => sync_directory(Path::new(".")),
        }
    }
}

fn file(path: &Path) -> Result<File, DiskError> {
    Ok(OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?)
}

/// Makes names in a directory durable, where the system has that.
fn sync_directory(directory: &Path) -> Result<(), DiskError> {
    if cfg!(unix) {
        File::open(directory)?.sync_all()?;
    }
    Ok(())
}
