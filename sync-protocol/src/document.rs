//! The document store that a session speaks for.
//!
//! Everything the protocol knows about keys, values and their encoding passes through this file.

use rejoin_crdt::Fingerprint;
pub use rejoin_crdt::document::Acknowledgements;
pub use rejoin_crdt::path::Key;
pub use rejoin_crdt::value::Value;
pub(crate) use rejoin_crdt::wire::{
    DecodeError, Extract, KeylessDelta, PlaceTooLarge, decode_acknowledgements, decode_context,
    decode_delta, decode_keyless, decode_keyless_after, decode_version_vector, decoded_bytes,
    encode_acknowledgements, encode_context, encode_delta, encode_keyless_after,
    encode_version_vector, extract, fit, is_referenced,
};

/// The state of one replica.
pub type Store = rejoin_crdt::Store<Key, Value>;
/// The changes between two contexts.
pub type Delta = rejoin_crdt::Delta<Key, Value>;
/// A delta that may be joined.
pub type AuthorisedDelta = rejoin_crdt::AuthorisedDelta<Key, Value>;
/// What a peer may write.
pub type Authority = rejoin_crdt::Authority<Key>;
/// What has been incorporated, for every key.
pub type Context = rejoin_crdt::Context<Key>;
/// A range of keys.
pub type KeyRange = rejoin_crdt::KeyRange<Key>;

/// What a repair has changed.
pub type Repaired = rejoin_crdt::Repaired<Key, Value>;

/// The fingerprint of everything in a store.
pub(crate) fn root_fingerprint(store: &Store) -> Fingerprint {
    store.audited(&KeyRange::full()).1
}
