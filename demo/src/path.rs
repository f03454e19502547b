//! Paths as the demo writes them to command lines and reads them in exports.
//!
//! A component is text or a whole number, and `42` and `"42"` are not the same one. The rule for
//! typed paths and for keys of CSV files is documented in `rejoin help`: what is written as a
//! whole number is one, unless it stands in quotes.

use std::fmt;

use anyhow::{Context, Result};
use serde_json::{Number, Value};

/// Where a value stands: one component per level.
pub(crate) type Path = Vec<Component>;

/// One level of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Component {
    /// A whole number.
    Number(i128),
    /// Text.
    Text(String),
}

impl Component {
    /// The component that a word of a path or a key of a CSV file stands for.
    fn of_word(word: &str) -> Self {
        match word.parse::<i128>() {
            Ok(number) if in_range(number) && number.to_string() == word => Self::Number(number),
            _ => Self::Text(word.to_owned()),
        }
    }

    /// The component that stands in a JSON array.
    fn of_json(value: &Value) -> Result<Self> {
        match value {
            Value::String(text) => Ok(Self::Text(text.clone())),
            _ => whole_number(value)
                .map(Self::Number)
                .with_context(|| format!("`{value}` is neither text nor a whole number")),
        }
    }
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// The path of some words.
pub(crate) fn words<'a>(words: impl IntoIterator<Item = &'a str>) -> Path {
    words.into_iter().map(Component::of_word).collect()
}

/// The path that a JSON array stands for.
///
/// # Errors
/// When it is no array of text and whole numbers.
pub(crate) fn of_json(value: &Value) -> Result<Path> {
    let components = value.as_array().with_context(|| format!("`{value}` is no array"))?;
    components.iter().map(Component::of_json).collect()
}

/// The whole number that a JSON value is.
pub(crate) fn whole_number(value: &Value) -> Option<i128> {
    value.as_number().and_then(Number::as_i128)
}

/// A path as people read it.
pub(crate) fn shown(path: &[Component]) -> String {
    path.iter().map(Component::to_string).collect::<Vec<_>>().join("/")
}

/// A path as one types it: all text in quotes, which suits every text.
pub(crate) fn typed(path: &[Component]) -> String {
    let component = |component: &Component| match component {
        Component::Number(number) => number.to_string(),
        Component::Text(text) => quoted(text),
    };
    path.iter().map(component).collect::<Vec<_>>().join("/")
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// The whole numbers of a path have 64 bits, with or without a sign.
fn in_range(number: i128) -> bool {
    i64::try_from(number).is_ok() || u64::try_from(number).is_ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_word_is_a_number_only_in_the_one_form_of_that_number() {
        for number in ["0", "42", "-7", "18446744073709551615", "-9223372036854775808"] {
            assert!(matches!(words([number])[0], Component::Number(_)), "{number}");
        }
        for text in ["042", "+1", "-0", "1.0", "", "18446744073709551616", "4 2", "Au"] {
            assert_eq!(words([text]), [Component::Text(text.to_owned())]);
        }
    }

    #[test]
    fn text_is_typed_in_quotes_and_numbers_are_not() {
        let path = vec![Component::Number(-3), Component::Text("3".into())];
        assert_eq!(typed(&path), "-3/\"3\"");
        assert_eq!(typed(&words(["a/b \"c\"\\\n"])), r#""a/b \"c\"\\\u{a}""#);
    }

    #[test]
    fn a_json_path_keeps_its_kinds() {
        let path = of_json(&json!(["cities", 3_040_051, "7"])).unwrap();
        assert_eq!(shown(&path), "cities/3040051/7");
        assert_eq!(typed(&path), "\"cities\"/3040051/\"7\"");
        assert!(of_json(&json!(["cities", 0.5])).is_err());
        assert!(of_json(&json!("cities")).is_err());
    }
}
