//! Members that several bodies share, read into the domain's types.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::members::{Node, Patch};
use crate::domain::credential::{Reason, metadata_fits};
use crate::domain::ip_rules::{Cidr, IpEntry, IpRules};
use crate::domain::key_format::Checksum;
use crate::domain::scope::{ConcreteScope, Scope, ScopeSet};
use crate::domain::tenant::settings::{KeyFormatPatch, SettingsPatch};
use crate::domain::text::{Description, Layout, Name, Note, Operation, TenantRef, clean};
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

pub fn note(node: Node<'_, '_>) -> Option<String> {
    node.parsed(Note::parse).map(|note| note.as_str().to_owned())
}

pub fn scopes(node: Node<'_, '_>) -> Option<Vec<Scope>> {
    let scopes = node.list(limits::SCOPES, |each| each.parsed(Scope::parse))?;
    node.accept(ScopeSet::new(scopes)).map(|set| set.to_vec())
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

/// Any JSON object whose canonical text is short enough. Its texts are a person's, and one value has one form however it was
/// spelt, so that a repeat of it changes nothing.
pub fn metadata(node: Node<'_, '_>) -> Option<Map<String, Value>> {
    let value: Value = node.accept(serde_json::from_str(&node.json().canonical()))?;
    let Value::Object(members) = value else { return node.refuse("expected an object") };
    let cleaned = node.accept(clean_members(members))?;
    // Measured as it will be stored: a letter may be longer in the composed form.
    if !metadata_fits(&cleaned) {
        return node.refuse(format!("metadata holds at most {} bytes", limits::METADATA_BYTES));
    }
    Some(cleaned)
}

fn clean_members(members: Map<String, Value>) -> Result<Map<String, Value>, String> {
    let mut cleaned = Map::new();
    for (name, value) in members {
        let name =
            clean(&name, Layout::OneLine, limits::METADATA_BYTES).map_err(|error| error.to_string())?;
        if cleaned.insert(name, clean_value(value)?).is_some() {
            return Err("holds two names that are the same in Unicode's composed form; keep one".to_owned());
        }
    }
    Ok(cleaned)
}

fn clean_value(value: Value) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) => {
            clean(&text, Layout::Lines, limits::METADATA_BYTES).map_err(|error| error.to_string())?.into()
        }
        Value::Array(items) => items.into_iter().map(clean_value).collect::<Result<_, _>>()?,
        Value::Object(members) => clean_members(members)?.into(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
    })
}

pub fn settings(node: Node<'_, '_>) -> Option<SettingsPatch> {
    node.object(|members| {
        let key_format = members.optional("key_format", key_format);
        let default_grace_seconds = members.optional("default_grace_seconds", seconds);
        let max_grace_seconds = members.optional("max_grace_seconds", seconds);
        let max_lifetime_seconds = members.patch("max_lifetime_seconds", seconds).map(Patch::change);
        let require_expiry = members.optional("require_expiry", |switch| switch.boolean());
        let expiry_warning_seconds = members.optional("expiry_warning_seconds", seconds);
        let default_scopes = members.optional("default_scopes", scopes);
        let allowed_scopes = members.patch("allowed_scopes", scopes).map(Patch::change);
        let operations = members.optional("operations", operations);
        Some(SettingsPatch {
            key_format: key_format?.unwrap_or_default(),
            default_grace_seconds: default_grace_seconds?,
            max_grace_seconds: max_grace_seconds?,
            max_lifetime_seconds: max_lifetime_seconds?,
            require_expiry: require_expiry?,
            expiry_warning_seconds: expiry_warning_seconds?,
            default_scopes: default_scopes?,
            allowed_scopes: allowed_scopes?,
            operations: operations?,
        })
    })
}

pub fn seconds(node: Node<'_, '_>) -> Option<u32> {
    node.integer(0..=i64::from(u32::MAX)).and_then(|seconds| u32::try_from(seconds).ok())
}

fn key_format(node: Node<'_, '_>) -> Option<KeyFormatPatch> {
    node.object(|members| {
        let prefix = members.optional("prefix", |text| text.text());
        let public_chars = members.optional("public_chars", small_number);
        let secret_chars = members.optional("secret_chars", small_number);
        let checksum = members.optional("checksum", |word| {
            word.one_of(&[("crc32", Checksum::Crc32), ("none", Checksum::None)])
        });
        Some(KeyFormatPatch {
            prefix: prefix?.map(str::to_owned),
            public_chars: public_chars?,
            secret_chars: secret_chars?,
            checksum: checksum?,
        })
    })
}

fn small_number(node: Node<'_, '_>) -> Option<u8> {
    node.integer(0..=255).and_then(|number| u8::try_from(number).ok())
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
    if is_slug(text) {
        Some(text.to_owned())
    } else {
        node.refuse(format!(
            "expected words of a-z and 0-9 joined by single hyphens, at most {} characters",
            limits::SLUG_CHARS
        ))
    }
}

fn is_slug(text: &str) -> bool {
    let word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    text.len() <= limits::SLUG_CHARS
        && text.split('-').all(word)
        && text.parse::<crate::domain::ids::TenantId>().is_err()
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
