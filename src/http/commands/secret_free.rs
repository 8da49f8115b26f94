//! A key or a token that somebody pasted where a name, a note or metadata was meant: what is written down is read by many.

use crate::http::json::{Json, push_pointer};
use crate::http::problem::{Fault, FaultPlace};

/// The first place whose text holds what `is_a_secret`.
pub fn check(json: &Json<'_>, is_a_secret: &dyn Fn(&str) -> bool) -> Result<(), Fault> {
    at(json, &mut String::new(), is_a_secret)
}

fn at(json: &Json<'_>, pointer: &mut String, is_a_secret: &dyn Fn(&str) -> bool) -> Result<(), Fault> {
    let whole = pointer.len();
    match json {
        Json::Text(text) if holds(text, is_a_secret) => return Err(fault(pointer)),
        Json::List(items) => {
            for (place, item) in items.iter().enumerate() {
                push_pointer(pointer, &place);
                at(item, pointer, is_a_secret)?;
                pointer.truncate(whole);
            }
        }
        Json::Object(members) => {
            for (name, value) in members {
                // Its name would stand in the pointer.
                if holds(name, is_a_secret) {
                    return Err(fault(pointer));
                }
                push_pointer(pointer, name);
                at(value, pointer, is_a_secret)?;
                pointer.truncate(whole);
            }
        }
        _ => {}
    }
    Ok(())
}

fn fault(pointer: &str) -> Fault {
    let detail =
        "this looks like a secret, and would be kept where many can read it; say it by its prefix instead";
    Fault { place: FaultPlace::Pointer(pointer.to_owned()), detail: detail.into() }
}

/// As a whole, or as a word of it; a word may have dots within, as access tokens do, or end in one. A hyphen may stand in a word, or
/// between two.
pub fn holds(text: &str, is_a_secret: &dyn Fn(&str) -> bool) -> bool {
    let apart = |letter: char| !(letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-'));
    let with_dots = text.split(|letter| letter != '.' && apart(letter)).map(|word| word.trim_matches('.'));
    let without_hyphens = text.split(|letter| letter == '-' || apart(letter));
    is_a_secret(text) || text.split(apart).chain(with_dots).chain(without_hyphens).any(is_a_secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_wherever_it_stands_and_is_not_repeated() {
        let is_a_secret = |text: &str| (text.starts_with("sk_") && text.len() == 9) || text == "eyJ.123456.x";
        for (body, pointer) in [
            (r#"{"name":"sk_123456"}"#, "/name"),
            (r#"{"note":"found (sk_123456) in a log."}"#, "/note"),
            (r#"{"note":"found eyJ.123456.x..."}"#, "/note"),
            (r#"{"request_id":"req-sk_123456-1"}"#, "/request_id"),
            (r#"{"metadata":{"a":[1,"x",{"b":"sk_123456"}]}}"#, "/metadata/a/2/b"),
            (r#"{"metadata":{"sk_123456":1}}"#, "/metadata"),
        ] {
            let json = Json::parse(body.as_bytes()).expect("JSON");
            let fault = check(&json, &is_a_secret).expect_err("refused");
            assert_eq!(fault.place, FaultPlace::Pointer(pointer.to_owned()), "{body}");
            assert!(!fault.to_string().contains("123456"), "{fault}");
        }
        for body in [r#"{"name":"sk_12345","note":"sk_ 123456","metadata":{"a":1}}"#, "[]", "null"] {
            let json = Json::parse(body.as_bytes()).expect("JSON");
            assert_eq!(check(&json, &is_a_secret), Ok(()), "{body}");
        }
    }
}
