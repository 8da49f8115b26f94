//! Members that several bodies share, read into the domain's types.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::json::Json;
use super::members::{Members, Node, Patch};
use crate::domain::client_format::ClientFormat;
use crate::domain::credential::{ClientKeys, ClientRotation, OnLeak, Reason, Resource, metadata_fits};
use crate::domain::ids::{MemberId, TenantId};
use crate::domain::ip_rules::{Cidr, IpEntry, IpRules};
use crate::domain::jwk::{Jwk, JwkFault};
use crate::domain::key_format::{Checksum, KeyFormat};
use crate::domain::plan::PlanName;
use crate::domain::rate_limit::{OwnRateLimit, RateLimit};
use crate::domain::scope::{ConcreteScope, Scope, ScopeSet};
use crate::domain::slug;
use crate::domain::tenant::settings::{ClientFormatPatch, KeyFormatPatch, Settings, SettingsPatch};
use crate::domain::text::{Description, Layout, Line, Name, Note, Operation, TenantRef, clean};
use crate::limits;

pub fn name(node: Node<'_, '_>) -> Option<String> {
    node.parsed(Name::parse).map(|name| name.as_str().to_owned())
}

/// None, null and the empty text are the same.
pub fn description(node: Node<'_, '_>) -> Option<String> {
    if node.is_null() {
        Some(String::new())
    } else {
        node.parsed(Description::parse).map(|text| text.as_str().to_owned())
    }
}

pub fn plan(node: Node<'_, '_>) -> Option<PlanName> {
    node.parsed(PlanName::parse)
}

/// How many of something there may be; null is no bound.
pub fn bound(node: Node<'_, '_>) -> Option<Option<u32>> {
    if node.is_null() { Some(None) } else { number_in(node, 0..=u32::MAX).map(Some) }
}

pub fn member(node: Node<'_, '_>) -> Option<MemberId> {
    node.uuid().map(MemberId)
}

/// Null is none. Whether anybody reads there is not ours to know.
pub fn email(node: Node<'_, '_>) -> Option<String> {
    if node.is_null() {
        return Some(String::new());
    }
    let address = |text: &str| {
        let line = Line::<{ limits::EMAIL_CHARS }>::parse(text).map_err(|error| error.to_string())?;
        let sides = line.as_str().rsplit_once('@');
        let sound = sides.is_some_and(|(name, host)| !name.is_empty() && !host.is_empty())
            && !line.as_str().contains(char::is_whitespace);
        if sound { Ok(line.as_str().to_owned()) } else { Err("expected an e-mail address".to_owned()) }
    };
    node.parsed(address)
}

pub fn note(node: Node<'_, '_>) -> Option<String> {
    node.parsed(Note::parse).map(|note| note.as_str().to_owned())
}

pub fn scopes(node: Node<'_, '_>) -> Option<Vec<Scope>> {
    let scopes = node.list(limits::SCOPES, |each| each.parsed(Scope::parse))?;
    node.accept(ScopeSet::new(scopes)).map(|set| set.to_vec())
}

/// Whom a client's tokens may be for, each once.
pub fn resources(node: Node<'_, '_>) -> Option<Vec<Resource>> {
    let resources = node.list(limits::CLIENT_RESOURCES, |each| each.parsed(Resource::parse))?;
    let twice = |place: usize| resources[..place].contains(&resources[place]);
    match (0..resources.len()).find(|&place| twice(place)) {
        None => Some(resources),
        Some(place) => node.refuse(format!("{} stands there twice; keep one", resources[place].as_str())),
    }
}

/// Of each key what is not understood is passed over (RFC 7517, 4): whoever exports one writes more than the key.
pub fn client_keys(node: Node<'_, '_>) -> Option<ClientKeys> {
    node.object(|members| {
        members.required("keys", |list| list.accept(ClientKeys::new(list.list(limits::CLIENT_KEYS, jwk)?)))
    })
}

fn jwk(node: Node<'_, '_>) -> Option<Jwk> {
    let value: Value = node.accept(serde_json::from_str(&node.json().canonical()))?;
    let Value::Object(members) = value else { return node.refuse("expected a public key as an object") };
    node.accept(Jwk::read(&members).map_err(JwkFault::detail))
}

/// Keys that somebody else serves could change whom a client is without an event here.
pub fn no_jwks_uri(members: &mut Members<'_, '_>) -> Option<()> {
    let refused = members.optional("jwks_uri", |node| {
        node.refuse::<()>(
            "keys are not fetched from elsewhere: a key that decides who gets in is an event in the ledger; send the keys \
             themselves as jwks, and PATCH them when they change",
        )
    });
    refused.map(|_| ())
}

pub fn concrete_scopes(node: Node<'_, '_>) -> Option<Vec<ConcreteScope>> {
    node.list(limits::SCOPES, |each| each.parsed(ConcreteScope::parse))
}

pub fn reason(node: Node<'_, '_>) -> Option<Reason> {
    node.one_of(&Reason::ALL.map(|reason| (reason.word(), reason)))
}

pub fn ip_rules(node: Node<'_, '_>) -> Option<IpRules> {
    let (allow, deny) = node.object(|members| {
        let allow = members.optional("allow", |list| list.list(limits::IP_ENTRIES, ip_entry));
        let deny = members.optional("deny", |list| list.list(limits::IP_ENTRIES, ip_entry));
        Some((allow?.unwrap_or_default(), deny?.unwrap_or_default()))
    })?;
    node.accept(IpRules::new(allow, deny))
}

fn ip_entry(node: Node<'_, '_>) -> Option<IpEntry> {
    node.object(|members| {
        let cidr = members.required("cidr", |text| text.parsed(Cidr::parse));
        let enabled = members.optional("enabled", |switch| switch.boolean());
        Some(IpEntry { cidr: cidr?, enabled: enabled?.unwrap_or(true) })
    })
}

/// Null is none, as the word says it.
pub fn own_rate_limit(node: Node<'_, '_>) -> Option<OwnRateLimit> {
    match node.json() {
        Json::Null => Some(OwnRateLimit::None),
        Json::Object(_) => rate_limit(node).map(OwnRateLimit::Of),
        Json::Text(word) if let Some(own) = OwnRateLimit::from_word(word) => Some(own),
        _ => node.refuse("expected an object, \"none\" or \"default\""),
    }
}

pub fn rate_limit(node: Node<'_, '_>) -> Option<RateLimit> {
    node.object(|members| {
        let requests = members.required("requests", |number| number_in(number, 1..=limits::RATE_REQUESTS));
        let per_seconds =
            members.required("per_seconds", |number| number_in(number, 1..=limits::RATE_SECONDS));
        RateLimit::new(requests?, per_seconds?).ok()
    })
}

/// Any JSON object whose canonical text is short enough. Its texts are a person's, and one value has one form however it was
/// spelt, so that a repeat of it changes nothing.
pub fn metadata(node: Node<'_, '_>) -> Option<Map<String, Value>> {
    let value: Value = node.accept(serde_json::from_str(&node.json().canonical()))?;
    let Value::Object(members) = value else { return node.refuse("expected an object") };
    let cleaned = node.accept(clean_members(members))?;
    // Measured as it will be stored: a letter may be longer in the composed form.
    if !metadata_fits(&cleaned) {
        return node.refuse(format_args!(
            "metadata holds at most {} bytes, counted as canonical JSON; shorten it",
            limits::METADATA_BYTES
        ));
    }
    Some(cleaned)
}

/// How long its texts are, is told of all of them together.
fn clean_members(members: Map<String, Value>) -> Result<Map<String, Value>, String> {
    let mut cleaned = Map::new();
    for (name, value) in members {
        let name = clean(&name, Layout::OneLine, limits::BODY_BYTES).map_err(|error| error.to_string())?;
        if cleaned.insert(name, clean_value(value)?).is_some() {
            return Err("holds two names that are the same in Unicode's composed form; keep one".to_owned());
        }
    }
    Ok(cleaned)
}

fn clean_value(value: Value) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) => {
            clean(&text, Layout::Lines, limits::BODY_BYTES).map_err(|error| error.to_string())?.into()
        }
        Value::Array(items) => items.into_iter().map(clean_value).collect::<Result<_, _>>()?,
        Value::Object(members) => clean_members(members)?.into(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
    })
}

/// A merge patch of settings, in which null is the default: what a new tenant starts with.
pub fn settings(node: Node<'_, '_>, defaults: &Settings) -> Option<SettingsPatch> {
    node.object(|members| {
        let key_format = members.patch("key_format", |format| key_format(format, &defaults.key_format));
        let client_format =
            members.patch("client_format", |format| client_format(format, &defaults.client_format));
        let rotations = ClientRotation::ALL.map(|rotation| (rotation.word(), rotation));
        let client_rotation =
            or_default(members, "client_rotation", |word| word.one_of(&rotations), &defaults.client_rotation);
        let token_lifetime_seconds =
            or_default(members, "token_lifetime_seconds", token_lifetime, &defaults.token_lifetime_seconds);
        let default_grace_seconds =
            or_default(members, "default_grace_seconds", grace_seconds, &defaults.default_grace_seconds);
        let max_grace_seconds =
            or_default(members, "max_grace_seconds", grace_seconds, &defaults.max_grace_seconds);
        let max_lifetime_seconds = members.patch("max_lifetime_seconds", lifetime_seconds).map(Patch::change);
        let require_expiry =
            or_default(members, "require_expiry", |switch| switch.boolean(), &defaults.require_expiry);
        let expiry_warning_seconds =
            or_default(members, "expiry_warning_seconds", seconds, &defaults.expiry_warning_seconds);
        let default_scopes = or_default(members, "default_scopes", scopes, &defaults.default_scopes);
        let allowed_scopes = members.patch("allowed_scopes", scopes).map(Patch::change);
        let operations = members.patch("operations", operations).map(Patch::change);
        let default_rate_limit = members.patch("default_rate_limit", rate_limit).map(Patch::change);
        let policies = OnLeak::ALL.map(|policy| (policy.word(), policy));
        let on_leak = or_default(members, "on_leak", |word| word.one_of(&policies), &defaults.on_leak);
        Some(SettingsPatch {
            key_format: match key_format? {
                Patch::Absent => KeyFormatPatch::default(),
                Patch::Null => KeyFormatPatch::of(&defaults.key_format),
                Patch::Value(patch) => patch,
            },
            client_format: match client_format? {
                Patch::Absent => ClientFormatPatch::default(),
                Patch::Null => ClientFormatPatch::of(&defaults.client_format),
                Patch::Value(patch) => patch,
            },
            client_rotation: client_rotation?,
            token_lifetime_seconds: token_lifetime_seconds?,
            default_grace_seconds: default_grace_seconds?,
            max_grace_seconds: max_grace_seconds?,
            max_lifetime_seconds: max_lifetime_seconds?,
            require_expiry: require_expiry?,
            expiry_warning_seconds: expiry_warning_seconds?,
            default_scopes: default_scopes?,
            allowed_scopes: allowed_scopes?,
            operations: operations?,
            default_rate_limit: default_rate_limit?,
            on_leak: on_leak?,
        })
    })
}

/// `Some(None)` when absent; null is the default.
fn or_default<'a, T: Clone>(
    members: &mut Members<'a, '_>,
    name: &'static str,
    read: impl FnOnce(Node<'a, '_>) -> Option<T>,
    default: &T,
) -> Option<Option<T>> {
    let change = members.patch(name, read)?.change();
    Some(change.map(|given| given.unwrap_or_else(|| default.clone())))
}

/// Of a grace window. What the tenant allows is the decision's to say.
pub fn grace_seconds(node: Node<'_, '_>) -> Option<u32> {
    number_in(node, 0..=limits::GRACE_SECONDS)
}

/// For how long a former secret is not to be used before its window is closed.
pub fn quiet_seconds(node: Node<'_, '_>) -> Option<u32> {
    number_in(node, limits::QUIET_SECONDS)
}

fn token_lifetime(node: Node<'_, '_>) -> Option<u32> {
    number_in(node, limits::TOKEN_LIFETIME_SECONDS)
}

fn lifetime_seconds(node: Node<'_, '_>) -> Option<u32> {
    number_in(node, 1..=u32::MAX)
}

pub fn seconds(node: Node<'_, '_>) -> Option<u32> {
    number_in(node, 0..=u32::MAX)
}

fn number_in(node: Node<'_, '_>, range: RangeInclusive<u32>) -> Option<u32> {
    let range = i64::from(*range.start())..=i64::from(*range.end());
    node.integer(range).and_then(|number| u32::try_from(number).ok())
}

fn key_format(node: Node<'_, '_>, default: &KeyFormat) -> Option<KeyFormatPatch> {
    node.object(|members| {
        let prefix = or_default(
            members,
            "prefix",
            |text| text.parsed(KeyFormat::read_prefix),
            &default.prefix().to_owned(),
        );
        let public = |number: Node<'_, '_>| small_number(number, limits::KEY_PUBLIC_CHARS);
        let secret = |number: Node<'_, '_>| small_number(number, limits::KEY_SECRET_CHARS);
        let public_chars = or_default(members, "public_chars", public, &default.public_chars());
        let secret_chars = or_default(members, "secret_chars", secret, &default.secret_chars());
        let checksum = or_default(members, "checksum", checksum, &default.checksum());
        Some(KeyFormatPatch {
            prefix: prefix?,
            public_chars: public_chars?,
            secret_chars: secret_chars?,
            checksum: checksum?,
        })
    })
}

fn client_format(node: Node<'_, '_>, default: &ClientFormat) -> Option<ClientFormatPatch> {
    node.object(|members| {
        let prefix = |text: Node<'_, '_>| text.parsed(KeyFormat::read_prefix);
        let id = |number: Node<'_, '_>| small_number(number, limits::CLIENT_ID_CHARS);
        let secret = |number: Node<'_, '_>| small_number(number, limits::KEY_SECRET_CHARS);
        let id_prefix = or_default(members, "id_prefix", prefix, &default.id_prefix().to_owned());
        let id_chars = or_default(members, "id_chars", id, &default.id_chars());
        let secret_prefix = or_default(members, "secret_prefix", prefix, &default.secret_prefix().to_owned());
        let secret_chars = or_default(members, "secret_chars", secret, &default.secret_chars());
        Some(ClientFormatPatch {
            id_prefix: id_prefix?,
            id_chars: id_chars?,
            secret_prefix: secret_prefix?,
            secret_chars: secret_chars?,
        })
    })
}

fn checksum(node: Node<'_, '_>) -> Option<Checksum> {
    node.one_of(&[("crc32", Checksum::Crc32), ("none", Checksum::None)])
}

fn small_number(node: Node<'_, '_>, range: RangeInclusive<u8>) -> Option<u8> {
    node.integer(i64::from(*range.start())..=i64::from(*range.end()))
        .and_then(|number| u8::try_from(number).ok())
}

/// By label, in the one spelling in which labels are asked for too.
fn operations(node: Node<'_, '_>) -> Option<BTreeMap<String, Option<ConcreteScope>>> {
    let mut operations = BTreeMap::new();
    node.map(limits::OPERATIONS, |operation, scope| {
        let label = scope.accept(Operation::read(operation))?;
        let demanded =
            if scope.is_null() { Some(None) } else { scope.parsed(ConcreteScope::parse).map(Some) };
        match operations.insert(label.into_owned(), demanded?) {
            None => Some(()),
            Some(_) => scope.refuse("stands here in another spelling too; keep one"),
        }
    })?;
    Some(operations)
}

/// A label of what a call does. A plain one is not copied.
pub fn operation<'a>(node: Node<'a, '_>) -> Option<Cow<'a, str>> {
    node.parsed(Operation::read)
}

/// A tenant, by id or slug; whether there is such a one is the verdict's.
pub fn tenant_ref<'a>(node: Node<'a, '_>) -> Option<Cow<'a, str>> {
    node.parsed(TenantRef::read)
}

/// A name that stands in URLs: lower-case words and numbers joined by single hyphens.
pub fn slug(node: Node<'_, '_>) -> Option<String> {
    let text = node.text()?;
    if is_slug(text) { Some(text.to_owned()) } else { node.refuse(slug::expected()) }
}

/// An id in its place would be taken for another tenant's.
fn is_slug(text: &str) -> bool {
    slug::is_slug(text) && text.parse::<crate::domain::ids::TenantId>().is_err()
}

/// The slug of a tenant whose name gives none: of the part of its id that is random, which makes it its own.
pub fn slug_of_id(id: TenantId) -> String {
    let id = id.0.simple().to_string();
    format!("tenant-{}", &id[id.len() - limits::SLUG_ID_CHARS..])
}

/// The slug that a name gives by itself; none when nothing of it can stand in one.
pub fn slug_of(name: &str) -> Option<String> {
    let mut slug = String::new();
    for letter in name.to_lowercase().chars() {
        match letter {
            'a'..='z' | '0'..='9' => slug.push(letter),
            _ if slug.is_empty() || slug.ends_with('-') => {}
            _ => slug.push('-'),
        }
    }
    slug.truncate(limits::SLUG_CHARS);
    let slug = slug.trim_end_matches('-').to_owned();
    is_slug(&slug).then_some(slug)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_is_made_of_a_name_where_that_is_possible() {
        let cases = [
            ("Acme", Some("acme")),
            ("  Acme & Söhne GmbH ", Some("acme-s-hne-gmbh")),
            ("日本", None),
            ("--", None),
        ];
        for (name, slug) in cases {
            assert_eq!(slug_of(name).as_deref(), slug, "{name}");
        }
        assert!(!is_slug("0197a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"), "an id is no slug");
        assert!(!is_slug("a--b") && !is_slug("A") && !is_slug(""));
    }
}
