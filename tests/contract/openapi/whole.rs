//! One document, without loose ends, every example of which is valid.

use std::collections::BTreeSet;

use credledger::http::json::Json;
use credledger::http::openapi::document;
use serde_json::{Value, json};

use super::{Described, URL, api, each_value, members, operations};

#[test]
fn the_document_has_no_member_twice() {
    let document = document(URL);
    if let Err(malformed) = Json::parse(&document) {
        panic!("{}: {}", malformed.pointer, malformed.detail);
    }
}

#[test]
fn the_document_is_left_where_linters_find_it() {
    let place = concat!(env!("CARGO_TARGET_TMPDIR"), "/openapi.json");
    std::fs::write(place, document(URL)).expect("the document is written");
}

#[test]
fn an_installation_fills_in_its_own_url_and_version() {
    for (given, shown) in [
        (URL, URL),
        ("https://keys.example/base/", "https://keys.example/base"),
        ("\"\\{version}", "\"\\{version}"),
    ] {
        let document: Value = serde_json::from_slice(&document(given)).expect("the document is JSON");
        assert_eq!(document["servers"], json!([{"url": shown, "description": "This installation"}]));
        assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
        assert!(document["info"]["description"].as_str().is_some_and(|text| text.starts_with("Credledger")));
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_component_is_used() {
    let api = api();
    let mut used = BTreeSet::new();
    each_value(api.document(), "", &mut |place, value| {
        if let Some(reference) = value.get("$ref") {
            let reference = reference.as_str().expect("a reference is a string");
            api.resolve(reference).unwrap_or_else(|fault| panic!("{place}: {fault}"));
            used.insert(reference.to_owned());
        }
    });
    for (kind, components) in members(&api.document()["components"]) {
        for (name, _) in members(components) {
            let by_name = kind == "securitySchemes";
            assert!(
                by_name || used.contains(&format!("#/components/{kind}/{name}")),
                "{kind}/{name} is not used"
            );
        }
    }
}

#[test]
fn every_operation_says_who_it_is() {
    let api = api();
    let tags: Vec<&Value> =
        api.document()["tags"].as_array().expect("tags").iter().map(|tag| &tag["name"]).collect();
    let schemes = &api.document()["components"]["securitySchemes"];
    let mut ids = BTreeSet::new();
    for Described { method, path, operation } in operations(&api) {
        let id = operation["operationId"].as_str().unwrap_or_else(|| panic!("{method} {path} has no id"));
        assert!(ids.insert(id), "{id} stands there twice");
        assert_eq!(api.operation(method, path).id(), id);
        assert!(tags.contains(&&operation["tags"][0]), "{id}");
        for member in ["summary", "description"] {
            assert!(operation[member].as_str().is_some_and(|text| !text.is_empty()), "{id} has no {member}");
        }
        for scheme in
            operation["security"].as_array().unwrap_or_else(|| panic!("{id} says nothing of security"))
        {
            assert!(members(scheme).all(|(name, _)| schemes.get(name).is_some()), "{id}");
        }
    }
}

#[test]
fn the_parameters_of_an_operation_are_those_of_its_path() {
    let api = api();
    for Described { method, path, operation } in operations(&api) {
        let shared = &api.document()["paths"][path]["parameters"];
        let parameters =
            [shared, &operation["parameters"]].into_iter().flat_map(|list| list.as_array()).flatten();
        let parameters: Vec<&Value> = parameters.map(|parameter| api.followed(parameter)).collect();
        let declared: BTreeSet<&str> =
            parameters.iter().filter(|p| p["in"] == "path").filter_map(|p| p["name"].as_str()).collect();
        let named: BTreeSet<&str> =
            path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        assert_eq!(declared, named, "{method} {path}");
        assert!(parameters.iter().any(|p| p["name"] == "X-Request-Id"), "{method} {path}");
    }
}

#[test]
fn every_body_and_every_answer_has_an_example() {
    let api = api();
    each_value(api.document(), "", &mut |place, value| {
        for (media_type, content) in value.get("content").into_iter().flat_map(members) {
            let shown = content.get("example").is_some() || members(&content["examples"]).next().is_some();
            assert!(shown, "{place} {media_type}");
        }
    });
}

#[test]
fn every_example_is_valid() {
    let api = api();
    let mut checked = 0;
    each_value(api.document(), "", &mut |place, value| {
        let mut check = |schema: String, example: &Value, answer: bool| {
            let outcome =
                if answer { api.check_answer(&schema, example) } else { api.check(&schema, example) };
            assert_eq!(outcome, Ok(()), "{place}: {example}");
            checked += 1;
        };
        if value.get("schema").is_some() {
            let answer =
                place.starts_with("/components/responses") || place.starts_with("/components/headers");
            let named = members(&value["examples"]).map(|(_, example)| &example["value"]);
            named
                .chain(value.get("example"))
                .for_each(|example| check(format!("{place}/schema"), example, answer));
        }
        for example in value["examples"].as_array().into_iter().flatten() {
            check(place.to_owned(), example, false);
        }
    });
    assert!(checked > 150, "only {checked} examples were found");
}

#[test]
fn the_companion_page_lists_every_operation_and_no_other() {
    let api = api();
    let page = include_str!("../../../docs/API.md");
    let listed: Vec<(String, String)> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` | "))
        .filter_map(|(place, rest)| Some((place.to_owned(), rest.split_once(" | ")?.0.to_owned())))
        .filter(|(place, _)| place.contains(" /"))
        .collect();
    let real = operations(&api).into_iter().map(|Described { method, path, operation }| {
        let id = operation["operationId"].as_str().unwrap_or_default();
        (format!("{} {path}", method.to_uppercase()), id.to_owned())
    });
    let real: BTreeSet<_> = real.collect();
    assert_eq!(listed.iter().cloned().collect::<BTreeSet<_>>(), real);
    assert_eq!(listed.len(), real.len(), "an operation is listed twice");
}
