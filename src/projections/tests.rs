//! Records read back as they were written, and nothing else reads at all.

use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use super::credentials::CredentialRecord;
use super::members::MemberRecord;
use super::operator_tokens::TokenRecord;
use super::operators::OperatorRecord;
use super::policy::Policy;
use super::secrets::{ForeignRecord, Form, SaltRecord, SecretRecord};
use super::tenants::TenantRecord;
use super::*;
use crate::domain::authority::Role;
use crate::domain::client_format::SecretForm;
use crate::domain::credential::{self, Client, CredentialCommand, Registration, Resource, Revoke, Rotate};
use crate::domain::ids::{CredentialId, MemberId, OperatorId, TenantId};
use crate::domain::imports::Side;
use crate::domain::ip_rules::{Cidr, IpEntry, IpRules};
use crate::domain::key_format::{Checksum, KeyFormat};
use crate::domain::operator::Reach;
use crate::domain::scope::{ConcreteScope, Scope};
use crate::domain::testing::*;

fn instants() -> impl Strategy<Value = Timestamp> {
    (0..=Timestamp::MAX.millis()).prop_map(|at| Timestamp::from_millis(at).expect("within range"))
}

fn scope_texts() -> impl Strategy<Value = String> {
    "[a-z_-]{1,8}([.:][a-z0-9]{1,8}){0,3}"
}

fn entries(ipv6: bool) -> impl Strategy<Value = Vec<IpEntry>> {
    proptest::collection::btree_map(any::<u32>(), any::<bool>(), 0..6).prop_map(move |entries| {
        let text = |bits: u32| match ipv6 {
            true => std::net::Ipv6Addr::from_bits(u128::from(bits) << 64 | 1 << 120).to_string(),
            false => std::net::Ipv4Addr::from_bits(bits).to_string(),
        };
        let entry = |(bits, enabled)| IpEntry { cidr: Cidr::parse(&text(bits)).expect("a range"), enabled };
        entries.into_iter().map(entry).collect()
    })
}

fn policies() -> impl Strategy<Value = Policy> {
    let scopes = proptest::collection::vec(scope_texts(), 0..5);
    let client = proptest::option::of(clients());
    (scopes, entries(false), entries(true), own_rate_limits(), client).prop_map(
        |(scopes, allow, deny, rate_limit, client)| Policy {
            scopes: scopes.iter().map(|text| Scope::parse(text).expect("a scope")).collect(),
            ip_rules: IpRules::new(allow, deny).expect("rules"),
            rate_limit,
            client,
        },
    )
}

fn clients() -> impl Strategy<Value = Client> {
    let resources = proptest::collection::vec("https://[a-z]{1,8}", 0..3);
    let registrations = prop_oneof![Just(Registration::default()), any::<u8>().prop_map(keyed)];
    (resources, any::<bool>(), registrations, any::<u32>()).prop_map(
        |(resources, bound, registration, tokens_revoked)| Client {
            registration: Registration {
                dpop_bound_access_tokens: bound,
                resources: resources.iter().map(|text| Resource::parse(text).expect("a resource")).collect(),
                ..registration
            },
            tokens_revoked,
        },
    )
}

fn client_secrets() -> impl Strategy<Value = SecretForm> {
    ("[a-z]{1,5}_", crate::limits::KEY_SECRET_CHARS)
        .prop_map(|(prefix, chars)| SecretForm::new(&prefix, chars).expect("a form"))
}

fn formats() -> impl Strategy<Value = KeyFormat> {
    ("[a-z0-9]{1,23}_", 6..=12u8, 22..=64u8, any::<bool>()).prop_map(|(prefix, public, secret, crc)| {
        let checksum = if crc { Checksum::Crc32 } else { Checksum::None };
        KeyFormat::new(&prefix, public, secret, checksum).expect("a format")
    })
}

fn tenant_ids() -> impl Strategy<Value = TenantId> {
    any::<u128>().prop_map(|id| TenantId(Uuid::from_u128(id)))
}

/// Cut anywhere, longer by a byte, or of another version: never the record, and never a panic.
fn nothing_near_it_reads<T>(record: &[u8], read: impl Fn(&[u8]) -> Result<T, BadRecord>) {
    for end in 0..record.len() {
        assert!(read(&record[..end]).is_err(), "cut at {end}");
    }
    assert!(read(&[record, &[0]].concat()).is_err(), "a byte too long");
    assert!(read(&[&[record[0] + 1], &record[1..]].concat()).is_err(), "another version");
}

proptest! {
    #[test]
    fn a_policy_reads_back(policy in policies()) {
        let encoded = policy.encode();
        prop_assert_eq!(Policy::decode(&encoded), Ok(policy));
        for end in 0..encoded.len() {
            prop_assert!(Policy::decode(&encoded[..end]).is_err());
        }
    }

    #[test]
    fn a_credential_reads_back(
        flags: [bool; 2],
        expires_at in proptest::option::of(instants()),
        name_version: u32,
        owner in proptest::option::of(any::<u128>()),
        policy: Vec<u8>,
    ) {
        let [suspended, revoked] = flags;
        let owner = owner.map(|id| MemberId(Uuid::from_u128(id)));
        let record = CredentialRecord { suspended, revoked, expires_at, name_version, owner, policy: &policy };
        let bytes = record.encode();
        prop_assert_eq!(CredentialRecord::decode(&bytes), Ok(record));
    }

    #[test]
    fn a_secret_reads_back(
        flags: [bool; 2],
        ends_at in proptest::option::of(instants()),
        id: u128,
        digest: [u8; 16],
        prefix in "[a-z]{1,8}_[0-9A-Za-z]{6,12}",
        format in proptest::option::of("[a-z_.-]{0,32}"),
        salted in proptest::option::of((any::<bool>(), "[a-z_]{6,12}", proptest::collection::vec(any::<u8>(), 1..64))),
        of_client: bool,
    ) {
        let salt = salted.as_ref().map(|(before, start, bytes)| {
            SaltRecord { side: if *before { Side::Before } else { Side::After }, start, bytes }
        });
        let foreign = format.as_deref().map(|format| ForeignRecord { format, salt });
        let ([revoked, end_recorded], credential) = (flags, CredentialId(Uuid::from_u128(id)));
        let prefix = &prefix;
        let own = if of_client { Form::Client } else { Form::Key };
        let form = foreign.map_or(own, Form::Foreign);
        let record = SecretRecord { credential, revoked, end_recorded, ends_at, digest, prefix, form };
        let bytes = record.encode();
        prop_assert_eq!(SecretRecord::decode(&bytes), Ok(record));
        if foreign.is_none_or(|foreign| foreign.salt.is_none()) {
            // A salt is what is left.
            nothing_near_it_reads(&bytes, |bytes| SecretRecord::decode(bytes).map(drop));
        }
    }

    #[test]
    fn a_tenant_reads_back(
        suspended: bool,
        slug in "[a-z0-9-]{1,63}",
        formats in proptest::collection::vec(formats(), 0..4),
        client_secrets in proptest::collection::vec(client_secrets(), 0..4),
        operations in proptest::collection::btree_map("\\PC{1,20}", scope_texts(), 0..5),
        default_rate_limit in proptest::option::of(rate_limits()),
        token_lifetime_seconds: u32,
    ) {
        let concrete = |text: String| ConcreteScope::parse(&text).expect("a scope");
        let operations = operations.into_iter().map(|(name, scope)| (name, concrete(scope))).collect();
        let record = TenantRecord { suspended, slug, formats, client_secrets, operations, default_rate_limit, token_lifetime_seconds };
        prop_assert_eq!(TenantRecord::decode(&record.encode()), Ok(record.clone()));
        nothing_near_it_reads(&record.encode(), TenantRecord::decode);
    }

    #[test]
    fn a_member_reads_back(disabled: bool, scopes in proptest::collection::vec(scope_texts(), 0..5)) {
        let scopes = scopes.iter().map(|text| Scope::parse(text).expect("a scope")).collect();
        let record = MemberRecord { disabled, scopes };
        prop_assert_eq!(MemberRecord::decode(&record.encode()), Ok(record.clone()));
        nothing_near_it_reads(&record.encode(), MemberRecord::decode);
    }

    #[test]
    fn an_operator_reads_back(
        disabled: bool,
        invited: bool,
        last_disabled_at in proptest::option::of(instants()),
        role in proptest::sample::select(Role::ALL.to_vec()),
        tenants in proptest::option::of(proptest::collection::btree_set(tenant_ids(), 0..5)),
        name_version: u32,
    ) {
        let reach = tenants.map_or(Reach::All, Reach::Tenants);
        let record = OperatorRecord { disabled, invited, last_disabled_at, role, reach, name_version };
        prop_assert_eq!(OperatorRecord::decode(&record.encode()), Ok(record));
    }

    #[test]
    fn a_token_reads_back(revoked: bool, id: u128, expires_at in instants(), digest: [u8; 16]) {
        let record = TokenRecord { operator: OperatorId(Uuid::from_u128(id)), revoked, expires_at, digest };
        prop_assert_eq!(TokenRecord::decode(&record.encode()), Ok(record));
        nothing_near_it_reads(&record.encode(), TokenRecord::decode);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(0u8..40, 0..200), first in 0u8..3) {
        let bytes = [&[first], &bytes[..]].concat();
        let _ = Policy::decode(&bytes[1..]);
        let _ = CredentialRecord::decode(&bytes);
        // What reads is what writing it gives: there is one encoding.
        if let Ok(record) = SecretRecord::decode(&bytes) {
            prop_assert_eq!(record.encode(), &bytes[..]);
        }
        if let Ok(record) = TenantRecord::decode(&bytes) {
            prop_assert_eq!(record.encode(), &bytes[..]);
        }
        if let Ok(record) = MemberRecord::decode(&bytes) {
            prop_assert_eq!(record.encode(), &bytes[..]);
        }
        if let Ok(record) = OperatorRecord::decode(&bytes) {
            prop_assert_eq!(record.encode(), &bytes[..]);
        }
        if let Ok(record) = TokenRecord::decode(&bytes) {
            prop_assert_eq!(record.encode(), &bytes[..]);
        }
    }
}

fn rows_of(credential: credential::Credential, since: u32) -> Vec<InlineRow> {
    InlineProjections.rows(&StreamState::Credential(credential), since)
}

fn facts(rows: &[InlineRow], projection: &str) -> Vec<Value> {
    rows.iter().filter(|row| row.projection == projection).map(|row| row.facts.clone()).collect()
}

#[test]
fn a_rotation_writes_the_rows_of_both_its_secrets_and_says_when_the_window_is_due() {
    let (grace_seconds, close_when_quiet_seconds) = (Some(60), Some(20));
    let rotate = CredentialCommand::Rotate(Rotate { grace_seconds, close_when_quiet_seconds });
    let rotated = given([created_until(at(500))]).when(rotate).state();
    let end = at(60).millis();
    let rows = rows_of(rotated.clone(), 1);
    let [credential] = &facts(&rows, credentials::NAME)[..] else { panic!("one credentials row: {rows:?}") };
    assert_eq!(
        *credential,
        json!({
            "created_at_ms": at(0).millis(), "expires_at_ms": at(500).millis(), "kind": "api_key", "suspended": false,
            "revoked": false, "ended_at_ms": null, "scopes": [], "name_version": 1, "description_version": 1, "due_at_ms": end,
            "owner_id": null, "warnable_from_ms": at(250).millis(), "quiet_from_ms": at(20).millis(),
        })
    );
    let ends: Vec<_> = facts(&rows, secrets::NAME).iter().map(|facts| facts["ends_at_ms"].clone()).collect();
    assert_eq!(ends, [json!(end), Value::Null]);
    assert_eq!(rows_of(rotated, 2), []);
}

#[test]
fn a_revocation_writes_one_row_and_nothing_is_due_any_more() {
    let revoke = CredentialCommand::Revoke(Revoke { reason: credential::Reason::Other, note: None });
    let revoked = given([created_until(at(500))]).now(at(7)).when(revoke).state();
    let rows = rows_of(revoked, 1);
    assert_eq!(rows.len(), 1);
    let facts = &rows[0].facts;
    assert_eq!(facts["revoked"], json!(true));
    assert_eq!((&facts["ended_at_ms"], &facts["due_at_ms"]), (&json!(at(7).millis()), &Value::Null));
    assert_eq!(facts["warnable_from_ms"], Value::Null);
}

#[test]
fn no_personal_value_stands_in_a_row() {
    let named = given([created()]).state();
    for row in rows_of(named, 0) {
        let text = format!("{}{}", String::from_utf8_lossy(&row.record), row.facts);
        assert!(!text.contains("ci-runner"), "{text}");
    }
}

#[test]
fn a_members_row_says_what_a_verdict_needs_and_not_who_it_is() {
    let member = given_member([member_created(&["logs:*"]), member_disabled()]).state();
    let rows = InlineProjections.rows(&StreamState::Member(member), 1);
    assert_eq!(facts(&rows, members::NAME), [json!({"disabled": true, "name_version": 1})]);
    let record = MemberRecord::decode(&rows[0].record).expect("a record");
    assert_eq!((record.disabled, record.scopes), (true, scopes(&["logs:*"])));
    let text = String::from_utf8_lossy(&rows[0].record).into_owned();
    assert!(!text.contains("Ada") && !text.contains("example.com") && rows[0].name.is_none(), "{text}");
}
