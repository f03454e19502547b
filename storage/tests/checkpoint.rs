//! A checkpoint replaces everything before it, and the life stays.

use rejoin_storage::{Disk, Slot, Storage, Write};

use crate::common::{append, next_seq, open_at, texts, used_log, write};

#[test]
fn a_checkpoint_replaces_everything_before_it() {
    let (mut log, place) = used_log();
    write(&mut log, Write::checkpoint([b"both".to_vec()])).unwrap();
    append(&mut log, "three").unwrap();
    let opened = open_at(log.into_parts().0, place, 3);
    assert_eq!(texts(&opened.records), ["both", "three"]);
    assert_eq!(next_seq(opened.life), Some(101));
}

#[test]
fn the_old_slot_is_empty_after_a_checkpoint() {
    let (mut log, _) = used_log();
    for _ in 0..3 {
        write(&mut log, Write::checkpoint([vec![0; 100]])).unwrap();
        let lens = Slot::BOTH.map(|slot| log.disk().len_bytes(slot).unwrap());
        assert!(lens.contains(&0), "{lens:?}");
    }
}

#[test]
fn a_checkpoint_is_wanted_when_the_log_has_outgrown_the_last_one() {
    let (mut log, place) = used_log();
    assert!(!log.wants_checkpoint());
    write(&mut log, Write::Append(vec![0; 1 << 20])).unwrap();
    assert!(log.wants_checkpoint());
    write(&mut log, Write::checkpoint([vec![0; 3 << 20]])).unwrap();
    write(&mut log, Write::Append(vec![0; 2 << 20])).unwrap();
    assert!(!log.wants_checkpoint(), "less than the last checkpoint");
    let opened = open_at(log.into_parts().0, place, 3);
    assert!(opened.storage.wants_checkpoint(), "an unclean end: records were copied as they are");
}
