//! Windows that were to be closed once nobody uses the former secret any more are closed.
//!
//! Those that might be are walked over in the order in which they might first have been, again and again. What was used meanwhile
//! can't be quiet before so long after that, and is looked at again only then: so each is looked at about as often as the time that it
//! has to be quiet goes by, however many calls come. That is known to this process alone; a start looks at all of them anew.

use std::collections::HashMap;
use std::sync::Arc;

use super::House;
use super::pace::{Recorded, portion, record};
use crate::activity::usage::quiet::LastCalls;
use crate::clock::{BootTime, Timestamp};
use crate::db::{DbError, Errand, Sight};
use crate::domain::credential::Credential;
use crate::domain::ids::{CredentialId, StreamId, TenantId};
use crate::ledger::execute::ExecuteError;
use crate::ledger::read::{Loaded, ReadError};
use crate::ledger::together::{Chore, Failed};
use crate::limits;
use crate::projections::list::{self, Due, DuePlace};

#[derive(Default)]
pub(super) struct Windows {
    /// under way: up to which instant, and where it goes on
    walk: Option<(Timestamp, DuePlace)>,
    /// how many walks were begun
    walks: u64,
    looked_at: HashMap<CredentialId, Looked>,
}

/// What was not to be closed when it was looked at.
#[derive(Clone, Copy)]
struct Looked {
    /// how many events it had
    events: u32,
    /// not before then will it be
    until: Timestamp,
    /// by which walk it was met last
    walk: u64,
}

impl Windows {
    /// As far as a turn goes; the next one goes on behind that.
    pub(super) async fn close(&mut self, house: &mut House) -> Result<(), DbError> {
        let (began, (now, mut after)) = (BootTime::now(), self.begin(house.ledger.clock().now()));
        loop {
            let page = house.ask(async |client, ledger| {
                list::quiet(client, ledger, now, after, limits::HOUSEKEEPING_PAGE).await
            });
            let page = page.await?;
            let (found, last) = (page.len(), page.last().map(|due| due.place));
            let due = page.into_iter().filter(|due| self.is_to_be_looked_at(due, now)).collect();
            if !self.look(house, due).await? {
                return Ok(());
            }
            match last {
                Some(last) if found as i64 >= limits::HOUSEKEEPING_PAGE => after = last,
                _ => {
                    self.end();
                    return Ok(());
                }
            }
            self.walk = Some((now, after));
            if !house.lease.holds() || BootTime::now().since(began) >= limits::HOUSEKEEPING_PAUSE {
                return Ok(());
            }
        }
    }

    fn begin(&mut self, now: Timestamp) -> (Timestamp, DuePlace) {
        if self.walk.is_none() {
            self.walks += 1;
        }
        *self.walk.get_or_insert((now, DuePlace::START))
    }

    /// What it did not meet has no window any more that might be closed.
    fn end(&mut self) {
        self.walk = None;
        let walk = self.walks;
        self.looked_at.retain(|_, looked| looked.walk == walk);
    }

    fn is_to_be_looked_at(&mut self, due: &Due, now: Timestamp) -> bool {
        let Some(looked) = self.looked_at.get_mut(&due.credential) else { return true };
        looked.walk = self.walks;
        looked.events != due.events || looked.until <= now
    }

    fn remember(&mut self, due: &Due, until: Timestamp) {
        let has_room = self.looked_at.len() < limits::QUIET_REMEMBERED;
        if has_room || self.looked_at.contains_key(&due.credential) {
            let looked = Looked { events: due.events, until, walk: self.walks };
            self.looked_at.insert(due.credential, looked);
        }
    }

    /// Whether all of them could be handled.
    async fn look(&mut self, house: &mut House, mut due: Vec<Due>) -> Result<bool, DbError> {
        due.sort_by_key(|due| due.tenant.0);
        for of_one in due.chunk_by(|one, next| one.tenant == next.tenant) {
            let mut rest = of_one;
            while !rest.is_empty() {
                let (some, others) = rest.split_at(portion(rest, limits::HOUSEKEEPING_ALONE));
                rest = others;
                house.record_ends().await?;
                if !house.lease.holds() || !self.look_at(house, some).await? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Some of one tenant.
    async fn look_at(&mut self, house: &mut House, due: &[Due]) -> Result<bool, DbError> {
        let Some(tenant) = due.first().map(|due| due.tenant) else { return Ok(true) };
        let loaded = load(house, tenant, due).await?;
        let credentials: Vec<&Credential> =
            loaded.iter().filter_map(|loaded| loaded.state.credential()).collect();
        let (database, ledger) = (house.ledger.database(), house.ledger.reader().ledger);
        let now = house.ledger.clock().now();
        let usage = &house.usage;
        let calls = usage.last_calls(database, Errand::Reading, (ledger, tenant), &credentials, now).await?;
        // Nothing is closed on what is not known.
        let Some(calls) = calls else { return Ok(true) };
        let mut quiet = Vec::new();
        for credential in &credentials {
            let Some(due) = due.iter().find(|due| due.credential == credential.id) else { continue };
            match first_quiet(credential, &calls, now) {
                Some(at) if at <= now => quiet.push(due.clone()),
                at => self.remember(due, at.unwrap_or(Timestamp::MAX)),
            }
        }
        let chore = Chore::CloseQuiet(Arc::new(calls.quiet(credentials.into_iter())));
        let recorded = record(house, chore, quiet).await;
        Ok(house.goes_on_after(&recorded))
    }
}

/// When the first of its windows is to be closed, as far as is known now.
fn first_quiet(credential: &Credential, calls: &LastCalls, now: Timestamp) -> Option<Timestamp> {
    let quiet = calls.quiet(std::iter::once(credential));
    let open = credential.living_secrets(now);
    open.filter_map(|secret| credential.closes_when_quiet(secret, *quiet.since.get(&secret.facts.id)?)).min()
}

/// One stream that can't be read stops only itself.
async fn load(house: &mut House, tenant: TenantId, due: &[Due]) -> Result<Vec<Loaded>, DbError> {
    let ids: Vec<StreamId> = due.iter().map(|due| due.credential.into()).collect();
    match read(house, tenant, &ids).await {
        Ok(loaded) => Ok(loaded),
        Err(ReadError::Db(cause)) => Err(cause),
        Err(_) => {
            let mut loaded = Vec::new();
            for id in ids {
                match read(house, tenant, &[id]).await {
                    Ok(one) => loaded.extend(one),
                    Err(ReadError::Db(cause)) => return Err(cause),
                    Err(cause) => {
                        let failed = Failed { count: 1, cause: ExecuteError::Read(cause) };
                        house.goes_on_after(&Recorded { failed: Some(failed), ..Recorded::default() });
                    }
                }
            }
            Ok(loaded)
        }
    }
}

async fn read(house: &House, tenant: TenantId, ids: &[StreamId]) -> Result<Vec<Loaded>, ReadError> {
    let (reader, database) = (house.ledger.reader(), house.ledger.database());
    reader.streams(database, Errand::Reading, Sight::Tenant(tenant.0), ids).await
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + ms).expect("an instant")
    }

    fn due(number: u128, events: u32) -> Due {
        let id = Uuid::from_u128(number);
        let place = DuePlace { due_at_ms: 0, id };
        Due { credential: CredentialId(id), tenant: TenantId(Uuid::nil()), events, place }
    }

    #[test]
    fn what_was_used_is_looked_at_again_once_it_may_be_quiet_or_was_changed() {
        let mut windows = Windows::default();
        windows.begin(at(0));
        assert!(windows.is_to_be_looked_at(&due(1, 3), at(0)));
        windows.remember(&due(1, 3), at(100));
        assert!(!windows.is_to_be_looked_at(&due(1, 3), at(99)));
        assert!(windows.is_to_be_looked_at(&due(1, 3), at(100)));
        assert!(windows.is_to_be_looked_at(&due(1, 4), at(99)), "it was changed");
        assert!(windows.is_to_be_looked_at(&due(2, 3), at(99)));
    }

    #[test]
    fn what_a_whole_walk_did_not_meet_is_forgotten() {
        let mut windows = Windows::default();
        windows.begin(at(0));
        windows.remember(&due(1, 3), at(100));
        windows.remember(&due(2, 3), at(100));
        windows.end();
        assert_eq!(windows.looked_at.len(), 2);
        windows.begin(at(1));
        assert!(!windows.is_to_be_looked_at(&due(1, 3), at(1)));
        assert_eq!(windows.begin(at(2)), (at(1), DuePlace::START), "it goes on");
        windows.end();
        assert!(windows.looked_at.contains_key(&due(1, 3).credential));
        assert_eq!(windows.looked_at.len(), 1);
    }
}
