//! The bytes themselves, frozen from the first day: every ledger that was ever written holds them. A golden value here is
//! never changed; another form of entry is another format number.

use std::collections::BTreeMap;
use std::net::IpAddr;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::domain::authority::Role;
use crate::domain::base64url;
use crate::domain::canonical;
use crate::domain::client_format::ClientFormat;
use crate::domain::credential::{
    self, ClientRotation, CredentialEvent, Kind, Reason, Registration, Resource, SecretFacts,
};
use crate::domain::ids::{ClientId, MemberId, SecretId, TokenId};
use crate::domain::ip_rules::IpRules;
use crate::domain::key_format::{Checksum, KeyFormat};
use crate::domain::member::{self, MemberEvent};
use crate::domain::operator::{self, OperatorEvent, Reach};
use crate::domain::plan::{self, PlanEvent, PlanName};
use crate::domain::scope::{ConcreteScope, Scope};
use crate::domain::secret::{Digest, PepperNumber};
use crate::domain::tenant::{self, Settings, TenantEvent};
use crate::domain::testing::{keyed, own_rate_limits, rate_limits};
use crate::limits;

const LEDGER: i32 = 1;

/// 1, 1, 1 … for the first member, 2, 2, 2 … for the next.
fn counted() -> impl FnMut() -> [u8; SALT_BYTES] {
    let mut number = 0;
    move || {
        number += 1;
        [number; SALT_BYTES]
    }
}

fn encoded(recorded: &Recorded) -> Encoded {
    encode(LEDGER, recorded, &mut counted()).expect("small enough")
}

/// Read with slots as a row holds them.
fn decoded(entry: &[u8], slots: &Value) -> Result<Recorded, BadEntry> {
    let text = slots.to_string();
    decode(LEDGER, entry, &StoredSlots::read(Some(&text))?)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn instant(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis).expect("an instant")
}

fn facts(number: u8) -> SecretFacts {
    SecretFacts {
        id: SecretId(Uuid::from_bytes([number; 16])),
        client_id: None,
        prefix: format!("cl_live_{number:08}"),
        pepper: PepperNumber(1),
        digest: Digest::new([number; 32]),
    }
}

fn recorded(event: impl Into<Event>) -> Recorded {
    Recorded {
        stream: StreamId(Uuid::from_bytes([0xaa; 16])),
        version: 1,
        tenant: Some(TenantId(Uuid::from_bytes([0xbb; 16]))),
        at: instant(1_800_000_000_123),
        actor: Actor::Operator(OperatorId(Uuid::from_bytes([0xcc; 16]))),
        client_ip: None,
        request_id: "req-1".to_owned(),
        event: event.into(),
    }
}

fn revoked(note: &str) -> CredentialEvent {
    let note = Some(Personal::Known(note.to_owned()));
    CredentialEvent::Revoked(credential::Revoked { reason: Reason::Leaked, note })
}

/// What is written, its header as hex, its body as it reads, and its leaf hash.
struct Golden {
    recorded: Recorded,
    header: &'static str,
    body: &'static str,
    leaf: &'static str,
}

fn goldens() -> Vec<Golden> {
    vec![
        Golden {
            recorded: Recorded {
                client_ip: Some(Personal::Known("192.0.2.7".parse().expect("an address"))),
                ..recorded(TenantEvent::Edited(tenant::Edited {
                    name: Some(Personal::Known("Acmé".to_owned())),
                    plan: None,
                }))
            },
            header: "0100000001aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa00000001bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\
                     bb000001a3185c507b01cccccccccccccccccccccccccccccccc00010d74656e616e742e65646974\
                     6564057265712d31",
            body: r#"{"client_ip":"RzVEHQ07NuxbnjlQsilGfmCmjS_GkWlxisnIsuhgRCc","name":"sO-Ltw9t7Ici-7jZ1tIHnjxj8QnVbOPZ78nbkXYlAfk"}"#,
            leaf: "3cdecd649ad4791097b57bd0c1780552cd1b1e6951e2954f2f5fe156dc7795c1",
        },
        Golden {
            recorded: Recorded {
                version: 0x0102_0304,
                ..recorded(CredentialEvent::Rotated(credential::Rotated {
                    secret: facts(7),
                    ends: vec![credential::rotate::SecretEnd {
                        secret_id: SecretId(Uuid::from_bytes([6; 16])),
                        ends_at: Timestamp::MAX,
                        close_when_quiet_seconds: None,
                    }],
                }))
            },
            header: "0100000001aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa01020304bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\
                     bb000001a3185c507b01cccccccccccccccccccccccccccccccc00010f6170695f6b65792e726f74\
                     61746564057265712d31",
            body: r#"{"ends":[{"ends_at":"9999-12-31T23:59:59.999Z","secret_id":"06060606-0606-0606-0606-060606060606"}],"secret":{"digest":"BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc","id":"07070707-0707-0707-0707-070707070707","pepper":1,"prefix":"cl_live_00000007"}}"#,
            leaf: "f56def2904d8d60b943f32eb97787092f68454e05cc28fb80ec3428d7089a16a",
        },
        Golden {
            recorded: Recorded {
                actor: Actor::Holder(Uuid::from_bytes([0xdd; 16])),
                client_ip: Some(Personal::Known("2001:db8::7".parse().expect("an address"))),
                request_id: String::new(),
                ..recorded(revoked("found in a \"gist\"\n"))
            },
            header: "0100000001aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa00000001bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\
                     bb000001a3185c507b03dddddddddddddddddddddddddddddddd00010f6170695f6b65792e726576\
                     6f6b656400",
            body: r#"{"client_ip":"NKJ-OhvQnxSOwIZfm_hs79QXMx9WcE3v19kYYDxpvSU","note":"Bj4HMzxkxwdGpxhgvxObWls4kt8pi46Ijl-rb7FcSc0","reason":"leaked"}"#,
            leaf: "6f993e9b285d4cd3f78128d815185eb0a0ee6ef76cdd54f1f68cbda9eec4fb84",
        },
        Golden {
            recorded: Recorded {
                tenant: None,
                actor: Actor::System,
                at: instant(0),
                ..recorded(OperatorEvent::Created(operator::Created {
                    name: Personal::Known("root".to_owned()),
                    role: Role::Root,
                    reach: Reach::All,
                    first: true,
                    identity: None,
                    email: None,
                }))
            },
            header: "0100000001aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa00000001000000000000000000000000000000\
                     00000000000000000000000000000000000000000000000000000001106f70657261746f722e6372\
                     6561746564057265712d31",
            body: r#"{"first":true,"name":"qpBsnJVZc1JyFUYrtHZ1ppoEu2Y7m7CdwLSBHwpAAuw","reach":"all","role":"root"}"#,
            leaf: "885147ac73b2f02db960ef5fa242b925caa24407d369df1869ac7ce5987b6cba",
        },
    ]
}

#[test]
fn the_bytes_of_an_entry_are_those_of_the_first_day() {
    for Golden { recorded, header, body, leaf } in goldens() {
        let Encoded { entry, slots } = encoded(&recorded);
        let body_at = FIXED_BYTES + 2 + recorded.event.kind().name.len() + recorded.request_id.len();
        let (written_header, written_body) = entry.split_at(body_at);
        assert_eq!(hex(written_header), header, "{recorded:?}");
        assert_eq!(std::str::from_utf8(written_body), Ok(body), "{recorded:?}");
        assert_eq!(hex(&leaf_hash(&entry)), leaf, "{recorded:?}");
        assert_eq!(decoded(&entry, &slots.to_json()), Ok(recorded));
    }
}

#[test]
fn what_was_erased_reads_as_erased_and_the_bytes_stay() {
    let golden = goldens().swap_remove(2);
    let Encoded { entry, .. } = encoded(&golden.recorded);
    let note = Some(Personal::Erased);
    let erased = Recorded {
        client_ip: Some(Personal::Erased),
        event: CredentialEvent::Revoked(credential::Revoked { reason: Reason::Leaked, note }).into(),
        ..golden.recorded
    };
    assert_eq!(decode(LEDGER, &entry, &StoredSlots::default()), Ok(erased));
}

#[test]
fn a_personal_value_or_salt_that_was_changed_is_refused() {
    let Encoded { entry, slots } = encoded(&goldens()[2].recorded);
    let stored = slots.to_json();
    let changes = [
        ("note", 0, json!(base64url::encode(&[9; SALT_BYTES]))),
        ("note", 1, json!("found in a gist")),
        ("note", 1, json!(null)),
        ("client_ip", 0, json!("")),
        ("client_ip", 1, json!("2001:db8::8")),
        ("client_ip", 1, json!("no address")),
    ];
    for (member, place, value) in changes {
        let mut changed = stored.clone();
        changed[member][place] = value;
        assert_eq!(decoded(&entry, &changed), Err(BadEntry::PersonalChanged(member.to_owned())));
    }
    let mut swapped = stored.clone();
    swapped["note"] = stored["client_ip"].clone();
    assert_eq!(decoded(&entry, &swapped), Err(BadEntry::PersonalChanged("note".to_owned())));
}

#[test]
fn slots_of_another_shape_count_as_changed() {
    let all = "*";
    for (bad, named) in [
        ("[]", all),
        ("null", all),
        ("{} {}", all),
        (r#"{"note":"text"}"#, "note"),
        (r#"{"note":["salt"]}"#, "note"),
        (r#"{"note":["salt","text",1]}"#, "note"),
        (r#"{"note":[1,"text"]}"#, "note"),
        (r#"{"name":["salt","text"],"note":{}}"#, "note"),
    ] {
        let read = StoredSlots::read(Some(bad)).expect_err(bad);
        assert_eq!(read, BadEntry::PersonalChanged(named.to_owned()), "{bad}");
    }
    let golden = goldens().swap_remove(2);
    let none = StoredSlots::read(None).expect("no slots");
    assert!(decode(LEDGER, &encoded(&golden.recorded).entry, &none).is_ok(), "all of them erased");
}

/// Another program may have written the row anew: what counts is the value.
#[test]
fn slots_that_are_spelt_otherwise_hold_the_same_values() {
    let golden = goldens().swap_remove(2);
    let Encoded { entry, slots } = encoded(&golden.recorded);
    let Value::Object(slots) = slots.to_json() else { panic!("slots are an object") };
    let escaped = |text: &Value| {
        let units = text.as_str().expect("a text").encode_utf16();
        units.map(|unit| format!("\\u{unit:04x}")).collect::<String>()
    };
    let spelt = |(member, slot): (&String, &Value)| {
        let (name, salt, value) = (escaped(&json!(member)), escaped(&slot[0]), escaped(&slot[1]));
        format!(r#" "{name}" : [ "{salt}" , "{value}" ] "#)
    };
    let spelt = format!("{{{}}}", slots.iter().map(spelt).collect::<Vec<_>>().join(","));
    let slots = StoredSlots::read(Some(&spelt)).expect("the stored shape");
    assert_eq!(decode(LEDGER, &entry, &slots), Ok(golden.recorded));
}

#[test]
fn of_two_slots_with_one_name_the_later_one_counts() {
    let golden = goldens().swap_remove(2);
    let Encoded { entry, slots } = encoded(&golden.recorded);
    let stored = slots.to_text();
    let forged = r#""note":["AAAAAAAAAAAAAAAAAAAAAA","not what was typed"]"#;
    let before = format!("{{{forged},{}", &stored[1..]);
    let behind = format!("{},{forged}}}", &stored[..stored.len() - 1]);
    let read = |text: &str| decode(LEDGER, &entry, &StoredSlots::read(Some(text)).expect("the stored shape"));
    assert_eq!(read(&before), Ok(golden.recorded));
    assert_eq!(read(&behind), Err(BadEntry::PersonalChanged("note".to_owned())));
}

/// Written by us with another version's members, or by nobody.
#[test]
fn members_that_the_event_does_not_have_are_told_apart_from_bytes_that_are_no_entry() {
    let Encoded { entry, .. } = encoded(&goldens()[2].recorded);
    let body = entry.iter().rposition(|byte| *byte == b'{').expect("a body");
    let read = |body_text: &str| {
        decode(LEDGER, &[&entry[..body], body_text.as_bytes()].concat(), &StoredSlots::default())
    };
    for strange in [
        r#"{"reason":"leaked","more":1}"#,
        r#"{"reason":1}"#,
        "{}",
        r#"{"reason":"leaked","reason":"leaked"}"#,
    ] {
        let read = read(strange);
        assert!(matches!(read, Err(BadEntry::Unreadable(Unreadable::Members(..)))), "{strange}: {read:?}");
    }
    for broken in
        [r#"{"reason":"leaked",}"#, r#"{"reason":}"#, r#"{"reason":"leaked"}}"#, r#"{"reason":"lea}"#]
    {
        assert_eq!(read(broken), Err(BadEntry::Format), "{broken}");
    }
}

#[test]
fn an_entry_over_its_limit_names_its_largest_member() {
    let scopes: Vec<Scope> = (0..limits::ENTRY_BYTES / 8)
        .map(|number| Scope::parse(&format!("s{number}.read")).expect("a scope"))
        .collect();
    let large = recorded(CredentialEvent::Rescoped(credential::Rescoped { scopes }));
    let refused = encode(LEDGER, &large, &mut counted()).expect_err("too large");
    assert_eq!(refused, TooLarge { member: "scopes".to_owned() });
}

#[test]
fn a_long_personal_value_takes_no_room_in_the_entry() {
    let long = encoded(&recorded(revoked(&"x".repeat(limits::ENTRY_BYTES)))).entry;
    assert_eq!(long.len(), encoded(&recorded(revoked("x"))).entry.len());
}

#[test]
fn every_bit_of_an_entry_counts() {
    let golden = goldens().swap_remove(2);
    let Encoded { entry, slots } = encoded(&golden.recorded);
    for place in 0..entry.len() {
        for bit in 0..8 {
            let mut changed = entry.clone();
            changed[place] ^= 1 << bit;
            let read = decoded(&changed, &slots.to_json());
            assert_ne!(read, Ok(golden.recorded.clone()), "bit {bit} of byte {place} says nothing");
            if place < 5 {
                assert_eq!(read, Err(BadEntry::Format), "format and ledger are exact; byte {place}");
            }
        }
    }
}

#[test]
fn a_cut_or_a_longer_entry_is_refused() {
    let Encoded { entry, slots } = encoded(&goldens()[2].recorded);
    for end in 0..entry.len() {
        assert!(decoded(&entry[..end], &slots.to_json()).is_err(), "cut at {end}");
    }
    for more in [&b"0"[..], b"{}", b"\0", b",", b" ", b"\n"] {
        let longer = [&entry, more].concat();
        assert_eq!(decoded(&longer, &slots.to_json()), Err(BadEntry::Format), "{more:?} behind it");
    }
    assert_eq!(
        decode(LEDGER + 1, &entry, &StoredSlots::default()),
        Err(BadEntry::Format),
        "another ledger's"
    );
}

// ---- any event at all ----

fn word() -> impl Strategy<Value = String> {
    "[A-Za-z0-9_-]{1,12}"
}

fn typed() -> impl Strategy<Value = Personal<String>> {
    any::<String>().prop_map(Personal::Known)
}

fn id() -> impl Strategy<Value = Uuid> {
    any::<[u8; 16]>().prop_map(Uuid::from_bytes)
}

fn at() -> impl Strategy<Value = Timestamp> {
    (0..=Timestamp::MAX.millis()).prop_map(instant)
}

/// A number as it comes from a door: of two texts for one number, the one that is kept.
fn as_written(double: f64) -> Value {
    let number = canonical::double_text(double).parse::<serde_json::Number>();
    number.map_or(Value::Null, Value::from)
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(as_written),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(any::<String>(), inner, 0..4).prop_map(|members| json!(members)),
        ]
    })
}

fn metadata() -> impl Strategy<Value = Personal<Map<String, Value>>> {
    let members = btree_map(any::<String>(), json_value(), 0..4);
    members.prop_map(|members| Personal::Known(members.into_iter().collect()))
}

fn scope() -> impl Strategy<Value = Scope> {
    let words = vec(prop_oneof![3 => word(), 1 => Just("*".to_owned())], 1..4);
    words.prop_map(|words| Scope::parse(&words.join(".")).expect("words and joints"))
}

fn concrete() -> impl Strategy<Value = ConcreteScope> {
    vec(word(), 1..4).prop_map(|words| ConcreteScope::parse(&words.join(":")).expect("words and joints"))
}

fn ip_rules() -> impl Strategy<Value = IpRules> {
    let list = || btree_map(any::<[u8; 4]>(), any::<bool>(), 0..4);
    (list(), list()).prop_map(|(allow, deny)| {
        let entries = |list: BTreeMap<[u8; 4], bool>| -> Vec<Value> {
            let cidr = |ip: [u8; 4]| std::net::Ipv4Addr::from(ip).to_string();
            list.into_iter().map(|(ip, enabled)| json!({"cidr": cidr(ip), "enabled": enabled})).collect()
        };
        serde_json::from_value(json!({"allow": entries(allow), "deny": entries(deny)})).expect("rules")
    })
}

fn secret() -> impl Strategy<Value = SecretFacts> {
    (id(), option::of(word()), word(), any::<u32>(), any::<[u8; 32]>()).prop_map(
        |(id, client_id, prefix, pepper, digest)| SecretFacts {
            id: SecretId(id),
            client_id: client_id.map(ClientId::new),
            prefix,
            pepper: PepperNumber(pepper),
            digest: Digest::new(digest),
        },
    )
}

fn registration() -> impl Strategy<Value = Registration> {
    let methods = prop_oneof![Just(Registration::default()), any::<u8>().prop_map(keyed)];
    (vec("https://[a-z]{1,8}", 0..3), any::<bool>(), methods).prop_map(|(resources, bound, of_method)| {
        Registration {
            dpop_bound_access_tokens: bound,
            resources: resources.iter().map(|text| Resource::parse(text).expect("a resource")).collect(),
            ..of_method
        }
    })
}

fn digest() -> impl Strategy<Value = Digest> {
    any::<[u8; 32]>().prop_map(Digest::new)
}

fn settings() -> impl Strategy<Value = Settings> {
    let scopes = || vec(scope(), 0..3);
    let numbers = (any::<u32>(), any::<u32>(), option::of(any::<u32>()), any::<u32>(), any::<bool>());
    let rotation = prop::sample::select(ClientRotation::ALL.to_vec());
    let clients = (12..=32u8, 22..=64u8, rotation, any::<u32>());
    let operations = btree_map(any::<String>(), concrete(), 0..3);
    let limits = (option::of(rate_limits()), prop::sample::select(credential::OnLeak::ALL.to_vec()));
    (numbers, clients, scopes(), option::of(scopes()), operations, limits).prop_map(
        |(numbers, clients, default_scopes, allowed_scopes, operations, (limit, on_leak))| {
            let (default, max, lifetime, warning, require) = numbers;
            let (id_chars, secret_chars, client_rotation, token_lifetime_seconds) = clients;
            Settings {
                key_format: KeyFormat::new("acme_live_", 8, 24, Checksum::None).expect("a format"),
                client_format: ClientFormat::new("acme_id_", id_chars, "acme_secret_", secret_chars)
                    .expect("a format"),
                client_rotation,
                token_lifetime_seconds,
                default_grace_seconds: default,
                max_grace_seconds: max,
                max_lifetime_seconds: lifetime,
                require_expiry: require,
                expiry_warning_seconds: warning,
                default_scopes,
                allowed_scopes,
                operations,
                default_rate_limit: limit,
                on_leak,
            }
        },
    )
}

fn tenant_event() -> impl Strategy<Value = TenantEvent> {
    prop_oneof![
        (word(), typed(), plan(), settings()).prop_map(|(slug, name, plan, settings)| TenantEvent::Created(
            tenant::Created { slug, name, plan, settings }
        )),
        (option::of(typed()), option::of(plan()))
            .prop_map(|(name, plan)| TenantEvent::Edited(tenant::Edited { name, plan })),
        settings().prop_map(|settings| TenantEvent::Configured(tenant::Configured { settings })),
        Just(TenantEvent::Suspended(tenant::Suspended {})),
        Just(TenantEvent::Resumed(tenant::Resumed {})),
    ]
}

fn plan() -> impl Strategy<Value = Option<PlanName>> {
    option::of("[a-z0-9]{1,8}(-[a-z0-9]{1,8}){0,2}".prop_map(|name| PlanName::parse(&name).expect("a name")))
}

fn plan_event() -> impl Strategy<Value = PlanEvent> {
    let name = plan().prop_filter_map("a name", |name| name);
    (name, option::of(any::<u32>())).prop_map(|(name, active_credentials)| {
        PlanEvent::Set(plan::Set { name, bounds: plan::Bounds { active_credentials } })
    })
}

fn operator_event() -> impl Strategy<Value = OperatorEvent> {
    let role = prop::sample::select(Role::ALL.to_vec());
    let reach = prop_oneof![
        Just(Reach::All),
        prop::collection::btree_set(id().prop_map(TenantId), 0..3).prop_map(Reach::Tenants),
    ];
    let (role_again, reach_again) = (role.clone(), reach.clone());
    prop_oneof![
        (
            typed(),
            role.clone(),
            reach.clone(),
            any::<bool>(),
            prop::option::of(digest()),
            prop::option::of(typed())
        )
            .prop_map(|(name, role, reach, first, identity, email)| OperatorEvent::Created(
                operator::Created { name, role, reach, first, identity, email }
            )),
        (typed(), typed(), digest(), role, reach, at()).prop_map(
            |(email, name, address, role, reach, expires_at)| OperatorEvent::Invited(operator::Invited {
                email,
                address,
                name,
                role,
                reach,
                expires_at
            })
        ),
        (role_again, reach_again)
            .prop_map(|(role, reach)| OperatorEvent::Assigned(operator::Assigned { role, reach })),
        Just(OperatorEvent::Disabled(operator::Disabled {})),
        Just(OperatorEvent::Enabled(operator::Enabled {})),
        (typed(), secret(), at()).prop_map(|(name, token, expires_at)| OperatorEvent::TokenMinted(
            operator::TokenMinted { name, token, expires_at }
        )),
        id().prop_map(|id| OperatorEvent::TokenRevoked(operator::TokenRevoked::by_hand(TokenId(id)))),
        (id(), typed(), option::of(typed())).prop_map(|(id, source, url)| {
            OperatorEvent::TokenRevoked(operator::TokenRevoked {
                reason: Some(Reason::Leaked),
                reporter: Some(credential::Reporter::Scanner),
                source: Some(source),
                url,
                ..operator::TokenRevoked::by_hand(TokenId(id))
            })
        }),
    ]
}

fn member_event() -> impl Strategy<Value = MemberEvent> {
    let who = (typed(), typed(), typed());
    let kind = prop::sample::select(member::Kind::ALL.to_vec());
    let edited = (option::of(typed()), option::of(typed()), option::of(typed()));
    prop_oneof![
        (id(), kind, who, vec(scope(), 0..3)).prop_map(
            |(tenant, kind, (name, email, description), scopes)| {
                let tenant_id = TenantId(tenant);
                MemberEvent::Created(member::Created { tenant_id, kind, name, email, description, scopes })
            }
        ),
        edited.prop_map(|(name, email, description)| {
            MemberEvent::Edited(member::Edited { name, email, description })
        }),
        vec(scope(), 0..3).prop_map(|scopes| MemberEvent::Rescoped(member::Rescoped { scopes })),
        Just(MemberEvent::Disabled(member::Disabled {})),
        Just(MemberEvent::Enabled(member::Enabled {})),
    ]
}

fn credential_event() -> impl Strategy<Value = CredentialEvent> {
    use CredentialEvent as E;
    let created = (id(), typed(), typed(), metadata(), vec(scope(), 0..3), option::of(at()), ip_rules());
    let beside = (option::of(id()), own_rate_limits(), option::of(registration()));
    let created =
        (created, secret(), beside).prop_map(|(first, secret, (owner, rate_limit, registration))| {
            let (tenant, name, description, metadata, scopes, expires_at, ip_rules) = first;
            let tenant_id = TenantId(tenant);
            E::Created(credential::Created {
                tenant_id,
                name,
                description,
                metadata,
                scopes,
                expires_at,
                ip_rules,
                rate_limit,
                owner: owner.map(MemberId),
                registration,
                secret,
            })
        });
    let edited = (option::of(typed()), option::of(typed()), option::of(metadata()));
    let quiet = || option::of(limits::QUIET_SECONDS);
    let ends = vec((id(), at(), quiet()), 0..4).prop_map(|ends| {
        let end = |(id, ends_at, close_when_quiet_seconds)| {
            let secret_id = SecretId(id);
            credential::rotate::SecretEnd { secret_id, ends_at, close_when_quiet_seconds }
        };
        ends.into_iter().map(end).collect::<Vec<_>>()
    });
    let reason = prop::sample::select(Reason::ALL.to_vec());
    prop_oneof![
        created,
        edited.prop_map(|(name, description, metadata)| E::Edited(credential::Edited {
            name,
            description,
            metadata
        })),
        vec(scope(), 0..3).prop_map(|scopes| E::Rescoped(credential::Rescoped { scopes })),
        option::of(at()).prop_map(|expires_at| E::ExpirySet(credential::ExpirySet { expires_at })),
        option::of(id()).prop_map(|id| E::OwnerSet(credential::OwnerSet { owner: id.map(MemberId) })),
        own_rate_limits().prop_map(|rate_limit| E::Limited(credential::Limited { rate_limit })),
        ip_rules().prop_map(|ip_rules| E::Restricted(credential::Restricted { ip_rules })),
        (secret(), ends).prop_map(|(secret, ends)| E::Rotated(credential::Rotated { secret, ends })),
        (id(), at(), quiet()).prop_map(|(id, ends_at, close_when_quiet_seconds)| {
            let secret_id = SecretId(id);
            E::GraceMoved(credential::GraceMoved { secret_id, ends_at, close_when_quiet_seconds })
        }),
        id().prop_map(|id| E::SecretRevoked(credential::SecretRevoked { secret_id: SecretId(id) })),
        (id(), at(), any::<bool>()).prop_map(|(id, ended_at, quiet)| E::SecretExpired(
            credential::SecretExpired {
                secret_id: SecretId(id),
                ended_at,
                cause: if quiet { credential::EndCause::Quiet } else { credential::EndCause::Time },
            }
        )),
        registration().prop_map(|registration| E::Configured(credential::Configured { registration })),
        Just(E::TokensRevoked(credential::TokensRevoked {})),
        (id(), typed(), option::of(typed())).prop_map(|(id, source, url)| E::LeakReported(
            credential::LeakReported {
                secret_id: SecretId(id),
                reporter: credential::Reporter::Finder,
                source,
                url
            }
        )),
        Just(E::Suspended(credential::Suspended {})),
        Just(E::Resumed(credential::Resumed {})),
        at().prop_map(|expires_at| E::ExpiringSoon(credential::ExpiringSoon { expires_at })),
        at().prop_map(|ended_at| E::Expired(credential::Expired { ended_at })),
        (reason, option::of(typed()))
            .prop_map(|(reason, note)| E::Revoked(credential::Revoked { reason, note })),
    ]
}

/// What happens to clients alone has no name as a key's.
fn as_its_kind((kind, event): (Kind, CredentialEvent)) -> Event {
    match event {
        CredentialEvent::Configured(_) | CredentialEvent::TokensRevoked(_) => {
            Event::Credential(Kind::OauthClient, event)
        }
        event => Event::Credential(kind, event),
    }
}

fn any_recorded() -> impl Strategy<Value = Recorded> {
    let event = prop_oneof![
        tenant_event().prop_map(Event::Tenant),
        (prop::sample::select(Kind::ALL.to_vec()), credential_event()).prop_map(as_its_kind),
        operator_event().prop_map(Event::Operator),
        member_event().prop_map(Event::Member),
        plan_event().prop_map(Event::Plan),
    ];
    let actor = prop_oneof![
        Just(Actor::System),
        id().prop_map(|id| Actor::Operator(OperatorId(id))),
        id().prop_map(Actor::Holder),
    ];
    // The nil id is written for "no tenant", and is nobody's.
    let tenant = option::of(id().prop_filter("an id", |id| !id.is_nil()).prop_map(TenantId));
    let ip = option::of(any::<IpAddr>().prop_map(Personal::Known));
    (event, actor, tenant, ip, id(), any::<u32>(), at(), "[A-Za-z0-9._-]{0,128}").prop_map(
        |(event, actor, tenant, client_ip, stream, version, at, request_id)| Recorded {
            stream: StreamId(stream),
            version,
            tenant,
            at,
            actor,
            client_ip,
            request_id,
            event,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn every_event_comes_back_from_its_entry(recorded in any_recorded()) {
        let Encoded { entry, slots } = encoded(&recorded);
        let stored = slots.to_text();
        let slots = StoredSlots::read(Some(&stored)).expect("the stored shape");
        prop_assert_eq!(decode(LEDGER, &entry, &slots), Ok(recorded));
    }

    #[test]
    fn a_changed_header_is_an_error_or_another_event_and_no_change_is_a_panic(
        recorded in any_recorded(), place: prop::sample::Index, bit in 0..8u32,
    ) {
        let Encoded { mut entry, slots } = encoded(&recorded);
        let place = place.index(entry.len());
        entry[place] ^= 1 << bit;
        let read = decoded(&entry, &slots.to_json());
        // In the body a letter of an id may change its case, and say the same: bytes are held by mac and hash.
        let body = FIXED_BYTES + 2 + recorded.event.kind().name.len() + recorded.request_id.len();
        prop_assert!(place >= body || read != Ok(recorded), "bit {} of byte {}", bit, place);
    }

    #[test]
    fn nothing_of_a_personal_value_stands_in_the_entry(name in "[a-z]{12,24}", ip: std::net::Ipv6Addr) {
        let edited = credential::Edited { name: Some(Personal::Known(name.clone())), ..Default::default() };
        let client_ip = Some(Personal::Known(IpAddr::V6(ip)));
        let recorded = Recorded { client_ip, ..recorded(CredentialEvent::Edited(edited)) };
        let entry = encoded(&recorded).entry;
        let holds = |text: &str| entry.windows(text.len()).any(|window| window == text.as_bytes());
        prop_assert!(!holds(&name));
        // A short address may stand there by chance.
        prop_assert!(ip.to_string().len() <= 12 || !holds(&ip.to_string()));
    }
}

#[test]
fn an_entry_that_is_stamped_later_is_as_if_it_had_been_encoded_then() {
    let (early, late) = (recorded(revoked("by hand")), instant(1_900_000_000_456));
    let mut entry = encoded(&early).entry;
    stamp(&mut entry, late);
    assert_eq!(entry, encoded(&Recorded { at: late, ..early }).entry);
}
