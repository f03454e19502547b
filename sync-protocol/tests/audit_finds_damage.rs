use rejoin_crdt::{Authority, KeyRange};
use rejoin_sync::Event;

use crate::common::Net;

/// Two replicas of equal context and different state, as a bug would leave them.
fn damaged() -> Net {
    let mut net = Net::new(2);
    net.sites[0].write(1, "right");
    let mut other = crate::common::Site::new(1);
    other.write(1, "wrong");
    net.sites[1].store = other.store;
    net
}

#[test]
fn equal_contexts_with_different_states_raise_an_alarm_on_both_sides() {
    let mut net = damaged();
    let link = net.connect(0, 1);
    for side in 0..2 {
        let alarms = net.end(link, side).count(|e| matches!(e, Event::AuditMismatch { .. }));
        assert_eq!(alarms, 1, "side {side}");
    }
    assert_eq!(net.status(link, 0).mismatches, 1);
}

#[test]
fn the_alarm_comes_also_while_writes_never_stop() {
    let mut net = damaged();
    // Who may not write everything is not believed in an audit, so nothing is repaired.
    let everything = || Authority::Ranges(vec![KeyRange::full()]);
    let link = net.connect_with(0, 1, |_, config| config.authority = everything());
    for key in 0..1_000 {
        net.write(0, 10 + key % 7, "steady");
        net.advance(100);
    }
    let alarms = net.end(link, 1).count(|e| matches!(e, Event::AuditMismatch { .. }));
    assert!(alarms >= 2, "{alarms} alarms in 100 seconds");
}
