//! The document and the code say the same.

use std::collections::BTreeSet;

use actix_web::body::MessageBody;
use credledger::domain::authority::Role;
use credledger::domain::credential::{AuthMethod, ClientRotation, OnLeak, Reason as RevocationReason};
use credledger::domain::event::kinds;
use credledger::domain::{access, key_format, tenant};
use credledger::http::problem::{Code, Problem};
use credledger::http::request_id::RequestId;
use credledger::limits;
use credledger::projections::trail;
use credledger::vault::SigningAlgorithm;
use serde_json::{Value, json};

use super::{Described, api, members, operations, words};

/// What a problem of this code looks like when it leaves.
fn rendered(code: Code) -> Value {
    let body = Problem::new(code, "what is wrong").answer(&RequestId::minted([7; 16])).into_body();
    let bytes = body.try_into_bytes().unwrap_or_else(|_| panic!("a problem is in memory"));
    serde_json::from_slice(&bytes).expect("a problem is JSON")
}

#[test]
fn the_codes_are_those_that_the_service_has() {
    let api = api();
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.text()).collect();
    assert_eq!(words(&api.document()["components"]["schemas"]["Code"]["enum"]), codes);
    let page = include_str!("../../../docs/API.md");
    for &code in Code::ALL {
        assert!(page.contains(&format!("`{}`", code.text())), "docs/API.md does not tell {code:?}");
        let problem = rendered(code);
        assert_eq!(api.check_answer("#/components/schemas/Problem", &problem), Ok(()), "{code:?}");
    }
}

#[test]
fn the_problems_that_are_shown_are_those_that_the_service_answers() {
    let api = api();
    for Described { method, path, operation } in operations(&api) {
        for (status, response) in members(&operation["responses"]) {
            let content = &api.followed(response)["content"]["application/problem+json"];
            for (name, example) in members(&content["examples"]) {
                let shown = &example["value"];
                let code = Code::ALL.iter().find(|code| shown["code"] == code.text()).expect("a code");
                let real = rendered(*code);
                for member in ["type", "title", "status"] {
                    assert_eq!(shown[member], real[member], "{method} {path} {status} {name}");
                }
                assert_eq!(shown["status"].to_string(), *status, "{method} {path} {name}");
            }
        }
    }
}

#[test]
fn the_words_of_the_document_are_those_of_the_domain() {
    let api = api();
    let schemas = &api.document()["components"]["schemas"];
    // The limiter stands behind the verdict, and its word behind the verdict's.
    let mut families: Vec<&str> = kinds().map(|kind| trail::family(kind.name)).collect();
    families.dedup();
    // A key and a client are one family of code, told by turns.
    let mut met = BTreeSet::new();
    families.retain(|family| met.insert(*family));
    let reasons = access::Reason::ALL.into_iter().map(access::Reason::word).chain(["rate_limited"]);
    let cases: [(&str, &Value, Vec<&str>); 9] = [
        ("events", &schemas["Event"]["properties"]["type"], kinds().map(|kind| kind.name).collect()),
        ("refusals", &schemas["RefusalReason"], reasons.collect()),
        ("roles", &schemas["Role"], Role::ALL.into_iter().map(Role::word).collect()),
        (
            "revocations",
            &schemas["RevocationReason"],
            RevocationReason::ALL.iter().map(|r| r.word()).collect(),
        ),
        ("kinds", &schemas["Event"]["properties"]["subject"]["properties"]["kind"], families),
        ("methods", &schemas["TokenEndpointAuthMethod"], AuthMethod::ALL.map(AuthMethod::word).to_vec()),
        ("assertions", &schemas["AssertionAlgorithm"], SigningAlgorithm::words_of_all().collect()),
        (
            "rotations",
            &schemas["TenantSettings"]["properties"]["client_rotation"],
            ClientRotation::ALL.map(ClientRotation::word).to_vec(),
        ),
        (
            "leaks",
            &schemas["TenantSettings"]["properties"]["on_leak"],
            OnLeak::ALL.map(OnLeak::word).to_vec(),
        ),
    ];
    for (what, schema, domain) in cases {
        assert_eq!(words(&schema["enum"]), domain, "{what}");
    }
}

#[test]
fn the_bounds_of_the_document_are_those_that_are_kept() {
    let api = api();
    let document = api.document();
    let (public, secret, prefix) =
        (limits::KEY_PUBLIC_CHARS, limits::KEY_SECRET_CHARS, limits::KEY_PREFIX_CHARS);
    let longest_prefix = prefix.end() + usize::from(*public.end());
    let longest_key = longest_prefix + usize::from(*secret.end()) + key_format::CHECKSUM_CHARS;
    let id = limits::CLIENT_ID_CHARS;
    let cases = [
        ("schemas/Name/maxLength", limits::NAME_CHARS),
        ("schemas/Description/maxLength", limits::DESCRIPTION_CHARS),
        ("schemas/CredentialRevocation/properties/note/maxLength", limits::NOTE_CHARS),
        ("schemas/Scope/maxLength", limits::SCOPE_CHARS),
        ("schemas/ConcreteScope/maxLength", limits::SCOPE_CHARS),
        ("schemas/Scopes/maxItems", limits::SCOPES),
        ("headers/CredentialScopes/schema/maxLength", limits::SCOPES_HEADER_BYTES),
        ("schemas/VerifyRequest/properties/scopes/maxItems", limits::SCOPES),
        ("schemas/VerifyRequest/properties/operation/maxLength", limits::OPERATION_CHARS),
        ("schemas/VerifyBatchRequest/properties/items/maxItems", limits::VERIFY_BATCH),
        ("schemas/GivenIpRules/properties/allow/maxItems", limits::IP_ENTRIES),
        ("schemas/GivenIpRules/properties/deny/maxItems", limits::IP_ENTRIES),
        ("schemas/Slug/maxLength", limits::SLUG_CHARS),
        ("schemas/TenantSettings/properties/operations/maxProperties", limits::OPERATIONS),
        (
            "schemas/TenantSettingsChange/properties/operations/propertyNames/maxLength",
            limits::OPERATION_CHARS,
        ),
        ("schemas/RateLimit/properties/requests/maximum", limits::RATE_REQUESTS as usize),
        ("schemas/RateLimit/properties/per_seconds/maximum", limits::RATE_SECONDS as usize),
        ("schemas/KeyFormat/properties/prefix/minLength", *prefix.start()),
        ("schemas/KeyFormat/properties/prefix/maxLength", *prefix.end()),
        ("schemas/KeyFormat/properties/public_chars/minimum", usize::from(*public.start())),
        ("schemas/KeyFormat/properties/public_chars/maximum", usize::from(*public.end())),
        ("schemas/KeyFormat/properties/secret_chars/minimum", usize::from(*secret.start())),
        ("schemas/KeyFormat/properties/secret_chars/maximum", usize::from(*secret.end())),
        ("schemas/ClientFormat/properties/id_prefix/minLength", *prefix.start()),
        ("schemas/ClientFormat/properties/id_prefix/maxLength", *prefix.end()),
        ("schemas/ClientFormat/properties/id_chars/minimum", usize::from(*id.start())),
        ("schemas/ClientFormat/properties/id_chars/maximum", usize::from(*id.end())),
        ("schemas/ClientFormat/properties/secret_prefix/minLength", *prefix.start()),
        ("schemas/ClientFormat/properties/secret_prefix/maxLength", *prefix.end()),
        ("schemas/ClientFormat/properties/secret_chars/minimum", usize::from(*secret.start())),
        ("schemas/ClientFormat/properties/secret_chars/maximum", usize::from(*secret.end())),
        ("schemas/ClientId/minLength", prefix.start() + usize::from(*id.start())),
        ("schemas/ClientId/maxLength", prefix.end() + usize::from(*id.end())),
        ("schemas/ClientSecretText/minLength", prefix.start() + usize::from(*secret.start())),
        ("schemas/ClientSecretText/maxLength", prefix.end() + usize::from(*secret.end())),
        ("schemas/Resources/maxItems", limits::CLIENT_RESOURCES),
        ("schemas/Resource/maxLength", limits::RESOURCE_CHARS),
        ("schemas/ClientKeys/properties/keys/maxItems", limits::CLIENT_KEYS),
        ("schemas/LeakReport/properties/source/maxLength", limits::LEAK_SOURCE_CHARS),
        ("schemas/LeakReport/properties/url/maxLength", limits::LEAK_URL_CHARS),
        ("schemas/Leak/properties/source/oneOf/0/maxLength", limits::LEAK_SOURCE_CHARS),
        ("schemas/Leak/properties/url/oneOf/0/maxLength", limits::LEAK_URL_CHARS),
        ("schemas/ScannerMessage/maxItems", limits::SCANNER_ITEMS),
        ("schemas/ClientKey/properties/kid/maxLength", limits::JOSE_NAME_BYTES),
        ("schemas/TokenRequest/properties/client_assertion/maxLength", limits::ASSERTION_BYTES),
        (
            "schemas/TenantSettings/properties/token_lifetime_seconds/minimum",
            *limits::TOKEN_LIFETIME_SECONDS.start() as usize,
        ),
        (
            "schemas/TenantSettings/properties/token_lifetime_seconds/maximum",
            *limits::TOKEN_LIFETIME_SECONDS.end() as usize,
        ),
        ("schemas/Prefix/maxLength", limits::FOREIGN_PREFIX_CHARS + usize::from(*public.end())),
        ("schemas/ImportLine/properties/old_id/maxLength", limits::OLD_ID_CHARS),
        ("schemas/ImportLine/properties/salt/maxLength", 2 * limits::SALT_BYTES.end()),
        ("schemas/ImportSource/maxLength", limits::SLUG_CHARS),
        ("schemas/PlainSecret/maxLength", longest_key),
        ("schemas/NextCursor/maxLength", limits::CURSOR_BYTES),
        ("schemas/Problem/properties/errors/maxItems", limits::LISTED_ERRORS),
        ("parameters/Cursor/schema/maxLength", limits::CURSOR_BYTES),
        ("parameters/Limit/schema/default", limits::PAGE_DEFAULT as usize),
        ("parameters/Limit/schema/maximum", limits::PAGE_MAX as usize),
    ];
    for (place, limit) in cases {
        let shown = document.pointer(&format!("/components/{place}"));
        assert_eq!(shown, Some(&json!(limit)), "{place}");
    }
}

#[test]
fn a_new_tenants_settings_are_the_defaults_that_are_told() {
    let api = api();
    let settings = tenant::Settings::starting(key_format::KeyFormat::default());
    let settings = serde_json::to_value(settings).expect("settings are JSON");
    assert_eq!(api.check_answer("#/components/schemas/TenantSettings", &settings), Ok(()));
    let told = &api.document()["components"]["schemas"]["TenantSettingsChange"]["properties"];
    let real: BTreeSet<&String> = members(&settings).map(|(name, _)| name).collect();
    assert_eq!(members(told).map(|(name, _)| name).collect::<BTreeSet<_>>(), real);
    for (name, schema) in members(told) {
        if let Some(default) = schema.get("default") {
            assert_eq!(*default, settings[name], "{name}");
        }
    }
}
