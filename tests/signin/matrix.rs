//! A session may what a token of the same role and reach may, on every route of operators, and nothing else.

use serde_json::{Map, Value, json};

use crate::browser::{Browser, SITE};
use crate::provider::account;
use crate::support::client::Response;
use crate::support::document;
use crate::support::service::Actor;
use crate::world::World;

const ABSENT: &str = "019f0000-0000-7000-8000-000000000000";
const ROLES: [&str; 4] = ["root", "org_admin", "auditor", "gateway"];

/// Method and path of every operation that takes a session or a token.
fn routes() -> Vec<(String, &'static str)> {
    let paths = document::api().document()["paths"].as_object().expect("paths");
    let operations = paths.iter().flat_map(|(path, item)| {
        item.as_object()
            .expect("a path")
            .iter()
            .map(move |(method, own)| (method.to_uppercase(), path.as_str(), own))
    });
    let both = json!([{"operatorToken": []}, {"session": []}]);
    operations.filter(|(_, _, own)| own["security"] == both).map(|(method, path, _)| (method, path)).collect()
}

fn told(answer: &Response) -> (u16, Value) {
    let mut body = answer.json();
    let problem = answer.status >= 400;
    body.as_object_mut().expect("an object").remove("request_id");
    (answer.status, if problem { body } else { Value::Null })
}

fn compare(world: &World, role: &str, session: &mut Browser, token: &Actor, tenant: &str) -> usize {
    let mut refused = 0;
    for (method, path) in routes() {
        let mut at = path.replace("{tenant}", tenant).replace("{plan}", "none");
        for part in ["{key}", "{client}", "{secret}", "{member}", "{operator}", "{token}"] {
            at = at.replace(part, ABSENT);
        }
        let place = format!("{role} {method} {at}");
        let by_token = told(&token.send(&token.request(&method, &at)));
        let own = [("Sec-Fetch-Site", "same-origin")];
        let by_session = told(&session.ask(&method, &format!("{SITE}{at}"), &own));
        assert_eq!(by_session, by_token, "{place}");
        let nobody = world.browser("nobody").ask(&method, &format!("{SITE}{at}"), &own);
        nobody.problem(401, "unauthorized");
        if method != "GET" {
            let elsewhere = session.ask(&method, &format!("{SITE}{at}"), &[("Sec-Fetch-Site", "cross-site")]);
            elsewhere.problem(403, "forbidden");
        }
        refused += usize::from(matches!(by_session.0, 403 | 404));
    }
    refused
}

#[test]
fn a_session_may_what_a_token_of_the_same_role_and_reach_may() {
    let accounts: Map<String, Value> =
        ROLES.iter().map(|role| ((*role).to_owned(), account(role, &[]))).collect();
    let world = World::with(json!({"accounts": accounts}), &[]);
    let root = world.service.root();
    let (own, foreign) = (root.tenant("own", json!({})), root.tenant("foreign", json!({})));
    assert!(routes().len() > 30, "the routes were not found");
    for role in ROLES {
        let mut body = json!({"email": format!("{role}@example.com"), "role": role});
        let reach: &[&str] = if role == "root" { &[] } else { &[&own.id] };
        if role != "root" {
            body["tenants"] = json!([own.id]);
        }
        world.invite(body);
        let mut session = world.browser(role);
        session.signs_in();
        let token = world.service.operator(role, reach);
        for tenant in [own.id.as_str(), &foreign.id, ABSENT, "nonsense"] {
            let refused = compare(&world, role, &mut session, &token, tenant);
            assert!(refused > 10 || role == "root", "{role} {tenant}: {refused}");
        }
    }
}
