//! Operations are the caller's own words, and a caller that puts an id into them would have a row for each call. Of each tenant so
//! many different ones are counted by name in a day; the others together.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use super::lock;
use crate::domain::ids::TenantId;
use crate::limits;

/// What the others are counted as. No operation can be called so: it begins with a space.
pub(super) const OTHERS: &str = " others";

#[derive(Default)]
pub(super) struct Labels(Mutex<Known>);

#[derive(Default)]
struct Known {
    day: u32,
    count: usize,
    of_tenants: HashMap<TenantId, HashSet<Arc<str>>>,
    others: Option<Arc<str>>,
}

impl Labels {
    /// The label itself, or that of the others. Asked only when a row is made.
    pub(super) fn admit(&self, tenant: TenantId, label: &str, hour: u32) -> Arc<str> {
        let mut known = lock(&self.0);
        let day = hour / 24;
        // What was judged before midnight and is counted after it does not begin the day anew.
        if day > known.day {
            *known = Known { day, others: known.others.take(), ..Known::default() };
        }
        let there = known.of_tenants.get(&tenant).and_then(|labels| labels.get(label)).cloned();
        if let Some(label) = there {
            return label;
        }
        let of_tenant = known.of_tenants.get(&tenant).map_or(0, HashSet::len);
        if label == OTHERS
            || of_tenant >= limits::USAGE_OPERATIONS_OF_A_TENANT
            || known.count >= limits::USAGE_OPERATIONS
        {
            return known.others.get_or_insert_with(|| OTHERS.into()).clone();
        }
        let label: Arc<str> = label.into();
        known.count += 1;
        known.of_tenants.entry(tenant).or_default().insert(label.clone());
        label
    }
}
