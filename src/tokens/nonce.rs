//! What the token endpoint has a DPoP proof repeat (RFC 9449, 8), so that none can be made ahead: an instant under a mac whose key
//! stands outside the database. Nothing is kept of it: every node reads it, also one that has just started.

use crate::clock::Timestamp;
use crate::domain::base64url;
use crate::limits;
use crate::vault::{Purpose, Vault};

const INSTANT_BYTES: usize = 8;

/// The same for a while, and for everybody.
pub fn fresh(vault: &Vault, now: Timestamp) -> String {
    let seconds = now.millis() / 1000;
    let at = (seconds - seconds.rem_euclid(limits::DPOP_NONCE_STEP_SECONDS)).to_be_bytes();
    let mac = vault.mac(Purpose::DpopNonce, &[&at]);
    base64url::encode(&[at.as_slice(), &mac].concat())
}

/// Whether it is one of ours, and not too old.
pub fn holds(vault: &Vault, nonce: &str, now: Timestamp) -> bool {
    let Some(bytes) = base64url::decode(nonce) else { return false };
    let Some((at, mac)) = bytes.split_first_chunk::<INSTANT_BYTES>() else { return false };
    let age = (now.millis() / 1000).saturating_sub(i64::from_be_bytes(*at));
    // Another node's clock may be a little ahead of this one's.
    (-limits::TOKEN_AHEAD_SECONDS..limits::DPOP_NONCE_SECONDS).contains(&age)
        && vault.mac_holds(Purpose::DpopNonce, &[at], mac)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::MasterKeys;

    fn vault(numbers: &[u32]) -> Vault {
        Vault::new(&MasterKeys::for_tests(numbers))
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000).expect("an instant")
    }

    #[test]
    fn a_nonce_holds_for_its_time_on_every_node_and_under_a_key_that_was_added() {
        let nonce = fresh(&vault(&[1]), at(1_000_000));
        let (first, last) =
            (1_000_000 - limits::TOKEN_AHEAD_SECONDS, 1_000_000 + limits::DPOP_NONCE_SECONDS - 1);
        for (seconds, held) in [(first - 1, false), (first, true), (last, true), (last + 1, false)] {
            assert_eq!(holds(&vault(&[1]), &nonce, at(seconds)), held, "{seconds}");
            assert_eq!(holds(&vault(&[1, 2]), &nonce, at(seconds)), held, "{seconds}");
            assert!(!holds(&vault(&[2]), &nonce, at(seconds)));
        }
        assert_eq!(fresh(&vault(&[1]), at(1_000_001)), nonce, "it says no more of the time than it has to");
        assert!(!nonce.contains(|letter: char| !letter.is_ascii_graphic()));
    }

    #[test]
    fn what_was_changed_or_made_elsewhere_does_not_hold() {
        let (vault, now) = (vault(&[1]), at(1_000_000));
        let bytes = base64url::decode(&fresh(&vault, now)).expect("base64url");
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            assert!(!holds(&vault, &base64url::encode(&changed), now), "{place}");
            assert!(!holds(&vault, &base64url::encode(&bytes[..place]), now), "{place}");
        }
        let forever = i64::MIN.to_be_bytes();
        for forged in ["", "x", "=", &base64url::encode(&forever), &base64url::encode(&[0; 44])] {
            assert!(!holds(&vault, forged, now), "{forged}");
        }
        let other = vault.mac(Purpose::Session, &[&1_000_000i64.to_be_bytes()]);
        let other = base64url::encode(&[1_000_000i64.to_be_bytes().as_slice(), &other].concat());
        assert!(!holds(&vault, &other, now), "a mac for something else");
    }
}
