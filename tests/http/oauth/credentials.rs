//! How a client shows who it is (RFC 6749, 2.3.1), and that whoever may not is answered alike.

use serde_json::json;

use super::{
    ALL, FORM, GRANT, INTROSPECT, REVOKE, TOKEN, act, base64, basic, by_basic, by_body, has_ended, id_of,
    in_seconds, is_error, seen, sent,
};
use crate::acme;
use crate::matrix::member_of;
use crate::support::client::{Request, Response};
use crate::support::service::{Key, Service};

/// Each byte as `%XX`.
fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// As some libraries do it: whatever is neither letter nor digit.
fn escaped_signs(text: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric();
    text.chars()
        .map(|letter| if plain(letter) { letter.into() } else { escaped(&letter.to_string()) })
        .collect()
}

#[test]
fn both_halves_of_basic_are_decoded_as_a_form_is_once() {
    let service = Service::start();
    let root = service.root();
    let client = acme(&root).client("c");
    let (id, secret) = (id_of(&client), client.secret.clone());
    let anyone = service.anonymous();
    let ask = |header: &str| anyone.send(&sent(TOKEN, GRANT).header("Authorization", header));
    let written = |id: &str, secret: &str| basic(&format!("{id}:{secret}"));
    for header in [
        written(&id, &secret),
        written(&escaped_signs(&id), &escaped_signs(&secret)),
        written(&escaped(&id), &escaped(&secret)),
        written(&escaped(&id).to_lowercase(), &secret),
        written(&id, &secret).replacen("Basic", "bAsIc", 1),
    ] {
        ask(&header).expect(200);
    }
    for header in [
        written(&escaped(&escaped(&id)), &secret),
        written(&id, &format!("{secret}+")),
        written(&id, &format!("+{secret}")),
        written(&id, &format!("{secret}:")),
        written(&id, &format!("{secret} ")),
        written(&format!("{id}%00"), &secret),
        written(&id.to_uppercase(), &secret),
        written(&secret, &id),
    ] {
        is_error(&ask(&header), 401, "invalid_client");
    }
}

#[test]
fn a_header_that_is_no_basic_is_answered_as_a_wrong_secret_is() {
    let service = Service::start();
    let root = service.root();
    let client = acme(&root).client("c");
    let (id, anyone) = (id_of(&client), service.anonymous());
    let wrong = anyone.send(&by_basic(TOKEN, &id, "wrong", GRANT));
    assert_eq!(wrong.header("www-authenticate"), Some("Basic realm=\"credledger\""));
    let both = format!("{id}:{}", client.secret);
    for header in [
        "Basic".to_owned(),
        "Basic %".to_owned(),
        "Basic !!!!".to_owned(),
        format!("Basic {both}"),
        format!("Basic  {}", base64(both.as_bytes())),
        format!("Basic {} x", base64(both.as_bytes())),
        basic(&id),
        basic(""),
        basic(":"),
        basic(&format!("{id}:")),
        basic(&format!("{id}:%zz")),
        basic(&format!("{id}:%ff")),
        basic(&format!("%:{}", client.secret)),
        format!("Basic {}", base64(&[0xff, b':', 0xfe])),
        format!("Digest {}", base64(both.as_bytes())),
        format!("Bearer {}", client.secret),
        base64(both.as_bytes()),
    ] {
        let answer = anyone.send(&sent(TOKEN, GRANT).header("Authorization", &header));
        assert_eq!(seen(&answer), seen(&wrong), "{header}");
    }
    // Who sent no such header is not told how one is written.
    let wrong = anyone.send(&by_body(TOKEN, &id, "wrong", GRANT));
    is_error(&wrong, 401, "invalid_client");
    assert_eq!(wrong.header("www-authenticate"), None);
    assert_eq!(seen(&anyone.send(&sent(TOKEN, GRANT))), seen(&wrong));
    assert_eq!(seen(&anyone.send(&sent(TOKEN, &format!("{GRANT}&client_id={id}")))), seen(&wrong));
}

#[test]
fn a_client_shows_itself_in_one_place() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let (client, other) = (tenant.client("c"), tenant.client("other"));
    let (id, secret, anyone) = (id_of(&client), &client.secret, service.anonymous());
    for path in ALL {
        let fields = format!("{GRANT}&token=x");
        let header = basic(&format!("{id}:{secret}"));
        anyone.send(&by_body(path, &id, secret, &fields)).expect(200);
        anyone.send(&by_basic(path, &id, secret, &fields)).expect(200);
        // Its name alone may stand in both: that proves nothing.
        anyone.send(&by_basic(path, &id, secret, &format!("{fields}&client_id={id}"))).expect(200);
        for twice in [
            by_body(path, &id, secret, &fields).header("Authorization", &header),
            by_body(path, &id, "wrong", &fields).header("Authorization", &header),
            sent(path, &format!("{fields}&client_secret={secret}")).header("Authorization", &header),
            by_body(path, &id, secret, &fields).bearer("x"),
            by_basic(path, &id, secret, &format!("{fields}&client_id={}", id_of(&other))),
            by_basic(path, &id, secret, &fields).header("Authorization", &header),
        ] {
            is_error(&anyone.send(&twice), 400, "invalid_request");
        }
    }
}

#[test]
fn what_stands_in_the_url_is_never_taken_and_never_repeated() {
    let service = Service::start();
    let root = service.root();
    let client = acme(&root).client("c");
    let (id, secret, anyone) = (id_of(&client), &client.secret, service.anonymous());
    for path in ALL {
        for query in [
            format!("client_id={id}&client_secret={secret}"),
            format!("client_secret={secret}"),
            "mirrored-name=mirrored-value".to_owned(),
            "mirrored-name".to_owned(),
            "%ff".to_owned(),
        ] {
            for body in
                [format!("{GRANT}&token=x"), format!("{GRANT}&token=x&client_id={id}&client_secret={secret}")]
            {
                let answer = anyone.send(&sent(&format!("{path}?{query}"), &body));
                let told = is_error(&answer, 400, "invalid_request");
                assert!(!told.contains("mirrored") && !told.contains(secret.as_str()), "{told}");
            }
        }
    }
}

/// Why a client may not be used, and the client.
struct Dead<'a>(&'static str, Key<'a>);

const SOMEWHERE: &str = "192.0.2.200";

#[test]
fn why_a_client_is_not_let_in_cannot_be_told_from_the_answer() {
    let service = Service::start();
    let root = service.root();
    let (tenant, resting) = (acme(&root), root.tenant("resting", json!({})));
    let owner = member_of(&tenant);
    let dead = ["revoked", "suspended", "expired", "rotated", "closed"].map(|name| {
        let expires_at = if name == "expired" { in_seconds(3) } else { json!(null) };
        Dead(name, tenant.client_with(json!({"name": name, "expires_at": expires_at})))
    });
    dead[0].1.revoke("leaked");
    act(&root, &format!("{}/suspend", dead[1].1.path));
    dead[3].1.rotate(json!({"grace_seconds": 0}));
    dead[4].1.rotate(json!({}));
    act(&root, &format!("{}/revoke", dead[4].1.secret_path(0)));
    let fenced = json!({"name": "fenced", "ip_rules": {"allow": [{"cidr": "198.51.100.0/24"}]}});
    let more = [
        Dead("ip denied", tenant.client_with(fenced)),
        Dead("disabled owner", tenant.client_with(json!({"name": "owned", "owner": owner}))),
        Dead("suspended tenant", resting.client("c")),
    ];
    act(&root, &format!("{}/members/{owner}/disable", tenant.path()));
    act(&root, &format!("{}/suspend", resting.path()));
    has_ended(&dead[2].1);

    let living = tenant.client("living");
    let anyone = service.anonymous();
    type Ask = fn(&str, &str, &str, &str) -> Request;
    const CHALLENGE: Option<&str> = Some("Basic realm=\"credledger\"");
    let asks = [(by_basic as Ask, CHALLENGE), (by_body, None)];
    for (path, (ask, challenge)) in ALL.iter().flat_map(|path| asks.map(|ask| (path, ask))) {
        let answer = |id: &str, secret: &str| -> Response {
            let request = ask(path, id, secret, &format!("{GRANT}&token=x"));
            anyone.send(&request.header("X-Forwarded-For", SOMEWHERE))
        };
        answer(&id_of(&living), &living.secret).expect(200);
        let unknown = answer("cl_client_0000000000000000", &living.secret);
        is_error(&unknown, 401, "invalid_client");
        assert_eq!(unknown.header("www-authenticate"), challenge);
        let wrong = answer(&id_of(&living), "cl_secret_000000000000000000000000000000000000");
        assert_eq!(seen(&wrong), seen(&unknown));
        assert_eq!(seen(&answer(&id_of(&living), &dead[0].1.secret)), seen(&unknown), "another's secret");
        for Dead(why, client) in dead.iter().chain(&more) {
            assert_eq!(seen(&answer(&id_of(client), &client.secret)), seen(&unknown), "{why}, {path}");
        }
    }
}

#[test]
fn an_address_that_guesses_is_told_to_wait_and_a_client_never_is() {
    const PATIENCE: usize = 20_000;
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let (client, revoked) = (tenant.client("c"), tenant.client("revoked"));
    revoked.revoke("leaked");
    let (id, anyone) = (id_of(&client), service.anonymous());
    let from = |request: Request, host: usize| {
        anyone.send(&request.header("X-Forwarded-For", &format!("192.0.2.{host}")))
    };
    for (host, path) in ALL.into_iter().enumerate() {
        let fields = format!("{GRANT}&token=x");
        let guess = || from(by_basic(path, &id, "guessed", &fields), host);
        let mut guesses = (0..PATIENCE).map(|_| guess()).enumerate();
        let (before, told) =
            guesses.find(|(_, answer)| answer.status != 401).expect("an end of the patience");
        assert!(before >= 100, "only {before} guesses were answered");
        is_error(&told, 429, "temporarily_unavailable");
        assert_eq!(told.header("retry-after"), Some("1"));
        assert_eq!(told.header("www-authenticate"), None);
        from(by_basic(path, &id, &client.secret, &fields), host).expect(200);
        // Who holds a real secret guesses nothing.
        is_error(
            &from(by_body(path, &id_of(&revoked), &revoked.secret, &fields), host),
            401,
            "invalid_client",
        );
        is_error(&from(by_basic(path, &id, "guessed", &fields), 100 + host), 401, "invalid_client");
    }
}

#[test]
fn an_operator_is_no_client_and_a_client_no_operator() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let client = acme(&root).client("c");
    let held = gateway.token.clone().expect("a token");
    for path in [TOKEN, REVOKE] {
        is_error(
            &gateway.send(&sent(path, &format!("{GRANT}&token=x")).bearer(&held)),
            401,
            "invalid_client",
        );
    }
    let of_operator = by_basic(INTROSPECT, &id_of(&client), &held, "token=x");
    is_error(&service.anonymous().send(&of_operator), 401, "invalid_client");
    let request = Request::new("GET", &client.path).header("Content-Type", FORM);
    let shown = request.header("Authorization", &basic(&format!("{}:{}", id_of(&client), client.secret)));
    service.anonymous().send(&shown).problem(401, "unauthorized");
}
