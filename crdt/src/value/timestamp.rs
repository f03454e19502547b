//! A point in time as MessagePack writes it: extension type −1.
//!
//! What must always hold: one byte form per time, the shortest of the three that the MessagePack
//! specification gives ("Timestamp extension type").

use rmp_serde::MSGPACK_EXT_STRUCT_NAME;
use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::{Serialize, Serializer};
use serde_bytes::{ByteBuf, Bytes};

use std::fmt;

/// The extension type that MessagePack reserves for timestamps.
pub(crate) const EXTENSION_TYPE: i8 = -1;

/// A point in time: seconds since 1970-01-01T00:00:00Z and nanoseconds after that second.
///
/// Serde formats for people see `{"$time": [seconds, nanoseconds]}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    seconds: i64,
    nanos: u32,
}

impl Timestamp {
    /// A time from its parts; `None` when `nanos` is a whole second or more.
    pub fn new(seconds: i64, nanos: u32) -> Option<Self> {
        (nanos < 1_000_000_000).then_some(Timestamp { seconds, nanos })
    }

    /// Whole seconds since 1970-01-01T00:00:00Z, rounded towards the past.
    pub fn seconds(self) -> i64 {
        self.seconds
    }

    /// Nanoseconds after [`Timestamp::seconds`], below one second.
    pub fn nanos(self) -> u32 {
        self.nanos
    }

    /// Writes the shortest form: 4 bytes of seconds, 30 bits of nanoseconds and 34 of seconds, or
    /// 4 bytes of nanoseconds and 8 of signed seconds.
    pub(crate) fn payload(self) -> Vec<u8> {
        match u64::try_from(self.seconds) {
            Ok(seconds) if seconds < 1 << 34 => match u32::try_from(seconds) {
                Ok(short) if self.nanos == 0 => short.to_be_bytes().to_vec(),
                _ => (u64::from(self.nanos) << 34 | seconds).to_be_bytes().to_vec(),
            },
            _ => [&self.nanos.to_be_bytes()[..], &self.seconds.to_be_bytes()].concat(),
        }
    }

    /// Reads any of the three forms, also one that is longer than it needs to be.
    pub(crate) fn from_payload(payload: &[u8]) -> Option<Self> {
        if let Ok(bytes) = <[u8; 4]>::try_from(payload) {
            return Timestamp::new(u32::from_be_bytes(bytes).into(), 0);
        }
        if let Ok(bytes) = <[u8; 8]>::try_from(payload) {
            let both = u64::from_be_bytes(bytes);
            let seconds = i64::try_from(both & ((1 << 34) - 1)).ok()?;
            return Timestamp::new(seconds, u32::try_from(both >> 34).ok()?);
        }
        let (nanos, seconds) = payload.split_first_chunk::<4>()?;
        let seconds = i64::from_be_bytes(seconds.try_into().ok()?);
        Timestamp::new(seconds, u32::from_be_bytes(*nanos))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "time({}, {})", self.seconds, self.nanos)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return serializer.collect_map([("$time", (self.seconds, self.nanos))]);
        }
        let extension = (EXTENSION_TYPE, Bytes::new(&self.payload()).to_owned());
        serializer.serialize_newtype_struct(MSGPACK_EXT_STRUCT_NAME, &extension)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let form = HumanForm::deserialize(deserializer)?;
            let (seconds, nanos) = form.time;
            return Timestamp::new(seconds, nanos)
                .ok_or_else(|| de::Error::custom("nanoseconds of a whole second or more"));
        }
        deserializer.deserialize_newtype_struct(MSGPACK_EXT_STRUCT_NAME, ExtensionVisitor)
    }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct HumanForm {
    #[serde(rename = "$time")]
    time: (i64, u32),
}

/// Reads the extension as `rmp-serde` presents it: a newtype around (type, payload).
pub(super) struct ExtensionVisitor;

impl<'de> Visitor<'de> for ExtensionVisitor {
    type Value = Timestamp;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a MessagePack timestamp")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<Timestamp, D::Error> {
        let (kind, payload) = <(i8, ByteBuf)>::deserialize(inner)?;
        let time = Timestamp::from_payload(&payload).filter(|_| kind == EXTENSION_TYPE);
        time.ok_or_else(|| de::Error::custom("an extension that is not a timestamp"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_takes_its_shortest_form() {
        let cases = [
            (0, 0, 4),
            (u32::MAX.into(), 0, 4),
            (i64::from(u32::MAX) + 1, 0, 8),
            (0, 1, 8),
            ((1 << 34) - 1, 999_999_999, 8),
            (1 << 34, 0, 12),
            (-1, 0, 12),
            (i64::MIN, 999_999_999, 12),
        ];
        for (seconds, nanos, len) in cases {
            let time = Timestamp::new(seconds, nanos).unwrap();
            assert_eq!(time.payload().len(), len, "{time}");
            assert_eq!(Timestamp::from_payload(&time.payload()), Some(time));
        }
        assert_eq!(Timestamp::new(0, 1_000_000_000), None);
    }
}
