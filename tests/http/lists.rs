//! Pages, cursors and filters.

use serde_json::{Value, json};

use crate::acme;
use crate::matrix::member_of;
use crate::support::service::{Actor, Service, text};

/// All names along the cursors of a list; `between` is run before each further page.
fn walk(actor: &Actor, path: &str, member: &str, mut between: impl FnMut()) -> Vec<String> {
    let mut names = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = actor.get(&format!("{path}{cursor}")).expect(200);
        names.extend(page["data"].as_array().expect("a page").iter().map(|each| text(&each[member])));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return names,
        }
        between();
    }
}

#[test]
fn a_walk_gives_everything_that_was_there_exactly_once_while_more_is_minted() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let there: Vec<String> = (0..25).map(|number| format!("key-{number:02}")).collect();
    there.iter().for_each(|name| drop(tenant.mint(name)));
    let keys = format!("{}/keys", tenant.path());
    let walked = walk(&root, &format!("{keys}?limit=4"), "name", || drop(tenant.mint("late")));
    let newest_first: Vec<String> = there.iter().rev().cloned().collect();
    let of_then: Vec<String> = walked.iter().filter(|name| *name != "late").cloned().collect();
    assert_eq!(of_then, newest_first);

    let members: Vec<String> = (0..9).map(|_| member_of(&tenant)).collect();
    let mut late = Vec::new();
    let path = format!("{}/members?limit=2", tenant.path());
    let mut walked = walk(&root, &path, "id", || late.push(member_of(&tenant)));
    assert_eq!(late.len(), 4);
    walked.retain(|id| !late.contains(id));
    assert_eq!(walked, members.into_iter().rev().collect::<Vec<_>>());

    let slugs = walk(&root, "/api/admin/v1/tenants?limit=1", "slug", || {});
    assert_eq!(slugs, ["acme"]);
    for slug in ["a", "b", "zebra"] {
        root.tenant(slug, json!({}));
    }
    assert_eq!(walk(&root, "/api/admin/v1/tenants?limit=1", "slug", || {}), ["a", "acme", "b", "zebra"]);

    let key = tenant.mint("walked");
    (0..5).for_each(|number| drop(key.edit(json!({"name": format!("walked {number}")}))));
    let positions = |path: &str| {
        let types = walk(&root, &format!("{}/history?limit=2{path}", key.path), "type", || {});
        assert_eq!(types.len(), 6, "{types:?}");
        types
    };
    assert_eq!(positions("")[0], "api_key.created");
    assert_eq!(positions("&order=desc")[5], "api_key.created");
}

#[test]
fn a_cursor_that_is_foreign_or_bent_is_400() {
    let service = Service::start();
    let root = service.root();
    let (one, other) = (root.tenant("one", json!({})), root.tenant("other", json!({})));
    for tenant in [&one, &other] {
        (0..3).for_each(|_| drop(tenant.mint("k")));
    }
    let (keys, others) = (format!("{}/keys", one.path()), format!("{}/keys", other.path()));
    let page = root.get(&format!("{keys}?limit=1")).expect(200);
    let cursor = page["next_cursor"].as_str().expect("a cursor");
    root.get(&format!("{keys}?limit=2&cursor={cursor}")).expect(200);
    let mut bent = cursor.to_owned().into_bytes();
    let middle = bent.len() / 2;
    bent[middle] = if bent[middle] == b'A' { b'B' } else { b'A' };
    let bent = String::from_utf8(bent).expect("ASCII");
    for tenant in [&one, &other] {
        (0..3).for_each(|_| drop(member_of(tenant)));
    }
    let (members, strangers) = (format!("{}/members", one.path()), format!("{}/members", other.path()));
    (0..2).for_each(|_| drop(one.client("c")));
    let clients = format!("{}/clients", one.path());
    let page = root.get(&format!("{clients}?limit=1")).expect(200);
    let of_client = page["next_cursor"].as_str().expect("a cursor");
    root.get(&format!("{clients}?limit=2&cursor={of_client}")).expect(200);
    let page = root.get(&format!("{members}?limit=1")).expect(200);
    let of_member = page["next_cursor"].as_str().expect("a cursor");
    root.get(&format!("{members}?limit=2&cursor={of_member}")).expect(200);
    let refused = [
        format!("{members}?cursor={cursor}"),
        format!("{keys}?cursor={of_member}"),
        format!("{keys}?cursor={of_client}"),
        format!("{clients}?cursor={cursor}"),
        format!("{strangers}?cursor={of_member}"),
        format!("{members}?status=active&cursor={of_member}"),
        format!("{others}?cursor={cursor}"),
        format!("/api/admin/v1/tenants?cursor={cursor}"),
        format!("{keys}?status=active&cursor={cursor}"),
        format!("{keys}?cursor={bent}"),
        format!("{keys}?cursor={}", &cursor[1..]),
        format!("{keys}?cursor="),
        format!("{keys}?cursor=x"),
    ];
    for path in refused {
        let problem = root.get(&path).problem(400, "invalid_request");
        assert_eq!(problem["errors"][0]["parameter"], "cursor", "{path}: {problem}");
    }
}

#[test]
fn a_query_is_read_as_strictly_as_a_body() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let key = tenant.mint("k");
    let keys = format!("{}/keys", tenant.path());
    let history = format!("{}/history", key.path);
    let operators = "/api/admin/v1/operators".to_owned();
    let members = format!("{}/members", tenant.path());
    let member = format!("{members}/{}", member_of(&tenant));
    let clients = format!("{}/clients", tenant.path());
    let client_history = format!("{}/history", tenant.client("c").path);
    let cases = [
        (&clients, "limit=0", "limit"),
        (&clients, "kind=oauth_client", "kind"),
        (&clients, "client_id=x", "client_id"),
        (&clients, "status=alive", "status"),
        (&clients, "prefix=%00", "prefix"),
        (&client_history, "order=up", "order"),
        (&keys, "limit=0", "limit"),
        (&keys, "limit=501", "limit"),
        (&keys, "limit=x", "limit"),
        (&keys, "limit=1&limit=1", "limit"),
        (&keys, "colour=red", "colour"),
        (&keys, "status=alive", "status"),
        (&keys, "scope=a..b", "scope"),
        (&keys, "expires_before=tomorrow", "expires_before"),
        (&keys, "owner=x", "owner"),
        (&keys, "name=%ff", "name"),
        (&keys, "prefix=%00", "prefix"),
        (&keys, "name=a%0ab", "name"),
        (&members, "limit=0", "limit"),
        (&members, "limit=501", "limit"),
        (&members, "status=suspended", "status"),
        (&members, "kind=person", "kind"),
        (&members, "name=", "name"),
        (&members, &format!("name={}", "n".repeat(101)), "name"),
        (&members, "name=%ff", "name"),
        (&member, "limit=1", "limit"),
        (&operators, "name=", "name"),
        (&operators, "prefix=", "prefix"),
        (&operators, &format!("prefix={}", "p".repeat(101)), "prefix"),
        (&keys, "name=", "name"),
        (&keys, &format!("name={}", "n".repeat(101)), "name"),
        (&keys, "prefix=", "prefix"),
        (&keys, &format!("prefix={}", "p".repeat(101)), "prefix"),
        (&keys, "q=", "q"),
        (&keys, &format!("q={}", "q".repeat(101)), "q"),
        (&history, "order=up", "order"),
        (&history, "status=active", "status"),
        (&history, "at=2026-01-01T00:00:00Z", "at"),
        (&members, "position=1", "position"),
        (&keys, "position=x", "position"),
        (&tenant.path(), "limit=1", "limit"),
    ];
    for (path, query, parameter) in cases {
        let problem = root.get(&format!("{path}?{query}")).problem(400, "invalid_request");
        assert_eq!(problem["errors"][0]["parameter"], parameter, "{query}: {problem}");
    }
    root.get(&format!("{keys}?limit=500")).expect(200);
    root.get(&format!("{keys}?limit=1")).expect(200);
}

#[test]
fn keys_are_filtered_by_what_they_are() {
    let service = Service::start();
    let root = service.root();
    let tenant = root.tenant("acme", json!({"expiry_warning_seconds": 3600}));
    tenant.mint_with(json!({"name": "plain", "description": "reads Invoices"}));
    let scoped = tenant.mint_with(json!({"name": "scoped", "scopes": ["a:b", "c:*"]}));
    let dated = json!({"name": "dated", "expires_at": "2040-01-01T00:00:00Z", "description": "the first"});
    let dated = tenant.mint_with(dated);
    dated.edit(json!({"description": "the second"}));
    dated.edit(json!({"scopes": ["z"]}));
    let suspended = tenant.mint("suspended");
    root.post(&format!("{}/suspend", suspended.path), &json!({})).expect(200);
    let revoked = tenant.mint("revoked");
    revoked.revoke("other");
    let rotated = tenant.mint("rotated");
    rotated.rotate(json!({"grace_seconds": 0}));
    let prefix = |key: &Value| text(&key["secrets"][0]["prefix"]);
    let old = prefix(&rotated.read());
    let cases = [
        (String::new(), vec!["rotated", "revoked", "suspended", "dated", "scoped", "plain"]),
        ("status=active".into(), vec!["rotated", "dated", "scoped", "plain"]),
        ("status=suspended".into(), vec!["suspended"]),
        ("status=revoked".into(), vec!["revoked"]),
        ("status=expired".into(), vec![]),
        ("status=expiring".into(), vec![]),
        ("name=scoped".into(), vec!["scoped"]),
        ("name=scope".into(), vec![]),
        ("scope=a:b".into(), vec!["scoped"]),
        ("scope=c:*".into(), vec!["scoped"]),
        ("scope=c:d".into(), vec![]),
        ("expires_before=2041-01-01T00:00:00Z".into(), vec!["dated"]),
        ("expires_before=2039-01-01T00:00:00Z".into(), vec![]),
        ("q=INVOICE".into(), vec!["plain"]),
        ("q=second".into(), vec!["dated"]),
        ("q=first".into(), vec![]),
        ("q=DATED".into(), vec!["dated"]),
        ("q=ed".into(), vec!["rotated", "revoked", "suspended", "dated", "scoped"]),
        (format!("prefix={}", prefix(&scoped.read())), vec!["scoped"]),
        // A secret that is over still leads to its key, and the beginning of a prefix is enough.
        (format!("prefix={old}"), vec!["rotated"]),
        (format!("prefix={}", &old[..old.len() - 1]), vec!["rotated"]),
        ("prefix=other_".into(), vec![]),
        ("status=active&scope=a:b&name=scoped".into(), vec!["scoped"]),
        ("status=revoked&scope=a:b".into(), vec![]),
    ];
    for (query, expected) in cases {
        let page = root.get(&format!("{}/keys?{query}", tenant.path())).expect(200);
        let names: Vec<String> =
            page["data"].as_array().expect("keys").iter().map(|key| text(&key["name"])).collect();
        assert_eq!(names, expected, "{query}");
    }
}

#[test]
fn an_operator_lists_the_tenants_that_it_may_see() {
    let service = Service::start();
    let root = service.root();
    let (one, _) = (root.tenant("one", json!({})), root.tenant("other", json!({})));
    for role in ["org_admin", "auditor"] {
        let operator = service.operator(role, &[&one.id]);
        assert_eq!(walk(&operator, "/api/admin/v1/tenants?limit=1", "slug", || {}), ["one"]);
    }
    assert_eq!(
        walk(&service.operator("auditor", &[]), "/api/admin/v1/tenants?limit=1", "slug", || {}),
        ["one", "other"]
    );
}
