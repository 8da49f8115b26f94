use super::*;

#[derive(Debug, PartialEq)]
struct Mint {
    name: String,
    scopes: Option<Vec<String>>,
    grace: Option<i64>,
    note: Patch<String>,
    strict: bool,
}

fn own(node: Node<'_, '_>) -> Option<String> {
    node.text().map(str::to_owned)
}

fn mint(body: &str) -> Result<Mint, Vec<(String, String)>> {
    let json = Json::parse(body.as_bytes()).expect("well-formed");
    decode(&json, |members| {
        let name = members.required("name", own);
        let scopes = members.optional("scopes", |node| node.list(2, own));
        let grace = members.nullable("grace", |node| node.integer(0..=10));
        let note = members.patch("note", own);
        let rules = members.optional("rules", |node| {
            node.object(|members| members.required("strict", |node| node.boolean()))
        });
        Some(Mint {
            name: name?,
            scopes: scopes?,
            grace: grace?,
            note: note?,
            strict: rules?.unwrap_or(false),
        })
    })
    .map_err(|problem| {
        let place = |fault: &Fault| match &fault.place {
            FaultPlace::Pointer(pointer) => pointer.clone(),
            other => panic!("a body's fault has a pointer, not {other:?}"),
        };
        problem.listed().iter().map(|fault| (place(fault), fault.detail.to_string())).collect()
    })
}

#[test]
fn a_good_body_is_read_whole() {
    let body = r#"{"name":"a","scopes":["x","y"],"grace":1.0,"note":null,"rules":{"strict":true}}"#;
    let read = Mint {
        name: "a".to_owned(),
        scopes: Some(vec!["x".to_owned(), "y".to_owned()]),
        grace: Some(1),
        note: Patch::Null,
        strict: true,
    };
    assert_eq!(mint(body), Ok(read));
}

#[test]
fn absent_null_and_value_are_three_things() {
    let note = |body: &str| mint(body).map(|mint| mint.note);
    assert_eq!(note(r#"{"name":"a"}"#), Ok(Patch::Absent));
    assert_eq!(note(r#"{"name":"a","note":null}"#), Ok(Patch::Null));
    assert_eq!(note(r#"{"name":"a","note":"n"}"#), Ok(Patch::Value("n".to_owned())));
    assert_eq!(Patch::<u8>::Absent.change(), None);
    assert_eq!(Patch::<u8>::Null.change(), Some(None));
    assert_eq!(Patch::Value(1).change(), Some(Some(1)));
}

#[test]
fn each_fault_is_told_at_its_member() {
    let cases: &[(&str, &[(&str, &str)])] = &[
        ("[]", &[("", "expected an object, found an array")]),
        ("{}", &[("/name", "this member is required")]),
        (r#"{"name":null}"#, &[("/name", "expected a string, found null")]),
        (r#"{"name":"a","Name":"b"}"#, &[("/Name", "there is no such member here")]),
        (r#"{"name":"a","x/y~":1}"#, &[("/x~1y~0", "there is no such member here")]),
        (r#"{"name":"a","grace":11}"#, &[("/grace", "expected an integer from 0 to 10")]),
        (r#"{"name":"a","grace":1.5}"#, &[("/grace", "expected an integer from 0 to 10")]),
        (r#"{"name":"a","grace":"1"}"#, &[("/grace", "expected an integer, found a string")]),
        (r#"{"name":"a","scopes":null}"#, &[("/scopes", "expected an array, found null")]),
        (r#"{"name":"a","scopes":["","",""]}"#, &[("/scopes", "expected at most 2 elements, found 3")]),
        (
            r#"{"name":1,"scopes":["x",2],"rules":{"strict":0,"b":1}}"#,
            &[
                ("/name", "expected a string, found a number"),
                ("/scopes/1", "expected a string, found a number"),
                ("/rules/strict", "expected a boolean, found a number"),
                ("/rules/b", "there is no such member here"),
            ],
        ),
    ];
    for (body, faults) in cases {
        let faults: Vec<_> = faults.iter().map(|(at, detail)| (at.to_string(), detail.to_string())).collect();
        assert_eq!(mint(body), Err(faults), "{body}");
    }
}

#[test]
fn at_most_twenty_faults_are_listed() {
    let unknown: String = (0..1000).map(|n| format!(",\"m{n}\":0")).collect();
    let faults = mint(&format!("{{\"name\":\"a\"{unknown}}}")).expect_err("unknown members");
    assert_eq!(faults.len(), limits::LISTED_ERRORS);
}

#[test]
fn words_instants_ids_and_maps_say_what_they_want() {
    let faults = |body: &str, read: fn(Node<'_, '_>) -> Option<()>| {
        let json = Json::parse(body.as_bytes()).expect("well-formed");
        let outcome = decode(&json, |members| members.required("m", read));
        outcome.map_err(|problem| problem.detail().to_owned())
    };
    let word: fn(Node<'_, '_>) -> Option<()> = |node| node.one_of(&[("a", ()), ("b", ())]);
    let instant: fn(Node<'_, '_>) -> Option<()> = |node| node.instant().map(drop);
    let id: fn(Node<'_, '_>) -> Option<()> = |node| node.uuid().map(drop);
    let map: fn(Node<'_, '_>) -> Option<()> = |node| node.map(2, |_, node| node.boolean()).map(drop);
    let domain: fn(Node<'_, '_>) -> Option<()> = |node| node.parsed(|text| text.parse::<u8>()).map(drop);
    let uuid = "{\"m\":\"01977f3a-5b1c-7000-8000-000000000000\"}";
    let cases = [
        (r#"{"m":"b"}"#, word, None),
        (r#"{"m":"c"}"#, word, Some("/m: expected one of a, b")),
        (r#"{"m":"2030-01-31T12:00:00Z"}"#, instant, None),
        (r#"{"m":"soon"}"#, instant, Some("/m: expected an RFC 3339 instant, such as 2030-01-31T12:00:00Z")),
        (uuid, id, None),
        (
            r#"{"m":"01977f3a5b1c70008000000000000000"}"#,
            id,
            Some("/m: expected a UUID, such as 01977f3a-5b1c-7000-8000-000000000000"),
        ),
        (r#"{"m":{"a":true}}"#, map, None),
        (r#"{"m":{"a":true,"b":1}}"#, map, Some("/m/b: expected a boolean, found a number")),
        (r#"{"m":{"a":true,"b":true,"c":true}}"#, map, Some("/m: expected at most 2 members, found 3")),
        (r#"{"m":"7"}"#, domain, None),
        (r#"{"m":"x"}"#, domain, Some("/m: invalid digit found in string")),
    ];
    for (body, read, fault) in cases {
        assert_eq!(faults(body, read).err().as_deref(), fault, "{body}");
    }
}
