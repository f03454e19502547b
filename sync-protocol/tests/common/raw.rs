//! The other side of a session, written by hand from `docs/protocol.md`: streams without checksums.

use rejoin_crdt::{Limits, VersionVector, wire};
use rejoin_sync::document::{Context, Delta};
use rmp::encode::{write_array_len, write_bin, write_nil, write_uint};

pub(crate) const OPTIONAL: u8 = 0x80;
pub(crate) const HELLO: u8 = 1;
pub(crate) const DELTA: u8 = 3;
pub(crate) const PUSH: u8 = 23;

/// The first bytes of a stream without checksums.
pub(crate) fn prologue() -> Vec<u8> {
    b"RJN\x01\x00".to_vec()
}

/// One frame.
pub(crate) fn frame(type_byte: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![type_byte];
    let mut len = body.len();
    while len >= 0x80 {
        bytes.push(u8::try_from(len % 0x80).unwrap() | 0x80);
        len >>= 7;
    }
    bytes.push(u8::try_from(len).unwrap());
    bytes.extend_from_slice(body);
    bytes
}

/// What can be wrong with a hello.
pub(crate) struct Hello {
    pub(crate) versions: (u64, u64),
    pub(crate) cluster: [u8; 16],
    pub(crate) replica: Option<[u8; 16]>,
    pub(crate) context: Context,
    pub(crate) features: u64,
    /// Elements behind those that version 1 knows.
    pub(crate) trailing: u32,
}

impl Default for Hello {
    fn default() -> Self {
        let (cluster, context) = (super::CLUSTER.0, Context::default());
        let (versions, replica) = ((1, 1), Some([9; 16]));
        Self { versions, cluster, replica, context, features: 0, trailing: 0 }
    }
}

impl Hello {
    /// The stream up to and including the hello.
    pub(crate) fn stream(&self) -> Vec<u8> {
        let mut b = Vec::new();
        write_array_len(&mut b, 10 + self.trailing).unwrap();
        write_uint(&mut b, self.versions.0).unwrap();
        write_uint(&mut b, self.versions.1).unwrap();
        write_bin(&mut b, &self.cluster).unwrap();
        match &self.replica {
            Some(id) => write_bin(&mut b, id).unwrap(),
            None => write_nil(&mut b).unwrap(),
        }
        write_uint(&mut b, self.features).unwrap();
        write_uint(&mut b, 1 << 22).unwrap();
        let limits = Limits::default();
        let limits = [
            limits.frame_bytes,
            limits.delta_bytes,
            limits.cells_per_delta,
            limits.key_bytes,
            limits.key_components,
            limits.value_bytes,
            limits.dots_per_life_in_cell,
            limits.version_vector_entries,
            limits.range_tombstones_per_delta,
        ];
        write_array_len(&mut b, 9).unwrap();
        for limit in limits {
            write_uint(&mut b, limit as u64).unwrap();
        }
        write_bin(&mut b, &full(&wire::encode_version_vector(&VersionVector::new()))).unwrap();
        write_bin(&mut b, &full(&wire::encode_context(&self.context))).unwrap();
        write_nil(&mut b).unwrap();
        (0..self.trailing).for_each(|_| write_bin(&mut b, b"from a later version").unwrap());
        [prologue(), frame(HELLO, &b)].concat()
    }
}

/// A delta message; `id` is the pull that it answers, or 0.
pub(crate) fn delta(id: u64, delta: &Delta) -> Vec<u8> {
    encoded(id, &wire::encode_delta(delta))
}

/// The same of a delta that is encoded already.
pub(crate) fn encoded(id: u64, delta: &[u8]) -> Vec<u8> {
    let mut b = Vec::new();
    write_array_len(&mut b, 2).unwrap();
    write_uint(&mut b, id).unwrap();
    write_bin(&mut b, delta).unwrap();
    frame(DELTA, &b)
}

/// A frame of kind 6: id 0, the context told last, and no fingerprint.
pub(crate) fn current_without_fingerprint() -> Vec<u8> {
    frame(6, &[0x94, 0, 0, 0xc0, 0xc0])
}

fn full(encoding: &[u8]) -> Vec<u8> {
    [&[0], encoding].concat()
}
