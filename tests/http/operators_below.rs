//! Operators below root: whom they see and manage, and what they may give.

use serde_json::{Value, json};

use crate::matrix::{ABSENT, operator_of, told};
use crate::support::service::{Actor, Service, text};
use crate::without_an_event;

const OPERATORS: &str = "/api/admin/v1/operators";

/// The names of a whole list, page by page; `between` is run before each further page.
fn names(actor: &Actor, query: &str, mut between: impl FnMut()) -> Vec<String> {
    let mut names = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = actor.get(&format!("{OPERATORS}?{query}{cursor}")).expect(200);
        names.extend(page["data"].as_array().expect("a page").iter().map(|each| text(&each["name"])));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return names,
        }
        between();
    }
}

fn create(actor: &Actor, name: &str, role: &str, tenants: &[&str]) -> String {
    let body = match tenants {
        [] => json!({"name": name, "role": role, "all_tenants": true}),
        tenants => json!({"name": name, "role": role, "tenants": tenants}),
    };
    format!("{OPERATORS}/{}", text(&actor.post(OPERATORS, &body).expect(201)["operator"]["id"]))
}

fn token(actor: &Actor, path: &str) -> Value {
    actor.post(&format!("{path}/tokens"), &json!({})).expect(201)
}

#[test]
fn an_operator_that_is_assigned_anew_is_judged_by_what_it_is_now() {
    let service = Service::start();
    let root = service.root();
    let (one, other) = (root.tenant("one", json!({})), root.tenant("other", json!({})));
    let path = create(&root, "somebody", "auditor", &[&one.id]);
    let somebody = service.actor(&text(&token(&root, &path)["secret"]));
    somebody.get(&one.path()).expect(200);
    somebody.post(&format!("{}/keys", one.path()), &json!({"name": "k"})).problem(403, "forbidden");

    let change = json!({"role": "org_admin", "tenants": [other.id]});
    let answer = root.patch(&path, &change);
    let assigned = answer.expect(200);
    assert_eq!(assigned["operator"], root.get(&path).expect(200));
    assert_eq!(answer.header("etag"), root.get(&path).header("etag"));
    let operator = &assigned["operator"];
    assert_eq!(
        (&operator["role"], &operator["tenants"], &operator["all_tenants"], &assigned["enforced"]),
        (&json!("org_admin"), &json!([other.id]), &json!(false), &json!(true))
    );
    somebody.get(&one.path()).problem(404, "not_found");
    somebody.post(&format!("{}/keys", other.path()), &json!({"name": "k"})).expect(201);
    let again = without_an_event(&root, || {
        root.patch(&path, &json!({})).expect(200);
        root.patch(&path, &json!({"role": "org_admin"})).expect(200);
        root.patch(&path, &change).expect(200)
    });
    assert_eq!(again["position"], assigned["position"]);

    // What was read can be sent back, and one request may do several things, each an event of its own.
    root.patch(&path, &json!({"tenants": [], "all_tenants": true})).expect(200);
    somebody.get(&one.path()).expect(200);
    let both = root.patch(&path, &json!({"role": "gateway", "disabled": true})).expect(200);
    assert_eq!(both["operator"]["version"].as_u64(), Some(6));
    assert_eq!(somebody.get(&one.path()).problem(401, "unauthorized")["reason"], "owner_disabled");
}

#[test]
fn whoever_becomes_root_reaches_all_tenants_and_no_root_is_given_less() {
    let service = Service::start();
    let root = service.root();
    let tenant = root.tenant("one", json!({}));
    let path = create(&root, "somebody", "org_admin", &[&tenant.id]);
    let promoted = root.patch(&path, &json!({"role": "root"})).expect(200);
    assert_eq!(
        (&promoted["operator"]["all_tenants"], &promoted["operator"]["tenants"]),
        (&json!(true), &json!([]))
    );
    without_an_event(&root, || {
        for body in [json!({"tenants": [tenant.id]}), json!({"role": "root", "tenants": [tenant.id]})] {
            let problem = root.patch(&path, &body).problem(400, "invalid_request");
            assert_eq!(problem["errors"][0]["pointer"], "/tenants", "{problem}");
        }
        for body in [
            json!({"tenants": []}),
            json!({"all_tenants": false}),
            json!({"tenants": [tenant.id], "all_tenants": true}),
            json!({"tenants": [ABSENT]}),
            json!({"tenants": null}),
            json!({"role": null}),
            json!({"role": "king"}),
            json!({"name": "renamed"}),
        ] {
            root.patch(&path, &body).problem(400, "invalid_request");
        }
    });
}

#[test]
fn a_deleted_operator_is_disabled_and_can_be_let_in_again() {
    let service = Service::start();
    let root = service.root();
    let path = create(&root, "somebody", "auditor", &[]);
    let somebody = service.actor(&text(&token(&root, &path)["secret"]));
    somebody.get(&path).expect(200);
    let deleted = root.delete(&path).expect(200);
    assert_eq!((&deleted["operator"]["status"], &deleted["enforced"]), (&json!("disabled"), &json!(true)));
    assert_eq!(somebody.get(&path).problem(401, "unauthorized")["reason"], "owner_disabled");
    assert_eq!(root.get(&path).expect(200), deleted["operator"]);
    let again = without_an_event(&root, || root.delete(&path).expect(200));
    assert_eq!(again["position"], deleted["position"]);
    root.post(&format!("{path}/tokens"), &json!({})).problem(409, "conflict");
    root.patch(&path, &json!({"disabled": false})).expect(200);
    somebody.get(&path).expect(200);
}

#[test]
fn an_org_admin_manages_the_operators_of_its_own_tenants() {
    let service = Service::start();
    let root = service.root();
    let (one, two) = (root.tenant("one", json!({})), root.tenant("two", json!({})));
    let admin = service.operator("org_admin", &[&one.id, &two.id]);
    for role in ["org_admin", "auditor", "gateway"] {
        let path = create(&admin, role, role, &[&one.id]);
        let minted = token(&admin, &path);
        let below = service.actor(&text(&minted["secret"]));
        assert_eq!(below.get(&one.path()).status == 200, role != "gateway");
        admin.patch(&path, &json!({"role": "auditor", "tenants": [one.id, two.id]})).expect(200);
        below.get(&two.path()).expect(200);
        admin.delete(&format!("{path}/tokens/{}", text(&minted["token"]["id"]))).expect(200);
        assert_eq!(below.get(&two.path()).problem(401, "unauthorized")["reason"], "revoked");
        admin.delete(&path).expect(200);
    }
    // An auditor of the same tenants reads them, and a gateway does not even that.
    let all = names(&admin, "", || ());
    assert_eq!(names(&service.operator("auditor", &[&one.id, &two.id]), "name=gateway", || ()), ["gateway"]);
    assert_eq!(all, ["gateway", "auditor", "org_admin", "org_admin"]);
    service.operator("gateway", &[&one.id]).get(OPERATORS).problem(403, "forbidden");
}

#[test]
fn an_org_admin_gives_no_more_than_it_has() {
    let service = Service::start();
    let root = service.root();
    let (own, foreign) = (root.tenant("own", json!({})), root.tenant("foreign", json!({})));
    let admin = service.operator("org_admin", &[&own.id]);
    let path = create(&admin, "below", "gateway", &[&own.id]);
    without_an_event(&root, || {
        for give in [json!({"role": "root"}), json!({"role": "auditor", "all_tenants": true})] {
            admin.patch(&path, &give).problem(403, "forbidden");
            let mut made = give.clone();
            made["name"] = json!("x");
            admin.post(OPERATORS, &made).problem(403, "forbidden");
        }
        // A tenant that is another's is refused exactly like one that is not there.
        let ask = |tenant: &str| {
            let give = json!({"role": "auditor", "tenants": [own.id, tenant]});
            let mut made = give.clone();
            made["name"] = json!("x");
            [told(&admin.patch(&path, &give)), told(&admin.post(OPERATORS, &made))]
        };
        let unknown = ask(ABSENT);
        assert_eq!((unknown[0].0, unknown[1].0), (400, 400));
        assert_eq!(ask(&foreign.id), unknown);
    });
    // Nor does it lift itself up; but it may step down, and is then what it made of itself.
    let list = admin.get(&format!("{OPERATORS}?role=org_admin")).expect(200);
    let own_path = format!("{OPERATORS}/{}", text(&list["data"][0]["id"]));
    admin.patch(&own_path, &json!({"role": "root"})).problem(403, "forbidden");
    admin.patch(&own_path, &json!({"role": "auditor"})).expect(200);
    admin.patch(&own_path, &json!({"role": "org_admin"})).problem(403, "forbidden");
    // Even one of all tenants makes no root, and changes none.
    let whole = service.operator("org_admin", &[]);
    whole.post(OPERATORS, &json!({"name": "x", "role": "root"})).problem(403, "forbidden");
    let (first, _) = operator_of(&root, "root", &[]);
    let first = format!("{OPERATORS}/{first}");
    whole.get(&first).expect(200);
    whole.patch(&first, &json!({"disabled": true})).problem(403, "forbidden");
    whole.delete(&first).problem(403, "forbidden");
    whole.post(&format!("{first}/tokens"), &json!({})).problem(403, "forbidden");
}

#[test]
fn an_operator_out_of_sight_is_like_one_that_is_not_there_whatever_comes_along() {
    let service = Service::start();
    let root = service.root();
    let (own, foreign) = (root.tenant("own", json!({})), root.tenant("foreign", json!({})));
    let admin = service.operator("org_admin", &[&own.id]);
    let (left, left_token) = operator_of(&root, "gateway", &[&own.id]);
    let path = format!("{OPERATORS}/{left}");
    let keyed = |path: &str| {
        let request = admin.request("PATCH", path).json(&json!({"disabled": true}));
        request.header("Idempotency-Key", "before")
    };
    admin.send(&keyed(&path)).expect(200);
    // It has come to reach further than the admin does: it is gone, with the answer that was kept.
    root.patch(&path, &json!({"tenants": [own.id, foreign.id], "disabled": false})).expect(200);
    admin.send(&keyed(&path)).problem(404, "not_found");
    let foreigners = [
        (left, left_token),
        operator_of(&root, "auditor", &[&foreign.id]),
        operator_of(&root, "org_admin", &[]),
        operator_of(&root, "root", &[]),
    ];
    let writes = [
        ("GET", "", None),
        ("PATCH", "", Some(json!({"role": "auditor"}))),
        ("PATCH", "", Some(json!({"unheard_of": 1}))),
        ("DELETE", "", None),
        ("POST", "/tokens", Some(json!({}))),
        ("DELETE", "/tokens/@", None),
    ];
    without_an_event(&root, || {
        for (method, rest, body) in &writes {
            let ask = |id: &str, token: &str, header: Option<(&str, &str)>| {
                let path = format!("{OPERATORS}/{id}{}", rest.replace('@', token));
                let mut request = admin.request(method, &path);
                request = body.iter().fold(request, |request, body| request.json(body));
                request = header.iter().fold(request, |request, (name, value)| request.header(name, value));
                told(&admin.send(&request))
            };
            let headers = [
                None,
                Some(("If-Match", "\"1\"")),
                Some(("If-Match", "\"77\"")),
                Some(("Idempotency-Key", "k")),
            ];
            for header in headers {
                let absent = ask(ABSENT, ABSENT, header);
                assert_eq!(absent.0, 404, "{method} {rest}");
                for (id, token) in &foreigners {
                    assert_eq!(ask(id, token, header), absent, "{method} {rest} {header:?}");
                }
            }
        }
    });
}

#[test]
fn a_walk_gives_each_operator_once_while_more_are_made_and_the_filters_go_by_what_they_are() {
    let service = Service::start();
    let root = service.root();
    let (own, foreign) = (root.tenant("own", json!({})), root.tenant("foreign", json!({})));
    let there: Vec<String> = (0..9).map(|number| format!("op-{number}")).collect();
    for (number, name) in there.iter().enumerate() {
        create(&root, name, if number % 2 == 0 { "gateway" } else { "auditor" }, &[&own.id]);
        create(&root, "foreign", "gateway", &[&foreign.id, &own.id]);
    }
    let reader = service.operator("auditor", &[&own.id]);
    let walked = names(&reader, "limit=2", || drop(create(&root, "late", "gateway", &[&own.id])));
    let of_then: Vec<String> = walked.iter().filter(|name| name.starts_with("op-")).cloned().collect();
    assert_eq!(of_then, there.iter().rev().cloned().collect::<Vec<_>>());
    assert!(!walked.contains(&"foreign".to_owned()), "{walked:?}");

    let path = create(&root, "edge", "gateway", &[&own.id]);
    let minted = token(&root, &path);
    let prefix = text(&minted["token"]["prefix"]);
    root.delete(&format!("{path}/tokens/{}", text(&minted["token"]["id"]))).expect(200);
    create(&root, "off", "org_admin", &[&own.id]);
    let off = text(&root.get(&format!("{OPERATORS}?name=off")).expect(200)["data"][0]["id"]);
    let disabled = root.delete(&format!("{OPERATORS}/{off}")).expect(200);
    let position = disabled["position"].as_u64().expect("a position");
    let cases = [
        ("name=edge".to_owned(), vec!["edge"]),
        (format!("prefix={prefix}"), vec!["edge"]),
        (format!("prefix={}", &prefix[..prefix.len() - 1]), vec!["edge"]),
        (format!("prefix={prefix}&role=auditor"), vec![]),
        ("status=disabled".to_owned(), vec!["off"]),
        (format!("status=disabled&min_position={position}"), vec!["off"]),
        ("role=org_admin".to_owned(), vec!["off"]),
        ("role=org_admin&status=active".to_owned(), vec![]),
        ("role=root".to_owned(), vec![]),
        ("name=foreign".to_owned(), vec![]),
    ];
    for (query, expected) in cases {
        assert_eq!(names(&reader, &query, || ()), expected, "{query}");
    }
    assert_eq!(names(&root, "role=root", || ()), ["first operator"]);
    assert_eq!(names(&root, "name=foreign&limit=4", || ()).len(), 9);
    for (query, parameter) in [
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("status=expired", "status"),
        ("role=king", "role"),
        ("tenant=own", "tenant"),
        ("cursor=x", "cursor"),
    ] {
        let problem = root.get(&format!("{OPERATORS}?{query}")).problem(400, "invalid_request");
        assert_eq!(problem["errors"][0]["parameter"], parameter, "{query}: {problem}");
    }
}

#[test]
fn a_token_ends_after_ninety_days_unless_it_is_asked_otherwise() {
    let service = Service::start();
    let root = service.root();
    let path = create(&root, "edge", "gateway", &[]);
    let minted = token(&root, &path);
    let instant = |member: &str| {
        let text = text(&minted["token"][member]);
        credledger::clock::Timestamp::parse(&text).expect("an instant").millis()
    };
    let lives = instant("expires_at") - instant("created_at");
    // The decision is made a little before its batch is stamped.
    let ninety_days = 90 * 24 * 60 * 60 * 1000;
    assert!((ninety_days - 60_000..=ninety_days).contains(&lives), "{lives}");
}
