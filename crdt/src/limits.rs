//! The bounds of everything that a peer may send and that a replica may write.
//!
//! Every bound is checked before memory is reserved for what it bounds, and local writes are checked
//! against the same bounds first: no honest replica can make what another one refuses.

/// All limits, each with the reason for its default.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// One frame. Small enough to interleave with other traffic, large enough to amortise its header.
    pub frame_bytes: usize,
    /// One delta, applied as one commit: what a phone can hold twice while staging it.
    pub delta_bytes: usize,
    /// Cells in one delta. Bounds the work of one commit when the cells are tiny.
    pub cells_per_delta: usize,
    /// One encoded key. A path is a name, not a document.
    pub key_bytes: usize,
    /// Components of one path; also the nesting depth of maps.
    pub key_components: usize,
    /// One encoded value. Larger blobs belong into a blob store, by reference.
    pub value_bytes: usize,
    /// Live dots of one replica in one cell: its slot or row, and one entry of another kind, since what
    /// a replica writes supersedes what it wrote.
    pub dots_per_life_in_cell: usize,
    /// Entries of one version vector: the replicas that ever wrote and are not yet forgotten.
    pub version_vector_entries: usize,
    /// Range tombstones in one delta. Each costs a walk over its range.
    pub range_tombstones_per_delta: usize,
    /// Nesting of a MessagePack value. Bounds the stack.
    pub value_depth: usize,
    /// Memory that one session may hold in queues and held deltas.
    pub session_bytes: usize,
    /// What a stranger may send before it has said who it is.
    pub unauthenticated_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frame_bytes: 1 << 20,
            delta_bytes: 16 << 20,
            cells_per_delta: 1_000_000,
            key_bytes: 1_024,
            key_components: 32,
            value_bytes: 256 << 10,
            dots_per_life_in_cell: 2,
            version_vector_entries: 65_536,
            range_tombstones_per_delta: 4_096,
            value_depth: 32,
            session_bytes: 64 << 20,
            unauthenticated_bytes: 16 << 10,
        }
    }
}
