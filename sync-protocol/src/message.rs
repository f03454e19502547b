//! Messages: what two sessions say to each other. Each is one MessagePack array, but for pushes: what stands
//! around a small change counts, so they are nothing but the bytes of a delta.
//!
//! Contexts stand in them as [context forms](crate::context_form), deltas in the encoding of the
//! engine; both are opaque bytes here.

use rejoin_crdt::{Dot, Fingerprint, Limits, ReplicaId};

use crate::fields::{Body, Fields, MessageError};

/// The kinds of messages; the numbers are part of the protocol.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
#[repr(u8)]
pub enum Kind {
    /// Who speaks, and what it has.
    Hello = 1,
    /// What the sender has; it asks for the rest.
    Pull = 2,
    /// Changes.
    Delta = 3,
    /// What the sender has; ask for it if you lack some of it.
    Announce = 4,
    /// What the sender has, durably.
    Ack = 5,
    /// What the sender has, with the fingerprint of its state; also the answer to a pull that has
    /// nothing to bring.
    Current = 6,
    /// Are you there?
    Ping = 7,
    /// Yes.
    Pong = 8,
    /// More bytes of deltas are welcome.
    Credit = 9,
    /// Why the sender ends the session.
    Error = 10,
    /// The sender ends the session in good order.
    Close = 11,
    /// What the sender holds, range by range, to be compared.
    Offer = 12,
    /// Which of the offered ranges differ.
    Verdict = 13,
    /// Coded symbols of the cells in the ranges that differ.
    Sketch = 14,
    /// More of them are needed.
    More = 15,
    /// Which cells the answer shall bring.
    Want = 16,
    /// What members are known to have durably.
    Acknowledgements = 17,
    /// What readers find at the sender, range by range, to be audited.
    Probe = 18,
    /// Which of these ranges differ.
    Finding = 19,
    /// Which cells differ.
    Differ = 20,
    /// All that the sender knows of cells that differ.
    Testimony = 21,
    /// A pull cannot be answered now.
    Later = 22,
    /// Changes that nobody asked for, after a reference.
    Push = 23,
}

impl Kind {
    /// Every kind, in the order of their numbers.
    pub const ALL: [Self; 23] = [
        Self::Hello,
        Self::Pull,
        Self::Delta,
        Self::Announce,
        Self::Ack,
        Self::Current,
        Self::Ping,
        Self::Pong,
        Self::Credit,
        Self::Error,
        Self::Close,
        Self::Offer,
        Self::Verdict,
        Self::Sketch,
        Self::More,
        Self::Want,
        Self::Acknowledgements,
        Self::Probe,
        Self::Finding,
        Self::Differ,
        Self::Testimony,
        Self::Later,
        Self::Push,
    ];

    /// The kind of this number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }

    /// The number of this kind in a frame's type.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// Whether the bodies of such messages count against the credit.
    pub(crate) const fn needs_credit(self) -> bool {
        matches!(self, Self::Delta | Self::Push)
    }

    /// How long a message of this kind may be, over all its frames.
    pub(crate) const fn limit_bytes(self, limits: &Limits) -> usize {
        match self {
            Self::Hello => limits.unauthenticated_bytes,
            Self::Delta => limits.delta_bytes.saturating_add(DELTA_ENVELOPE_BYTES),
            Self::Push => limits.delta_bytes,
            // A context of the greatest version vector takes two frames; a hydrating one is larger.
            Self::Pull | Self::Announce | Self::Ack | Self::Current => {
                limits.frame_bytes.saturating_mul(4)
            }
            // 1 024 members with as many components each are a few megabytes.
            Self::Acknowledgements => limits.frame_bytes.saturating_mul(8),
            // A frame of names, hashes or coded symbols, and what stands around them.
            Self::Offer | Self::Sketch | Self::Want => limits.frame_bytes.saturating_mul(2),
            // Two keys for each of 256 ranges, and what is said of them.
            Self::Probe | Self::Differ | Self::Testimony => TESTIMONY_BYTES
                .saturating_mul(2)
                .saturating_add(limits.key_bytes.saturating_mul(512)),
            _ => 1 << 10,
        }
    }
}

/// What is told of cells at once, and of forks besides: enough for the four greatest values.
pub(crate) const TESTIMONY_BYTES: usize = 1 << 20;

/// Flag of a pull whose answer must not leave out any key.
const WITH_KEYS: u64 = 1;

/// The array header, the id and the header of the bytes.
const DELTA_ENVELOPE_BYTES: usize = 16;

/// What is at the beginning of a session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Hello {
    /// The least and greatest version of the protocol that the sender speaks.
    pub(crate) versions: (u64, u64),
    /// The cluster that the sender belongs to.
    pub(crate) cluster: [u8; 16],
    /// The id that the sender writes under; a reader has none.
    pub(crate) replica: Option<ReplicaId>,
    /// One bit for each optional feature.
    pub(crate) features: u64,
    /// How many bytes of deltas the sender takes before it has granted more.
    pub(crate) credit_bytes: u64,
    /// What the sender accepts.
    pub(crate) limits: Limits,
    /// The sender's horizon as a version vector, or its hash.
    pub(crate) horizon: Vec<u8>,
    /// The sender's context.
    pub(crate) context: Vec<u8>,
    /// The dot by which the sender was admitted as a member.
    pub(crate) admission: Option<Dot>,
}

/// What sessions say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Message {
    Hello(Box<Hello>),
    /// `id` is at least 1.
    Pull {
        id: u64,
        context: Option<Vec<u8>>,
        /// How much the answer shall bring at the most; without it, what a delta may have.
        most_bytes: Option<u64>,
        /// Whether no key may be left out.
        with_keys: bool,
    },
    /// `id` is that of the pull that is answered, or 0 for a push.
    Delta {
        id: u64,
        payload: Vec<u8>,
    },
    /// The same as a delta of id 0.
    Push {
        payload: Vec<u8>,
    },
    Announce {
        context: Option<Vec<u8>>,
    },
    Ack {
        context: Option<Vec<u8>>,
        /// `None` where the message ends before it, `Some(None)` where it says that there is none.
        fingerprint: Option<Option<Fingerprint>>,
    },
    Current(Current),
    Ping(u64),
    Pong(u64),
    Credit(u64),
    Error {
        code: u64,
        numbers: [u64; 2],
    },
    Close {
        code: u64,
    },
    /// `id` is that of the pull that is answered, here and below.
    Offer {
        id: u64,
        nonce: [u8; 16],
        items: Vec<u8>,
    },
    Verdict {
        id: u64,
        verdict: Vec<u8>,
    },
    Sketch {
        id: u64,
        coded: Vec<u8>,
    },
    More {
        id: u64,
    },
    Acknowledgements {
        table: Vec<u8>,
    },
    /// Hashes and keys of cells; `None` is everything.
    Want {
        id: u64,
        wanted: Option<(Vec<u8>, Vec<u8>)>,
    },
    /// `nonce` names the exchange, here and below.
    Probe {
        nonce: [u8; 16],
        items: Vec<u8>,
    },
    Finding {
        nonce: [u8; 16],
        verdict: Vec<u8>,
    },
    /// Hashes and keys of cells; `None` if the sender takes no part.
    Differ {
        nonce: [u8; 16],
        cells: Option<(Vec<u8>, Vec<u8>)>,
    },
    /// Two deltas, of cells and of forks; `None` if there is nothing to say any more.
    Testimony {
        nonce: [u8; 16],
        told: Option<Told>,
    },
    Later {
        id: u64,
    },
}

/// The content of a testimony.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Told {
    pub(crate) cells: Vec<u8>,
    pub(crate) forks: Option<Vec<u8>>,
}

/// The sender's whole state in a few bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Current {
    /// The pull that this answers; 0 if none.
    pub(crate) id: u64,
    /// Whether the sender wants the same from the receiver.
    pub(crate) wants_answer: bool,
    pub(crate) context: Option<Vec<u8>>,
    pub(crate) fingerprint: Option<Fingerprint>,
}

impl Message {
    pub(crate) const fn kind(&self) -> Kind {
        match self {
            Self::Hello(_) => Kind::Hello,
            Self::Pull { .. } => Kind::Pull,
            Self::Delta { .. } => Kind::Delta,
            Self::Push { .. } => Kind::Push,
            Self::Announce { .. } => Kind::Announce,
            Self::Ack { .. } => Kind::Ack,
            Self::Current(_) => Kind::Current,
            Self::Ping(_) => Kind::Ping,
            Self::Pong(_) => Kind::Pong,
            Self::Credit(_) => Kind::Credit,
            Self::Error { .. } => Kind::Error,
            Self::Close { .. } => Kind::Close,
            Self::Offer { .. } => Kind::Offer,
            Self::Verdict { .. } => Kind::Verdict,
            Self::Sketch { .. } => Kind::Sketch,
            Self::More { .. } => Kind::More,
            Self::Want { .. } => Kind::Want,
            Self::Acknowledgements { .. } => Kind::Acknowledgements,
            Self::Probe { .. } => Kind::Probe,
            Self::Finding { .. } => Kind::Finding,
            Self::Differ { .. } => Kind::Differ,
            Self::Testimony { .. } => Kind::Testimony,
            Self::Later { .. } => Kind::Later,
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let body = match self {
            Self::Hello(hello) => hello.encode(),
            Self::Pull { id, context, most_bytes, with_keys: false } => {
                let body = Body::array(2 + u32::from(most_bytes.is_some())).uint(*id);
                let body = body.optional_bin(context.as_deref());
                most_bytes.iter().fold(body, |body, most| body.uint(*most))
            }
            Self::Pull { id, context, most_bytes, with_keys: true } => {
                let body = Body::array(4).uint(*id).optional_bin(context.as_deref());
                body.optional_uint(*most_bytes).uint(WITH_KEYS)
            }
            Self::Delta { id, payload } => Body::array(2).uint(*id).bin(payload),
            Self::Push { payload } => Body::bare(payload),
            Self::Announce { context } => Body::array(1).optional_bin(context.as_deref()),
            Self::Ack { context, fingerprint } => {
                let body = Body::array(1 + u32::from(fingerprint.is_some()));
                let body = body.optional_bin(context.as_deref());
                fingerprint.iter().fold(body, |body, fingerprint| {
                    body.optional_bin(fingerprint.as_ref().map(|f| f.0.as_slice()))
                })
            }
            Self::Current(current) => Body::array(4)
                .uint(current.id)
                .uint(u64::from(current.wants_answer))
                .optional_bin(current.context.as_deref())
                .optional_bin(current.fingerprint.as_ref().map(|f| f.0.as_slice())),
            Self::Ping(number) | Self::Pong(number) | Self::Credit(number) => {
                Body::array(1).uint(*number)
            }
            Self::Error { code, numbers: [a, b] } => Body::array(3).uint(*code).uint(*a).uint(*b),
            Self::Close { code } => Body::array(1).uint(*code),
            Self::Offer { id, nonce, items } => Body::array(3).uint(*id).bin(nonce).bin(items),
            Self::Verdict { id, verdict } => Body::array(2).uint(*id).bin(verdict),
            Self::Sketch { id, coded } => Body::array(2).uint(*id).bin(coded),
            Self::More { id } | Self::Later { id } => Body::array(1).uint(*id),
            Self::Acknowledgements { table } => Body::array(1).bin(table),
            Self::Want { id, wanted } => Body::array(3)
                .uint(*id)
                .optional_bin(wanted.as_ref().map(|(hashes, _)| hashes.as_slice()))
                .optional_bin(wanted.as_ref().map(|(_, keys)| keys.as_slice())),
            Self::Probe { nonce, items: content } | Self::Finding { nonce, verdict: content } => {
                Body::array(2).bin(nonce).bin(content)
            }
            Self::Differ { nonce, cells } => Body::array(3)
                .bin(nonce)
                .optional_bin(cells.as_ref().map(|(hashes, _)| hashes.as_slice()))
                .optional_bin(cells.as_ref().map(|(_, keys)| keys.as_slice())),
            Self::Testimony { nonce, told } => Body::array(3)
                .bin(nonce)
                .optional_bin(told.as_ref().map(|told| told.cells.as_slice()))
                .optional_bin(told.as_ref().and_then(|told| told.forks.as_deref())),
        };
        body.finish()
    }

    pub(crate) fn decode(kind: Kind, body: &[u8]) -> Result<Self, MessageError> {
        let mut fields = match elements(kind) {
            Some(known) => Fields::new(body, known)?,
            None => Fields::bare(body),
        };
        let message = match kind {
            Kind::Hello => Self::Hello(Box::new(Hello::read(&mut fields)?)),
            Kind::Pull => Self::Pull {
                id: fields.uint()?,
                context: owned(fields.optional_bin()?),
                most_bytes: fields.further_optional_uint()?,
                with_keys: fields.further_uint()?.is_some_and(|flags| flags & WITH_KEYS != 0),
            },
            Kind::Delta => Self::Delta { id: fields.uint()?, payload: fields.bin()?.to_vec() },
            Kind::Push => Self::Push { payload: fields.rest().to_vec() },
            Kind::Announce => Self::Announce { context: owned(fields.optional_bin()?) },
            Kind::Ack => Self::Ack {
                context: owned(fields.optional_bin()?),
                fingerprint: fields.further_optional_id()?.map(|id| id.map(Fingerprint)),
            },
            Kind::Current => Self::Current(Current {
                id: fields.uint()?,
                wants_answer: fields.uint()? & 1 != 0,
                context: owned(fields.optional_bin()?),
                fingerprint: fields.optional_id()?.map(Fingerprint),
            }),
            Kind::Ping => Self::Ping(fields.uint()?),
            Kind::Pong => Self::Pong(fields.uint()?),
            Kind::Credit => Self::Credit(fields.uint()?),
            Kind::Error => {
                Self::Error { code: fields.uint()?, numbers: [fields.uint()?, fields.uint()?] }
            }
            Kind::Close => Self::Close { code: fields.uint()? },
            Kind::Offer => Self::Offer {
                id: fields.uint()?,
                nonce: fields.id()?,
                items: fields.bin()?.to_vec(),
            },
            Kind::Verdict => Self::Verdict { id: fields.uint()?, verdict: fields.bin()?.to_vec() },
            Kind::Sketch => Self::Sketch { id: fields.uint()?, coded: fields.bin()?.to_vec() },
            Kind::More => Self::More { id: fields.uint()? },
            Kind::Acknowledgements => Self::Acknowledgements { table: fields.bin()?.to_vec() },
            Kind::Want => Self::Want {
                id: fields.uint()?,
                wanted: owned(fields.optional_bin()?).zip(owned(fields.optional_bin()?)),
            },
            Kind::Probe => Self::Probe { nonce: fields.id()?, items: fields.bin()?.to_vec() },
            Kind::Finding => Self::Finding { nonce: fields.id()?, verdict: fields.bin()?.to_vec() },
            Kind::Differ => Self::Differ {
                nonce: fields.id()?,
                cells: owned(fields.optional_bin()?).zip(owned(fields.optional_bin()?)),
            },
            Kind::Testimony => Self::Testimony {
                nonce: fields.id()?,
                told: Told::read(owned(fields.optional_bin()?), owned(fields.optional_bin()?)),
            },
            Kind::Later => Self::Later { id: fields.uint()? },
        };
        fields.finish()?;
        Ok(message)
    }
}

/// How many elements every message of this kind has; `None` if it is no array.
const fn elements(kind: Kind) -> Option<u32> {
    Some(match kind {
        Kind::Hello => HELLO_ELEMENTS,
        Kind::Push => return None,
        Kind::Pull | Kind::Delta | Kind::Verdict | Kind::Sketch | Kind::Probe | Kind::Finding => 2,
        Kind::Current => 4,
        Kind::Error | Kind::Offer | Kind::Want | Kind::Differ | Kind::Testimony => 3,
        Kind::Announce | Kind::Ack | Kind::Ping | Kind::Pong | Kind::Credit | Kind::Close => 1,
        Kind::More | Kind::Acknowledgements | Kind::Later => 1,
    })
}

impl Told {
    fn read(cells: Option<Vec<u8>>, forks: Option<Vec<u8>>) -> Option<Self> {
        cells.map(|cells| Self { cells, forks })
    }
}

const HELLO_ELEMENTS: u32 = 10;
const LIMIT_ELEMENTS: u32 = 9;

impl Hello {
    fn encode(&self) -> Body {
        let (least, greatest) = self.versions;
        let body = Body::array(HELLO_ELEMENTS)
            .uint(least)
            .uint(greatest)
            .bin(&self.cluster)
            .optional_bin(self.replica.as_ref().map(|id| id.as_bytes().as_slice()))
            .uint(self.features)
            .uint(self.credit_bytes);
        let limits = &self.limits;
        let body = body
            .nested(LIMIT_ELEMENTS)
            .size(limits.frame_bytes)
            .size(limits.delta_bytes)
            .size(limits.cells_per_delta)
            .size(limits.key_bytes)
            .size(limits.key_components)
            .size(limits.value_bytes)
            .size(limits.dots_per_life_in_cell)
            .size(limits.version_vector_entries)
            .size(limits.range_tombstones_per_delta);
        let body = body.bin(&self.horizon).bin(&self.context);
        match self.admission {
            Some(dot) => body.nested(2).bin(dot.replica.as_bytes()).uint(dot.seq),
            None => body.optional_bin(None),
        }
    }

    fn read(fields: &mut Fields<'_>) -> Result<Self, MessageError> {
        Ok(Self {
            versions: (fields.uint()?, fields.uint()?),
            cluster: fields.id()?,
            replica: fields.optional_replica()?,
            features: fields.uint()?,
            credit_bytes: fields.uint()?,
            limits: read_limits(fields)?,
            horizon: fields.bin()?.to_vec(),
            context: fields.bin()?.to_vec(),
            admission: read_admission(fields)?,
        })
    }
}

/// Limits that do not travel are the receiver's own business and keep their defaults.
fn read_limits(fields: &mut Fields<'_>) -> Result<Limits, MessageError> {
    let len = fields.array(LIMIT_ELEMENTS)?;
    let limits = Limits {
        frame_bytes: fields.size()?,
        delta_bytes: fields.size()?,
        cells_per_delta: fields.size()?,
        key_bytes: fields.size()?,
        key_components: fields.size()?,
        value_bytes: fields.size()?,
        dots_per_life_in_cell: fields.size()?,
        version_vector_entries: fields.size()?,
        range_tombstones_per_delta: fields.size()?,
        ..Limits::default()
    };
    for _ in LIMIT_ELEMENTS..len {
        fields.uint()?;
    }
    Ok(limits)
}

fn read_admission(fields: &mut Fields<'_>) -> Result<Option<Dot>, MessageError> {
    if fields.is_nil() {
        return Ok(None);
    }
    fields.array(2)?;
    let replica = ReplicaId::from_bytes(fields.id()?);
    Ok(Some(Dot::new(replica, fields.uint()?)))
}

fn owned(bytes: Option<&[u8]>) -> Option<Vec<u8>> {
    bytes.map(<[u8]>::to_vec)
}
