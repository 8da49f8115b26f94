//! Pages of lists, and the opaque cursors between them.
//!
//! A cursor is `version ‖ list ‖ place ‖ mac` in base64url. The mac makes it ours; `list` is a keyed digest of the query
//! that it belongs to, so that a cursor which was carried to another query is told apart from one that was made up.

use serde::Serialize;
use subtle::ConstantTimeEq;

use super::problem::{Fault, FaultPlace, Problem};
use crate::domain::base64url;
use crate::limits;

const VERSION: u8 = 1;
const LIST_BYTES: usize = 16;
const MAC_BYTES: usize = 16;

#[derive(Debug, Serialize)]
pub struct Page<T> {
    pub data: Vec<T>,
    pub next_cursor: Option<String>,
}

/// Makes and reads the cursors of one query. `mac` is HMAC-SHA-256 under a key that is used for cursors alone.
pub struct Cursors<M> {
    mac: M,
    list: [u8; LIST_BYTES],
}

impl<M: Fn(&[u8]) -> [u8; 32]> Cursors<M> {
    /// `identity` is [`super::query::Query::identity`].
    pub fn of(identity: &[u8], mac: M) -> Self {
        let digest = mac(&[&b"list\0"[..], identity].concat());
        let mut list = [0; LIST_BYTES];
        list.copy_from_slice(&digest[..LIST_BYTES]);
        Self { mac, list }
    }

    /// `place` says where the next page begins, in the list's own terms.
    pub fn seal(&self, place: &[u8]) -> String {
        let mut cursor = vec![VERSION];
        cursor.extend_from_slice(&self.list);
        cursor.extend_from_slice(place);
        let tag = self.tag(&cursor);
        cursor.extend_from_slice(&tag);
        base64url::encode(&cursor)
    }

    /// The place that was sealed.
    pub fn open(&self, text: &str) -> Result<Vec<u8>, Problem> {
        let unknown =
            || refused("this is no cursor of ours; take next_cursor as it is, or leave it out to begin anew");
        if text.len() > limits::CURSOR_BYTES {
            return Err(unknown());
        }
        let cursor = base64url::decode(text).ok_or_else(unknown)?;
        let body =
            cursor.len().checked_sub(MAC_BYTES).filter(|&body| body > LIST_BYTES).ok_or_else(unknown)?;
        let (body, tag) = cursor.split_at(body);
        let genuine: bool = self.tag(body).ct_eq(tag).into();
        if !genuine || body[0] != VERSION {
            return Err(unknown());
        }
        let (list, place) = body[1..].split_at(LIST_BYTES);
        match list == self.list {
            true => Ok(place.to_vec()),
            false => Err(refused(
                "this cursor belongs to another query; keep the path and the filters it came with",
            )),
        }
    }

    fn tag(&self, body: &[u8]) -> [u8; MAC_BYTES] {
        let digest = (self.mac)(&[&b"cursor\0"[..], body].concat());
        let mut tag = [0; MAC_BYTES];
        tag.copy_from_slice(&digest[..MAC_BYTES]);
        tag
    }
}

fn refused(detail: &'static str) -> Problem {
    Problem::faults(vec![Fault { place: FaultPlace::Parameter("cursor".to_owned()), detail: detail.into() }])
}

#[cfg(test)]
mod tests {
    use ring::hmac;

    use super::*;

    fn cursors(identity: &str, key: &[u8]) -> Cursors<impl Fn(&[u8]) -> [u8; 32]> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        Cursors::of(identity.as_bytes(), move |message: &[u8]| {
            hmac::sign(&key, message).as_ref().try_into().expect("32 bytes")
        })
    }

    fn refusal<T: std::fmt::Debug>(outcome: Result<T, Problem>) -> String {
        outcome.expect_err("refused").detail().split(';').next().unwrap_or_default().to_owned()
    }

    #[test]
    fn a_cursor_comes_back_as_it_was_sealed() {
        for place in [&b""[..], b"0", &[0xff; 300]] {
            let text = cursors("keys", b"k").seal(place);
            assert_eq!(cursors("keys", b"k").open(&text).ok().as_deref(), Some(place));
        }
    }

    #[test]
    fn a_cursor_of_another_query_is_told_apart_from_a_forged_one() {
        let ours = cursors("keys", b"k");
        let text = ours.seal(b"place");
        assert_eq!(
            refusal(cursors("clients", b"k").open(&text)),
            "cursor: this cursor belongs to another query"
        );

        let forged = "cursor: this is no cursor of ours";
        assert_eq!(refusal(cursors("keys", b"other").open(&text)), forged);
        let long = "A".repeat(limits::CURSOR_BYTES + 1);
        for bad in ["", "AA", "not a cursor", &text[1..], &text[..text.len() - 1], long.as_str()] {
            assert_eq!(refusal(ours.open(bad)), forged, "{bad:?}");
        }
        let bytes = base64url::decode(&text).expect("our own text");
        for at in 0..bytes.len() {
            let mut bent = bytes.clone();
            bent[at] ^= 1;
            assert_eq!(refusal(ours.open(&base64url::encode(&bent))), forged, "byte {at}");
        }
    }

    #[test]
    fn the_last_page_has_a_null_cursor() {
        let page = |next_cursor| serde_json::to_string(&Page { data: vec![1], next_cursor }).ok();
        assert_eq!(page(None).as_deref(), Some(r#"{"data":[1],"next_cursor":null}"#));
        assert_eq!(page(Some("x".to_owned())).as_deref(), Some(r#"{"data":[1],"next_cursor":"x"}"#));
    }
}
