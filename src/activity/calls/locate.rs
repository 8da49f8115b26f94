//! Whose a credential or a secret is that a report names. That never changes, so what was looked up once is kept.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use uuid::Uuid;

use crate::db::{Database, DbError};
use crate::domain::credential::Kind;
use crate::domain::ids::{CredentialId, TenantId};
use crate::domain::operator::Reach;
use crate::limits;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Located {
    pub tenant: TenantId,
    pub credential: CredentialId,
    pub kind: Kind,
}

/// What a report names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Named {
    Credential(Uuid),
    Secret(Uuid),
}

pub struct Locator {
    database: Database,
    ledger: i32,
    known: Mutex<HashMap<Named, Located>>,
}

impl Locator {
    pub fn new(database: Database, ledger: i32) -> Self {
        Locator { database, ledger, known: Mutex::default() }
    }

    /// Those that are there, for whoever reaches so far: another's is none.
    pub async fn locate(
        &self,
        wanted: HashSet<Named>,
        reach: &Reach,
    ) -> Result<HashMap<Named, Located>, DbError> {
        let mut found = HashMap::with_capacity(wanted.len());
        let mut unknown = Vec::new();
        {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            for named in wanted {
                match known.get(&named) {
                    Some(located) => drop(found.insert(named, *located)),
                    None => unknown.push(named),
                }
            }
        }
        if !unknown.is_empty() {
            let asked = self.ask(&unknown, reach).await?;
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            if known.len() + asked.len() > limits::ACTIVITY_LOCATED {
                known.clear();
            }
            known.extend(asked.iter().copied());
            found.extend(asked);
        }
        found.retain(|_, located| reach.includes(located.tenant));
        Ok(found)
    }

    async fn ask(&self, unknown: &[Named], reach: &Reach) -> Result<Vec<(Named, Located)>, DbError> {
        let (mut credentials, mut secrets) = (Vec::new(), Vec::new());
        for named in unknown {
            match named {
                Named::Credential(id) => credentials.push(*id),
                Named::Secret(id) => secrets.push(*id),
            }
        }
        let reached: Option<Vec<Uuid>> = match reach {
            Reach::All => None,
            Reach::Tenants(tenants) => Some(tenants.iter().map(|tenant| tenant.0).collect()),
        };
        let locate = "select * from credledger.locate_credentials($1, $2, $3, $4)";
        let rows = self.database.people(locate, &[&self.ledger, &reached, &credentials, &secrets]).await?;
        let located = rows.iter().map(|row| {
            let (of_secret, id) = (row.try_get::<_, bool>(0)?, row.try_get(1)?);
            let kind = Kind::from_word(row.try_get(4)?);
            let kind = kind.ok_or_else(|| DbError::Unreadable("a credential of no kind".into()))?;
            let named = if of_secret { Named::Secret(id) } else { Named::Credential(id) };
            let (credential, tenant) = (CredentialId(row.try_get(2)?), TenantId(row.try_get(3)?));
            Ok((named, Located { tenant, credential, kind }))
        });
        located.collect()
    }
}
