//! What is packed reads back, and nothing else is held.

use proptest::prelude::*;
use uuid::Uuid;

use super::super::answer::Prefix;
use super::*;
use crate::clock::Timestamp;
use crate::domain::rate_limit::RateLimit;
use crate::limits;

fn instants() -> impl Strategy<Value = Option<Timestamp>> {
    proptest::option::of((0..=Timestamp::MAX.millis()).prop_map(|at| Timestamp::from_millis(at).unwrap()))
}

prop_compose! {
    fn living()(digest: [u8; 16], id: u128, prefix: u32, public in "[0-9A-Za-z]{0,12}", ends_at in instants()) -> Living {
        let public = Public::pack(&public).unwrap();
        Living { digest, id: Uuid::from_u128(id), prefix, public, ends_at }
    }
}

proptest! {
    #[test]
    fn public_characters_unpack_to_themselves(text in "[0-9A-Za-z]{0,12}") {
        let mut out = Prefix::EMPTY;
        prop_assert!(Public::pack(&text).unwrap().unpack(&mut out));
        prop_assert_eq!(&*out, text.as_str());
    }

    #[test]
    fn a_record_says_what_was_packed_into_it(
        secret in living(), expires_at in instants(), name in proptest::option::of("[a-zé漢]{0,60}"),
        flags: [bool; 2], ordinals: [u32; 3], place: u32, id: u128,
        owner in 0..=MOST_OWNER, version in 0..=MOST_VERSION,
    ) {
        let [suspended, revoked] = flags;
        let [tenant, policy, expiring] = ordinals;
        let name = NameField::new(name.as_deref(), place);
        let active = Living { ends_at: None, ..secret };
        let credential = Credential {
            id: Uuid::from_u128(id), expires_at, name, suspended, revoked, has_active: true,
            tenant, policy, expiring, owner, version, secret: active,
        };
        let words = credential.words();
        prop_assert_eq!(Credential::of(&words), credential);
        prop_assert!(holds(&words, &secret.digest));
        let record = words.map(std::sync::atomic::AtomicU64::new);
        prop_assert_eq!(tail_of_name(&record), name.elsewhere().map(|(place, _)| place));
        let expiring = Expiring { secret, credential: tenant, next: policy };
        prop_assert_eq!(Expiring::of(&expiring.words()), expiring);
        let Living { id, prefix, public, digest, .. } = secret;
        let dead = Dead { id, prefix, public, credential: tenant, by_hand: suspended };
        prop_assert_eq!(Dead::of(&dead.words(&digest)), dead);
        prop_assert!(holds_dead(&dead.words(&digest), &digest));
    }

    #[test]
    fn a_tenants_record_says_what_was_packed_into_it(
        id: u128, suspended: bool,
        limit in proptest::option::of((1..=limits::RATE_REQUESTS, 1..=limits::RATE_SECONDS)),
    ) {
        let default_rate_limit = limit.map(|(requests, seconds)| RateLimit::new(requests, seconds).unwrap());
        let tenant = Tenant { id: Uuid::from_u128(id), suspended, default_rate_limit };
        prop_assert_eq!(Tenant::of(&tenant.words()), tenant);
    }

    #[test]
    fn a_name_reads_back_wherever_its_tail_stands(name in "[a-zé漢]{0,170}", place in 0u32..1000) {
        prop_assume!(name.len() <= limits::VIEW_NAME_BYTES);
        let tail = NameField::tail(&name);
        let field = NameField::new(Some(&name), place);
        prop_assert_eq!(field.elsewhere(), (!tail.is_empty()).then_some((place, tail.len())));
        let word = |at: u32| {
            let mut word = [0; 8];
            let part = tail.chunks(8).nth((at - place) as usize)?;
            word[..part.len()].copy_from_slice(part);
            Some(u64::from_le_bytes(word))
        };
        let mut read = None;
        field.read(word, &mut read).expect("no writer");
        let read = read.expect("a name");
        prop_assert_eq!(&*read, name.as_str());
    }

    #[test]
    fn another_digest_is_not_held(secret in living(), place in 0usize..16, change in 1u8..) {
        let mut other = secret.digest;
        other[place] ^= change;
        let expiring = Expiring { secret, credential: 0, next: 0 };
        prop_assert!(!holds(&expiring.words(), &other));
    }

    #[test]
    fn a_dead_secret_is_told_apart_by_64_bits_of_the_digest(
        secret in living(), place in 8usize..16, change in 1u8..,
    ) {
        let Living { id, prefix, public, digest, .. } = secret;
        let dead = Dead { id, prefix, public, credential: 0, by_hand: false };
        let mut other = digest;
        other[place] ^= change;
        prop_assert!(!holds_dead(&dead.words(&digest), &other));
    }
}

#[test]
fn what_is_no_base62_is_not_packed() {
    for text in ["0123456789abc", "a-b", "é"] {
        assert_eq!(Public::pack(text), None, "{text}");
    }
}
