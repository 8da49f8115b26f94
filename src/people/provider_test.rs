//! With a web of the test's own; the real thing is asked in tests/signin.

use std::collections::HashMap;
use std::sync::Mutex as StdMutex;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::json;

use super::*;
use crate::clock::BootTime;
use crate::limits;
use crate::people::mapping::Mapping;

#[derive(Default)]
struct Pages {
    pages: StdMutex<HashMap<String, String>>,
    asked: StdMutex<Vec<String>>,
}

impl Pages {
    fn put(&self, url: &str, body: &Value) {
        self.pages.lock().expect("sound").insert(url.to_owned(), body.to_string());
    }

    fn asked(&self) -> usize {
        self.asked.lock().expect("sound").len()
    }
}

impl Web for Pages {
    fn ask<'a>(&'a self, question: Question<'a>) -> BoxFuture<'a, Result<Page, WebError>> {
        let url = question.url.as_str().to_owned();
        let body = self.pages.lock().expect("sound").get(&url).cloned();
        self.asked.lock().expect("sound").push(url);
        let answer = body.map(|body| Page { status: 200, body: body.into_bytes() });
        async move { answer.ok_or(WebError::Late) }.boxed()
    }
}

const ISSUER: &str = "https://id.example.com/realm";
const DISCOVERY: &str = "https://id.example.com/realm/.well-known/openid-configuration";

fn settings(hosts: &[&str]) -> Settings {
    Settings {
        issuer: ISSUER.to_owned(),
        discovery: Settings::discovery_of(ISSUER).expect("a URL"),
        client_id: "console".to_owned(),
        client_secret: None,
        client_auth: None,
        scopes: "openid".to_owned(),
        mapping: Mapping::default(),
        acr: Vec::new(),
        amr: Vec::new(),
        max_age_seconds: None,
        ca_file: None,
        hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
        redirect_uri: "https://keys.example.com/console/callback".to_owned(),
        origin: "https://keys.example.com".to_owned(),
        idle: Duration::from_secs(60),
        life: Duration::from_secs(60),
        invitation_seconds: 60,
    }
}

fn document() -> Value {
    json!({
        "issuer": ISSUER,
        "authorization_endpoint": "https://login.example.net/authorize",
        "token_endpoint": "https://id.example.com/token",
        "jwks_uri": "https://id.example.com/keys",
    })
}

fn provider(pages: &Arc<Pages>, hosts: &[&str]) -> Provider {
    Provider::new(Arc::new(settings(hosts)), pages.clone())
}

async fn described(change: Value, hosts: &[&str]) -> Result<Arc<Description>, ProviderFault> {
    let pages = Arc::new(Pages::default());
    let mut document = document();
    document.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
    pages.put(DISCOVERY, &document);
    provider(&pages, hosts).description().await
}

#[tokio::test]
async fn the_provider_is_who_it_was_said_to_be_and_is_asked_nowhere_else() {
    described(json!({}), &[]).await.expect("a description");
    for change in [
        json!({"issuer": "https://id.example.com/realm/"}),
        json!({"issuer": "https://evil.example"}),
        json!({"token_endpoint": "https://elsewhere.example/token"}),
        json!({"token_endpoint": "https://id.example.com:8443/token"}),
        json!({"token_endpoint": "http://169.254.169.254/token"}),
        json!({"jwks_uri": "http://127.0.0.1:5432/"}),
        json!({"authorization_endpoint": "javascript:alert(1)"}),
        json!({"code_challenge_methods_supported": ["plain"]}),
    ] {
        let fault = described(change.clone(), &[]).await.expect_err("refused");
        assert!(matches!(fault, ProviderFault::Garbage(_)), "{change} {fault}");
    }
    // Few sign-ins need userinfo: it is not asked there, and the rest goes on.
    for (userinfo, is_asked) in [("https://elsewhere.example/me", false), ("https://id.example.com/me", true)]
    {
        let description =
            described(json!({"userinfo_endpoint": userinfo}), &[]).await.expect("a description");
        assert_eq!(description.userinfo_endpoint.is_some(), is_asked);
    }
    let elsewhere = json!({"token_endpoint": "https://elsewhere.example/token"});
    described(elsewhere, &["elsewhere.example"]).await.expect("it was allowed");
}

#[tokio::test]
async fn only_algorithms_that_both_sides_take_are_taken() {
    let named = json!({"id_token_signing_alg_values_supported": ["none", "HS256", "RS512", "ES256"]});
    let description = described(named, &[]).await.expect("a description");
    assert_eq!(description.algorithms, [SigningAlgorithm::Es256]);
}

#[tokio::test]
async fn what_is_kept_is_not_asked_for_again_and_serves_while_the_provider_is_away() {
    let pages = Arc::new(Pages::default());
    pages.put(DISCOVERY, &document());
    let provider = provider(&pages, &[]);
    let description = provider.description().await.expect("a description");
    provider.description().await.expect("a description");
    assert_eq!(pages.asked(), 1);
    let keys = "https://id.example.com/keys";
    pages.put(keys, &json!({"keys": []}));
    for anew in [false, true, true, true] {
        provider.keys(&description, anew).await.expect("keys");
    }
    assert_eq!(pages.asked(), 2, "unknown keys are looked for only so often");
    pages.pages.lock().expect("sound").clear();
    provider.keys.lock().await.held.as_mut().expect("kept").1 = BootTime::default();
    let old = provider.keys(&description, false).await;
    // The machine may have been up for less than what is kept.
    assert_eq!(
        pages.asked(),
        if BootTime::now().since(BootTime::default()) < limits::PROVIDER_KEPT { 2 } else { 3 }
    );
    assert!(old.is_ok() || BootTime::now().since(BootTime::default()) >= limits::PROVIDER_KEPT_WHILE_AWAY);
}

#[tokio::test]
async fn a_provider_that_is_away_is_not_asked_again_at_once() {
    let pages = Arc::new(Pages::default());
    let provider = provider(&pages, &[]);
    for _ in 0..3 {
        assert!(matches!(provider.description().await, Err(ProviderFault::Away(_))));
    }
    assert_eq!(pages.asked(), 1);
}

#[test]
fn only_codes_of_the_standard_are_repeated() {
    assert_eq!(error_code("invalid_grant"), Some("invalid_grant"));
    for text in ["", "Invalid", "invalid grant", "<script>", &"x".repeat(65)] {
        assert_eq!(error_code(text), None);
    }
    assert_eq!(
        (base64(b"a:b"), base64(b"\xff\xfe"), base64(b"")),
        ("YTpi".into(), "//4=".into(), String::new())
    );
}
