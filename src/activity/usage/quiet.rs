//! Since when secrets were not used, as far as that is known.

use std::collections::HashMap;
use std::net::IpAddr;

use uuid::Uuid;

use super::read::{Address, Addresses, Range, ReadError, Whose, read, told};
use super::spans::Known;
use super::{Outcome, Usage};
use crate::clock::Timestamp;
use crate::db::{Database, DbError, Errand, Sight};
use crate::domain::credential::{Credential, Quiet};
use crate::domain::ids::{SecretId, TenantId};
use crate::limits;

const LAST_CALLS: &str = "select secret_id, called_at_ms from credledger.read_last_calls($1, $2, $3)";
const ADDRESSES: &str = "select flush_id, secret_id, client_ip, first_at_ms, last_at_ms, accepted, refused \
                         from credledger.read_secret_addresses($1, $2, $3, $4, $5, $6, $7)";

/// When secrets were last called by somebody who still needs them, and in which time that is known of all of them.
#[derive(Clone, Debug)]
pub struct LastCalls {
    pub known: Known,
    called_at_ms: HashMap<Uuid, i64>,
}

impl LastCalls {
    pub fn of(&self, secret: SecretId) -> Option<i64> {
        self.called_at_ms.get(&secret.0).copied()
    }

    /// Of all secrets of these credentials.
    pub fn quiet<'a>(&self, credentials: impl Iterator<Item = &'a Credential>) -> Quiet {
        let secrets = credentials.flat_map(|credential| &credential.secrets).map(|secret| secret.facts.id);
        let since = secrets.filter_map(|secret| {
            let since = self.of(secret).map_or(self.known.since_ms, |called| called.max(self.known.since_ms));
            Some((secret, Timestamp::from_millis(since.max(0))?))
        });
        Quiet {
            since: since.collect(),
            until: Timestamp::from_millis(self.known.until_ms.max(0)).unwrap_or_default(),
        }
    }
}

impl Usage {
    /// Of all secrets of some credentials of a tenant, back to the first of their rotations that a window is still open of. None: nobody
    /// counts just now.
    pub async fn last_calls(
        &self,
        database: &Database,
        errand: Errand,
        whose: (i32, TenantId),
        credentials: &[&Credential],
        now: Timestamp,
    ) -> Result<Option<LastCalls>, DbError> {
        // What is known is looked at first: what comes in meanwhile is more than that.
        let from = credentials.iter().filter_map(|credential| windows_began(credential, now)).min();
        let Some(known) = self.known(database, errand, whose, (from.unwrap_or(now), now)).await? else {
            return Ok(None);
        };
        let mut called_at_ms = HashMap::new();
        let mut add = |secret: Uuid, at_ms: i64| {
            let kept = called_at_ms.entry(secret).or_insert(at_ms);
            *kept = at_ms.max(*kept);
        };
        let secrets = credentials.iter().flat_map(|credential| &credential.secrets);
        self.each_row_of(secrets.map(|secret| secret.facts.id), |row| {
            if row.outcome.counts_as_use() {
                add(row.secret, row.last_at_ms());
            }
        });
        let ids: Vec<Uuid> = credentials.iter().map(|credential| credential.id.0).collect();
        let (ledger, tenant) = (whose.0, whose.1.0);
        for row in
            read(database, errand, Sight::Tenant(tenant), LAST_CALLS, &[&ledger, &tenant, &ids]).await?
        {
            add(row.get(0), row.get(1));
        }
        Ok(Some(LastCalls { known, called_at_ms }))
    }

    /// From where each secret of a credential was called, of the addresses that were seen in a range.
    pub async fn addresses_by_secret(
        &self,
        database: &Database,
        whose: Whose<'_>,
        range: Range,
    ) -> Result<HashMap<Uuid, Addresses>, ReadError> {
        let Some((credential, _)) = whose.credential else { return Ok(HashMap::new()) };
        let most = limits::USAGE_TOLD_SECRET_ADDRESSES;
        let ask = async |flushes: &[Uuid]| {
            let (ledger, tenant, of) = (whose.ledger, whose.tenant.0, credential.0);
            let Range { from_ms, to_ms, .. } = range;
            let sight = Sight::Tenant(tenant);
            let params: [&(dyn tokio_postgres::types::ToSql + Sync); 7] =
                [&ledger, &tenant, &of, &from_ms, &to_ms, &flushes, &(most + 1)];
            read(database, Errand::Reading, sight, ADDRESSES, &params).await
        };
        let (rows, here) = self.once(|| self.see(whose, |_| true), ask).await?;
        let mut seen = Seen::default();
        for row in &rows {
            let secret: Uuid = row.get(1);
            match row.get::<_, Option<IpAddr>>(2) {
                None => seen.left_out(secret),
                Some(ip) => seen.add(secret, ip, Address::read(row, 3)),
            }
        }
        for row in &here {
            if row.address_left_out {
                seen.left_out(row.secret);
            }
            if let Some(ip) = row.client_ip() {
                seen.add(row.secret, ip, Address::of(row, row.outcome == Outcome::Accepted));
            }
        }
        // Which of them were not read, nobody knows.
        let cut = rows.len() > usize::try_from(most).unwrap_or(usize::MAX);
        let told = |(secret, (seen, left_out))| (secret, told(seen, left_out || cut, range));
        Ok(seen.0.into_iter().map(told).collect())
    }
}

/// Of each secret its addresses, and whether there were others.
#[derive(Default)]
struct Seen(HashMap<Uuid, (HashMap<IpAddr, Address>, bool)>);

impl Seen {
    fn left_out(&mut self, secret: Uuid) {
        self.0.entry(secret).or_default().1 = true;
    }

    fn add(&mut self, secret: Uuid, ip: IpAddr, found: Address) {
        Address::add(&mut self.0.entry(secret).or_default().0, ip, found);
    }
}

/// When the first of the windows began that are open.
fn windows_began(credential: &Credential, now: Timestamp) -> Option<Timestamp> {
    let open = credential.living_secrets(now).filter(|secret| secret.ends_at.is_some());
    open.map(|secret| credential.rotated_out_at(secret.facts.id)).min()
}
