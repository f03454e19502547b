//! After a close the life goes on with the next number, and a log that was used again is not clean.

use rejoin_storage::End;

use crate::common::{append, close, next_seq, open_at, texts, used_log};

#[test]
fn after_a_close_the_life_goes_on_with_the_next_number() {
    let (mut log, place) = used_log();
    close(&mut log, 7, 3).unwrap();
    let opened = open_at(log.into_parts().0, place, 4);
    assert_eq!(opened.end, End::Clean);
    assert_eq!(next_seq(opened.life), Some(8));
    assert_eq!(texts(&opened.records), ["one", "two"]);
}

#[test]
fn an_open_without_a_close_ends_the_cleanness() {
    let (mut log, place) = used_log();
    close(&mut log, 7, 3).unwrap();
    let disk = open_at(log.into_parts().0, place.clone(), 4).storage.into_parts().0;
    let opened = open_at(disk, place, 5);
    assert_eq!(opened.end, End::Crashed);
    assert_eq!(next_seq(opened.life), Some(101), "past the reservation");
}

#[test]
fn records_after_a_clean_open_are_found() {
    let (mut log, place) = used_log();
    close(&mut log, 7, 3).unwrap();
    let mut log = open_at(log.into_parts().0, place.clone(), 4).storage;
    append(&mut log, "three").unwrap();
    let opened = open_at(log.into_parts().0, place, 5);
    assert_eq!(texts(&opened.records), ["one", "two", "three"]);
}
