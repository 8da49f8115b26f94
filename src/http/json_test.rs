use proptest::prelude::*;

use super::*;

fn refused(body: &[u8]) -> (String, String) {
    let malformed = Json::parse(body).expect_err("this is not to be accepted");
    (malformed.pointer, malformed.detail)
}

#[test]
fn what_is_no_json_is_refused_with_its_place() {
    let cases: &[(&[u8], &str, &str)] = &[
        (b"", "", "the JSON ends too early, at byte 0"),
        (b"  ", "", "the JSON ends too early, at byte 2"),
        (b"{", "", "expected a member's name in double quotes, at byte 1"),
        (b"{\"a\"}", "/a", "expected `:`, at byte 4"),
        (b"{\"a\":}", "/a", "no JSON value begins like this, at byte 5"),
        (b"{\"a\":1,}", "", "expected a member's name in double quotes, at byte 7"),
        (b"{\"a\":1 \"b\":2}", "", "expected `,` or `}`, at byte 7"),
        (b"[1,]", "/1", "no JSON value begins like this, at byte 3"),
        (b"[1 2]", "", "expected `,` or `]`, at byte 3"),
        (b"{} {}", "", "something follows the end of the JSON, at byte 3"),
        (b"{}\0", "", "something follows the end of the JSON, at byte 2"),
        (b"\xef\xbb\xbf{}", "", "no JSON value begins like this, at byte 0"),
        (b"{\"a\":\"\xff\"}", "", "byte 6 is not UTF-8"),
        (b"'a'", "", "no JSON value begins like this, at byte 0"),
        (b"nul", "", "no JSON value begins like this, at byte 0"),
        (b"NaN", "", "no JSON value begins like this, at byte 0"),
        (b"01", "", "something follows the end of the JSON, at byte 1"),
        (b"-", "", "expected a digit, at byte 1"),
        (b"+1", "", "no JSON value begins like this, at byte 0"),
        (b"1.", "", "expected a digit after the point, at byte 2"),
        (b"1e", "", "expected a digit in the exponent, at byte 2"),
        (b"1e999", "", "the number is out of range, at byte 5"),
        (b"\"a", "", "the string does not end, at byte 2"),
        (b"\"a\nb\"", "", "control characters in strings are to be escaped, at byte 2"),
        (b"\"\\x\"", "", "there is no such escape, at byte 2"),
        (b"\"\\u12g4\"", "", "expected four hexadecimal digits, at byte 5"),
        (b"\"\\ud800\"", "", "half a surrogate pair is no character, at byte 7"),
        (b"\"\\udc00\"", "", "half a surrogate pair is no character, at byte 7"),
        (b"\"\\ud800\\u0041\"", "", "half a surrogate pair is no character, at byte 13"),
        (b"{\"a/b\":{\"m~n\":[0,x]}}", "/a~1b/m~0n/1", "no JSON value begins like this, at byte 17"),
    ];
    for (body, pointer, detail) in cases {
        let shown = String::from_utf8_lossy(body);
        assert_eq!(refused(body), (pointer.to_string(), detail.to_string()), "{shown}");
    }
}

#[test]
fn a_member_that_stands_twice_is_refused_by_its_pointer() {
    let many: String = (0..100).map(|n| format!("\"m{n}\":0,")).collect();
    let cases = [
        (r#"{"a":1,"a":1}"#.to_owned(), "/a"),
        (r#"{"a":1,"\u0061":1}"#.to_owned(), "/a"),
        (r#"{"x":[{"a":1},{"b":1,"b":2}]}"#.to_owned(), "/x/1/b"),
        (format!("{{{many}\"m99\":0}}"), "/m99"),
        (format!("{{{many}\"m0\":0}}"), "/m0"),
    ];
    for (body, pointer) in cases {
        let twice = "this member stands here twice".to_owned();
        assert_eq!(refused(body.as_bytes()), (pointer.to_owned(), twice), "{body}");
    }
}

#[test]
fn a_long_name_is_not_repeated_whole() {
    let name = "é".repeat(100_000);
    let (pointer, _) = refused(format!("{{\"{name}\":{{\"{name}\":x}}}}").as_bytes());
    assert!(pointer.len() < limits::POINTER_BYTES + 8 && pointer.ends_with("é…"), "{} bytes", pointer.len());
}

#[test]
fn depth_and_number_of_values_are_bounded() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(Json::parse(nested(limits::JSON_DEPTH).as_bytes()).is_ok());
    let (pointer, detail) = refused(nested(limits::JSON_DEPTH + 1).as_bytes());
    assert_eq!((pointer, detail.as_str()), ("/0".repeat(limits::JSON_DEPTH), "nested deeper than 32 levels"));
    assert_eq!(refused("[".repeat(limits::BODY_BYTES).as_bytes()).1, "nested deeper than 32 levels");

    let list = |items: usize| format!("[{}0]", "0,".repeat(items - 1));
    assert!(Json::parse(list(limits::JSON_VALUES - 1).as_bytes()).is_ok());
    assert_eq!(refused(list(limits::JSON_VALUES).as_bytes()).1, "a body holds at most 50000 values");
}

#[test]
fn an_integer_may_be_spelt_in_any_way_that_loses_nothing() {
    let cases = [
        ("0", Some(0)),
        ("-0", Some(0)),
        ("7.0", Some(7)),
        ("1e2", Some(100)),
        ("9223372036854775807", Some(i64::MAX)),
        ("-9223372036854775808", Some(i64::MIN)),
        ("9223372036854775808", None),
        ("9007199254740993.0", None),
        ("1.5", None),
        ("1e300", None),
    ];
    for (written, expected) in cases {
        assert_eq!(integer(written), expected, "{written}");
    }
}

#[test]
fn spellings_of_one_value_have_one_canonical_text() {
    let canonical = |body: &str| Json::parse(body.as_bytes()).map(|json| json.canonical());
    let cases = [
        (r#" { "b" : [ 1.0 , true ] , "a" : null } "#, r#"{"a":null,"b":[1,true]}"#),
        (r#"{"a":"\u0041\/\n"}"#, r#"{"a":"A/\u000a"}"#),
        (r#"[1e2,100,1.50,15e-1,-0,-0.0,1e-400]"#, r#"[100,100,1.5,1.5,0,0,0]"#),
        (r#"[1e16,1.0E+16,10000000000000000]"#, r#"[10000000000000000,10000000000000000,10000000000000000]"#),
        (r#"[1e21,1000000000000000000000.0]"#, r#"[1e+21,1e+21]"#),
        (r#"[9007199254740993]"#, r#"[9007199254740993]"#),
        (r#"[18446744073709551616,18446744073709552e3]"#, r#"[18446744073709552000,18446744073709552000]"#),
        (r#"[9007199254740993.0]"#, r#"[9007199254740992]"#),
        (r#"[9223372036854775809]"#, r#"[9223372036854775809]"#),
    ];
    for (body, expected) in cases {
        assert_eq!(canonical(body).as_deref(), Ok(expected));
    }
}

/// What serde_json makes of the same text, for comparing.
fn plain(json: &Json<'_>) -> serde_json::Value {
    match json {
        Json::Null => serde_json::Value::Null,
        Json::Bool(truth) => (*truth).into(),
        Json::Number(written) => serde_json::from_str(written).expect("a number of JSON"),
        Json::Text(text) => text.as_ref().into(),
        Json::List(items) => items.iter().map(plain).collect(),
        Json::Object(members) => {
            members.iter().map(|(name, value)| (name.to_string(), plain(value))).collect()
        }
    }
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        any::<f64>().prop_filter("finite", |double| double.is_finite()).prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Into::into),
            prop::collection::btree_map(any::<String>(), inner, 0..8)
                .prop_map(|members| members.into_iter().collect()),
        ]
    })
}

/// Texts that are nearly JSON, made of its own pieces.
fn nearly_json() -> impl Strategy<Value = String> {
    const PIECES: &[&str] = &[
        "{", "}", "[", "]", ",", ":", "\"a\"", "\"b\"", "\"", "\\", "\\u00e9", "\\ud83d", "\\ude00", "0",
        "1", "-", ".", "5", "e", "E+", "9999", "true", "null", "fals", " ", "\n", "é", "\u{0}",
    ];
    prop::collection::vec(prop::sample::select(PIECES), 0..12).prop_map(|pieces| pieces.concat())
}

fn agrees_with_serde(text: &[u8]) -> Result<(), TestCaseError> {
    let theirs = serde_json::from_slice::<serde_json::Value>(text);
    match (Json::parse(text), theirs) {
        (Ok(ours), Ok(theirs)) => prop_assert_eq!(plain(&ours), theirs),
        (Ok(_), Err(error)) => prop_assert!(false, "only serde_json refuses it: {error}"),
        (Err(ours), Ok(_)) => prop_assert!(ours.detail.contains("twice"), "only ours refuses it: {ours:?}"),
        (Err(_), Err(_)) => {}
    }
    Ok(())
}

proptest! {
    #[test]
    fn it_reads_what_serde_json_writes(value in any_json(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
        let text = text.expect("a value can be written");
        let ours = Json::parse(text.as_bytes()).map_err(|refusal| TestCaseError::fail(format!("{refusal:?}")))?;
        prop_assert_eq!(plain(&ours), serde_json::from_str::<serde_json::Value>(&text).expect("its own text"));
        let canonical = ours.canonical();
        let again = Json::parse(canonical.as_bytes()).map(|json| json.canonical());
        prop_assert_eq!(again, Ok(canonical));
    }

    #[test]
    fn it_agrees_with_serde_json_on_what_is_nearly_json(text in nearly_json()) {
        agrees_with_serde(text.as_bytes())?;
    }

    #[test]
    fn random_bytes_never_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        agrees_with_serde(&bytes)?;
    }

    #[test]
    fn read_by_items_it_takes_the_same_and_more_only_where_an_item_stands_apart(text in nearly_json(), item in any_json()) {
        for body in [format!("{{\"items\":[{text},{item}]}}"), format!("{{\"items\":[{item},{text}]}}"), text] {
            match (Json::parse(body.as_bytes()), Json::parse_items(body.as_bytes())) {
                (Ok(whole), by_items) => prop_assert_eq!(by_items, Ok((whole, vec![]))),
                (Err(_), Ok((_, apart))) => prop_assert!(!apart.is_empty(), "{}", body),
                (Err(_), Err(_)) => {}
            }
        }
    }
}
