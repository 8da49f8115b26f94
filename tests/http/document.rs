//! The routes of the service are those of the API document.

use crate::support::client::Request;
use crate::support::document;
use crate::support::service::Service;

const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// With ids of the right form that lead nowhere.
fn concrete(template: &str) -> String {
    let parts = template.split('/').map(|part| match part.starts_with('{') {
        true => "019f0000-0000-7000-8000-000000000000",
        false => part,
    });
    parts.collect::<Vec<_>>().join("/")
}

#[test]
fn each_path_has_the_methods_that_the_document_gives_it_and_says_so() {
    let service = Service::start();
    let root = service.root();
    let paths = document::api().document()["paths"].as_object().expect("paths");
    for (template, item) in paths.iter().filter(|(template, _)| *template != "/api/v1/authorize") {
        let mut documented: Vec<String> =
            item.as_object().expect("a path").keys().map(|name| name.to_uppercase()).collect();
        documented.retain(|name| name != "PARAMETERS");
        if documented.contains(&"GET".to_owned()) {
            documented.push("HEAD".to_owned());
        }
        documented.sort();
        let path = concrete(template);
        for method in METHODS {
            let answer = root.send(&root.request(method, &path));
            let known = documented.iter().any(|own| own == method);
            assert_eq!(answer.status == 405, !known, "{method} {path}: {}", answer.text());
            if !known {
                let mut allowed: Vec<String> =
                    answer.header("allow").expect("what is allowed").split(", ").map(str::to_owned).collect();
                allowed.sort();
                assert_eq!(allowed, documented, "{path}");
            }
        }
    }
}

#[test]
fn beside_the_document_there_is_nothing() {
    let service = Service::start();
    let root = service.root();
    for path in [
        "/",
        "/api",
        "/api/v1",
        "/api/v1/",
        "/api/v1/nowhere",
        "/api/v1/verify/",
        "/api/v1/verify/one",
        "/api/v1/leaks/",
        "/api/v1/activity/",
        "/api/v1/oauth",
        "/api/v1/oauth/authorize",
        "/api/v1/oauth/token/",
        "/api/admin/v1",
        "/api/admin/v1/plans/",
        "/api/admin/v1/tenants/",
        "/api/admin/v1/ledger",
        "/ledger/checkpoint",
        "/console",
        "/HEALTHZ",
        "/healthz/",
        "//healthz",
    ] {
        root.get(path).problem(404, "not_found");
    }
}

#[test]
fn the_document_reads_as_a_page_that_needs_nothing_from_elsewhere() {
    let service = Service::start();
    let anonymous = service.anonymous();
    let send = |request: &Request| anonymous.try_send(request).expect("an answer");
    let page = send(&anonymous.request("GET", "/docs"));
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none';") && !policy.contains("http"), "{policy}");
    let text = page.text();
    for operation in
        ["id=\"mintKey\"", "id=\"mintClient\"", "id=\"verify\"", "id=\"schema-Key\"", "POST /api/v1/verify"]
    {
        assert!(text.contains(operation), "{operation}");
    }
    let json = anonymous.request("GET", "/docs").header("Accept", "application/json");
    assert_eq!(send(&json).status, 406);
}
