//! What a tenant's lists of keys and of clients hold under each filter, and under two at once, is what the model's own states say.

use std::collections::BTreeSet;

use credledger::clock::Timestamp;
use credledger::domain::credential::{Credential, Kind};
use credledger::domain::tenant::Tenant;
use serde_json::Value;

use crate::run::{Run, collection};
use crate::step::{HOUR, later};

/// Pages are smaller than most lists.
const PAGE: usize = 3;

pub struct Filter {
    pub query: String,
    pub admits: Box<dyn Fn(&Credential) -> bool>,
}

pub fn filter(name: &str, value: &str, admits: impl Fn(&Credential) -> bool + 'static) -> Filter {
    Filter { query: format!("{name}={}", escaped(value)), admits: Box::new(admits) }
}

fn escaped(text: &str) -> String {
    let each = text.bytes().map(|byte| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    });
    each.collect()
}

pub fn agree(run: &Run<'_>) {
    for id in &run.tenants {
        let tenant = run.oracle.tenant(*id);
        let all = run.oracle.credentials(*id);
        for kind in Kind::ALL {
            let keys: Vec<Credential> = all.iter().filter(|key| key.kind() == kind).cloned().collect();
            agrees(run, &tenant, kind, &keys);
        }
    }
}

fn agrees(run: &Run<'_>, tenant: &Tenant, kind: Kind, keys: &[Credential]) {
    let list = List { run, tenant, kind, keys };
    list.holds(&[]);
    let mut filters = filters(run, tenant, keys, run.oracle.now);
    // A client is looked for by its id, and that is told by the walkthroughs.
    filters.retain(|filter| kind == Kind::ApiKey || !filter.query.starts_with("prefix="));
    for (number, one) in filters.iter().enumerate() {
        list.holds(&[one]);
        // Over all histories many meet many.
        let other = &filters[(number + keys.len() + 1) % filters.len()];
        if number % 3 == 0 && one.query.split('=').next() != other.query.split('=').next() {
            list.holds(&[one, other]);
        }
    }
}

/// All that there are of one kind, as the model has them.
struct List<'a> {
    run: &'a Run<'a>,
    tenant: &'a Tenant,
    kind: Kind,
    keys: &'a [Credential],
}

/// Each of them at an instant.
pub fn filters(run: &Run<'_>, tenant: &Tenant, keys: &[Credential], now: Timestamp) -> Vec<Filter> {
    let (warning, mut filters) = (tenant.settings.expiry_warning_seconds, Vec::new());
    for status in ["active", "expiring", "expired", "suspended", "revoked"] {
        filters.push(filter("status", status, move |key| {
            serde_json::to_value(key.status(now, warning)).expect("a word") == status
        }));
    }
    for scope in ["orders.*", "a.*.c", "orders.none"] {
        filters.push(filter("scope", scope, move |key| key.scopes.iter().any(|own| own.as_str() == scope)));
    }
    for owner in run.members.iter().flatten().copied() {
        filters.push(filter("owner", &owner.to_string(), move |key| key.owner == Some(owner)));
    }
    for name in ["ci", "Ärger", "deploy bot", "bot"] {
        filters.push(filter("name", name, move |key| name_of(key) == name));
    }
    for text in ["CI", "o", "rger", "京", "%", "nobody"] {
        filters.push(filter("q", text, move |key| {
            let found = |within: &str| within.to_ascii_lowercase().contains(&text.to_ascii_lowercase());
            found(name_of(key)) || found(key.description.value.known().map_or("", String::as_str))
        }));
    }
    for seconds in [HOUR / 2, 3 * HOUR, 50 * 24 * HOUR] {
        let end: Timestamp = later(now, seconds);
        filters.push(filter("expires_before", &end.to_string(), move |key| {
            key.expires_at.is_some_and(|own| own < end)
        }));
    }
    // A whole prefix, also of a secret that is over, and the beginning of all.
    let prefixes = keys.iter().filter_map(|key| Some(key.secrets.first()?.facts.prefix.clone())).take(2);
    for prefix in prefixes.chain(["cl_live_".to_owned(), "cl_live_none".to_owned()]) {
        let text = prefix.clone();
        filters.push(filter("prefix", &text, move |key| {
            key.secrets.iter().any(|secret| secret.facts.prefix.starts_with(&prefix))
        }));
    }
    filters
}

fn name_of(key: &Credential) -> &str {
    key.name.value.known().map_or("", String::as_str)
}

impl List<'_> {
    /// Newest first, each once, over as many pages as there are.
    fn holds(&self, filters: &[&Filter]) {
        let query: String = filters.iter().map(|filter| format!("&{}", filter.query)).collect();
        let list = collection(self.kind);
        let path = format!("/api/admin/v1/tenants/{}/{list}?limit={PAGE}{query}", self.tenant.id);
        let (mut told, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.run.root.get(&format!("{path}{cursor}")).expect(200);
            let data = page["data"].as_array().expect("a list");
            told.extend(data.iter().map(|key| (text(&key["created_at"]), text(&key["id"]))));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={}", escaped(next)),
                None => break,
            }
        }
        let admitted = self.keys.iter().filter(|key| filters.iter().all(|filter| (filter.admits)(key)));
        let expected: BTreeSet<String> = admitted.map(|key| key.id.to_string()).collect();
        assert!(told.is_sorted_by(|one, next| one > next), "newest first, each once: {told:?}");
        let told: BTreeSet<String> = told.into_iter().map(|(_, id)| id).collect();
        assert_eq!(told, expected, "{list} {query}");
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}
