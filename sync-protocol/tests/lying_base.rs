use rejoin_crdt::ReplicaId;
use rejoin_sync::document::Context;
use rejoin_sync::{Config, Event, Output, Session, SessionError};

use crate::common::raw::{self, Hello};
use crate::common::{CLUSTER, Net, Site, context};

/// A session of a fresh replica, and what a liar who claims to have two changes of `author` sends.
fn liar() -> (Net, Vec<u8>, Site) {
    let mut author = Site::new(5);
    author.write(1, "kept back");
    let base = context(&author);
    author.write(2, "sent");
    let delta = author.store.delta_since(&base);
    let hello = Hello { context: context(&author), ..Hello::default() };
    let lies: Vec<u8> = (1..=3).flat_map(|id| raw::delta(id, &delta)).collect();
    (Net::new(2), [hello.stream(), lies].concat(), author)
}

#[test]
fn an_answer_to_a_question_that_was_not_asked_ends_the_session() {
    let (net, stream, _) = liar();
    let store = &net.sites[0].store;
    let mut session = Session::new(Config::new(CLUSTER), store, 0);
    // The hello and the answers come at once, before there was a question.
    let refused = session.handle_bytes(&stream, store, 0);
    assert_eq!(refused, Err(SessionError::UnaskedAnswer { id: 1 }));
    assert_eq!(*store.view().context(), Context::default());
}

#[test]
fn a_peer_that_keeps_lying_loses_its_session_and_an_honest_one_heals() {
    let (mut net, stream, author) = liar();
    let mut config = Config::new(CLUSTER);
    config.replica = Some(ReplicaId::from_u128(1));
    let mut session = Session::new(config, &net.sites[0].store, 0);
    let delta_len =
        (stream.len() - Hello { context: context(&author), ..Hello::default() }.stream().len()) / 3;
    let store = net.sites[0].store.clone();
    let head = stream.len() - 3 * delta_len;
    session.handle_bytes(&stream[..head], &store, 0).unwrap();
    let mut refused = 0;
    let mut result = Ok(());
    for (lie, now_ms) in stream[head..].chunks(delta_len).zip([0, 10_000, 20_000]) {
        session.handle_timeout(&store, now_ms);
        result = session.handle_bytes(lie, &store, now_ms);
        while let Some(output) = session.poll_output() {
            let is_refusal = matches!(output, Output::Event(Event::BaseRefused { .. }));
            refused += usize::from(is_refusal);
            assert!(!matches!(output, Output::Apply(_)));
        }
    }
    assert_eq!((result, refused), (Err(SessionError::Fruitless { pulls: 3 }), 3));
    net.sites[1] = author;
    net.connect(0, 1);
    net.assert_converged();
    assert_eq!(net.sites[0].store.view().cell_count(), 2);
}

#[test]
fn a_push_on_a_base_that_nobody_has_is_held_and_dropped() {
    let (net, _, author) = liar();
    let store = &net.sites[0].store;
    let mut session = Session::new(Config::new(CLUSTER), store, 0);
    let base = {
        let mut only_first = Site::new(5);
        only_first.write(1, "kept back");
        context(&only_first)
    };
    let push = raw::delta(0, &author.store.delta_since(&base));
    let stream = [Hello::default().stream(), push].concat();
    session.handle_bytes(&stream, store, 0).unwrap();
    assert!(session.status(store).held_bytes > 0);
    session.handle_timeout(store, 500);
    let outputs: Vec<_> = std::iter::from_fn(|| session.poll_output()).collect();
    let is_dropped = |o: &Output| matches!(o, Output::Event(Event::HeldDropped { .. }));
    assert_eq!(outputs.iter().filter(|o| is_dropped(o)).count(), 1);
    assert_eq!(*store.view().context(), Context::default());
}
