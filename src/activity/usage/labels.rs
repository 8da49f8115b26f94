//! Operations are the caller's own words, and a caller that puts an id into them would have a row for each call. Of each tenant so
//! many different ones are counted by name in a day; the others together.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use super::lock;
use crate::domain::ids::TenantId;
use crate::limits;

/// What the others are counted as. No operation can be called so: it begins with a space.
pub(super) const OTHERS: &str = " others";

/// What a client's asking for a token is counted as. It begins with a space, too.
pub const TOKEN: &str = " token";

pub(super) struct Labels {
    known: Mutex<Known>,
    others: Arc<str>,
    /// what is never written down
    is_a_secret: Box<IsSecret>,
}

/// Whether a text is written as what opens something.
pub type IsSecret = dyn Fn(&str) -> bool + Send + Sync;

#[derive(Default)]
struct Known {
    day: u32,
    count: usize,
    of_tenants: HashMap<TenantId, HashSet<Arc<str>>>,
}

impl Labels {
    pub(super) fn new(is_a_secret: Box<IsSecret>) -> Self {
        Labels { known: Mutex::default(), others: OTHERS.into(), is_a_secret }
    }

    pub(super) fn others(&self) -> Arc<str> {
        self.others.clone()
    }

    /// The label itself, or that of the others. Asked only when a row is made.
    pub(super) fn admit(&self, tenant: TenantId, label: &str, hour: u32) -> Arc<str> {
        let mut known = lock(&self.known);
        let day = hour / 24;
        // What was judged before midnight and is counted after it does not begin the day anew.
        if day > known.day {
            *known = Known { day, ..Known::default() };
        }
        let of_tenant = known.of_tenants.get(&tenant);
        if let Some(label) = of_tenant.and_then(|labels| labels.get(label)) {
            return label.clone();
        }
        let there = of_tenant.map_or(0, HashSet::len);
        let is_full =
            there >= limits::USAGE_OPERATIONS_OF_A_TENANT || known.count >= limits::USAGE_OPERATIONS;
        if is_full || (self.is_a_secret)(label) {
            return self.others();
        }
        let label: Arc<str> = label.into();
        known.count += 1;
        known.of_tenants.entry(tenant).or_default().insert(label.clone());
        label
    }
}
