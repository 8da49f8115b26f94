//! The token endpoint's protocol (RFC 6749, 3.2 and 4.4): its form, its answer, its errors.

use serde_json::json;

use super::{GRANT, TOKEN, asks, exchange, id_of, is_error, is_never_kept, reporter, sent};
use crate::acme;
use crate::support::client::Request;
use crate::support::service::{Service, text};

#[test]
fn the_answer_is_a_token_its_type_its_seconds_and_its_scope_and_nothing_else() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let client = reporter(&tenant);
    for (fields, scope) in [
        ("", "reports:read reports:write"),
        ("scope=reports:write", "reports:write"),
        ("scope=reports:write+reports:read", "reports:write reports:read"),
    ] {
        let answer = exchange(&service, &client, fields);
        let told = answer.expect(200);
        let token = text(&told["access_token"]);
        assert_eq!(
            told,
            json!({"access_token": token, "token_type": "Bearer", "expires_in": 3600, "scope": scope})
        );
        assert_eq!(answer.header("content-type"), Some("application/json"));
        is_never_kept(&answer);
        let header_chars = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        assert!(token.bytes().all(header_chars) && token.len() <= 1024, "{} bytes", token.len());
    }
    // Of no scope there is none to tell.
    let bare = exchange(&service, &tenant.client("bare"), "").expect(200);
    assert_eq!(bare.get("scope"), None);
    // Each has a name of its own.
    let two = [(); 2].map(|()| text(&exchange(&service, &client, "").expect(200)["access_token"]));
    assert_ne!(two[0], two[1]);
}

#[test]
fn what_is_empty_is_absent_and_what_is_unknown_is_passed_over() {
    let service = Service::start();
    let root = service.root();
    let client = reporter(&acme(&root));
    let whole = "reports:read reports:write";
    for fields in [
        "scope=",
        "scope",
        "resource=",
        "resource=&resource=",
        "colour=red&audience=x&response_type=code",
        "client_assertion=&client_assertion_type=",
        "&&",
        "%63olour=red",
        "refresh_token=x&username=a&password=b",
    ] {
        assert_eq!(exchange(&service, &client, fields).expect(200)["scope"], whole, "{fields}");
    }
    for fields in ["", "grant_type=", "grant_type", "Grant_Type=client_credentials", "scope=reports:read"] {
        is_error(&asks(&service, TOKEN, &client, fields), 400, "invalid_request");
    }
    for empty in ["client_id=&client_secret=", "client_id=x&client_secret=", "client_id=&client_secret=x"] {
        let answer = service.anonymous().send(&sent(TOKEN, &format!("{GRANT}&{empty}")));
        is_error(&answer, 401, "invalid_client");
    }
}

#[test]
fn a_parameter_that_stands_there_twice_is_refused_whichever_it_is() {
    let service = Service::start();
    let root = service.root();
    let client = reporter(&acme(&root));
    let (id, secret) = (id_of(&client), &client.secret);
    let owned = [format!("client_id={id}"), format!("client_secret={secret}")];
    let more =
        [GRANT, "grant_type=", "scope=reports:read&scope=reports:read", "scope=&scope=", "x=1&x=2", "x&%78"];
    for fields in owned.iter().map(String::as_str).chain(more) {
        is_error(&exchange(&service, &client, fields), 400, "invalid_request");
    }
    exchange(&service, &client, "resource=urn:a&resource=urn:b").expect(200);
}

#[test]
fn there_is_one_grant_and_it_is_written_one_way() {
    let service = Service::start();
    let root = service.root();
    let client = reporter(&acme(&root));
    for grant in [
        "authorization_code",
        "password",
        "refresh_token",
        "implicit",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "urn:ietf:params:oauth:grant-type:token-exchange",
        "Client_Credentials",
        "client_credentials+",
        "client_credentials%20client_credentials",
        "mirrored",
    ] {
        let answer = asks(&service, TOKEN, &client, &format!("grant_type={grant}"));
        let told = is_error(&answer, 400, "unsupported_grant_type");
        assert!(!told.contains("mirrored"), "{told}");
    }
}

#[test]
fn nothing_that_was_sent_is_said_again() {
    let service = Service::start();
    let root = service.root();
    let client = reporter(&acme(&root));
    let anyone = service.anonymous();
    let mirrored = "mirrored-4711";
    let mut answers: Vec<_> = [
        format!("scope={mirrored}"),
        format!("resource={mirrored}"),
        format!("resource=https://{mirrored}.example/%23x"),
        format!("{mirrored}=1&{mirrored}=2"),
        format!("x={mirrored}%zz"),
        format!("x={mirrored}%00"),
        format!("{mirrored}%ff=x"),
    ]
    .iter()
    .map(|fields| exchange(&service, &client, fields))
    .collect();
    answers.push(anyone.send(&sent(TOKEN, &format!("grant_type={mirrored}&client_id={mirrored}"))));
    answers
        .push(anyone.send(&Request::new("POST", TOKEN).header("Content-Type", &format!("text/{mirrored}"))));
    answers.push(anyone.send(&sent(TOKEN, GRANT).header("Authorization", mirrored)));
    answers.push(anyone.send(&Request::new("DELETE", &format!("{TOKEN}?{mirrored}"))));
    for answer in answers {
        assert!((400..500).contains(&answer.status), "{}", answer.status);
        is_error(&answer, answer.status, &text(&answer.json()["error"]));
        assert!(!answer.text().contains(mirrored), "{}", answer.text());
    }
}
