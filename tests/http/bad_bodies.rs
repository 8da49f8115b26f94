//! Every write, of operators and of callers, and every question × every way in which a body, or a token, can be wrong. The routes come from the matrix, the
//! members from the API document: a new one is tried without a line here.

use serde_json::{Value, json};

use super::bad_input::{send_chunks, send_text};
use super::matrix::{ABSENT, Named, ROWS};
use crate::support::client::{Client, Request, Response};
use crate::support::document::api;
use crate::support::service::{Actor, Service, text};
use crate::{acme, without_an_event};

/// A request with a body, its path filled in, for which `body` would do something.
struct Target<'a> {
    actor: &'a Actor,
    method: &'static str,
    route: &'static str,
    path: String,
    body: Value,
}

impl Target<'_> {
    fn place(&self) -> String {
        format!("{} {}", self.method, self.route)
    }

    fn send(&self, body: &Value) -> Response {
        send_text(self.actor, self.method, &self.path, &body.to_string())
    }

    /// Each documented member of its body.
    fn members(&self) -> Vec<(String, &'static Value)> {
        members(api().followed(self.schema()), "", &self.body)
    }

    /// The schema of its body; null where it takes none.
    fn schema(&self) -> &'static Value {
        let document = api().document();
        let operation = &document["paths"][self.route][self.method.to_lowercase()];
        let content = operation["requestBody"]["content"].as_object();
        content.and_then(|types| types.values().next()).map_or(&Value::Null, |content| &content["schema"])
    }

    fn accepts(&self, body: &Value) -> bool {
        let operation = api().operation(self.method, self.route);
        ["application/json", "application/merge-patch+json"]
            .iter()
            .any(|media| operation.check_request(media, body).is_ok())
    }
}

fn targets<'a>(root: &'a Actor, holder: &'a Actor) -> Vec<Target<'a>> {
    let tenant = root.tenant("targets", json!({}));
    let named = Named::fresh(&tenant);
    let operators = "/api/admin/v1/operators";
    let operator = json!({"name": "o", "role": "gateway", "all_tenants": true});
    let operator = text(&root.post(operators, &operator).expect(201)["operator"]["id"]);
    let token = root.post(&format!("{operators}/{operator}/tokens"), &json!({})).expect(201);
    let token = text(&token["token"]["id"]);
    let parts = named.parts(&tenant.id, &operator, &token);
    let of_operators = ROWS.iter().filter(|row| row.method != "GET" && !row.is_lines()).map(|row| Target {
        actor: root,
        method: row.method,
        route: row.path,
        path: row.path_of(&parts),
        body: match row.path {
            "/api/v1/verify/batch" => json!({"items": [{"credential": "x"}]}),
            _ => row.body(&parts).map_or(json!({}), |body| serde_json::from_str(&body).expect("a body")),
        },
    });
    let own = "/api/v1/self/revoke";
    let of_holders =
        Target { actor: holder, method: "POST", route: own, path: own.to_owned(), body: json!({}) };
    let targets: Vec<Target> = of_operators.chain([of_holders]).collect();
    assert!(targets.len() >= 19, "only {} were found", targets.len());
    targets
}

/// Somebody who holds a key.
fn holder(service: &Service, root: &Actor) -> Actor {
    service.actor(&acme(root).mint("holder").secret)
}

/// Of a problem; of an item that fails alone its own, and of a call that is rejected.
fn pointers(answer: &Response, place: &str) -> Vec<String> {
    if let (200, Some(rejected)) = (answer.status, answer.json()["rejected"].as_array()) {
        let told =
            text(&rejected.first().unwrap_or_else(|| panic!("{place}: nothing was rejected"))["detail"]);
        return told
            .split("; /")
            .map(|fault| fault.split(": ").next().unwrap_or_default().to_owned())
            .collect();
    }
    let told = match answer.status {
        200 => answer.json()["data"][0].clone(),
        _ => answer.problem(400, "invalid_request"),
    };
    assert_eq!(told["code"], "invalid_request", "{place}: {}", answer.text());
    let faults = told["errors"].as_array().cloned().unwrap_or_default();
    faults.iter().map(|fault| fault["pointer"].as_str().unwrap_or("no pointer").to_owned()).collect()
}

#[test]
fn every_write_refuses_what_is_no_proper_json_at_its_place() {
    let service = Service::start();
    let root = service.root();
    let holder = holder(&service, &root);
    let targets = targets(&root, &holder);
    let deep = |open: &str, close: &str| format!(r#"{{"zz":{}1{}}}"#, open.repeat(40), close.repeat(40));
    let (lists, objects) = (deep("[", "]"), deep(r#"{"a":"#, "}"));
    let (in_lists, in_objects) = (format!("/zz{}", "/0".repeat(31)), format!("/zz{}", "/a".repeat(31)));
    let cases: [(&str, &str); 19] = [
        ("{", ""),
        ("}", ""),
        ("{]", ""),
        ("{} x", ""),
        ("{'a':1}", ""),
        ("\u{feff}{}", ""),
        ("[]", ""),
        ("null", ""),
        ("\"text\"", ""),
        ("7", ""),
        (r#"{"zz":1,"zz":1}"#, "/zz"),
        (r#"{"zz":{"a":1,"\u0061":1}}"#, "/zz/a"),
        (r#"{"zz":1e999}"#, "/zz"),
        (r#"{"zz":"\ud800"}"#, "/zz"),
        ("{\"zz\":\"a\nb\"}", "/zz"),
        (r#"{"zz":"a"#, "/zz"),
        (r#"{"zz":nul}"#, "/zz"),
        (&lists, &in_lists),
        (&objects, &in_objects),
    ];
    without_an_event(&root, || {
        for target in &targets {
            let place = target.place();
            for (body, pointer) in cases {
                let answer = send_text(target.actor, target.method, &target.path, body);
                assert_eq!(pointers(&answer, &place), [pointer], "{place} {body}");
            }
            let mut unknown = target.body.clone();
            unknown["a/b~c"] = json!(1);
            assert_eq!(pointers(&target.send(&unknown), &place), ["/a~1b~0c"], "{place}");
            let request = target.actor.request(target.method, &target.path);
            let no_text =
                request.header("Content-Type", "application/json").body(b"{\"zz\":\"\xff\"}".to_vec());
            assert_eq!(pointers(&target.actor.send(&no_text), &place), [""], "{place}");
        }
    });
}

/// Each documented member of a body by its pointer and its schema; members of members too, and of the element that stands in
/// the body.
fn members(schema: &'static Value, pointer: &str, body: &Value) -> Vec<(String, &'static Value)> {
    let element = format!("{pointer}/0");
    if body.pointer(&element).is_some_and(Value::is_object) {
        return members(api().followed(&schema["items"]), &element, body);
    }
    let named = schema["properties"].as_object().into_iter().flatten();
    named
        .flat_map(|(name, member)| {
            let member = first(member);
            let pointer = format!("{pointer}/{name}");
            let mut found = members(member, &pointer, body);
            found.push((pointer, member));
            found
        })
        .collect()
}

/// Of what a member may be, what is described first: the others are null, or a word.
fn first(member: &'static Value) -> &'static Value {
    let member = api().followed(member);
    if member["oneOf"].is_array() { first(&member["oneOf"][0]) } else { member }
}

/// The body with another value at the pointer; what must stand beside it is as in the document's example.
fn with(target: &Target, pointer: &str, value: &Value) -> Value {
    let mut body = target.body.clone();
    let (mut place, mut schema) = (&mut body, api().followed(target.schema()));
    for step in pointer.split('/').skip(1) {
        if place.is_null() && schema["required"].is_array() {
            *place = schema["examples"][0].clone();
        }
        (place, schema) = match step {
            "0" => (&mut place[0], api().followed(&schema["items"])),
            name => (&mut place[name], first(&schema["properties"][name])),
        };
    }
    *place = value.clone();
    body
}

#[test]
fn every_member_of_every_write_refuses_what_the_document_does_not_allow() {
    let service = Service::start();
    let root = service.root();
    let holder = holder(&service, &root);
    let targets = targets(&root, &holder);
    let values = [
        json!(null),
        json!(true),
        json!(-1),
        json!(12.5),
        json!(1e300),
        json!(""),
        json!("\u{7}"),
        json!([]),
        json!([[]]),
        json!([null]),
        json!({}),
        json!({"zz": 1}),
        json!("x".repeat(1_500)),
    ];
    let mut tried = 0;
    without_an_event(&root, || {
        for target in &targets {
            for (pointer, _) in target.members() {
                let wrong = values.iter().map(|value| with(target, &pointer, value));
                for body in wrong.filter(|body| !target.accepts(body)) {
                    let place = format!("{} {pointer}", target.place());
                    let told = pointers(&target.send(&body), &place);
                    let shown: String = body.to_string().chars().take(200).collect();
                    assert!(told.iter().all(|told| told.starts_with(&pointer)), "{place} {shown}: {told:?}");
                    tried += 1;
                }
            }
        }
    });
    assert!(tried > 200, "only {tried} wrong values were tried");
}

#[test]
fn every_text_of_a_person_refuses_what_cannot_be_seen_and_every_end_what_is_past() {
    let service = Service::start();
    let root = service.root();
    let holder = holder(&service, &root);
    let targets = targets(&root, &holder);
    // control, bidi, invisible, private, unassigned
    let unseen = "\0\u{7}\u{b}\u{7f}\u{85}\u{2028}\u{202a}\u{202e}\u{2066}\u{2069}\u{200e}\u{200f}\u{61c}\u{ad}\u{200b}\u{200c}\
        \u{200d}\u{2060}\u{feff}\u{fe0f}\u{3164}\u{2800}\u{e0041}\u{e0100}\u{e000}\u{10fffd}\u{378}\u{fdd0}";
    let past = ["1970-01-01T00:00:00Z", "2020-02-29T12:00:00+14:00", "2020-01-01t00:00:00.999z"];
    let no_instants = ["2099-02-30T00:00:00Z", "2099-01-01", "10000-01-01T00:00:00Z", "tomorrow"];
    let (mut texts, mut ends) = (0, 0);
    without_an_event(&root, || {
        for target in &targets {
            for (pointer, schema) in target.members() {
                let is_end = schema["format"] == "date-time";
                let is_string = schema["type"] == "string" || schema["type"] == json!(["string", "null"]);
                let is_free = ["format", "enum", "pattern"].iter().all(|word| schema[word].is_null());
                let is_text = is_string && is_free;
                let wrong: Vec<String> = match (is_text, is_end) {
                    (true, _) => unseen.chars().map(|character| format!("a{character}b")).collect(),
                    (_, true) => past.iter().chain(&no_instants).map(|text| (*text).to_owned()).collect(),
                    _ => continue,
                };
                (texts, ends) = (texts + usize::from(is_text), ends + usize::from(is_end));
                for value in wrong {
                    let place = format!("{} {pointer} {value:?}", target.place());
                    let answer = target.send(&with(target, &pointer, &json!(value)));
                    assert_eq!(pointers(&answer, &place), [pointer.as_str()], "{place}");
                }
            }
        }
    });
    assert!(texts >= 7 && ends >= 4, "{texts} texts and {ends} ends were found");
}

#[test]
fn every_free_name_refuses_what_the_document_does_not_allow_and_what_cannot_be_seen() {
    let service = Service::start();
    let root = service.root();
    let holder = holder(&service, &root);
    let targets = targets(&root, &holder);
    let (empty, long) = (String::new(), "x".repeat(201));
    let names = [empty.as_str(), &long, "a\u{7}", "a\u{202e}b", "a\u{200b}b", " a", "a\u{a0}"];
    let mut tried = 0;
    without_an_event(&root, || {
        for target in &targets {
            let free = target.members().into_iter().filter(|(_, schema)| !schema["propertyNames"].is_null());
            for (pointer, _) in free {
                for name in names {
                    let body = with(target, &pointer, &json!({name: "a:b"}));
                    let place = format!("{} {pointer}/{name}", target.place());
                    assert_eq!(
                        pointers(&target.send(&body), &place),
                        [format!("{pointer}/{name}")],
                        "{place}"
                    );
                    tried += 1;
                }
            }
        }
    });
    assert!(tried >= 14, "only {tried} names were tried");
}

#[test]
fn every_write_refuses_a_body_that_is_too_long_by_what_it_announces_and_by_what_comes() {
    let service = Service::start();
    let root = service.root();
    let holder = holder(&service, &root);
    let targets = targets(&root, &holder);
    let ten = (10 * 1024 * 1024).to_string();
    without_an_event(&root, || {
        for target in &targets {
            let announced =
                target.actor.request(target.method, &target.path).header("Content-Type", "application/json");
            let head = announced.header("Content-Length", &ten).head_bytes(&service.address());
            Client::new(service.address()).send_raw(&head).problem(413, "too_large");
            send_chunks(&service, target.actor, target.method, &target.path, 2 * 1024 * 1024)
                .problem(413, "too_large");
        }
    });
}

#[test]
fn every_route_refuses_a_token_that_is_not_written_as_one() {
    let service = Service::start();
    let root = service.root();
    let token = root.token.clone().expect("a token");
    let anonymous = service.anonymous();
    let absent = Named::all(ABSENT);
    let parts = absent.parts(ABSENT, ABSENT, ABSENT);
    let forms = [
        (format!("Bearer  {token}"), 401, "unauthorized"),
        (format!("Bearer {token} x"), 401, "unauthorized"),
        (format!("Bearer {token} {token}"), 401, "unauthorized"),
        (format!("Bearer {token}{token}"), 401, "unauthorized"),
        (format!("Bearer {}", &token[..token.len() - 9]), 401, "unauthorized"),
        ("Bearer".to_owned(), 401, "unauthorized"),
        (token.clone(), 401, "unauthorized"),
        (format!("Bearer {}", "x".repeat(100 * 1024)), 431, "headers_too_large"),
    ];
    without_an_event(&root, || {
        for (place, row) in ROWS.iter().enumerate() {
            // Each route from another address: a hundred such texts from one would be told to wait.
            let from = format!("192.0.2.{place}");
            for (header, status, code) in &forms {
                let request = Request::new(row.method, &row.path_of(&parts))
                    .header("Authorization", header)
                    .header("X-Forwarded-For", &from);
                let request = match row.body(&parts) {
                    None => request,
                    Some(body) => request.header("Content-Type", "application/json").body(body.into()),
                };
                anonymous.send(&request).problem(*status, code);
            }
        }
    });
}
