//! Unsigned LEB128 integers in their shortest form: frame lengths and context differences.

/// The bytes of the longest one.
pub(crate) const MOST_LEN: usize = 10;

/// Appends `number`.
pub(crate) fn put(out: &mut Vec<u8>, mut number: u64) {
    loop {
        let low = (number & 0x7f).to_le_bytes()[0];
        number >>= 7;
        if number == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

/// What stands at the start of some bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Varint {
    /// A number, and how many bytes it took.
    Number(u64, usize),
    /// The start of a number.
    Incomplete,
    /// No number in its shortest form within 64 bits.
    Malformed,
}

/// Reads the number at the start of `bytes`.
pub(crate) fn read(bytes: &[u8]) -> Varint {
    let mut number = 0_u64;
    for (at, &byte) in bytes.iter().enumerate().take(MOST_LEN) {
        let bits = u64::from(byte & 0x7f);
        let fits = at < 9 || bits <= 1;
        number |= bits << (7 * at);
        if byte & 0x80 == 0 {
            let shortest = byte != 0 || at == 0;
            return if fits && shortest {
                Varint::Number(number, at + 1)
            } else {
                Varint::Malformed
            };
        }
    }
    if bytes.len() >= 10 { Varint::Malformed } else { Varint::Incomplete }
}

/// Takes the number at the start of `bytes` off them.
pub(crate) fn take(bytes: &mut &[u8]) -> Option<u64> {
    match read(bytes) {
        Varint::Number(number, len) => {
            *bytes = bytes.get(len..)?;
            Some(number)
        }
        Varint::Incomplete | Varint::Malformed => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_comes_back_and_has_one_form() {
        for number in [0, 1, 127, 128, 300, 16_383, 16_384, u64::MAX - 1, u64::MAX] {
            let mut bytes = Vec::new();
            put(&mut bytes, number);
            assert_eq!(read(&bytes), Varint::Number(number, bytes.len()));
            assert_eq!(read(&bytes[..bytes.len() - 1]), Varint::Incomplete);
        }
        assert_eq!(read(&[0x80, 0]), Varint::Malformed);
        assert_eq!(read(&[0xff; 10]), Varint::Malformed);
    }
}
