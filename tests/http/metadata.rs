//! Metadata is free JSON, and one value however it is spelt: saying it again changes nothing.

use serde_json::{Value, json};

use super::bad_input::{is_refused_at, send_text};
use crate::support::client::Request;
use crate::support::service::{Service, text};
use crate::{acme, without_an_event};

/// (as it is first said, as it is read back, other spellings of it)
const SPELLINGS: [(&str, &str, &[&str]); 14] = [
    (
        r#"{"n":1e16}"#,
        r#"{"n":10000000000000000}"#,
        &[
            r#"{"n":10000000000000000}"#,
            r#"{"n":1.0E16}"#,
            r#"{"n":1.0e+16}"#,
            r#"{"n":10000000000000000.0}"#,
        ],
    ),
    (r#"{"n":1}"#, r#"{"n":1}"#, &[r#"{"n":1.0}"#, r#"{"n":1e0}"#, r#"{"n":10e-1}"#]),
    (r#"{"n":-0}"#, r#"{"n":0}"#, &[r#"{"n":0}"#, r#"{"n":-0.0}"#, r#"{"n":0e9}"#, r#"{"n":-1e-400}"#]),
    (r#"{"n":1.50}"#, r#"{"n":1.5}"#, &[r#"{"n":15e-1}"#, r#"{"n":1.5}"#, r#"{"n":0.15E+1}"#]),
    (r#"{"n":1e21}"#, r#"{"n":1e21}"#, &[r#"{"n":1000000000000000000000}"#, r#"{"n":1.000E+21}"#]),
    (r#"{"n":0.0000001}"#, r#"{"n":1e-7}"#, &[r#"{"n":1e-7}"#, r#"{"n":0.1E-6}"#]),
    (r#"{"n":5e-324}"#, r#"{"n":5e-324}"#, &[r#"{"n":4.9406564584124654e-324}"#]),
    (
        r#"{"n":1.7976931348623157e308}"#,
        r#"{"n":1.7976931348623157e308}"#,
        &[r#"{"n":17976931348623157e292}"#],
    ),
    // An integer keeps all its digits; with a point or an exponent a number is a double.
    (r#"{"n":9007199254740993}"#, r#"{"n":9007199254740993}"#, &[]),
    (r#"{"n":9007199254740993.0}"#, r#"{"n":9007199254740992}"#, &[r#"{"n":9007199254740992}"#]),
    (r#"{"n":18446744073709551616}"#, r#"{"n":1.8446744073709552e19}"#, &[r#"{"n":18446744073709552000.0}"#]),
    (
        r#"{"a":"A\u0041\/","\u0062":"\ud83d\ude00"}"#,
        r#"{"a":"AA/","b":"\ud83d\ude00"}"#,
        &[r#"{"b":"\uD83D\uDE00","a":"AA/"}"#, r#" { "\u0061" : "\u0041A/" , "b" : "\ud83d\ude00" } "#],
    ),
    (r#"{"s":"e\u0301\r\n"}"#, r#"{"s":"\u00e9\n"}"#, &[r#"{"s":"\u00e9\n"}"#, r#"{"s":"e\u0301\n"}"#]),
    (
        r#"{"o":{"x":[1.0,{"y":2e0,"z":null}]}}"#,
        r#"{"o":{"x":[1,{"y":2,"z":null}]}}"#,
        &[r#"{"o":{"x":[1,{"z":null,"y":2}]}}"#],
    ),
];

fn patch(metadata: &str) -> String {
    format!(r#"{{"metadata":{metadata}}}"#)
}

#[test]
fn one_value_however_it_is_spelt_is_nothing_to_do() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    for (first, read_back, others) in SPELLINGS {
        let key = tenant.mint("k");
        let kept = send_text(&root, "PATCH", &key.path, &patch(first)).expect(200);
        let expected: Value = serde_json::from_str(read_back).expect(read_back);
        assert_eq!((&kept["key"]["metadata"], &kept["key"]["version"]), (&expected, &json!(2)), "{first}");
        without_an_event(&root, || {
            for again in std::iter::once(&first).chain(others) {
                let told = send_text(&root, "PATCH", &key.path, &patch(again)).expect(200);
                assert_eq!(told, kept, "{first}, then {again}");
            }
        });
        assert_eq!(key.read()["metadata"], expected, "{first}");
        // The mint reads it in the same way.
        let mint = format!(r#"{{"name":"k","metadata":{first}}}"#);
        let minted = send_text(&root, "POST", &format!("{}/keys", tenant.path()), &mint).expect(201);
        assert_eq!(minted["key"]["metadata"], expected, "{first}");
    }
}

#[test]
fn a_spelling_of_one_request_is_the_same_request_under_its_idempotency_key() {
    let service = Service::start();
    let root = service.root();
    let key = acme(&root).mint("k");
    for (index, (first, _, others)) in SPELLINGS.iter().enumerate().filter(|(_, row)| row.0.contains("\"n\""))
    {
        let send = |metadata: &str| {
            let request = root.request("PATCH", &key.path).header("Content-Type", "application/json");
            let request = request.header("Idempotency-Key", &format!("spelt-{index}"));
            root.send(&request.body(patch(metadata).into())).expect(200)
        };
        let told = send(first);
        for other in *others {
            assert_eq!(send(other), told, "{first}, then {other}");
        }
    }
}

#[test]
fn what_is_too_long_is_told_in_the_bytes_that_are_counted() {
    let service = Service::start();
    let root = service.root();
    let key = acme(&root).mint("k");
    for metadata in [json!({"a": "é".repeat(8 * 1024)}), json!({"a": "x".repeat(17 * 1024)})] {
        let refused = root.patch(&key.path, &json!({"metadata": metadata}));
        is_refused_at(&refused, "/metadata");
        let problem = refused.problem(400, "invalid_request");
        assert!(text(&problem["errors"][0]["detail"]).contains("at most 16384 bytes"), "{problem}");
    }
}

/// What is pasted into the wrong field would be kept, and read by many.
#[test]
fn a_secret_in_a_name_a_note_or_metadata_is_refused_at_its_place() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let (key, other) = (tenant.mint("k"), tenant.mint("other").secret);
    let token = root.token.clone().expect("a token");
    let client = tenant.client("c");
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}",
        text(&client.minted["client_id"]),
        client.secret
    );
    let exchange = Request::new("POST", "/api/v1/oauth/token")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(form.into_bytes());
    let access_token = text(&service.anonymous().send(&exchange).expect(200)["access_token"]);
    let format = json!({"secret_prefix": "acme_hidden_", "secret_chars": 40});
    root.patch(&tenant.path(), &json!({"settings": {"client_format": format}})).expect(200);
    let of_another_form = tenant.client("d").secret;
    without_an_event(&root, || {
        for secret in [&other, &token, &client.secret, &of_another_form, &access_token] {
            let within = format!("it was in a log: {secret}.");
            is_refused_at(&root.patch(&key.path, &json!({"name": secret})), "/name");
            is_refused_at(&root.patch(&key.path, &json!({"description": within})), "/description");
            is_refused_at(
                &root.patch(&key.path, &json!({"metadata": {"of": ["x", secret]}})),
                "/metadata/of/1",
            );
            let revoke = format!("{}/revoke", key.path);
            let refused = root.post(&revoke, &json!({"reason": "leaked", "note": within}));
            is_refused_at(&refused, "/note");
            assert!(
                !refused.text().contains(secret.as_str()) && refused.text().contains("looks like a secret")
            );
        }
    });
    assert!(!service.log().contains(&other) && !service.log().contains(&token));
    let named = json!({"reason": "leaked", "note": format!("{}… was in a log", &other[..16])});
    root.post(&format!("{}/revoke", key.path), &named).expect(200);
}

#[test]
fn what_is_no_number_or_stands_twice_is_refused_at_its_place() {
    let service = Service::start();
    let root = service.root();
    let key = acme(&root).mint("k");
    let cases = [
        (r#"{"n":1e400}"#, "/metadata/n"),
        (r#"{"n":-1e400}"#, "/metadata/n"),
        (r#"{"n":NaN}"#, "/metadata/n"),
        (r#"{"n":Infinity}"#, "/metadata/n"),
        (r#"{"n":-Infinity}"#, "/metadata/n"),
        (r#"{"n":+1}"#, "/metadata/n"),
        (r#"{"n":.5}"#, "/metadata/n"),
        (r#"{"n":1.}"#, "/metadata/n"),
        (r#"{"n":0x10}"#, "/metadata"),
        (r#"{"n":01}"#, "/metadata"),
        (r#"{"a":1,"\u0061":1}"#, "/metadata/a"),
        (r#"{"o":{"a":1,"a":1}}"#, "/metadata/o/a"),
        // two names that are one in NFC
        (r#"{"\u00e9":1,"e\u0301":2}"#, "/metadata"),
        (r#"{"s":"\ud800"}"#, "/metadata/s"),
        (r#"{"s":"a\u200bb"}"#, "/metadata"),
        (r#"{"a\u202eb":1}"#, "/metadata"),
    ];
    without_an_event(&root, || {
        for (metadata, pointer) in cases {
            is_refused_at(&send_text(&root, "PATCH", &key.path, &patch(metadata)), pointer);
        }
    });
}
