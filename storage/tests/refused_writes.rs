//! A write that cannot be right is refused and changes nothing.

use rejoin_storage::{MAX_RECORD_BYTES, OpenError, Slot, StorageError, Write, open};

use crate::common::{append, close, open_at, reserve, texts, token, used_log, write};

#[test]
fn a_record_over_the_limit_is_refused() {
    let (mut log, place) = used_log();
    let large = vec![0; MAX_RECORD_BYTES + 1];
    let refused = Err(StorageError::RecordTooLarge {
        len_bytes: MAX_RECORD_BYTES + 1,
        max_bytes: MAX_RECORD_BYTES,
    });
    assert_eq!(write(&mut log, Write::Append(large.clone())), refused);
    assert_eq!(write(&mut log, Write::checkpoint([b"x".to_vec(), large])), refused);
    assert!(log.disk().bytes(Slot::A).is_empty());
    append(&mut log, "three").unwrap();
    assert_eq!(texts(&open_at(log.into_parts().0, place, 3).records), ["one", "two", "three"]);
}

#[test]
fn a_reservation_does_not_go_back() {
    let (mut log, _) = used_log();
    let refused = Err(StorageError::LimitGoesBack { reserved: 100, asked: 99 });
    assert_eq!(reserve(&mut log, 99, 3), refused);
    assert_eq!(reserve(&mut log, 100, 3), Ok(()));
}

#[test]
fn a_close_beyond_the_reservation_is_refused() {
    let (mut log, _) = used_log();
    let refused = Err(StorageError::BeyondLimit { last_seq: 101, seq_limit: 100 });
    assert_eq!(close(&mut log, 101, 3), refused);
    assert_eq!(close(&mut log, 100, 3), Ok(()));
}

#[test]
fn nothing_is_written_after_a_close() {
    let (mut log, _) = used_log();
    close(&mut log, 1, 3).unwrap();
    assert_eq!(append(&mut log, "three"), Err(StorageError::Closed));
    assert_eq!(close(&mut log, 1, 4), Err(StorageError::Closed));
}

#[test]
fn a_token_is_not_used_twice() {
    let (mut log, place) = used_log();
    assert_eq!(reserve(&mut log, 200, 2), Err(StorageError::TokenRepeated));
    assert_eq!(close(&mut log, 1, 2), Err(StorageError::TokenRepeated));
    let disk = log.into_parts().0;
    assert_eq!(open(disk, place, token(2)).err(), Some(OpenError::TokenRepeated));
}
