//! Every operation has the manners of the API, and declares them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Described, api, members, operations};
use crate::support::json_schema::Validator;

/// Safe to repeat line by line, and of no resource of its own: no Idempotency-Key, no If-Match, and lines for a body.
fn is_import(path: &str) -> bool {
    path.ends_with("/keys/import")
}

/// Asks in a body and changes nothing.
fn is_question(path: &str) -> bool {
    path.ends_with("/decide")
}

/// For whoever holds a credential, about itself: there is nothing that it may not.
const BY_ITS_HOLDER: [&str; 3] = ["/api/v1/self/revoke", "/api/v1/oauth/token", "/api/v1/oauth/revoke"];

/// May name a tenant in its query; and it is tagged by its bytes, of no resource's version.
const LEAKS: &str = "/api/v1/leaks";
const REVOCATIONS: &str = "/api/v1/revocations";

/// What an operation can answer besides what it is for, by what it is.
fn problems_of(described: &Described<'_>, api: &Validator) -> BTreeSet<u16> {
    let Described { method, path, operation } = described;
    // A proxy would make a 500 of them.
    let for_proxies = *path == "/api/v1/authorize";
    let documents = ["/openapi.json", "/docs", "/docs/problems"].contains(path);
    let changes = path.starts_with("/api/admin/") && *method != "get" && !is_question(path);
    let people = path.starts_with("/console");
    let has = |name: &str| {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        parameters.map(|parameter| api.followed(parameter)).any(|parameter| parameter["name"] == name)
    };
    // What was called is written beside the ledger, and its answers are kept as others are.
    let reports = *path == "/api/v1/activity";
    let keyed = (changes && !is_import(path)) || reports;
    let rules: [(bool, &[u16]); 12] = [
        (true, &[414, 431, 500]),
        (!for_proxies, &[405, 406]),
        (!people && operation["security"] != json!([]), &[401, 429, 503]),
        (!people && operation["security"] != json!([]) && !BY_ITS_HOLDER.contains(path), &[403]),
        (people, people_problems(path)),
        ((path.starts_with("/api/") && !for_proxies) || documents, &[400]),
        // What is erased is named in the body, and may be somebody else's.
        (path.contains('{') || *path == REVOCATIONS || (changes && path.ends_with("/erasures")), &[404]),
        (!people && *method != "get", &[408, 413, 415]),
        (path.starts_with(LEAKS), &[429, 503]),
        // Who is no scanner is told so.
        (path.strip_prefix(LEAKS).is_some_and(|scanner| !scanner.is_empty()), &[403]),
        (changes || reports, &[409]),
        (keyed, &[422]),
    ];
    let mut statuses: BTreeSet<u16> =
        rules.iter().filter(|(applies, _)| *applies).flat_map(|(_, statuses)| *statuses).copied().collect();
    assert_eq!(keyed, has("Idempotency-Key"), "{method} {path}");
    if has("If-Match") {
        statuses.insert(412);
    }
    // A node that may have missed a rotation says nothing.
    if ["/readyz", "/.well-known/jwks.json"].contains(path) {
        statuses.insert(503);
    }
    statuses
}

/// People's door takes no body, and has pages for what goes wrong.
fn people_problems(path: &str) -> &'static [u16] {
    match path {
        "/console" => &[400, 404, 429, 503],
        "/console/sign-in" | "/console/callback" => &[400, 403, 404, 429, 503],
        "/console/sign-out" => &[403, 404, 503],
        _ => &[401, 403, 404, 429, 503],
    }
}

#[test]
fn every_operation_declares_each_problem_that_it_can_answer() {
    let api = api();
    for described in operations(&api) {
        let place = format!("{} {}", described.method, described.path);
        let mut declared = BTreeSet::new();
        for (status, response) in members(&described.operation["responses"]) {
            assert!(response["$ref"].is_string(), "{place} {status} is no shared component");
            let status: u16 = status.parse().expect("a status is a number");
            if status >= 400 {
                declared.insert(status);
                // Its 503 is no problem but the same report as its 200.
                if *described.path == *"/readyz" && status == 503 {
                    continue;
                }
                let content = &api.followed(response)["content"];
                // What a browser is to show is a page.
                // RFC 6749 has a form of its own for what goes wrong.
                if described.path.starts_with("/api/v1/oauth/") {
                    let schema = &content["application/json"]["schema"];
                    assert_eq!(schema["$ref"], "#/components/schemas/OAuthError", "{place} {status}");
                    continue;
                }
                let page = described.path.starts_with("/console") && content["text/html"].is_object();
                assert!(page || content["application/problem+json"].is_object(), "{place} {status}");
            }
        }
        assert_eq!(declared, problems_of(&described, &api), "{place}");
    }
}

#[test]
fn a_change_of_one_resource_takes_if_match_and_gives_the_etag() {
    let api = api();
    for Described { method, path, operation } in
        operations(&api).into_iter().filter(|each| !is_import(each.path) && !is_question(each.path))
    {
        let of_one = path.contains('{') && path.starts_with("/api/admin/");
        let ends = ["/keys", "/clients", "/members", "/activity", "/erasures"];
        let list = ends.iter().any(|end| path.ends_with(end));
        // What is yet to be made takes it as well, and says that there is nothing to match. Signing keys have no version at all.
        let of_keys = path.starts_with("/api/admin/v1/signing-keys");
        let writes = path.starts_with("/api/admin/") && method != "get" && !of_keys;
        let takes = words_of_parameters(&api, operation).contains(&"If-Match");
        assert_eq!(takes, writes, "{method} {path}");
        let ends = ["/history", "/usage", "/audit", "/changes", "/blast-radius"];
        let told_of_one = ends.iter().any(|end| path.ends_with(end));
        let single = of_one && !told_of_one && !(list && method == "get");
        // Operator tokens have no version of their own either.
        let of_token = path.contains("/operators/") && path.contains("/tokens");
        let unversioned = of_token || of_keys;
        for (status, response) in
            members(&operation["responses"]).filter(|(status, _)| status.starts_with('2'))
        {
            let headers = &api.followed(response)["headers"];
            let tags = headers.get("ETag").is_some();
            let created = status == "201";
            // Nothing was left to erase: nothing was made that could have a version.
            let unversioned = unversioned || (path.ends_with("/erasures") && status == "200");
            assert_eq!(
                tags,
                ((single || (created && path.starts_with("/api/admin/"))) && !unversioned)
                    || path == REVOCATIONS,
                "{method} {path}"
            );
            // A rotation leads to the key that it belongs to, also while it is not yet enforced.
            let leads = created || path.ends_with("/rotate");
            assert_eq!(headers.get("Location").is_some(), leads, "{method} {path}");
        }
    }
}

fn words_of_parameters<'a>(api: &'a Validator, operation: &'a Value) -> Vec<&'a str> {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    parameters.filter_map(|parameter| api.followed(parameter)["name"].as_str()).collect()
}

#[test]
fn a_body_takes_no_member_that_the_document_does_not_name() {
    let api = api();
    for Described { method, path, operation } in operations(&api) {
        let documents = members(&operation["requestBody"]["content"]);
        let documents = documents.filter(|(media_type, _)| *media_type != "application/x-ndjson");
        for (media_type, content) in documents {
            let schema = api.followed(&content["schema"]);
            // What somebody else writes may say more one day.
            let theirs = path.strip_prefix(LEAKS).is_some_and(|scanner| !scanner.is_empty());
            assert_eq!(schema["additionalProperties"] == false, !theirs, "{method} {path}");
            let described = api.operation(method, path);
            assert!(
                described.check_request(media_type, &json!({"unheard_of": 1})).is_err(),
                "{method} {path}"
            );
            for (_, example) in members(&content["examples"]) {
                assert_eq!(described.check_request(media_type, &example["value"]), Ok(()), "{method} {path}");
            }
        }
        let patches = operation["requestBody"]["content"].get("application/merge-patch+json").is_some();
        assert_eq!(patches, method == "patch", "{method} {path}");
    }
}
