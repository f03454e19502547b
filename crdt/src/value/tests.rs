//! Exact bytes of every kind of value, and the laws of canonical form on random input.

use std::collections::BTreeMap;

use quickcheck::{Arbitrary, Gen};
use serde::de::DeserializeOwned;
use serde_bytes::ByteBuf;

use super::*;

const NO_LIMIT: u32 = u32::MAX;

fn check(bytes: &[u8]) -> Result<Value, ValueError> {
    Value::from_bytes(bytes, NO_LIMIT, DEFAULT_DEPTH)
}

fn any_form(bytes: &[u8]) -> Result<Value, ValueError> {
    Value::from_messagepack(bytes, NO_LIMIT, DEFAULT_DEPTH)
}

impl Arbitrary for Int {
    fn arbitrary(g: &mut Gen) -> Self {
        // Every width is likely, and so are the numbers beside a border between widths.
        let borders = [0, 32, 33, 128, 256, 1 << 15, 1 << 16, 1 << 31, 1 << 32, 1u64 << 63];
        let near = g.choose(&borders).unwrap().wrapping_add_signed(i64::arbitrary(g) % 3);
        let magnitude = if bool::arbitrary(g) { near } else { u64::arbitrary(g) };
        Int::from_sign_and_magnitude(bool::arbitrary(g), magnitude).unwrap_or(magnitude.into())
    }
}

impl Arbitrary for MapKey {
    fn arbitrary(g: &mut Gen) -> Self {
        match u8::arbitrary(g) % 4 {
            0 => MapKey::Int(Int::arbitrary(g)),
            1 => MapKey::Str("k".repeat(usize::arbitrary(g) % 300)),
            2 => g.choose(&["$bytes", "$$map", "$time", "$float"]).copied().unwrap().into(),
            _ => MapKey::Str(String::arbitrary(g)),
        }
    }
}

impl Arbitrary for Item {
    fn arbitrary(g: &mut Gen) -> Self {
        let smaller = |g: &Gen| Gen::new((g.size() / 3).max(1));
        match u8::arbitrary(g) % if g.size() < 2 { 7 } else { 10 } {
            0 => Item::Nil,
            1 => bool::arbitrary(g).into(),
            2 => Item::Int(Int::arbitrary(g)),
            // "Not a number" has its own tests: it is not equal to itself.
            3 => Some(f64::arbitrary(g)).filter(|f| !f.is_nan()).unwrap_or(0.5).into(),
            4 => Item::Str(String::arbitrary(g)),
            5 => Item::Bytes(Vec::arbitrary(g)),
            6 => {
                let (seconds, nanos) = (i64::arbitrary(g), u32::arbitrary(g) % 1_000_000_000);
                let shift = u32::arbitrary(g) % 64;
                let nanos = if bool::arbitrary(g) { 0 } else { nanos };
                Item::Timestamp(Timestamp::new(seconds >> shift, nanos).unwrap())
            }
            7 => Item::Array(Vec::arbitrary(&mut smaller(g))),
            8 => Item::Map([(MapKey::arbitrary(g), Item::arbitrary(&mut smaller(g)))].into()),
            _ => Item::Map(BTreeMap::arbitrary(&mut smaller(g))),
        }
    }
}

#[test]
fn every_kind_of_value_has_exactly_these_bytes() {
    let time = |seconds, nanos| Item::Timestamp(Timestamp::new(seconds, nanos).unwrap());
    let int = |number: i128| Item::Int(number.try_into().unwrap());
    let cases: Vec<(Item, &[u8])> = vec![
        (Item::Nil, b"\xc0"),
        (false.into(), b"\xc2"),
        (true.into(), b"\xc3"),
        (int(0), b"\x00"),
        (int(127), b"\x7f"),
        (int(128), b"\xcc\x80"),
        (int(255), b"\xcc\xff"),
        (int(256), b"\xcd\x01\x00"),
        (int(65_536), b"\xce\x00\x01\x00\x00"),
        (int(1 << 32), b"\xcf\x00\x00\x00\x01\x00\x00\x00\x00"),
        (int(u64::MAX.into()), b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff"),
        (int(-1), b"\xff"),
        (int(-32), b"\xe0"),
        (int(-33), b"\xd0\xdf"),
        (int(-128), b"\xd0\x80"),
        (int(-129), b"\xd1\xff\x7f"),
        (int(-32_769), b"\xd2\xff\xff\x7f\xff"),
        (int(i64::MIN.into()), b"\xd3\x80\x00\x00\x00\x00\x00\x00\x00"),
        (Item::Float(1.5), b"\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00"),
        (Item::Float(-0.0), b"\xcb\x80\x00\x00\x00\x00\x00\x00\x00"),
        (Item::Float(9_007_199_254_740_992.0), b"\xcb\x43\x40\x00\x00\x00\x00\x00\x00"),
        (Item::Float(-f64::NAN), b"\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00"),
        (Item::Float(3.0), b"\x03"),
        ("".into(), b"\xa0"),
        ("\u{e4}".into(), b"\xa2\xc3\xa4"),
        (Item::Bytes(vec![]), b"\xc4\x00"),
        (Item::Bytes(vec![7, 0]), b"\xc4\x02\x07\x00"),
        (Item::Array(vec![Item::Nil, int(1)]), b"\x92\xc0\x01"),
        (
            Item::Map([("aa".into(), int(1)), ("b".into(), int(2)), (9.into(), int(3))].into()),
            b"\x83\x09\x03\xa1b\x02\xa2aa\x01",
        ),
        (time(5, 0), b"\xd6\xff\x00\x00\x00\x05"),
        (time(5, 1), b"\xd7\xff\x00\x00\x00\x04\x00\x00\x00\x05"),
        (time(-1, 0), b"\xc7\x0c\xff\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff"),
    ];
    for (item, bytes) in cases {
        assert_eq!(Value::from_item(&item).unwrap().as_bytes(), bytes, "{item}");
        assert!(check(bytes).is_ok(), "{item}");
    }
}

#[test]
fn long_parts_take_the_shortest_header_that_holds_them() {
    let lengths = [(31, 1), (32, 2), (255, 2), (256, 3), (65_535, 3), (65_536, 5)];
    for (len, header) in lengths {
        let value = Value::from_item(&Item::Str("x".repeat(len))).unwrap();
        assert_eq!(value.as_bytes().len(), len + header);
        let value = Value::from_item(&Item::Bytes(vec![0; len])).unwrap();
        assert_eq!(value.as_bytes().len(), len + header.max(2));
    }
    for (len, header) in [(15, 1), (16, 3), (65_535, 3), (65_536, 5)] {
        let value = Value::from_item(&Item::Array(vec![Item::Nil; len])).unwrap();
        assert_eq!(value.as_bytes().len(), len + header);
        let pairs = (0..len).map(|key| (MapKey::from(key), Item::Nil));
        let value = Value::from_item(&Item::Map(pairs.collect())).unwrap();
        assert!(check(value.as_bytes()).is_ok());
    }
}

#[test]
fn a_form_that_is_not_canonical_is_refused_by_name() {
    use ValueError::*;
    let cases: Vec<(&[u8], ValueError)> = vec![
        (b"", Truncated { at: 0 }),
        (b"\xcc", Truncated { at: 1 }),
        (b"\xc0\xc0", TrailingBytes { at: 1 }),
        (b"\xcc\x7f", NotShortest { at: 0 }),
        (b"\xcd\x00\xff", NotShortest { at: 0 }),
        (b"\xd0\x05", NotShortest { at: 0 }),
        (b"\xd0\xe0", NotShortest { at: 0 }),
        (b"\xd1\xff\x80", NotShortest { at: 0 }),
        (b"\xd3\x00\x00\x00\x00\x00\x00\x00\x01", NotShortest { at: 0 }),
        (b"\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00", FloatIsInteger { at: 0 }),
        (b"\xcb\xff\xf8\x00\x00\x00\x00\x00\x00", OtherNan { at: 0 }),
        (b"\xca\x3f\xc0\x00\x00", SinglePrecision { at: 0 }),
        (b"\xd9\x01a", NotShortest { at: 0 }),
        (b"\xa1\xff", InvalidUtf8 { at: 0 }),
        (b"\xa3\xed\xa0\x80", InvalidUtf8 { at: 0 }),
        (b"\xc5\x00\x01a", NotShortest { at: 0 }),
        (b"\x91\xdc\x00\x01\xc0", NotShortest { at: 1 }),
        (b"\xdd\xff\xff\xff\xff", Truncated { at: 0 }),
        (b"\xdf\x80\x00\x00\x00\xc0", Truncated { at: 0 }),
        (b"\x82\xa1b\xc0\xa1a\xc0", KeyOrder { at: 4 }),
        (b"\x82\xa1a\xc0\xa1a\xc0", DuplicateKey { at: 4 }),
        (b"\x81\xc0\xc0", KeyKind { at: 1 }),
        (b"\xc1", ReservedMarker { at: 0 }),
        (b"\xd6\x01\x00\x00\x00\x00", UnknownExtension { kind: 1, at: 0 }),
        (b"\xd5\xff\x00\x00", BadTimestamp { at: 0 }),
        (b"\xd7\xff\x00\x00\x00\x00\x00\x00\x00\x05", NotShortest { at: 0 }),
        (b"\xd7\xff\xff\xff\xff\xff\x00\x00\x00\x05", BadTimestamp { at: 0 }),
        (b"\xc7\x04\xff\x00\x00\x00\x05", NotShortest { at: 0 }),
    ];
    for (bytes, error) in cases {
        assert_eq!(check(bytes), Err(error), "{bytes:x?}");
    }
}

#[test]
fn limits_of_size_and_depth_hold_exactly() {
    let nested = |depth: usize| [vec![0x91; depth], vec![0xc0]].concat();
    for max in [0, 1, 32, MAX_DEPTH] {
        let depth = usize::try_from(max).unwrap();
        assert!(Value::from_bytes(&nested(depth), NO_LIMIT, max).is_ok());
        let too_deep = Err(ValueError::TooDeep { at: depth });
        assert_eq!(Value::from_bytes(&nested(depth + 1), NO_LIMIT, max), too_deep);
        assert_eq!(Value::from_messagepack(&nested(depth + 1), NO_LIMIT, max), too_deep);
    }
    assert!(Value::from_bytes(&nested(1_000_000), NO_LIMIT, NO_LIMIT).is_err());
    let too_large = Err(ValueError::TooLarge { len_bytes: 3, max_bytes: 2 });
    assert_eq!(Value::from_bytes(&nested(2), 2, 32), too_large);
    assert!(Value::from_bytes(&nested(2), 3, 32).is_ok());
}

#[test]
fn the_deepest_value_reads_on_a_small_stack() {
    let deepest = [vec![0x91; 64], vec![0xc0]].concat();
    let read = move || {
        let value = Value::from_bytes(&deepest, NO_LIMIT, MAX_DEPTH).unwrap();
        let item: Item = value.decode().unwrap();
        assert_eq!(item, value.to_item());
        value.to_string().len()
    };
    let thread = std::thread::Builder::new().stack_size(512 << 10).spawn(read).unwrap();
    assert_eq!(thread.join().unwrap(), 2 * 64 + 4);
}

#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct User {
    name: String,
    age: u8,
    id: uuid::Uuid,
    picture: ByteBuf,
    score: f64,
    half: f32,
    nickname: Option<String>,
    role: Role,
    grants: Vec<Role>,
    visits: BTreeMap<i32, Timestamp>,
    rest: Item,
    unit: (),
    pair: (char, bool),
}

#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
enum Role {
    Admin,
    Member { since: u64 },
    Guest(String),
    Other(u8, u8),
}

fn round_trip<T: Serialize + DeserializeOwned + PartialEq + fmt::Debug>(source: T) {
    let value = Value::from_serialize(&source).unwrap();
    assert_eq!(check(value.as_bytes()).as_ref(), Ok(&value));
    assert_eq!(value.decode::<T>().unwrap(), source);
}

#[test]
fn any_serde_type_keeps_its_content() {
    round_trip(User {
        name: "Ada".into(),
        age: 36,
        id: uuid::Uuid::from_u128(7),
        picture: ByteBuf::from([1, 2, 255]),
        score: 4.0,
        half: 0.1,
        nickname: None,
        role: Role::Admin,
        grants: vec![Role::Member { since: u64::MAX }, Role::Guest("x".into()), Role::Other(1, 2)],
        visits: [(-5, Timestamp::new(1, 2).unwrap()), (300, Timestamp::new(-1, 0).unwrap())].into(),
        rest: Item::Map([(MapKey::from(1), Item::Timestamp(Timestamp::new(9, 0).unwrap()))].into()),
        unit: (),
        pair: ('ä', true),
    });
    round_trip(i128::MAX);
    round_trip(Some(5u8));
    round_trip(None::<u8>);
}

#[test]
fn field_order_and_float_width_do_not_show_in_the_bytes() {
    #[derive(serde::Serialize)]
    struct Forward {
        a: f32,
        bb: u8,
        c: i64,
    }
    #[derive(serde::Serialize)]
    struct Backward {
        c: f64,
        bb: f64,
        a: f64,
    }
    let forward = Value::from_serialize(&Forward { a: 0.5, bb: 2, c: -3 }).unwrap();
    let backward = Value::from_serialize(&Backward { c: -3.0, bb: 2.0, a: 0.5 }).unwrap();
    assert_eq!(forward, backward);
    assert_eq!(forward.to_string(), r#"{"a": 0.5, "c": -3, "bb": 2}"#);
}

#[test]
fn text_and_bytes_can_be_borrowed_from_a_value() {
    let value = Value::from_serialize(&("Ada", None::<u8>, ByteBuf::from([1]))).unwrap();
    let (name, none, bytes): (Option<&str>, Option<&str>, &[u8]) = value.decode_borrowed().unwrap();
    assert_eq!((name, none, bytes), (Some("Ada"), None, &[1][..]));
    assert!(value.decode::<String>().is_err());
}

#[test]
fn a_source_without_canonical_form_is_refused() {
    let keys = BTreeMap::from([(true, 1)]);
    assert!(matches!(
        Value::from_serialize(&keys),
        Err(EncodeError::Value(ValueError::KeyKind { at: 1 }))
    ));
    let mut deep = Item::Nil;
    for _ in 0..=DEFAULT_DEPTH {
        deep = Item::Array(vec![deep]);
    }
    assert_eq!(Value::from_item(&deep), Err(ValueError::TooDeep { at: 32 }));
    assert!(Value::from_serialize(&deep).is_err());
}

#[test]
fn not_a_number_is_one_value() {
    for bits in [0x7ff8_0000_0000_0000, 0xfff8_0000_0000_0001, 0x7ff0_0000_0000_0001u64] {
        let value = Value::from_serialize(&f64::from_bits(bits)).unwrap();
        assert_eq!(value.as_bytes(), b"\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00");
        assert!(value.decode::<f64>().unwrap().is_nan());
    }
    assert_eq!(to_people(&Item::Float(f64::NAN)), to_people(&special("$float", "NaN".into())));
}

/// What a format for people makes of a source, as an item without special forms.
fn to_people(item: &Item) -> Item {
    let mut bytes = Vec::new();
    let mut serializer = rmp_serde::Serializer::new(&mut bytes).with_human_readable();
    match item {
        // The map below is what the form looks like, not an item to be escaped.
        Item::Map(pairs) => pairs.serialize(&mut serializer).unwrap(),
        item => item.serialize(&mut serializer).unwrap(),
    }
    any_form(&bytes).unwrap().to_item()
}

fn from_people(item: &Item) -> Option<Item> {
    let bytes = Value::from_item(item).unwrap();
    let mut reader = rmp_serde::Deserializer::from_read_ref(bytes.as_bytes()).with_human_readable();
    Item::deserialize(&mut reader).ok()
}

fn special(key: &str, item: Item) -> Item {
    Item::Map([(MapKey::from(key), item)].into())
}

#[test]
fn a_special_form_that_says_nothing_is_refused() {
    let refused = [
        special("$bytes", "FF".into()),
        special("$bytes", Item::Nil),
        special("$float", "1".into()),
        special("$time", Item::Array(vec![Item::Nil])),
        special("$map", Item::Array(vec![Item::Nil])),
    ];
    for item in refused {
        assert_eq!(from_people(&item), None, "{item}");
    }
    for ordinary in [special("$ref", Item::Nil), special("$", Item::Nil), special("", Item::Nil)] {
        assert_eq!(from_people(&ordinary), Some(ordinary));
    }
    let escaped = special("$$$bytes", Item::Nil);
    assert_eq!(from_people(&escaped), Some(special("$$bytes", Item::Nil)));
}

quickcheck::quickcheck! {
    fn an_item_survives_its_bytes(item: Item) -> bool {
        let value = Value::from_item(&item).unwrap();
        check(value.as_bytes()).as_ref() == Ok(&value)
            && value.to_item() == item
            && value.decode::<Item>().unwrap() == item
            && Value::from_serialize(&item).unwrap() == value
    }

    fn an_item_survives_a_format_for_people(item: Item) -> bool {
        let mut bytes = Vec::new();
        let mut serializer = rmp_serde::Serializer::new(&mut bytes).with_human_readable();
        item.serialize(&mut serializer).unwrap();
        let mut reader = rmp_serde::Deserializer::from_read_ref(&bytes).with_human_readable();
        Item::deserialize(&mut reader).unwrap() == item
    }

    fn map_keys_order_as_their_bytes(a: MapKey, b: MapKey) -> bool {
        let bytes = |key: &MapKey| match key {
            MapKey::Int(number) => Value::from_item(&Item::Int(*number)).unwrap(),
            MapKey::Str(text) => Value::from_item(&Item::Str(text.clone())).unwrap(),
        };
        a.cmp(&b) == bytes(&a).as_bytes().cmp(bytes(&b).as_bytes())
    }
}

/// Canonical is whatever is left as it is by reading any form and writing the canonical one.
fn assert_canonical_iff_unchanged(bytes: &[u8]) -> bool {
    let rewritten = read::read(bytes, DEFAULT_DEPTH).map(|item| Value::from_item(&item).unwrap());
    let unchanged = rewritten.is_ok_and(|value| value.as_bytes() == bytes);
    assert_eq!(check(bytes).is_ok(), unchanged, "{bytes:x?}");
    unchanged
}

#[test]
fn random_and_damaged_bytes_are_accepted_exactly_when_canonical() {
    let mut g = Gen::from_size_and_seed(24, 1);
    let mut accepted = 0;
    for _ in 0..2_000 {
        let mut bytes = Value::from_item(&Item::arbitrary(&mut g)).unwrap().as_bytes().to_vec();
        for _ in 0..100 {
            let at = usize::arbitrary(&mut g) % bytes.len().max(1);
            match u8::arbitrary(&mut g) % 8 {
                0 => bytes.truncate(at),
                1 => bytes.push(u8::arbitrary(&mut g)),
                2 => bytes = (0..at).map(|_| u8::arbitrary(&mut g)).collect(),
                3 => bytes = Value::from_item(&Item::arbitrary(&mut g)).unwrap().as_bytes().into(),
                _ => bytes.iter_mut().skip(at).take(1).for_each(|b| *b = u8::arbitrary(&mut g)),
            }
            accepted += u32::from(assert_canonical_iff_unchanged(&bytes));
        }
    }
    assert!((20_000..180_000).contains(&accepted), "{accepted} of 200 000 were canonical");
}
