//! The behaviours of a session, one file each, over a network without loss, time or order of its own.

#![cfg(test)]

mod common;

mod a_chain_forwards;
mod acknowledgements;
mod audit_finds_damage;
mod audit_hostile;
mod audit_repairs;
mod audit_suspicion;
mod audit_without_answer;
mod below_horizon;
mod breaking_link;
mod damaged_fields;
mod damaged_histories;
mod example_bytes;
mod first_sync;
mod garbage;
mod handshake_refusals;
mod held_push;
mod keyless_removals;
mod lying_base;
mod mesh_payload;
mod mutated_streams;
mod nothing_differs;
mod one_record_push;
mod random_networks;
mod reader;
mod reconnect;
mod rounds;
mod scrub;
mod silence;
mod slow_peer;
mod small_push;
mod starvation;
mod store_refuses;
mod two_sessions;
mod unknown_frames;
