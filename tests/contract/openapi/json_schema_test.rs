use serde_json::json;

use crate::support::json_schema::Validator;

#[test]
fn each_keyword_admits_what_it_says_and_nothing_else() {
    let cases = [
        (json!({"type": "string"}), json!("a"), json!(1)),
        (json!({"type": ["string", "null"]}), json!(null), json!(false)),
        (json!({"type": "integer"}), json!(3.0), json!(3.5)),
        (json!({"const": true}), json!(true), json!(1)),
        (json!({"enum": ["a", "b"]}), json!("b"), json!("c")),
        (json!({"pattern": "^[a-z]+$"}), json!("abc"), json!("aB")),
        (json!({"minLength": 2}), json!("éé"), json!("é")),
        (json!({"maxLength": 2}), json!("éé"), json!("ééé")),
        (json!({"minimum": 1}), json!(1), json!(0)),
        (json!({"maximum": 1}), json!(1), json!(1.5)),
        (json!({"items": {"type": "null"}}), json!([null]), json!([null, 1])),
        (json!({"minItems": 1}), json!([1]), json!([])),
        (json!({"maxItems": 1}), json!([1]), json!([1, 2])),
        (json!({"uniqueItems": true}), json!([1, 2]), json!([1, 1])),
        (json!({"required": ["a"]}), json!({"a": null}), json!({"b": 1})),
        (json!({"properties": {"a": {"type": "null"}}}), json!({"a": null, "b": 1}), json!({"a": 1})),
        (json!({"properties": {"a": {}}, "additionalProperties": false}), json!({"a": 1}), json!({"b": 1})),
        (json!({"additionalProperties": {"type": "null"}}), json!({"a": null}), json!({"a": 1})),
        (json!({"propertyNames": {"maxLength": 1}}), json!({"a": 1}), json!({"ab": 1})),
        (json!({"maxProperties": 1}), json!({"a": 1}), json!({"a": 1, "b": 1})),
        (json!({"oneOf": [{"minimum": 1}, {"maximum": 3}]}), json!(4), json!(2)),
        (json!({"anyOf": [{"type": "null"}, {"maximum": 3}]}), json!(2), json!(4)),
        (json!({"allOf": [{"minimum": 1}, {"maximum": 3}]}), json!(2), json!(4)),
        (json!({"$ref": "#/named", "maxLength": 3}), json!("abc"), json!("abcd")),
        (json!({"$ref": "#/named"}), json!("abcd"), json!(4)),
    ];
    for (schema, good, bad) in cases {
        let api = Validator::new(json!({"schema": schema, "named": {"type": "string"}}));
        assert_eq!(api.check("#/schema", &good), Ok(()), "{schema}");
        assert!(api.check("#/schema", &bad).is_err(), "{schema} admits {bad}");
    }
}

#[test]
fn a_fault_says_where_it_is() {
    let api = Validator::new(json!({"s": {"properties": {"a": {"items": {"type": "null"}}}}}));
    let faults = api.check("#/s", &json!({"a": [null, 1]})).expect_err("a fault");
    assert_eq!(faults, ["/a/1: expected \"null\", found 1"]);
}

#[test]
fn unknown_keywords_and_dangling_references_are_faults() {
    for schema in [json!({"dependentRequired": {}}), json!({"$ref": "#/nowhere"}), json!({"pattern": "\\d"})]
    {
        let api = Validator::new(json!({"s": schema}));
        assert!(api.check("#/s", &json!("x")).is_err(), "{schema}");
    }
}

#[test]
fn an_answer_holds_only_what_the_document_names() {
    let api = Validator::new(json!({
        "closed": {"properties": {"a": {}}},
        "open": {"properties": {"a": {}}, "additionalProperties": true},
    }));
    let value = json!({"a": 1, "b": 2});
    assert_eq!(api.check("#/closed", &value), Ok(()));
    assert_eq!(api.check_answer("#/open", &value), Ok(()));
    let faults = api.check_answer("#/closed", &value).expect_err("a fault");
    assert_eq!(faults, ["/b: the document names no such member"]);
}

#[test]
fn an_answer_is_held_to_its_operation() {
    let api = Validator::new(json!({"paths": {
        "/keys/{key}": {"get": {"operationId": "getKey", "responses": {"200": {
            "headers": {"ETag": {"required": true, "schema": {"pattern": "^[0-9]+$"}}},
            "content": {"application/json": {"schema": {"type": "object"}}},
        }}}},
        "/keys/new": {"get": {"operationId": "newKey", "responses": {}}},
    }}));
    assert_eq!(api.operation("GET", "/keys/new").id(), "newKey");
    let operation = api.operation("GET", "/keys/7?at=1");
    assert_eq!(operation.id(), "getKey");
    assert!(!operation.declares(404));
    let ask = |tag: Option<&str>, kind: &str, body: &str| {
        let header = |name: &str| match name {
            "ETag" => tag.map(str::to_owned),
            _ => Some(kind.to_owned()),
        };
        operation.response(200).check(header, body.as_bytes())
    };
    assert_eq!(ask(Some("7"), "application/json; charset=utf-8", "{}"), Ok(()));
    for (tag, kind, body) in [
        (None, "application/json", "{}"),
        (Some("x"), "application/json", "{}"),
        (Some("7"), "text/html", "{}"),
        (Some("7"), "application/json", "[]"),
        (Some("7"), "application/json", ""),
    ] {
        assert!(ask(tag, kind, body).is_err(), "{tag:?} {kind} {body}");
    }
}
