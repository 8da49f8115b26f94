//! A token is for those whom it names: whoever asks with its own name is told of others that they are none of its own.

use serde_json::{Value, json};

use super::{exchange, introspected};
use crate::acme;
use crate::support::service::{Key, Service, text};

const ORDERS: &str = "https://orders.example/v1";
const BILLS: &str = "https://bills.example";
const AUTHORIZE: &str = "/api/v1/authorize";

fn token_for(service: &Service, client: &Key<'_>, resources: &[&str]) -> String {
    let fields: Vec<String> = resources.iter().map(|resource| format!("resource={resource}")).collect();
    text(&exchange(service, client, &fields.join("&")).expect(200)["access_token"])
}

fn escaped(audience: &str) -> String {
    audience.replace(':', "%3A").replace('/', "%2F")
}

#[test]
fn a_token_for_one_resource_is_refused_where_another_asks_with_its_own_name() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let client = acme(&root).client("c");
    let (orders, both) =
        (token_for(&service, &client, &[ORDERS]), token_for(&service, &client, &[ORDERS, BILLS]));
    let plain = token_for(&service, &client, &[]);
    let issuer = service.url();
    let rows: [(&String, &str, bool); 7] = [
        (&orders, ORDERS, true),
        (&orders, BILLS, false),
        (&orders, "https://orders.example/v1/", false),
        (&both, ORDERS, true),
        (&both, BILLS, true),
        (&plain, &issuer, true),
        (&plain, ORDERS, false),
    ];
    for (token, audience, admitted) in rows {
        let verdict = gateway.verify_as(json!({"credential": token, "audience": audience}));
        let items = json!({"items": [{"credential": token, "audience": audience}, {"credential": token}]});
        let batch = gateway.post("/api/v1/verify/batch", &items).expect(200);
        let answer = service.actor(token).get(&format!("{AUTHORIZE}?audience={}", escaped(audience)));
        assert_eq!(
            (&batch["data"][0]["valid"], &batch["data"][1]["valid"]),
            (&json!(admitted), &json!(true))
        );
        if admitted {
            verdict.is_accepted();
            assert_eq!(answer.status, 200);
            continue;
        }
        let told = verdict.is_refused("wrong_audience");
        assert!(told.get("audience").is_some() && told.get("scopes").is_none(), "{told}");
        assert_eq!(answer.problem(403, "forbidden")["reason"], "wrong_audience");
        assert_eq!(answer.header("x-credential-refusal"), Some("wrong_audience"));
    }
    // Whoever does not look admits what was meant for others.
    gateway.verify(&orders).is_accepted();
    gateway.verify_as(json!({"credential": orders, "audience": null})).is_accepted();
    assert_eq!(service.actor(&orders).get(AUTHORIZE).status, 200);
}

#[test]
fn every_answer_for_a_token_tells_whom_it_is_for() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = acme(&root);
    let (client, key) = (tenant.client("c"), tenant.mint("k"));
    let both = token_for(&service, &client, &[ORDERS, BILLS]);
    let plain = token_for(&service, &client, &[]);
    for (token, audience) in [(&both, json!([ORDERS, BILLS])), (&plain, json!([service.url()]))] {
        assert_eq!(gateway.verify(token).is_accepted()["audience"], audience);
        assert_eq!(service.whoami(token).expect(200)["audience"], audience);
        let batch =
            gateway.post("/api/v1/verify/batch", &json!({"items": [{"credential": token}]})).expect(200);
        assert_eq!(batch["data"][0]["audience"], audience);
        let told = introspected(&gateway, token)["aud"].clone();
        assert_eq!(if told.is_array() { told } else { json!([told]) }, audience);
    }
    // A key has none, whoever asks.
    let asked: Value =
        gateway.verify_as(json!({"credential": key.secret, "audience": ORDERS})).is_accepted().clone();
    assert_eq!(asked.get("audience"), None, "{asked}");
    let answer = service.actor(&key.secret).get(&format!("{AUTHORIZE}?audience={}", escaped(ORDERS)));
    assert_eq!(answer.status, 200);
}

#[test]
fn an_audience_is_an_absolute_uri_and_stands_there_once() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let client = acme(&root).client("c");
    let token = token_for(&service, &client, &[ORDERS]);
    let long = format!("https://{}.example", "x".repeat(500));
    for bad in
        [json!("orders"), json!("https://a.example/#f"), json!(""), json!(7), json!([ORDERS]), json!(long)]
    {
        let asked = gateway.post("/api/v1/verify", &json!({"credential": token, "audience": bad}));
        let problem = asked.problem(400, "invalid_request");
        assert_eq!(problem["errors"][0]["pointer"], "/audience", "{bad}");
    }
    for query in [
        "audience=orders",
        "audience=",
        "audience=https%3A%2F%2Fa.example%2F%23f",
        "audience=https%3A%2F%2Fa.example&audience=https%3A%2F%2Fb.example",
    ] {
        let answer = service.actor(&token).get(&format!("{AUTHORIZE}?{query}"));
        assert_eq!(
            (answer.status, answer.header("x-credential-refusal")),
            (403, Some("malformed_request")),
            "{query}"
        );
    }
}

/// Other reasons go before it or after it, as the list says.
#[test]
fn it_has_its_place_among_the_reasons() {
    let service = Service::start();
    let (root, gateway) = (service.root(), service.gateway());
    let tenant = acme(&root);
    root.tenant("other", json!({}));
    let client = tenant.client_with(json!({"name": "c", "ip_rules": {"allow": [{"cidr": "127.0.0.0/8"}]}}));
    let token = token_for(&service, &client, &[ORDERS]);
    let ask = |more: Value| {
        let mut question =
            json!({"credential": token, "audience": BILLS, "client_ip": "192.0.2.1", "scopes": ["admin"]});
        question.as_object_mut().expect("members").extend(more.as_object().expect("members").clone());
        gateway.verify_as(question)
    };
    ask(json!({"tenant": "other"})).is_refused("wrong_tenant");
    ask(json!({})).is_refused("wrong_audience");
    ask(json!({"audience": ORDERS})).is_refused("ip_denied");
    client.revoke("leaked");
    ask(json!({})).is_refused("revoked");
}
