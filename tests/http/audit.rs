//! A tenant's trail: everything that happened to it, once each and in order, over every filter, and in every form.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::acme;
use crate::matrix::{ABSENT, member_of, operator_of};
use crate::support::client::Response;
use crate::support::service::{Actor, Service, Tenant, text};

fn trail(actor: &Actor, tenant: &Tenant<'_>, filters: &str) -> Vec<Value> {
    actor.walk(&format!("{}/audit{filters}", tenant.path()), 500)
}

fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().expect("a type")).collect()
}

fn positions(events: &[Value]) -> Vec<u64> {
    events.iter().map(|event| event["position"].as_u64().expect("a position")).collect()
}

/// A tenant to which a bit of everything happens, by two operators, and another one beside it.
struct World<'a> {
    root: &'a Actor,
    tenant: Tenant<'a>,
    admin: Actor,
    key: String,
    client: String,
    member: String,
}

fn world<'a>(service: &Service, root: &'a Actor) -> World<'a> {
    let (tenant, other) = (acme(root), root.tenant("other", json!({})));
    let admin = service.operator("org_admin", &[&tenant.id]);
    let member = member_of(&tenant);
    let key = tenant.mint_with(json!({"name": "first", "description": "old", "scopes": ["a.b"]}));
    other.mint("foreign");
    let path = key.path.clone();
    for change in [
        json!({"name": "second", "description": "", "metadata": {"a": 1}}),
        json!({"scopes": ["a.*"], "owner": member}),
        json!({"rate_limit": {"requests": 5, "per_seconds": 60}}),
    ] {
        admin.patch(&path, &change).expect(200);
    }
    admin.post(&format!("{path}/rotate"), &json!({"grace_seconds": 60})).expect(201);
    admin
        .patch(
            &tenant.path(),
            &json!({"name": "Acme!", "settings": {"max_grace_seconds": 100_000, "default_grace_seconds": 5}}),
        )
        .expect(200);
    let client = tenant.client("c");
    root.post(&format!("{}/tokens/revoke", client.path), &json!({})).expect(200);
    root.post(&format!("{}/revoke", client.path), &json!({"reason": "leaked", "note": "seen"})).expect(200);
    admin
        .patch(
            &format!("{}/members/{member}", tenant.path()),
            &json!({"name": "Grace", "email": "g@acme.example"}),
        )
        .expect(200);
    let (key, client) = (key.id.clone(), client.id.clone());
    World { root, tenant, admin, key, client, member }
}

#[test]
fn a_trail_has_everything_that_happened_to_its_tenant_once_and_in_order() {
    let service = Service::start();
    let root = service.root();
    let world = world(&service, &root);
    let feed = root.walk("/api/admin/v1/ledger/events", 7);
    assert_eq!(positions(&feed), (0..feed.len() as u64).collect::<Vec<_>>(), "dense from the first on");
    let concerns = |event: &&Value| {
        event["tenant_id"] == world.tenant.id.as_str()
            || event["data"]["reach"]["tenants"] == json!([world.tenant.id])
            || event["type"] == "operator.token_minted"
                && event["data"]["name"] != Value::Null
                && event["subject"]["name"] == "org_admin"
    };
    let expected: Vec<u64> = positions(&feed.iter().filter(concerns).cloned().collect::<Vec<_>>());
    let whole = trail(&world.admin, &world.tenant, "");
    assert_eq!(positions(&whole), expected);
    for limit in [1, 2, 3, 5, 50] {
        let path = format!("{}/audit", world.tenant.path());
        assert_eq!(root.walk(&path, limit), whole, "pages of {limit}");
        let turned = root.walk(&format!("{path}?order=desc"), limit);
        assert!(turned.iter().eq(whole.iter().rev()), "turned, pages of {limit}");
    }
    for event in whole.iter().filter(|event| event["tenant_id"] != Value::Null) {
        assert!(feed.contains(event), "the ledger tells it as the trail does: {event}");
    }
    // An admin finds what it has just done.
    for number in 0..10 {
        world.tenant.seen_by(&world.admin).mint(&format!("k{number}"));
        let newest = world
            .admin
            .get_caught_up(&format!("{}/audit?order=desc&limit=1", world.tenant.path()))
            .expect(200);
        assert_eq!(newest["data"][0]["changes"]["name"]["to"], format!("k{number}"));
    }
}

#[test]
fn each_event_tells_what_changed_from_what_to_what_and_under_which_name() {
    let service = Service::start();
    let root = service.root();
    let world = world(&service, &root);
    let whole = trail(&root, &world.tenant, "");
    let of = |kind: &str, subject: &str| {
        let is_it = |event: &&Value| event["type"] == kind && event["subject"]["id"] == subject;
        whole.iter().rfind(is_it).unwrap_or_else(|| panic!("no {kind} of {subject}")).clone()
    };
    let created = of("api_key.created", &world.key);
    assert_eq!(created["subject"], json!({"kind": "api_key", "id": world.key, "name": "first"}));
    assert_eq!(created["changes"]["description"], json!({"from": null, "to": "old"}));
    assert_eq!(created["client_ip"], "127.0.0.1");
    let edited = of("api_key.edited", &world.key);
    assert_eq!(edited["subject"]["name"], "second");
    let expected = json!({
        "name": {"from": "first", "to": "second"}, "description": {"from": "old", "to": null},
        "metadata": {"from": {}, "to": {"a": 1}}
    });
    assert_eq!((&edited["changes"], &edited["version"]), (&expected, &json!(2)));
    let rescoped = of("api_key.rescoped", &world.key);
    assert_eq!(rescoped["changes"], json!({"scopes": {"from": ["a.b"], "to": ["a.*"]}}));
    assert_eq!(rescoped["actor"]["name"], "org_admin");
    let owned = of("api_key.owner_set", &world.key);
    assert_eq!(owned["changes"], json!({"owner": {"from": null, "to": world.member}}));
    let rotated = of("api_key.rotated", &world.key);
    assert_eq!((&rotated["changes"], &rotated["subject"]["name"]), (&json!({}), &json!("second")));
    let secret = rotated["data"]["secret"].as_object().expect("a secret");
    assert_eq!(secret.keys().collect::<Vec<_>>(), ["id", "prefix"]);
    let configured = of("tenant.configured", &world.tenant.id);
    let expected = json!({
        "settings.default_grace_seconds": {"from": 604_800, "to": 5},
        "settings.max_grace_seconds": {"from": 7_776_000, "to": 100_000}
    });
    assert_eq!(configured["changes"], expected);
    assert_eq!(
        of("tenant.edited", &world.tenant.id)["changes"],
        json!({"name": {"from": "acme", "to": "Acme!"}})
    );
    let member = of("member.edited", &world.member);
    let expected =
        json!({"name": {"from": "m", "to": "Grace"}, "email": {"from": null, "to": "g@acme.example"}});
    assert_eq!((&member["changes"], &member["subject"]["name"]), (&expected, &json!("Grace")));
    assert_eq!(
        of("oauth_client.revoked", &world.client)["data"],
        json!({"note": "seen", "reason": "leaked"})
    );
    // The same as the history tells, whichever way it is read.
    for (kind, id) in [("keys", &world.key), ("clients", &world.client)] {
        let history = root.walk(&format!("{}/{kind}/{id}/history", world.tenant.path()), 500);
        assert_eq!(trail(&root, &world.tenant, &format!("?subject={id}")), history, "{kind}");
    }
}

#[test]
fn each_filter_lets_through_what_it_says_alone_and_with_others() {
    let service = Service::start();
    let root = service.root();
    let world = world(&service, &root);
    let admin = text(&world.admin.get_caught_up("/api/admin/v1/session").expect(200)["operator"]["id"]);
    let whole = trail(&root, &world.tenant, "");
    let middle = text(&whole[whole.len() / 2]["at"]);
    type Admits<'a> = Box<dyn Fn(&Value) -> bool + 'a>;
    let of_types = |admitted: &'static [&str]| -> Admits<'_> {
        Box::new(move |event| admitted.contains(&event["type"].as_str().expect("a type")))
    };
    let begins = |start: &'static str| -> Admits<'_> {
        Box::new(move |event| event["type"].as_str().expect("a type").starts_with(start))
    };
    let filters: Vec<(String, Admits<'_>)> = vec![
        ("type=api_key.rescoped".to_owned(), of_types(&["api_key.rescoped"])),
        ("type=api_key.*".to_owned(), begins("api_key.")),
        ("type=api_key.r*".to_owned(), begins("api_key.r")),
        (
            "type=tenant.edited&type=oauth_client.*".to_owned(),
            Box::new(|event| {
                let kind = event["type"].as_str().expect("a type");
                kind == "tenant.edited" || kind.starts_with("oauth_client.")
            }),
        ),
        ("type=*".to_owned(), Box::new(|_| true)),
        (format!("subject={}", world.key), Box::new(|event| event["subject"]["id"] == world.key.as_str())),
        (format!("subject={ABSENT}"), Box::new(|_| false)),
        (format!("actor={admin}"), Box::new(|event| event["actor"]["id"] == admin.as_str())),
        ("actor=system".to_owned(), Box::new(|event| event["actor"]["kind"] == "system")),
        ("client_ip=127.0.0.1".to_owned(), Box::new(|event| event["client_ip"] == "127.0.0.1")),
        ("client_ip=%3A%3Affff%3A127.0.0.1".to_owned(), Box::new(|event| event["client_ip"] == "127.0.0.1")),
        ("client_ip=192.0.2.1".to_owned(), Box::new(|_| false)),
        (format!("from={middle}"), Box::new(|event| text(&event["at"]) >= middle)),
        (format!("to={middle}"), Box::new(|event| text(&event["at"]) < middle)),
    ];
    let mut counts = BTreeSet::new();
    for (number, (query, admits)) in filters.iter().enumerate() {
        let expected: Vec<Value> = whole.iter().filter(|event| admits(event)).cloned().collect();
        counts.insert(expected.len());
        let path = format!("{}/audit?{query}", world.tenant.path());
        for limit in [1, 3, 500] {
            assert_eq!(root.walk(&path, limit), expected, "{query}, pages of {limit}");
        }
        let turned = root.walk(&format!("{path}&order=desc"), 2);
        assert!(turned.iter().eq(expected.iter().rev()), "{query}, turned");
        for (other, admits_too) in &filters[number + 1..] {
            // Each is asked for once, and from the middle to the middle there is nothing to ask for.
            let alike = |one: &str, two: &str| query.starts_with(one) && other.starts_with(two);
            if query.split('=').next() == other.split('=').next() || alike("from", "to") {
                continue;
            }
            let expected: Vec<Value> = expected.iter().filter(|event| admits_too(event)).cloned().collect();
            assert_eq!(root.walk(&format!("{path}&{other}"), 2), expected, "{query} and {other}");
        }
    }
    assert!(counts.len() > 5, "the filters let through {counts:?}");
    assert!(world.root.token.is_some());
}

#[test]
fn an_operator_stands_in_the_trail_of_each_tenant_it_reaches_and_tells_of_no_other() {
    let service = Service::start();
    let root = service.root();
    let (one, other) = (root.tenant("one", json!({})), root.tenant("other", json!({})));
    let (both, _) = operator_of(&root, "auditor", &[&one.id, &other.id]);
    let everywhere = operator_of(&root, "auditor", &[]).0;
    let path = format!("/api/admin/v1/operators/{both}");
    root.patch(&path, &json!({"tenants": [one.id]})).expect(200);
    root.patch(&path, &json!({"role": "gateway"})).expect(200);
    root.patch(&path, &json!({"tenants": [one.id, other.id]})).expect(200);
    root.delete(&path).expect(200);
    let of = |tenant: &Tenant<'_>| trail(&root, tenant, "?type=operator.*");
    let (in_one, in_other) = (of(&one), of(&other));
    let always = ["operator.created", "operator.token_minted", "operator.assigned", "operator.disabled"];
    assert_eq!(types(&in_one), always, "what changes elsewhere alone is not told");
    let assigned = [
        "operator.created",
        "operator.token_minted",
        "operator.assigned",
        "operator.assigned",
        "operator.disabled",
    ];
    assert_eq!(types(&in_other), assigned);
    assert_eq!(in_one[2]["changes"], json!({"role": {"from": "auditor", "to": "gateway"}}));
    assert_eq!(in_other[2]["changes"], json!({"tenants": {"from": [other.id], "to": []}}));
    assert_eq!(in_other[3]["changes"], json!({"tenants": {"from": [], "to": [other.id]}}));
    for (events, own, foreign) in [(&in_one, &one, &other), (&in_other, &other, &one)] {
        let told = json!(events).to_string();
        assert!(told.contains(&own.id) && !told.contains(&foreign.id), "{told}");
        assert!(!told.contains(&everywhere));
        assert_eq!(events[0]["changes"]["tenants"], json!({"from": null, "to": [own.id]}));
        assert_eq!(events[0]["data"]["reach"], json!({"tenants": [own.id]}));
        assert_eq!(events[0]["tenant_id"], Value::Null);
    }
    // Whoever reads the whole ledger sees it whole.
    let feed = root.walk("/api/admin/v1/ledger/events", 500);
    let created = feed.iter().find(|event| event["subject"]["id"] == both.as_str()).expect("the operator");
    let reached: BTreeSet<String> =
        created["data"]["reach"]["tenants"].as_array().expect("tenants").iter().map(text).collect();
    assert_eq!(reached, BTreeSet::from([one.id.clone(), other.id.clone()]));
}

#[test]
fn a_question_that_makes_no_sense_is_refused_with_what_to_do() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    tenant.mint("a");
    tenant.mint("b");
    let audit = format!("{}/audit", tenant.path());
    let page = root.get_caught_up(&format!("{audit}?limit=1&type=api_key.*")).expect(200);
    let cursor = text(&page["next_cursor"]);
    let bent = format!("{}{}", if cursor.starts_with('A') { 'B' } else { 'A' }, &cursor[1..]);
    let types = "type=api_key.*&".repeat(21);
    for query in [
        "type=api_key.teleported",
        "type=api_key",
        "type=",
        "actor=nobody",
        "subject=first",
        "client_ip=127.0.0.0/8",
        "client_ip=here",
        "from=yesterday",
        "from=2999-01-01T00:00:00Z",
        "to=2999-01-01T00:00:00Z",
        "from=2024-01-02T00:00:00Z&to=2024-01-01T00:00:00Z",
        "from=2024-01-02T00:00:00Z&to=2024-01-02T00:00:00Z",
        "order=newest",
        "limit=0",
        "limit=501",
        "kind=api_key",
        "format=xml",
        "format=sse",
        "from=2024-01-02T00:00:00Z&from=2024-01-02T00:00:00Z",
        &format!("cursor={cursor}"),
        &format!("type=api_key.*&cursor={bent}"),
        &format!("type=api_key.*&order=desc&cursor={cursor}"),
        types.trim_end_matches('&'),
        "format=csv&limit=10",
        "format=ndjson&cursor=x",
    ] {
        let problem = root.get_caught_up(&format!("{audit}?{query}")).problem(400, "invalid_request");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.len() > 15), "{query}: {problem}");
    }
    root.get_caught_up(&format!("{audit}?limit=1&type=api_key.*&cursor={cursor}")).expect(200);
    let csv = root.request("GET", &audit).header("Accept", "text/html");
    root.send(&csv).problem(406, "not_acceptable");
}

fn form(actor: &Actor, path: &str, accept: &str) -> Response {
    let answer = actor.send_caught_up(&actor.request("GET", path).header("Accept", accept));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer
}

#[test]
fn an_export_is_the_whole_trail_as_the_pages_tell_it() {
    let service = Service::start();
    let root = service.root();
    let world = world(&service, &root);
    // More than one page of an export.
    (0..260).for_each(|number| drop(world.tenant.mint(&format!("k{number}"))));
    for filters in ["", "?type=api_key.*", "?order=desc&type=api_key.created"] {
        let whole = trail(&root, &world.tenant, filters);
        assert!(whole.len() > 250);
        let path = format!("{}/audit{filters}", world.tenant.path());
        let lines = form(&root, &path, "application/x-ndjson");
        assert_eq!(lines.header("content-type"), Some("application/x-ndjson"));
        let text = lines.text();
        let read: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert!(text.ends_with('\n'));
        assert_eq!(read, whole);
        let csv = form(&root, &path, "text/csv");
        assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8"));
        let rows = read_csv(&csv.text());
        assert_eq!(rows.len(), whole.len() + 1);
        assert_eq!(rows[0][..5], ["position", "type", "at", "tenant_id", "subject_kind"]);
        for (row, event) in rows[1..].iter().zip(&whole) {
            assert_eq!((&row[0], &row[1]), (&event["position"].to_string(), &text_of(&event["type"])));
            assert_eq!(row[8], text_of(&event["actor"]["kind"]));
            let json = |cell: &str| serde_json::from_str::<Value>(cell).expect("JSON text");
            assert_eq!((json(&row[13]), json(&row[14])), (event["changes"].clone(), event["data"].clone()));
        }
    }
    let by_parameter = root.get_caught_up(&format!("{}/audit?format=csv", world.tenant.path()));
    assert_eq!(by_parameter.header("content-type"), Some("text/csv; charset=utf-8"));
    let history = format!("{}/keys/{}/history", world.tenant.path(), world.key);
    for turned in ["", "?order=desc"] {
        let told = root.walk(&format!("{history}{turned}"), 500);
        let lines = form(&root, &format!("{history}{turned}"), "application/x-ndjson").text();
        let read: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(read, told);
        let csv = read_csv(&form(&root, &format!("{history}{turned}"), "text/csv").text());
        assert_eq!(csv.len(), told.len() + 1);
    }
    root.get(&format!("{history}?format=csv&limit=3")).problem(400, "invalid_request");
}

#[test]
fn no_cell_of_a_table_is_a_formula() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    for name in ["=HYPERLINK(\"http://x\",\"y\")", "+1", "-2", "@x", "plain, and \"quoted\""] {
        tenant.mint(name);
    }
    let csv = form(&root, &format!("{}/audit?type=api_key.*", tenant.path()), "text/csv").text();
    let names: Vec<String> = read_csv(&csv)[1..].iter().map(|row| row[6].clone()).collect();
    let expected = ["'=HYPERLINK(\"http://x\",\"y\")", "'+1", "'-2", "'@x", "plain, and \"quoted\""];
    assert_eq!(names, expected);
    assert!(!csv.starts_with('\u{feff}') && csv.lines().count() == 6);
}

fn text_of(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// RFC 4180, read as strictly as it is written there.
fn read_csv(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell) = (Vec::new(), Vec::new(), String::new());
    let mut rest = text.chars().peekable();
    let mut quoted = false;
    while let Some(letter) = rest.next() {
        match letter {
            '"' if quoted && rest.peek() == Some(&'"') => cell.push(rest.next().expect("a quote")),
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut cell)),
            '\r' if !quoted => {
                assert_eq!(rest.next(), Some('\n'));
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            letter => cell.push(letter),
        }
    }
    assert!(!quoted && row.is_empty() && cell.is_empty(), "it ends with a whole row");
    rows
}
