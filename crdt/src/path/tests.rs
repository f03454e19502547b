//! Exact bytes of every kind of component, and the laws of order, ranges and canonical form.

use quickcheck::{Arbitrary, Gen};

use super::*;
use crate::value::{Item, Value, ValueError};

const MAX_KEY_BYTES: u32 = 1024;
const MAX_COMPONENTS: u32 = 32;

fn from_bytes(bytes: &[u8]) -> Result<Key, KeyError> {
    Key::from_bytes(bytes, MAX_KEY_BYTES, MAX_COMPONENTS)
}

fn key(path: impl IntoPath, tag: TypeTag) -> Key {
    Key::new(path, tag).unwrap()
}

fn element(path: impl IntoPath, item: impl Into<Item>, tag: TypeTag) -> Key {
    let value = Value::from_item(&item.into()).unwrap();
    Key::element(path, value.as_bytes(), tag).unwrap()
}

/// Few different short strings, with the bytes that escaping and order could get wrong.
fn tricky_bytes(g: &mut Gen) -> Vec<u8> {
    let alphabet = [0, 1, 0x10, 0x40, b'a', b'b', 0x70, 0xfe, 0xff];
    (0..usize::arbitrary(g) % 4).map(|_| *g.choose(&alphabet).unwrap()).collect()
}

impl Arbitrary for Component {
    fn arbitrary(g: &mut Gen) -> Self {
        match u8::arbitrary(g) % 8 {
            0 => bool::arbitrary(g).into(),
            1 => Int::arbitrary(g).into(),
            2 => tricky_bytes(g).into(),
            3 => Uuid::from_u128(u128::arbitrary(g)).into(),
            4 => String::arbitrary(g).into(),
            5 => {
                (*g.choose(&["42", "-0", "@true", "a/b", "\"", " ", "007", "true"]).unwrap()).into()
            }
            _ => String::from_utf8_lossy(&tricky_bytes(g)).replace('\u{fffd}', "ä").into(),
        }
    }
}

impl Arbitrary for Path {
    fn arbitrary(g: &mut Gen) -> Self {
        (0..usize::arbitrary(g) % 4).map(|_| Component::arbitrary(g)).collect()
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        Box::new(self.0.shrink().map(Path))
    }
}

/// What a key is made of, in the order that its bytes must have.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Parts {
    path: Path,
    element: Option<Value>,
    tag: TypeTag,
}

impl Parts {
    fn key(&self) -> Key {
        match &self.element {
            None => Key::new(&self.path, self.tag).unwrap(),
            Some(element) => Key::element(&self.path, element.as_bytes(), self.tag).unwrap(),
        }
    }

    /// The key as a sequence that derives its order: components, then element, then tag, where a
    /// tag is less than a component and a component less than an element.
    fn steps(&self) -> Vec<Step> {
        let components = self.path.components().iter().cloned().map(Step::Component);
        let element = self.element.iter().map(|value| Step::Element(value.as_bytes().to_vec()));
        components.chain(element).chain([Step::Tag(self.tag)]).collect()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Tag(TypeTag),
    Component(Component),
    Element(Vec<u8>),
}

impl Arbitrary for Parts {
    fn arbitrary(g: &mut Gen) -> Self {
        let tag = *g.choose(&TypeTag::ALL).unwrap();
        let mut item = || match u8::arbitrary(g) % 3 {
            0 => Item::Bytes(tricky_bytes(g)),
            1 => Item::Str(String::from_utf8_lossy(&tricky_bytes(g)).into()),
            _ => Item::arbitrary(&mut Gen::new(4)),
        };
        let element = tag.is_set_element().then(|| Value::from_item(&item()).unwrap());
        Parts { path: Path::arbitrary(g), element, tag }
    }
}

/// A second key that shares much with the first: one with the same path, above, below or beside.
#[derive(Clone, Debug)]
struct Pair(Parts, Parts);

impl Arbitrary for Pair {
    fn arbitrary(g: &mut Gen) -> Self {
        let (a, mut b) = (Parts::arbitrary(g), Parts::arbitrary(g));
        let keep = usize::arbitrary(g) % (a.path.components().len() + 1);
        let more = usize::arbitrary(g) % (b.path.components().len() + 1);
        b.path = (a.path.components().iter().take(keep))
            .chain(b.path.components().iter().take(more))
            .cloned()
            .collect();
        if bool::arbitrary(g) && a.element.is_some() && b.element.is_some() {
            b.element = a.element.clone();
        }
        Pair(a, b)
    }
}

#[test]
fn every_kind_of_component_has_exactly_these_bytes() {
    let cases: Vec<(Component, &[u8])> = vec![
        (false.into(), b"\x10"),
        (true.into(), b"\x11"),
        (i64::MIN.into(), b"\x20\x7f\xff\xff\xff\xff\xff\xff\xff"),
        ((-65_536).into(), b"\x25\xfe\xff\xff"),
        ((-65_535).into(), b"\x26\x00\x00"),
        ((-256).into(), b"\x26\xfe\xff"),
        ((-255).into(), b"\x27\x00"),
        ((-1).into(), b"\x27\xfe"),
        (0.into(), b"\x28"),
        (1.into(), b"\x29\x01"),
        (255.into(), b"\x29\xff"),
        (256.into(), b"\x2a\x01\x00"),
        (i64::MAX.into(), b"\x30\x7f\xff\xff\xff\xff\xff\xff\xff"),
        (u64::MAX.into(), b"\x30\xff\xff\xff\xff\xff\xff\xff\xff"),
        ("".into(), b"\x40\x00"),
        ("a\0b".into(), b"\x40a\x00\xffb\x00"),
        ("\u{e4}".into(), b"\x40\xc3\xa4\x00"),
        (b"".into(), b"\x50\x00"),
        (b"\x00\xff".into(), b"\x50\x00\xff\xff\x00"),
        (Uuid::from_u128(0x0102).into(), b"\x60\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x02"),
    ];
    for (component, bytes) in &cases {
        assert_eq!(component.clone().into_path().encoded(), *bytes, "{component}");
    }
    assert!(cases.is_sorted(), "the table is in the order of components and of bytes");
}

#[test]
fn keys_have_exactly_these_bytes_and_fit_into_three_words() {
    let name = key(("users", 42, "name"), TypeTag::Register);
    assert_eq!(name.as_bytes(), b"\x40users\x00\x29\x2a\x40name\x00\x01");
    let tag = element("tags", "vip", TypeTag::SetElement);
    assert_eq!(tag.as_bytes(), b"\x40tags\x00\x70\xa3vip\x00\x0b");
    assert_eq!(tag.element_bytes().as_deref(), Some(&b"\xa3vip"[..]));
    assert_eq!(tag.path_bytes(), b"\x40tags\x00");
    assert_eq!(key((), TypeTag::MapMarker).as_bytes(), b"\x0a");
    let zero = element((), 0.0, TypeTag::RemoveWinsElement);
    assert_eq!(zero.as_bytes(), b"\x70\x00\xff\x00\x0c");
    assert_eq!(size_of::<Key>(), 24);
    assert_eq!(
        format!("{name:?} {tag:?}"),
        "Key(users/42/name Register) Key(tags h'a3766970' SetElement)"
    );
    assert_eq!(format!("{:?}", Key::bound(b"\x40")), "Key(h'40')");
}

#[test]
fn whatever_names_a_path_makes_the_same_path() {
    let path = ("a", 1, true).into_path();
    let components = [Component::from("a"), 1u8.into(), true.into()];
    assert_eq!((&components).into_path(), path);
    assert_eq!(components.as_slice().into_path(), path);
    assert_eq!(components.to_vec().into_path(), path);
    assert_eq!(components.into_path(), path);
    assert_eq!((String::from("a"), (1usize, (), true)).into_path(), path);
    assert_eq!(((&"a".into_path(), 1i8).into_path(), true).into_path(), path);
    assert_eq!(((), path.clone()).into_path(), path);
    assert_eq!(().into_path(), Path::ROOT);
    assert_eq!(path.parent(), Some(("a", 1).into_path()));
    assert_eq!(Path::ROOT.parent(), None);
    let six = (b"x", vec![7u8], &[8u8][..], Uuid::nil(), -1i64, u64::MAX).into_path();
    assert_eq!(six.components().len(), 6);
}

#[test]
fn reserved_keys_lie_before_and_below_no_path() {
    let reserved = Key::reserved(&("members", 1).into_path(), TypeTag::MvRegister);
    assert_eq!(from_bytes(reserved.as_bytes()), Ok(reserved.clone()));
    assert_eq!(reserved.path(), ("members", 1).into_path());
    assert_eq!(format!("{reserved:?}"), "Key(reserved members/1 MvRegister)");
    let range = Key::reserved_range();
    let (start, end) = Path::ROOT.subtree();
    let first = key((), TypeTag::Register);
    assert!(range.contains(&reserved) && reserved < start && range.end == Some(start.clone()));
    assert!(start <= first && first < end && !range.contains(&first) && !first.is_reserved());
}

#[test]
fn bytes_that_are_no_key_are_refused_by_name() {
    use KeyError::*;
    let nil_element = ValueError::Truncated { at: 0 };
    let cases: Vec<(&[u8], KeyError)> = vec![
        (b"", Truncated { at: 0 }),
        (b"\x10", Truncated { at: 1 }),
        (b"\x00", Truncated { at: 1 }),
        (b"\x00\x00", UnknownType { byte: 0 }),
        (b"\x10\x0d", UnknownType { byte: 0x0d }),
        (b"\x01\x01", TrailingBytes { at: 1 }),
        (b"\x12\x01", UnknownComponent { first: 0x12, at: 0 }),
        (b"\x31\x01", UnknownComponent { first: 0x31, at: 0 }),
        (b"\xff\x01", UnknownComponent { first: 0xff, at: 0 }),
        (b"\x29\x00\x01", NotShortest { at: 1 }),
        (b"\x27\xff\x01", NotShortest { at: 1 }),
        (b"\x2a\x00\x07\x01", NotShortest { at: 1 }),
        (b"\x20\x7f\xff\xff\xff\xff\xff\xff\xfe\x01", IntOutOfRange { at: 1 }),
        (b"\x2a\x01", Truncated { at: 1 }),
        (b"\x40a\x01", Truncated { at: 1 }),
        (b"\x40a\x00\xff\x01", Truncated { at: 1 }),
        (b"\x40\xc3\x00\xff\xa4\x00\x01", InvalidUtf8 { at: 0 }),
        (b"\x60\x01", Truncated { at: 1 }),
        (b"\x0b", SetWithoutElement),
        (b"\x10\x0c", SetWithoutElement),
        (b"\x70\xc0\x00\x01", ElementWithoutSet { at: 0 }),
        (b"\x70\xc0\x00\x10\x0b", MisplacedElement { at: 0 }),
        (b"\x70\x00\x0b", Element { at: 0, source: nil_element }),
        (b"\x70\xcc\x01\x00\x0b", Element { at: 0, source: ValueError::NotShortest { at: 0 } }),
    ];
    for (bytes, error) in cases {
        assert_eq!(from_bytes(bytes), Err(error), "{bytes:x?}");
    }
    assert_eq!(Key::new(&Path::ROOT, TypeTag::SetElement), Err(SetWithoutElement));
    let no_set = Key::element(&Path::ROOT, b"\xc0", TypeTag::Counter);
    assert_eq!(no_set, Err(ElementWithoutSet { at: 0 }));
    assert!(Key::element(&Path::ROOT, b"\xc0\xc0", TypeTag::SetElement).is_err());
    assert_eq!(Path::from_encoded(b"\x10\x01"), Err(TrailingBytes { at: 1 }));
    assert!(Path::from_encoded(b"\x70\xc0\x00").is_err());
    assert_eq!(Path::from_encoded(b"\x00\x10"), Err(Reserved));
}

#[test]
fn limits_of_a_key_hold_exactly() {
    let long = key("x".repeat(1021), TypeTag::Register);
    assert!(from_bytes(long.as_bytes()).is_ok());
    let longer = key("x".repeat(1022), TypeTag::Register);
    let too_long = Err(KeyError::TooLong { len_bytes: 1025, max_bytes: 1024 });
    assert_eq!(longer.check_limits(1, MAX_KEY_BYTES, MAX_COMPONENTS), too_long);
    let deep = vec![Component::Bool(true); 32];
    assert!(from_bytes(key(deep.as_slice(), TypeTag::Counter).as_bytes()).is_ok());
    let too_many = Err(KeyError::TooManyComponents { max_components: 32 });
    let path = (deep.as_slice(), 1).encode();
    let deeper = Key::at(&path, TypeTag::Counter).unwrap();
    let components = path.component_count();
    assert_eq!(deeper.check_limits(components, MAX_KEY_BYTES, MAX_COMPONENTS), too_many);
    assert_eq!(from_bytes(deeper.as_bytes()).map(drop), too_many);
    let element = element(deep.as_slice(), 1.0, TypeTag::SetElement);
    assert_eq!(element.check_limits(33, MAX_KEY_BYTES, MAX_COMPONENTS), too_many);
    assert_eq!(from_bytes(element.as_bytes()).map(drop), too_many);
}

#[test]
fn text_stands_for_the_path_that_people_expect() {
    let uuid = Uuid::from_u128(0x6ba7_b810_9dad_11d1_80b4_00c0_4fd4_30c8);
    let cases: Vec<(&str, Path)> = vec![
        ("/", Path::ROOT),
        ("users/42/name", ("users", 42, "name").into_path()),
        ("users/\"42\"", ("users", "42").into_path()),
        ("-7/007/-0/+1/-", (-7, "007", "-0", "+1", "-").into_path()),
        ("true/@true/@false", ("true", true, false).into_path()),
        ("@bytes:00ff/@bytes:", (&[0, 255], b"").into_path()),
        ("@uuid:6ba7b810-9dad-11d1-80b4-00c04fd430c8", uuid.into_path()),
        (r#""a/b"/"\"\\\u{a}"/"""#, ("a/b", "\"\\\n", "").into_path()),
        ("first name/\" x\"/a@b/ä", ("first name", " x", "a@b", "ä").into_path()),
        ("\"99999999999999999999\"", "99999999999999999999".into_path()),
    ];
    for (text, path) in cases {
        assert_eq!(text.parse(), Ok(path.clone()));
        assert_eq!(path.to_string(), text);
    }
    assert_eq!(r#""\u{1F600}""#.parse(), Ok("\u{1f600}".into_path()));
}

#[test]
fn text_that_is_no_path_is_refused_by_name() {
    use PathParseError::*;
    let cases = [
        ("", EmptyComponent { at: 0 }),
        ("/a", EmptyComponent { at: 0 }),
        ("a/", EmptyComponent { at: 2 }),
        ("a//b", EmptyComponent { at: 2 }),
        ("a/b\"c", NeedsQuotes { at: 3 }),
        ("a\\b", NeedsQuotes { at: 1 }),
        ("a\nb", NeedsQuotes { at: 1 }),
        ("a/\"b", OpenQuote { at: 2 }),
        ("\"a\"b", AfterQuote { at: 3 }),
        (r#""\n""#, BadEscape { at: 1 }),
        (r#""\u{}""#, BadEscape { at: 1 }),
        (r#""\u{d800}""#, BadEscape { at: 1 }),
        (r#""\u{1234567}""#, BadEscape { at: 1 }),
        ("a/18446744073709551616", IntOutOfRange { at: 2 }),
        ("-9223372036854775809", IntOutOfRange { at: 0 }),
        ("9".repeat(60).leak(), IntOutOfRange { at: 0 }),
        ("@maybe", BadForm { at: 0 }),
        ("@bytes:FF", BadForm { at: 0 }),
        ("@uuid:6BA7B810-9dad-11d1-80b4-00c04fd430c8", BadForm { at: 0 }),
    ];
    for (text, error) in cases {
        assert_eq!(text.parse::<Path>(), Err(error), "{text}");
    }
}

#[test]
fn serde_sees_the_plain_components() {
    let path = ("users", 42, true, b"\x00\xff", Uuid::nil()).into_path();
    let value = Value::from_serialize(&path).unwrap();
    assert_eq!(
        value.to_string(),
        r#"["users", 42, true, {"bytes": "00ff"}, {"uuid": "00000000-0000-0000-0000-000000000000"}]"#
    );
    let object = |pairs: &[(&str, &str)]| {
        Item::Map(pairs.iter().map(|(key, text)| ((*key).into(), (*text).into())).collect())
    };
    let refused = [
        Item::Nil,
        1.5.into(),
        object(&[]),
        object(&[("bytes", "FF")]),
        object(&[("hex", "00")]),
        object(&[("bytes", "00"), ("uuid", "00000000-0000-0000-0000-000000000000")]),
    ];
    for item in refused {
        assert!(Value::from_item(&item).unwrap().decode::<Component>().is_err(), "{item}");
    }
}

#[test]
fn a_path_used_as_two_kinds_of_thing_is_a_clash() {
    use TypeTag::*;
    let a = "a".into_path().encoded().len();
    let cases = [
        (key("a", Register), key("a", Counter), Some(a)),
        (key("a", Register), key(("a", "b"), Register), Some(a)),
        (key("a", MapMarker), key(("a", "b"), Register), None),
        (key("a", MapMarker), key("a", Register), Some(a)),
        (key("a", MapMarker), element("a", "x", SetElement), Some(a)),
        (key("a", Register), element("a", "x", SetElement), Some(a)),
        (key(("a", "b"), Register), key(("a", "c"), Counter), None),
        (key(("a", "b"), Register), element("a", "x", SetElement), Some(a)),
        (element("a", "x", SetElement), element("a", "y", SetElement), None),
        (element("a", "x", SetElement), element("a", "y", RemoveWinsElement), Some(a)),
        (element("a", "x", SetElement), element("a", "x", RemoveWinsElement), Some(a)),
        (element("a", "x", SetElement), element("b", "x", RemoveWinsElement), None),
        (element("a", "x", SetElement), element(("a", "b"), "x", SetElement), Some(a)),
        (key("a", Register), key("a\0b", Counter), None),
        (key("a", Register), key(("a\0b", 1), Counter), None),
        (element(("a", b"x"), 1.0, SetElement), element(("a", b"x\0"), 1.0, SetElement), None),
        (key((), Register), key("a", Register), Some(0)),
        (key((), MapMarker), key("a", Register), None),
        (key("a", Register), key("a", Register), None),
    ];
    for (x, y, expected) in cases {
        assert_eq!(clash(&x, &y), expected, "{x:?} {y:?}");
        assert_eq!(clash(&y, &x), expected, "{y:?} {x:?}");
    }
}

/// The definition of a clash, over components instead of bytes.
fn clash_by_definition(x: &Parts, y: &Parts) -> Option<usize> {
    let shared =
        (x.path.components().iter()).zip(y.path.components()).take_while(|(a, b)| a == b).count();
    let kind = |parts: &Parts| match parts.path.components().len() > shared {
        true => TypeTag::MapMarker,
        false => parts.tag,
    };
    let path: Path = x.path.components().iter().take(shared).cloned().collect();
    (kind(x) != kind(y)).then(|| path.encoded().len())
}

quickcheck::quickcheck! {
    fn a_key_gives_back_what_it_was_made_of(parts: Parts) -> bool {
        let key = parts.key();
        key.path() == parts.path
            && key.tag() == Some(parts.tag)
            && key.element_bytes().as_deref() == parts.element.as_ref().map(Value::as_bytes)
            && key.path_bytes() == parts.path.encoded()
            && Path::from_encoded(key.path_bytes()).as_ref() == Ok(&parts.path)
            && Key::from_bytes(key.as_bytes(), u32::MAX, 32).as_ref() == Ok(&key)
    }

    fn keys_order_as_their_components_and_tags(pair: Pair) -> bool {
        pair.0.key().cmp(&pair.1.key()) == pair.0.steps().cmp(&pair.1.steps())
    }

    fn a_subtree_holds_exactly_the_keys_below_its_path(pair: Pair) -> bool {
        let (ancestor, key) = (pair.0.path, pair.1.key());
        let within = |(start, end): (Key, Key)| start <= key && key < end;
        let own = pair.1.path == ancestor;
        within(ancestor.subtree()) == pair.1.path.starts_with(&ancestor)
            && within(ancestor.own_cells()) == (own && pair.1.element.is_none())
            && within(ancestor.elements()) == (own && pair.1.element.is_some())
    }

    fn a_clash_is_found_as_defined(pair: Pair) -> bool {
        clash(&pair.0.key(), &pair.1.key()) == clash_by_definition(&pair.0, &pair.1)
    }

    fn every_type_mix_shows_between_neighbours(pairs: Vec<Pair>) -> bool {
        let mut all: Vec<Parts> = pairs.into_iter().flat_map(|pair| [pair.0, pair.1]).collect();
        all.sort_by_key(Parts::key);
        let between_any: std::collections::BTreeSet<_> = (all.iter().enumerate())
            .flat_map(|(index, x)| all.iter().skip(index).map(move |y| (x, y)))
            .filter_map(|(x, y)| Some(x.key().as_bytes().get(..clash_by_definition(x, y)?)?.to_vec()))
            .collect();
        let between_neighbours = (all.windows(2))
            .filter_map(|pair| {
                let (x, y) = (pair[0].key(), pair[1].key());
                Some(x.as_bytes().get(..clash(&x, &y)?)?.to_vec())
            })
            .collect();
        between_any == between_neighbours
    }

    fn a_path_survives_its_text(path: Path) -> bool {
        path.to_string().parse().as_ref() == Ok(&path)
    }

    fn a_path_survives_serde(path: Path) -> bool {
        Value::from_serialize(&path).unwrap().decode::<Path>().unwrap() == path
    }

    fn any_text_is_a_path_that_survives_or_an_error(parts: Vec<String>) -> bool {
        let parsed = parts.join("/").parse::<Path>();
        parsed.map_or(true, |path| path.to_string().parse() == Ok(path))
    }
}

/// A key is canonical when making it again from its parts gives the same bytes; a reserved one, when
/// what follows its first byte is.
fn assert_accepted_iff_made_again(bytes: &[u8]) -> bool {
    let position = Key::bound(bytes.strip_prefix(b"\0").unwrap_or(bytes));
    let again = match (position.element_bytes(), position.tag()) {
        (None, Some(tag)) => Key::new(position.path(), tag).ok(),
        (Some(element), Some(tag)) => Key::element(position.path(), &element, tag).ok(),
        (_, None) => None,
    };
    let unchanged = again.is_some_and(|key| key == position);
    let accepted = Key::from_bytes(bytes, u32::MAX, u32::MAX);
    assert_eq!(accepted.is_ok(), unchanged, "{bytes:x?} {accepted:?}");
    unchanged
}

#[test]
fn random_and_damaged_bytes_are_accepted_exactly_when_canonical() {
    let mut g = Gen::from_size_and_seed(12, 1);
    let mut accepted = 0;
    for _ in 0..2_000 {
        let mut bytes = Parts::arbitrary(&mut g).key().as_bytes().to_vec();
        let other = Parts::arbitrary(&mut g).key();
        for _ in 0..100 {
            let at = usize::arbitrary(&mut g) % bytes.len().max(1);
            match u8::arbitrary(&mut g) % 8 {
                0 => bytes.truncate(at),
                1 => bytes.push(u8::arbitrary(&mut g) % 16),
                2 => bytes = (0..at).map(|_| u8::arbitrary(&mut g)).collect(),
                3 => bytes = Parts::arbitrary(&mut g).key().as_bytes().to_vec(),
                4 => bytes.iter_mut().skip(at).take(1).for_each(|b| *b = 0),
                _ => bytes.iter_mut().skip(at).take(1).for_each(|b| *b = u8::arbitrary(&mut g)),
            }
            accepted += u32::from(assert_accepted_iff_made_again(&bytes));
            // Nonsense has no clash worth a name, but must not panic either way round.
            let position = Key::bound(&bytes);
            assert_eq!(clash(&position, &other), clash(&other, &position));
            assert!(Key::from_bytes(position.as_bytes(), 0, 0).is_err());
        }
    }
    assert!((20_000..180_000).contains(&accepted), "{accepted} of 200 000 were keys");
}
