//! Paths as text, for command lines and logs.
//!
//! What must always hold: parsing what was printed gives the same path, for every path.

use std::fmt::{self, Write};
use std::str::FromStr;

use super::component::canonical_uuid;
use super::{Component, Path};
use crate::value::{Int, hex, unhex};

/// Why a text is not a path. `at` is the byte offset of the component or escape that is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathParseError {
    /// A component without any character; empty text is written `""`.
    #[error("an empty component at byte {at}; the root is / and empty text is \"\"")]
    EmptyComponent {
        /// Where the component should begin.
        at: usize,
    },
    /// A character that text can have only inside quotes.
    #[error("a character at byte {at} that must stand inside quotes")]
    NeedsQuotes {
        /// Where the character stands.
        at: usize,
    },
    /// A quote without its counterpart.
    #[error("the quote at byte {at} is not closed")]
    OpenQuote {
        /// Where the quote stands.
        at: usize,
    },
    /// Something other than `/` after a closing quote.
    #[error("expected / or the end after the quote, at byte {at}")]
    AfterQuote {
        /// Where it stands.
        at: usize,
    },
    /// An escape other than `\"`, `\\` and `\u{…}` of a character.
    #[error("not an escape, at byte {at}")]
    BadEscape {
        /// Where its backslash stands.
        at: usize,
    },
    /// An integer outside `i64::MIN..=u64::MAX`; as text it needs quotes.
    #[error("the integer at byte {at} is outside the range of 64 bits")]
    IntOutOfRange {
        /// Where the integer begins.
        at: usize,
    },
    /// A component that begins with `@` but is none of the forms.
    #[error("not @true, @false, @bytes:… or @uuid:…, at byte {at}")]
    BadForm {
        /// Where the component begins.
        at: usize,
    },
}

/// Reads a path as people type it.
///
/// Components are separated by `/`, the root is `/` alone.
///
/// | text | component |
/// |---|---|
/// | `42`, `-1` | an integer, when it is canonical: no plus, no leading zero, no `-0` |
/// | `"42"`, `"a/b"` | text; inside the quotes only `\"`, `\\` and `\u{1f600}` are escapes |
/// | `@true`, `@false` | a boolean |
/// | `@bytes:00ff` | bytes, lower-case hexadecimal |
/// | `@uuid:…` | a UUID, lower case with hyphens |
/// | anything else | text, as long as it has no `/`, `"`, `\`, control character or first `@` |
impl FromStr for Path {
    type Err = PathParseError;

    fn from_str(text: &str) -> Result<Self, PathParseError> {
        if text == "/" {
            return Ok(Path::ROOT);
        }
        let mut path = Path::ROOT;
        let mut at = 0;
        loop {
            let (component, len) = parse_component(text.get(at..).unwrap_or_default(), at)?;
            path.push(component);
            at += len;
            match text.get(at..).unwrap_or_default().chars().next() {
                None => return Ok(path),
                Some('/') => at += 1,
                Some(_) => return Err(PathParseError::AfterQuote { at }),
            }
        }
    }
}

/// Parses the first component of `rest`, which stands `at` some offset, and says how long it is.
fn parse_component(rest: &str, at: usize) -> Result<(Component, usize), PathParseError> {
    if rest.starts_with('"') {
        return parse_quoted(rest, at);
    }
    let bare = rest.split('/').next().unwrap_or_default();
    if bare.is_empty() {
        return Err(PathParseError::EmptyComponent { at });
    }
    if let Some(form) = bare.strip_prefix('@') {
        let component = parse_form(form).ok_or(PathParseError::BadForm { at })?;
        return Ok((component, bare.len()));
    }
    if let Some(offset) = bare.find(needs_quotes) {
        return Err(PathParseError::NeedsQuotes { at: at + offset });
    }
    if !looks_like_integer(bare) {
        return Ok((bare.into(), bare.len()));
    }
    let number = bare.parse::<i128>().ok().and_then(|number| Int::try_from(number).ok());
    Ok((number.ok_or(PathParseError::IntOutOfRange { at })?.into(), bare.len()))
}

fn parse_form(form: &str) -> Option<Component> {
    match form {
        "true" => Some(true.into()),
        "false" => Some(false.into()),
        _ => match form.split_once(':')? {
            ("bytes", digits) => unhex(digits).map(Component::Bytes),
            ("uuid", uuid) => canonical_uuid(uuid).map(Component::Uuid),
            _ => None,
        },
    }
}

/// Parses from an opening quote up to and including the closing one.
fn parse_quoted(rest: &str, at: usize) -> Result<(Component, usize), PathParseError> {
    let mut text = String::new();
    let mut characters = rest.char_indices().skip(1);
    while let Some((offset, character)) = characters.next() {
        match character {
            '"' => return Ok((text.into(), offset + 1)),
            '\\' => {
                let bad = PathParseError::BadEscape { at: at + offset };
                match characters.next() {
                    Some((_, escaped @ ('"' | '\\'))) => text.push(escaped),
                    Some((_, 'u')) => {
                        let digits = characters.by_ref().map(|(_, character)| character);
                        text.push(parse_code_point(digits).ok_or(bad)?);
                    }
                    _ => return Err(bad),
                }
            }
            _ => text.push(character),
        }
    }
    Err(PathParseError::OpenQuote { at })
}

/// Parses `{HEX}` of one to six digits.
fn parse_code_point(mut characters: impl Iterator<Item = char>) -> Option<char> {
    characters.next().filter(|open| *open == '{')?;
    let mut number = 0;
    for count in 0..=6 {
        match characters.next()? {
            '}' if count > 0 => return char::from_u32(number),
            digit => number = number << 4 | digit.to_digit(16)?,
        }
    }
    None
}

/// Prints the text that `FromStr` reads.
impl fmt::Display for Path {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_root() {
            return out.write_char('/');
        }
        for (index, component) in self.components().iter().enumerate() {
            if index > 0 {
                out.write_char('/')?;
            }
            component.fmt(out)?;
        }
        Ok(())
    }
}

impl fmt::Display for Component {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Component::Bool(truth) => write!(out, "@{truth}"),
            Component::Int(number) => number.fmt(out),
            Component::Str(text) if is_bare(text) => out.write_str(text),
            Component::Str(text) => print_quoted(text, out),
            Component::Bytes(bytes) => write!(out, "@bytes:{}", hex(bytes)),
            Component::Uuid(uuid) => write!(out, "@uuid:{uuid}"),
        }
    }
}

fn print_quoted(text: &str, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    out.write_char('"')?;
    for character in text.chars() {
        match character {
            '"' | '\\' => write!(out, "\\{character}")?,
            _ if character.is_control() => write!(out, "\\u{{{:x}}}", u32::from(character))?,
            _ => out.write_char(character)?,
        }
    }
    out.write_char('"')
}

/// Text that reads back as itself without quotes. Text with blanks at its ends would, but nobody
/// could see them.
fn is_bare(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('@')
        && !text.contains(needs_quotes)
        && !looks_like_integer(text)
        && text.trim() == text
}

fn needs_quotes(character: char) -> bool {
    matches!(character, '/' | '"' | '\\') || character.is_control()
}

/// Says whether the text is a canonical decimal integer of any size.
fn looks_like_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let canonical = !digits.starts_with('0') || text == "0";
    canonical && !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit())
}
