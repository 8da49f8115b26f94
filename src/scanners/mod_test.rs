use std::collections::VecDeque;
use std::sync::Mutex as Plain;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::json;

use super::*;
use crate::domain::base64url;
use crate::people::web::{Page, WebError};

/// The key, message and signature that GitHub's documentation gives to try an implementation with.
const KEY_ID: &str = "f9525bf080f75b3506ca1ead061add62b8633a346606dc5fe544e29231c6ee0d";
const PEM: &str = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEsz9ugWDj5jK5ELBK42ynytbo38gP\n\
                   HzZFI03Exwz8Lh/tCfL3YxwMdLjB+bMznsanlhK0RwcGP3IDb34kQDIo3Q==\n-----END PUBLIC KEY-----\n";
const BODY: &[u8] = br#"[{"token":"some_token","type":"some_type","url":"some_url","source":"some_source"}]"#;
const SIGNATURE: &str =
    "MEUCIFLZzeK--IhS-y276SRk2Pe5LfDrfvTXu6iwKKcFGCrvAiEAhHN2kDOhy2I6eGkOFmxNkOJ-L2y8oQ9A2T9GGJo6WJY";

fn list(ids: &[&str]) -> String {
    let keys: Vec<_> =
        ids.iter().map(|id| json!({"key_identifier": id, "key": PEM, "is_current": true})).collect();
    json!({ "public_keys": keys }).to_string()
}

fn signature() -> Vec<u8> {
    base64url::decode(SIGNATURE).expect("base64url")
}

/// Answers what it was given, in turn, and then nothing.
#[derive(Default)]
struct Script(Plain<VecDeque<Result<Page, WebError>>>);

impl Web for Script {
    fn ask<'a>(&'a self, _: Question<'a>) -> BoxFuture<'a, Result<Page, WebError>> {
        let next = self.0.lock().expect("nobody panicked").pop_front();
        let answer = next.unwrap_or_else(|| Err(WebError::Away("nothing more".to_owned())));
        std::future::ready(answer).boxed()
    }
}

fn publishing(answers: Vec<Result<Page, WebError>>) -> (Scanner, Arc<Script>) {
    let script = Arc::new(Script(Plain::new(answers.into())));
    let url = WebUrl::parse("https://keys.example/").expect("a URL");
    (Scanner::new(Keys::default(), Some((url, script.clone()))), script)
}

fn page(status: u16, text: String) -> Result<Page, WebError> {
    Ok(Page { status, body: text.into_bytes() })
}

fn left(script: &Script) -> usize {
    script.0.lock().expect("nobody panicked").len()
}

#[tokio::test]
async fn the_documented_message_holds_and_no_other_byte() {
    let scanner = Scanner::new(Keys::parse(list(&[KEY_ID]).as_bytes()).expect("keys"), None);
    assert_eq!(scanner.prove(KEY_ID, BODY, &signature()).await, Ok(()));
    for place in 0..BODY.len() {
        let mut body = BODY.to_vec();
        body[place] ^= 1;
        assert_eq!(scanner.prove(KEY_ID, &body, &signature()).await, Err(Unproven::Signature));
    }
    for place in 0..signature().len() {
        let mut changed = signature();
        changed[place] ^= 1;
        assert_eq!(scanner.prove(KEY_ID, BODY, &changed).await, Err(Unproven::Signature), "{place}");
    }
    for garbage in [&b""[..], &[0x30], &[0; 64], &[0xff; 200]] {
        assert_eq!(scanner.prove(KEY_ID, BODY, garbage).await, Err(Unproven::Signature));
    }
    assert_eq!(scanner.prove("other", BODY, &signature()).await, Err(Unproven::UnknownKey));
}

#[tokio::test]
async fn published_keys_are_asked_for_once_and_an_unknown_one_not_more_often_than_the_pause() {
    let (scanner, script) = publishing(vec![page(200, list(&[KEY_ID])), page(200, list(&[KEY_ID, "new"]))]);
    for _ in 0..3 {
        assert_eq!(scanner.prove(KEY_ID, BODY, &signature()).await, Ok(()));
    }
    assert_eq!(left(&script), 1);
    // A moment ago it was asked: whoever names keys at random has it ask no more.
    for _ in 0..3 {
        assert_eq!(scanner.prove("new", BODY, &signature()).await, Err(Unproven::UnknownKey));
    }
    assert_eq!(left(&script), 1);
    let kept = &scanner.published.as_ref().expect("published").kept;
    kept.lock().await.asked_at = None;
    assert_eq!(scanner.prove("new", BODY, &signature()).await, Ok(()));
    assert_eq!(left(&script), 0);
}

#[tokio::test]
async fn without_keys_nothing_is_taken_and_what_was_kept_serves_on() {
    for answer in [Err(WebError::Late), page(500, String::new()), page(200, "[]".to_owned())] {
        let (scanner, _) = publishing(vec![answer, page(200, list(&[KEY_ID]))]);
        let away = scanner.prove(KEY_ID, BODY, &signature()).await;
        assert!(matches!(away, Err(Unproven::KeysAway(_))), "{away:?}");
        // Not before the pause.
        assert!(scanner.prove(KEY_ID, BODY, &signature()).await.is_err());
        let kept = &scanner.published.as_ref().expect("published").kept;
        kept.lock().await.asked_at = None;
        assert_eq!(scanner.prove(KEY_ID, BODY, &signature()).await, Ok(()));
        kept.lock().await.asked_at = None;
        assert_eq!(scanner.prove("other", BODY, &signature()).await, Err(Unproven::UnknownKey));
        assert_eq!(scanner.prove(KEY_ID, BODY, &signature()).await, Ok(()));
    }
}

#[test]
fn a_list_of_keys_is_read_strictly_and_strange_keys_are_passed_over() {
    for (text, bad) in [
        ("", BadKeys::NoList),
        ("[]", BadKeys::NoList),
        (r#"{"public_keys":[]}"#, BadKeys::NoneUsable),
        (r#"{"public_keys":[{"key_identifier":"a","key":"no PEM"}]}"#, BadKeys::NoneUsable),
    ] {
        assert_eq!(Keys::parse(text.as_bytes()).expect_err("refused"), bad, "{text}");
    }
    let cut = PEM.replace("MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcD", "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcE");
    let strange =
        json!({"public_keys": [{"key_identifier": "a", "key": cut}, {"key_identifier": "b", "key": PEM}]});
    let keys = Keys::parse(strange.to_string().as_bytes()).expect("one is left");
    assert_eq!((keys.knows("a"), keys.knows("b")), (false, true));
    let many: Vec<String> = (0..=limits::SCANNER_KEYS).map(|number| number.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(Keys::parse(list(&many).as_bytes()).expect_err("refused"), BadKeys::TooMany);
}
