//! The same on real files.

use std::fs;
use std::path::PathBuf;

use rejoin_storage::{DiskError, End, FileDisk, FilePlace, TokenPlace, Write};

use crate::common::{append, close, next_seq, open_at, reserve, texts, token, write};

/// A directory that disappears with the test.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("rejoin-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn disk(&self) -> FileDisk {
        FileDisk::open(&self.0.join("log")).unwrap()
    }

    fn place(&self) -> FilePlace {
        FilePlace::new(self.0.join("token"))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn records_and_life_go_on_over_files() {
    let directory = Directory::new("goes-on");
    let mut log = open_at(directory.disk(), directory.place(), 1).storage;
    reserve(&mut log, 100, 2).unwrap();
    append(&mut log, "one").unwrap();
    write(&mut log, Write::checkpoint([b"first".to_vec()])).unwrap();
    append(&mut log, "two").unwrap();
    drop(log);
    let mut opened = open_at(directory.disk(), directory.place(), 3);
    assert_eq!(texts(&opened.records), ["first", "two"]);
    assert_eq!((opened.end, next_seq(opened.life)), (End::Crashed, Some(101)));
    close(&mut opened.storage, 50, 4).unwrap();
    drop(opened);
    let opened = open_at(directory.disk(), directory.place(), 5);
    assert_eq!((opened.end, next_seq(opened.life)), (End::Clean, Some(51)));
}

#[test]
fn a_torn_file_is_noticed() {
    let directory = Directory::new("torn");
    let mut log = open_at(directory.disk(), directory.place(), 1).storage;
    append(&mut log, "one").unwrap();
    append(&mut log, "two").unwrap();
    drop(log);
    let path = directory.0.join("log/log-b");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    let opened = open_at(directory.disk(), directory.place(), 2);
    assert!(matches!(opened.end, End::Torn { .. }));
    assert_eq!(texts(&opened.records), ["one"]);
}

#[test]
fn a_directory_is_open_once() {
    let directory = Directory::new("once");
    let first = directory.disk();
    assert_eq!(FileDisk::open(&directory.0.join("log")).err(), Some(DiskError::InUse));
    drop(first);
    directory.disk();
}

#[test]
fn a_token_file_is_replaced_whole_and_nothing_else_is_a_token() {
    let directory = Directory::new("token");
    let mut place = directory.place();
    assert_eq!(place.read(), Ok(None));
    for number in 1..4 {
        place.write(token(number)).unwrap();
        assert_eq!(place.read(), Ok(Some(token(number))));
    }
    fs::write(directory.0.join("token"), b"short").unwrap();
    assert_eq!(place.read(), Ok(None));
}
