//! Tokens: a causal context as text, to be handed out and given back unread.

use std::fmt::Write;

use rejoin::path::Key;
use rejoin::{Context, Limits, wire};

/// A context as text.
pub(super) fn write(context: &Context<Key>) -> String {
    hex(&wire::encode_context(context))
}

/// The context of a text; `None` if it is not one.
pub(super) fn read(text: &str) -> Option<Context<Key>> {
    wire::decode_context(&unhex(text)?, &Limits::default()).ok()
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The bytes of a hexadecimal text.
pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let bytes = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?));
    if rest.is_empty() { bytes.collect() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_the_context_it_was_made_of() {
        let context = rejoin::Replica::in_memory().context();
        assert_eq!(read(&write(&context)), Some(context));
        assert_eq!(read("no hex"), None);
        assert_eq!(read("00f"), None);
    }
}
