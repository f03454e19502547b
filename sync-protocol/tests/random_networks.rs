//! Networks whose connections come, stall and break at random. A connection that comes again may begin
//! with what its predecessor remembered.

use std::collections::BTreeMap;

use rejoin_sync::{Config, Event, Remembered};

use crate::common::{Net, Random};

const HISTORIES: u64 = 1_000;

/// What happened: deltas applied, held and dropped, and proofs of equality.
type Reach = [usize; 4];

/// What is left of connections that were cut.
#[derive(Default)]
struct Past {
    /// What a site, the first, remembers of its last session with another one.
    memories: BTreeMap<(usize, usize), Remembered>,
    reach: Reach,
}

/// Small enough that rounds, holds, credit and drops all happen.
fn tight(side: usize, config: &mut Config) {
    config.limits.delta_bytes = 1_500 + 500 * side;
    config.bounds.credit_bytes = 1_000;
    config.bounds.hold_bytes = 2_000;
    config.times.hold_ms = 40;
    config.times.audit_ms = 700;
}

fn connect(net: &mut Net, past: &Past, sites: [usize; 2]) {
    net.connect_with(sites[0], sites[1], |side, config| {
        tight(side, config);
        config.remembered = past.memories.get(&(sites[side], sites[1 - side])).cloned();
    });
}

fn cut(net: &mut Net, past: &mut Past, link: usize) {
    let sites = [0, 1].map(|side| net.end(link, side).site);
    for side in 0..2 {
        let end = net.end(link, side);
        past.reach[0] += end.applied();
        past.reach[1] += end.count(|e| matches!(e, Event::Held { .. }));
        past.reach[2] += end.count(|e| matches!(e, Event::HeldDropped { .. }));
        past.reach[3] += end.count(|e| matches!(e, Event::Equal { .. }));
        if let Some(memory) = end.session.remember() {
            past.memories.insert((sites[side], sites[1 - side]), memory);
        }
    }
    net.cut(link);
}

fn step(net: &mut Net, past: &mut Past, random: &mut Random, key: u32) {
    let sites = net.sites.len();
    match random.below(10) {
        0..=3 => net.write(random.below(sites), key % 23, &"v".repeat(random.below(300))),
        _ => disturb(net, past, random),
    }
}

/// Does something to a connection, or lets time pass.
fn disturb(net: &mut Net, past: &mut Past, random: &mut Random) {
    let (sites, links) = (net.sites.len(), net.links.len());
    match random.below(6) {
        0 if links > 0 => cut(net, past, random.below(links)),
        1 if links < 2 * sites => {
            let a = random.below(sites);
            let b = (a + 1 + random.below(sites - 1)) % sites;
            net.begins_stalled = random.below(3) == 0;
            connect(net, past, [a, b]);
            net.begins_stalled = false;
        }
        2 if links > 0 => {
            let end = net.end(random.below(links), random.below(2));
            end.is_stalled = !end.is_stalled;
        }
        3 if links > 0 => {
            let (link, side) = (random.below(links), random.below(2));
            if net.end(link, side).is_stalled {
                net.release(link, side);
            }
        }
        _ => net.advance(random.below(60) as u64),
    }
}

/// All connections break, and come again with or without a memory.
fn heal(net: &mut Net, past: &mut Past, forgets: bool) {
    (0..net.links.len()).for_each(|_| cut(net, past, 0));
    if forgets {
        past.memories.clear();
    }
    for site in 1..net.sites.len() {
        connect(net, past, [site - 1, site]);
    }
    net.advance(8_000);
}

/// Runs a history, and says what is wrong at its end.
fn run(seed: u64, reach: &mut Reach) -> Result<(), String> {
    let mut random = Random(seed * 7_919 + 1);
    let mut net = Net::new(2 + random.below(4));
    let mut past = Past::default();
    for key in 0..80 {
        step(&mut net, &mut past, &mut random, key);
        if let Some(reason) = net.links.iter().flatten().find_map(|end| end.closed.as_ref()) {
            return Err(format!("a session has ended: {reason:?}"));
        }
    }
    // While nobody writes, it is questions and answers that are lost.
    (0..random.below(40)).for_each(|_| disturb(&mut net, &mut past, &mut random));
    heal(&mut net, &mut past, seed.is_multiple_of(2));
    net.converged()?;
    (0..net.links.len()).for_each(|_| cut(&mut net, &mut past, 0));
    reach.iter_mut().zip(past.reach).for_each(|(sum, count)| *sum += count);
    Ok(())
}

#[test]
fn whatever_happens_to_the_connections_everybody_converges_in_the_end() {
    let mut reach = Reach::default();
    for seed in 0..HISTORIES {
        if let Err(why) = run(seed, &mut reach) {
            panic!("history {seed}: {why}");
        }
    }
    println!("applied, held, dropped, proved equal: {reach:?}");
    assert!(reach.iter().all(|count| *count > 50), "the runs exercise everything: {reach:?}");
}

#[cfg(feature = "planted")]
#[test]
fn every_planted_bug_of_sessions_leaves_somebody_behind() {
    use rejoin_crdt::planted::{Bug, plant};

    for bug in Bug::SESSION {
        plant(Some(bug));
        let found =
            (0..HISTORIES).find_map(|seed| Some((seed, run(seed, &mut Reach::default()).err()?)));
        plant(None);
        let (seed, why) = found.expect("the judge notices every planted bug");
        println!("{bug:?}: history {seed}: {why:.60}…");
    }
}
