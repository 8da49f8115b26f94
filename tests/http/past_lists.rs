//! Lists of keys and clients as they were: whatever a list was, it is told so for ever, whatever came after; what works, and worked; and
//! what was another between two moments.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::acme;
use crate::matrix::{ABSENT, member_of, told};
use crate::support::client::Response;
use crate::support::service::{Actor, Key, Service, Tenant, text};

pub fn instant(millis: i64) -> String {
    credledger::clock::Timestamp::from_millis(millis).expect("an instant").to_string()
}

fn names(list: &[Value]) -> Vec<String> {
    list.iter().map(|each| text(&each["name"])).collect()
}

/// What the tenant's lists were after the event at a position.
struct Moment {
    position: u64,
    keys: Vec<Value>,
    clients: Vec<Value>,
}

impl Moment {
    #[track_caller]
    fn after(tenant: &Tenant<'_>, written: &Value) -> Moment {
        let list = |kind: &str| tenant.admin.walk(&format!("{}/{kind}", tenant.path()), 500);
        let position = written["position"].as_u64().expect("a position");
        Moment { position, keys: list("keys"), clients: list("clients") }
    }

    #[track_caller]
    fn holds(&self, auditor: &Actor, tenant: &str, limit: usize) {
        for (kind, expected) in [("keys", &self.keys), ("clients", &self.clients)] {
            let path = format!("{tenant}/{kind}?position={}", self.position);
            assert_eq!(auditor.walk(&path, limit), *expected, "{kind} at {}", self.position);
        }
    }

    fn all(&self) -> BTreeMap<String, &Value> {
        self.keys.iter().chain(&self.clients).map(|each| (text(&each["id"]), each)).collect()
    }
}

/// A tenant to which a bit of everything happens, and what its lists were after each of it.
fn lived_through<'a>(root: &'a Actor, tenant: &Tenant<'a>) -> Vec<Moment> {
    let mut moments = Vec::new();
    let mut then = |written: &Value| moments.push(Moment::after(tenant, written));
    let owner = member_of(tenant);
    let one = tenant.mint_with(json!({"name": "one", "scopes": ["*"]}));
    then(&one.minted);
    let two = tenant
        .mint_with(json!({"name": "two", "description": "second", "expires_at": "2099-01-01T00:00:00Z"}));
    then(&two.minted);
    let client = tenant.client("machine");
    then(&client.minted);
    for change in [
        json!({"name": "uno", "scopes": ["orders.read"]}),
        json!({"owner": owner}),
        json!({"ip_rules": {"allow": [{"cidr": "192.0.2.0/24"}]}, "description": "ruled"}),
        json!({"expires_at": "2098-01-01T00:00:00Z"}),
    ] {
        then(&one.edit(change));
    }
    then(&one.rotate(json!({"grace_seconds": 3600})).1);
    then(&client.rotate(json!({"grace_seconds": 3600})).1);
    let act =
        |key: &Key<'_>, action: &str| root.post(&format!("{}/{action}", key.path), &json!({})).expect(200);
    then(&act(&two, "suspend"));
    then(&act(&two, "resume"));
    then(&tenant.mint("three").minted);
    then(&client.revoke("unused"));
    then(&root.patch(&tenant.path(), &json!({"settings": {"expiry_warning_seconds": 60}})).expect(200));
    then(&one.edit(json!({"owner": null})));
    then(&two.revoke("leaked"));
    moments
}

#[test]
fn whatever_a_list_was_it_is_told_to_have_been_for_ever_and_what_differs_is_told_of_any_two_moments() {
    let mut service = Service::start();
    let (moments, path) = {
        let root = service.root();
        let (tenant, other) = (acme(&root), root.tenant("other", json!({})));
        let moments = lived_through(&root, &tenant);
        other.mint("foreign");
        (moments, tenant.path())
    };
    let auditor = service.operator("auditor", &[]);
    for (number, moment) in moments.iter().enumerate() {
        moment.holds(&auditor, &path, 1 + number % 3);
    }
    for (number, before) in moments.iter().enumerate() {
        for after in &moments[number..] {
            differ(&auditor, &path, before, after);
        }
    }
    service.stop();
    service.start_again();
    let auditor = service.operator("auditor", &[]);
    moments.iter().for_each(|moment| moment.holds(&auditor, &path, 2));
    differ(&auditor, &path, &moments[2], &moments[moments.len() - 1]);
}

/// What a credential says of itself alone.
fn own(told: &Value) -> Value {
    let mut own = told.clone();
    let members = own.as_object_mut().expect("a credential");
    for others in ["version", "effective_scopes"] {
        members.remove(others);
    }
    own
}

/// A difference is what the two lists say.
#[track_caller]
fn differ(auditor: &Actor, tenant: &str, before: &Moment, after: &Moment) {
    let (was, is) = (before.all(), after.all());
    let mut expected: BTreeMap<String, (Value, Value)> = BTreeMap::new();
    for (id, after) in &is {
        let before = was.get(id).map_or(Value::Null, |before| (*before).clone());
        if before == Value::Null || own(&before) != own(after) {
            expected.insert(id.clone(), (before, (*after).clone()));
        }
    }
    let path = format!("{tenant}/changes?from_position={}&to_position={}", before.position, after.position);
    for limit in [1, 50] {
        let told = auditor.walk(&path, limit);
        let count = told.len();
        let of = |change: Value| {
            assert_eq!(change["kind"], change["after"]["kind"]);
            (text(&change["id"]), (change["before"].clone(), change["after"].clone()))
        };
        let told: BTreeMap<String, (Value, Value)> = told.into_iter().map(of).collect();
        assert_eq!(told.len(), count, "each once");
        assert_eq!(told, expected, "{} to {}, pages of {limit}", before.position, after.position);
    }
}

#[test]
fn filters_are_of_then() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let owner = member_of(&tenant);
    let key = tenant
        .mint_with(json!({"name": "old", "description": "nightly job", "scopes": ["a.b"], "owner": owner}));
    let first = text(&key.minted["key"]["secrets"][0]["prefix"]);
    let then = key.minted["position"].as_u64().expect("a position");
    let client = tenant.client("machine");
    let client_id = text(&client.minted["client_id"]);
    key.edit(json!({"name": "new", "description": "", "scopes": ["c"], "owner": null, "expires_at": "2097-01-01T00:00:00Z"}));
    let rotated = key.rotate(json!({"grace_seconds": 60})).1;
    let second = text(&rotated["key"]["secrets"][1]["prefix"]);
    root.post(&format!("{}/suspend", key.path), &json!({})).expect(200);
    let head = root.get_caught_up(&format!("{}/audit?order=desc&limit=1", tenant.path())).expect(200);
    let head = head["data"][0]["position"].as_u64().expect("a position");
    let found = |filters: &str| root.walk(&format!("{}/{filters}", tenant.path()), 7).len();
    for (filter, of_then, of_now) in [
        ("name=old".to_owned(), 1, 0),
        ("name=new".to_owned(), 0, 1),
        ("q=NIGHT".to_owned(), 1, 0),
        ("q=ew".to_owned(), 0, 1),
        ("scope=a.b".to_owned(), 1, 0),
        ("scope=c".to_owned(), 0, 1),
        (format!("owner={owner}"), 1, 0),
        (format!("owner={ABSENT}"), 0, 0),
        ("expires_before=2098-01-01T00:00:00Z".to_owned(), 0, 1),
        ("status=active".to_owned(), 1, 0),
        ("status=suspended".to_owned(), 0, 1),
        ("status=revoked".to_owned(), 0, 0),
        ("valid=true".to_owned(), 1, 0),
        ("valid=false".to_owned(), 0, 1),
        ("status=suspended&valid=true".to_owned(), 0, 0),
        ("status=suspended&valid=false".to_owned(), 0, 1),
        (format!("prefix={first}"), 1, 1),
        (format!("prefix={second}"), 0, 1),
        (format!("prefix={second}&owner={owner}"), 0, 0),
        (format!("prefix={first}&owner={owner}"), 1, 0),
        ("prefix=cl_".to_owned(), 1, 1),
        ("prefix=none".to_owned(), 0, 0),
    ] {
        assert_eq!(found(&format!("keys?position={then}&{filter}")), of_then, "{filter} then");
        assert_eq!(found(&format!("keys?position={head}&{filter}")), of_now, "{filter} as of now");
        assert_eq!(found(&format!("keys?{filter}")), of_now, "{filter} now");
    }
    assert_eq!(found(&format!("clients?position={then}")), 0);
    assert_eq!(found(&format!("clients?position={head}&prefix={client_id}")), 1);
}

#[test]
fn what_works_as_such_is_what_verify_accepts_from_somewhere() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let owner = member_of(&tenant);
    let owned = tenant.mint_with(json!({"name": "owned", "owner": owner}));
    let ruled = tenant.mint_with(json!({"name": "ruled", "ip_rules": {"allow": [{"cidr": "192.0.2.0/24"}]}}));
    let revoked = tenant.mint("revoked");
    revoked.revoke("unused");
    let suspended = tenant.mint("suspended");
    root.post(&format!("{}/suspend", suspended.path), &json!({})).expect(200);
    let free = tenant.mint("free");
    let mut positions = Vec::new();
    let accepted = |key: &Key<'_>| {
        let question = json!({"credential": key.secret, "client_ip": "192.0.2.9"});
        root.verify_as(question).0["valid"] == true
    };
    let mut looks = |written: &Value| {
        let position = written["position"].as_u64().expect("a position");
        let keys = [&free, &suspended, &revoked, &ruled, &owned];
        let (works, fails): (Vec<_>, Vec<_>) = keys.into_iter().partition(|key| accepted(key));
        let of =
            |keys: Vec<&Key<'_>>| keys.iter().map(|key| text(&key.minted["key"]["name"])).collect::<Vec<_>>();
        let expected = [("true", of(works)), ("false", of(fails))];
        for (valid, expected) in &expected {
            let now = root.walk(&format!("{}/keys?valid={valid}", tenant.path()), 1);
            assert_eq!(names(&now), *expected, "valid={valid} at {position}");
        }
        positions.push((position, expected));
    };
    looks(&free.minted);
    let member = format!("{}/members/{owner}", tenant.path());
    for (path, action) in
        [(&member, "disable"), (&member, "enable"), (&tenant.path(), "suspend"), (&tenant.path(), "resume")]
    {
        looks(&root.post(&format!("{path}/{action}"), &json!({})).expect(200));
    }
    assert_eq!(positions[0].1[0].1, ["free", "ruled", "owned"]);
    assert_eq!(positions[1].1[0].1, ["free", "ruled"]);
    assert!(positions[3].1[0].1.is_empty(), "of a suspended tenant nothing works");
    for (position, expected) in positions {
        for (valid, expected) in expected {
            let path = format!("{}/keys?valid={valid}&position={position}", tenant.path());
            for limit in [1, 2, 50] {
                assert_eq!(names(&root.walk(&path, limit)), expected, "valid={valid} at {position}");
            }
        }
    }
}

#[track_caller]
fn is_refused_at(answer: &Response, parameter: &str) -> String {
    let problem = answer.problem(400, "invalid_request");
    assert_eq!(problem["errors"][0]["parameter"], parameter, "{problem}");
    text(&problem["errors"][0]["detail"])
}

#[test]
fn what_names_no_moment_is_refused_and_a_cursor_is_of_its_moment() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let made: Vec<u64> =
        (0..4).map(|_| tenant.mint("k").minted["position"].as_u64().expect("a position")).collect();
    let path = tenant.path();
    let get = |rest: &str| root.get_caught_up(&format!("{path}/{rest}"));
    for list in ["keys", "clients"] {
        for (query, parameter) in [
            ("at=yesterday", "at"),
            ("at=9999-12-31T23:59:59Z", "at"),
            ("position=-1", "position"),
            ("position=1000000", "position"),
            ("at=2026-01-01T00:00:00Z&position=1", "position"),
            ("position=1&position=2", "position"),
            ("valid=yes", "valid"),
            ("valid=true&valid=false", "valid"),
            ("status=gone&position=1", "status"),
            ("as_of=1", "as_of"),
            ("format=xml", "format"),
            ("format=csv&limit=5", "limit"),
            ("format=ndjson&cursor=x", "cursor"),
        ] {
            is_refused_at(&get(&format!("{list}?{query}")), parameter);
        }
        let why = is_refused_at(
            &get(&format!("{list}?position={}&unused_since=2020-01-01T00:00:00Z", made[0])),
            "unused_since",
        );
        assert!(why.contains("last time"), "{why}");
        // The tenant was not there yet.
        for before in ["at=1970-01-01T00:00:00Z", "at=2020-01-01T00:00:00Z", "position=0"] {
            get(&format!("{list}?{before}")).problem(404, "not_found");
        }
    }
    for (query, parameter) in [
        (format!("from_position={}&to_position={}", made[1], made[0]), "to_position"),
        (format!("from_position={}&to=2020-01-01T00:00:00Z", made[1]), "to"),
        ("from=9999-12-31T23:59:59Z".to_owned(), "from"),
        ("to=9999-12-31T23:59:59Z".to_owned(), "to"),
        ("from_position=1000000".to_owned(), "from_position"),
        ("from=2020-01-01T00:00:00Z&from_position=1".to_owned(), "from_position"),
        ("since=1".to_owned(), "since"),
    ] {
        is_refused_at(&get(&format!("changes?{query}")), parameter);
    }
    get("changes?to=2020-01-01T00:00:00Z").problem(404, "not_found");
    get("changes?from=1970-01-01T00:00:00Z&to_position=0").problem(404, "not_found");
    let nothing = get(&format!("changes?from_position={0}&to_position={0}", made[1])).expect(200);
    assert_eq!(nothing, json!({"data": [], "next_cursor": null}));

    for (one, others) in [
        (
            format!("keys?position={}", made[3]),
            vec![
                "keys?".to_owned(),
                format!("keys?position={}", made[2]),
                format!("clients?position={}", made[3]),
            ],
        ),
        ("keys?".to_owned(), vec![format!("keys?position={}", made[3]), "keys?valid=true".to_owned()]),
        (
            format!("changes?from_position={}", made[0] - 1),
            vec![format!("changes?from_position={}", made[0]), "changes?".to_owned()],
        ),
    ] {
        let page = get(&format!("{one}&limit=1")).expect(200);
        let cursor = text(&page["next_cursor"]);
        get(&format!("{one}&cursor={cursor}")).expect(200);
        for other in others {
            is_refused_at(&get(&format!("{other}&cursor={cursor}")), "cursor");
        }
        let bent = cursor.replacen(|letter: char| letter.is_ascii_lowercase(), "Z", 1);
        is_refused_at(&get(&format!("{one}&cursor={bent}")), "cursor");
    }
}

/// What is minted while somebody goes along a list of then, or a difference up to now, is in neither.
#[test]
fn a_walk_stays_at_its_moments() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let made: Vec<Key<'_>> = (0..5).map(|number| tenant.mint(&format!("k{number}"))).collect();
    let at = made[4].read()["created_at"].clone();
    for path in [format!("{}/keys?at={}", tenant.path(), text(&at)), format!("{}/changes?", tenant.path())] {
        let (mut found, mut cursor, mut turn) = (0, String::new(), 0);
        loop {
            let page = root.get_caught_up(&format!("{path}&limit=2{cursor}")).expect(200);
            found += page["data"].as_array().expect("a page").len();
            turn += 1;
            made[0].edit(json!({"name": format!("renamed {turn}")}));
            if path.contains("at=") {
                tenant.mint("late");
            }
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert!(found == 5 || path.contains("changes") && found >= 5, "{path}: {found}");
    }
}

#[test]
fn the_past_lists_of_another_tenant_are_as_little_there_as_its_present_ones() {
    let service = Service::start();
    let root = service.root();
    let (own, foreign) = (root.tenant("own", json!({})), root.tenant("foreign", json!({})));
    let mine = own.mint("mine");
    let theirs = foreign.mint_with(json!({"name": "theirs", "expires_at": "2099-01-01T00:00:00Z"}));
    let head = theirs.minted["position"].as_u64().expect("a position");
    let auditor = service.operator("auditor", &[&own.id]);
    for rest in ["keys?position=", "changes?to_position="] {
        let get =
            |tenant: &str| auditor.get_caught_up(&format!("/api/admin/v1/tenants/{tenant}/{rest}{head}"));
        assert_eq!(told(&get(&foreign.id)), told(&get(ABSENT)));
        let data = get(&own.id).expect(200)["data"].clone();
        assert_eq!(data.as_array().expect("a page").len(), 1);
        assert_eq!(data[0]["id"], mine.id.as_str());
    }
}

#[test]
fn an_erased_name_is_told_as_erased_of_any_moment_and_found_of_none() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let key = tenant.mint("Ada Lovelace");
    let position = key.minted["position"].as_u64().expect("a position");
    key.edit(json!({"name": "renamed"}));
    let erase = json!({"text": {"position": position}, "reason": "requested"});
    root.post(&format!("{}/erasures", tenant.path()), &erase).expect(201);
    let list = |filters: &str| root.walk(&format!("{}/keys?position={position}{filters}", tenant.path()), 5);
    assert_eq!(list("")[0]["name"], json!({"erased": true}));
    assert_eq!((list("&name=Ada+Lovelace").len(), list("&q=ada").len()), (0, 0));
    let changes = root.walk(&format!("{}/changes?from_position={position}", tenant.path()), 5);
    assert_eq!(changes[0]["before"]["name"], json!({"erased": true}));
    assert_eq!(changes[0]["after"]["name"], "renamed");
}

fn table(answer: &Response) -> Vec<Vec<String>> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let text = answer.text();
    let lines = text.strip_suffix("\r\n").expect("a last line").split("\r\n");
    lines
        .map(|line| {
            let (mut cells, mut cell, mut quoted) = (Vec::new(), String::new(), false);
            let mut letters = line.chars().peekable();
            while let Some(letter) = letters.next() {
                match letter {
                    '"' if quoted && letters.peek() == Some(&'"') => {
                        cell.push(letters.next().expect("peeked"))
                    }
                    '"' => quoted = !quoted,
                    ',' if !quoted => cells.push(std::mem::take(&mut cell)),
                    letter => cell.push(letter),
                }
            }
            cells.push(cell);
            cells
        })
        .collect()
}

#[test]
fn a_table_says_who_could_do_what() {
    let service = Service::start();
    let root = service.root();
    let tenant = acme(&root);
    let rules = json!({"allow": [{"cidr": "192.0.2.0/24", "enabled": true}], "deny": []});
    let key = tenant.mint_with(json!({"name": "=cmd()", "scopes": ["a.b", "c"], "ip_rules": rules}));
    (0..3).for_each(|number| drop(tenant.mint(&format!("k{number}"))));
    let last = tenant.mint("last");
    let position = last.minted["position"].as_u64().expect("a position");
    key.edit(json!({"scopes": ["c"]}));
    let get = |rest: &str| root.get_caught_up(&format!("{}/{rest}", tenant.path()));
    for moment in
        ["", "&valid=true", &format!("&position={position}"), &format!("&position={position}&valid=true")]
    {
        let pages = root.walk(&format!("{}/keys?{moment}", tenant.path()), 2);
        let lines: Vec<Value> = get(&format!("keys?format=ndjson{moment}"))
            .text()
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        assert_eq!(lines, pages, "{moment}");
        let table = table(&get(&format!("keys?format=csv{moment}")));
        assert_eq!(table.len(), 6);
        let (header, row) = (&table[0], &table[5]);
        let cell = |name: &str| {
            let column =
                header.iter().position(|column| column == name).unwrap_or_else(|| panic!("no {name}"));
            row[column].clone()
        };
        assert_eq!(
            (cell("name"), cell("status"), cell("kind")),
            ("'=cmd()".to_owned(), "active".to_owned(), "api_key".to_owned())
        );
        let scopes: Value = serde_json::from_str(&cell("scopes")).expect("JSON");
        assert_eq!(scopes, if moment.contains("position") { json!(["a.b", "c"]) } else { json!(["c"]) });
        assert_eq!(serde_json::from_str::<Value>(&cell("ip_rules")).expect("JSON"), rules);
        assert!(cell("secrets").contains(&text(&key.minted["key"]["secrets"][0]["prefix"])));
        assert_eq!(cell("expires_at"), "");
    }
    let table = table(&get(&format!("changes?from_position={position}&format=csv")));
    assert_eq!(table.len(), 2);
    let cell =
        |name: &str| table[1][table[0].iter().position(|column| column == name).expect("a column")].clone();
    assert_eq!(
        (cell("before_scopes"), cell("after_scopes")),
        ("[\"a.b\",\"c\"]".to_owned(), "[\"c\"]".to_owned())
    );
    assert!(cell("before").starts_with('{') && cell("after").starts_with('{'));
    let clients = get("clients?format=csv");
    assert_eq!(clients.text().lines().count(), 1, "a header alone");
    assert_eq!(clients.header("content-type"), Some("text/csv; charset=utf-8"));
}
