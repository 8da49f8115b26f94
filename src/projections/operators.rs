//! One row an operator: the view's record, and the columns that the list goes by.

use std::collections::BTreeSet;

use serde_json::json;

use super::bytes::{BadRecord, Reader, Writer};
use crate::clock::Timestamp;
use crate::domain::authority::Role;
use crate::domain::ids::TenantId;
use crate::domain::operator::{Operator, Reach};
use crate::ledger::InlineRow;

pub const NAME: &str = "operators";
const VERSION: u8 = 2;

#[derive(Clone, Debug, PartialEq)]
pub struct OperatorRecord {
    pub disabled: bool,
    /// its invitation has not been accepted
    pub invited: bool,
    /// sessions from before it are over
    pub last_disabled_at: Option<Timestamp>,
    pub role: Role,
    pub reach: Reach,
    /// the event whose personal row holds the name
    pub name_version: u32,
}

pub fn row(operator: &Operator) -> InlineRow {
    InlineRow {
        projection: NAME,
        id: operator.id.0,
        tenant: None,
        version: operator.history.events,
        record: OperatorRecord::of(operator).encode(),
        name: operator.name.known().cloned(),
        facts: json!({
            "all_tenants": operator.reach == Reach::All,
            "disabled": operator.disabled_at.is_some(),
            "identity": operator.identity,
            "invited_as": operator.invitation.map(|invitation| invitation.address),
            "name_version": operator.name_since,
            "reached": match &operator.reach {
                Reach::All => json!([]),
                Reach::Tenants(tenants) => json!(tenants),
            },
            "role": operator.role,
        }),
    }
}

impl OperatorRecord {
    fn of(operator: &Operator) -> Self {
        OperatorRecord {
            disabled: operator.disabled_at.is_some(),
            invited: operator.invitation.is_some(),
            last_disabled_at: operator.last_disabled_at,
            role: operator.role,
            reach: operator.reach.clone(),
            name_version: operator.name_since,
        }
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new(VERSION, 32);
        out.flags([self.disabled, self.reach == Reach::All, self.invited]);
        out.instant(self.last_disabled_at);
        out.text(self.role.word());
        out.u32(self.name_version);
        if let Reach::Tenants(tenants) = &self.reach {
            for tenant in tenants {
                out.uuid(tenant.0);
            }
        }
        out.0
    }

    pub fn decode(record: &[u8]) -> Result<Self, BadRecord> {
        let mut reader = Reader::new(VERSION, record)?;
        let [disabled, all, invited] = reader.flags()?;
        let last_disabled_at = reader.instant()?;
        let role = Role::from_word(reader.text()?).ok_or(BadRecord("its role is unknown"))?;
        let name_version = reader.u32()?;
        let reach = if all { Reach::All } else { Reach::Tenants(decode_tenants(&mut reader)?) };
        reader.end()?;
        Ok(OperatorRecord { disabled, invited, last_disabled_at, role, reach, name_version })
    }
}

/// All that is left of the record, ascending.
fn decode_tenants(reader: &mut Reader<'_>) -> Result<BTreeSet<TenantId>, BadRecord> {
    let mut tenants = BTreeSet::new();
    while !reader.0.is_empty() {
        let tenant = TenantId(reader.uuid()?);
        if tenants.last().is_some_and(|last| *last >= tenant) {
            return Err(BadRecord("its tenants are out of order"));
        }
        tenants.insert(tenant);
    }
    Ok(tenants)
}
