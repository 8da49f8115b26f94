//! What may have ended access tokens before their time, while one of before may still live: a day and a minute. From it the list
//! is made that is handed to whoever checks tokens offline. No verdict reads it.
//!
//! It says which clients, owners and tenants are to be looked at; what has become of them, the records of this moment say. So a
//! client that was suspended and goes on is in no list, and one that nobody touched for a day needs no look: whatever ended by then,
//! no token of before lives.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use uuid::Uuid;

use super::edit::{Edit, Why};
use super::layout::{Credential, Tenant};
use super::look::{self, Head};
use super::store::{Books, Store};
use crate::clock::Timestamp;
use crate::domain::access::{self, Facts, Owner, Request, Token};
use crate::domain::access_token::AccessTokenEvent;
use crate::domain::credential::{CredentialEvent, Kind};
use crate::domain::event::{Event, Recorded};
use crate::domain::ids::TenantId;
use crate::domain::ip_rules::IpRules;
use crate::domain::member::MemberEvent;
use crate::domain::operator::Reach;
use crate::domain::tenant::TenantEvent;
use crate::limits;

/// Longer than any token lives, by as much as its issue may take.
pub const SECONDS: u32 = limits::ACCESS_TOKEN_SECONDS + limits::TOKEN_LEEWAY_SECONDS;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Ending {
    Token {
        id: Uuid,
        client: u32,
    },
    /// by hand, with its tokens
    Secret {
        id: Uuid,
        client: u32,
    },
    Client(u32),
    Member(u32),
    Tenant,
}

/// The writer's own, by tenant, each until when it matters.
#[derive(Debug, Default)]
pub struct Book {
    of_tenants: HashMap<u32, BTreeSet<(Timestamp, Ending)>>,
    /// when all of them are looked through next for what matters no longer
    sweep_at: Timestamp,
    /// each member with each client of its
    owned: BTreeSet<(u32, u32)>,
    /// how many tokens of each client stand in `of_tenants`
    given_back: HashMap<u32, usize>,
    /// tenants, each with clients of which more tokens ended than are kept one by one, and until when the last of these lives
    crowded: BTreeMap<(u32, u32), Timestamp>,
}

/// What ended tokens that would still live, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revocations {
    /// the last event that it knows of
    pub position: u64,
    pub at: Timestamp,
    /// tokens that ended by themselves
    pub tokens: BTreeSet<Uuid>,
    /// secrets that took their tokens along
    pub secrets: BTreeSet<Uuid>,
    /// clients whose tokens count from this version on
    pub clients: BTreeMap<Uuid, u32>,
    /// clients of which no token counts
    pub ended_clients: BTreeSet<Uuid>,
    /// clients that gave back so many tokens that they are not told one by one
    pub ask_clients: BTreeSet<Uuid>,
    pub tenants: BTreeSet<Uuid>,
}

/// It would name more than was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany;

/// Takes an event into the book, after its change. Whether it may end tokens at all: the types of those that may stand in
/// `schema/tables/0013_endings.sql` and `schema/functions/read_endings.sql` once more, since a start reads just them.
pub fn note(edit: &mut Edit<'_>, recorded: &Recorded) -> Result<bool, Why> {
    let until = recorded.at.plus_seconds(SECONDS);
    let (tenant, until, ending) = match &recorded.event {
        Event::AccessToken(AccessTokenEvent::Revoked(revoked)) => {
            let (client, tenant) = client_of(edit.store, revoked.credential_id.0)?;
            (tenant, revoked.ends_at, Ending::Token { id: revoked.token_id.0, client })
        }
        Event::Credential(Kind::OauthClient, event) => {
            let (client, tenant) = client_of(edit.store, recorded.stream.0)?;
            let ending = match event {
                CredentialEvent::SecretRevoked(event) => Ending::Secret { id: event.secret_id.0, client },
                CredentialEvent::ExpirySet(_)
                | CredentialEvent::OwnerSet(_)
                | CredentialEvent::Revoked(_)
                | CredentialEvent::Suspended(_)
                | CredentialEvent::TokensRevoked(_) => Ending::Client(client),
                _ => return Ok(false),
            };
            (tenant, until, ending)
        }
        Event::Member(MemberEvent::Disabled(_)) => {
            let (member, entry) = edit.store.members.find(recorded.stream.0)?;
            let tenant = edit.store.tenants.ordinal(entry.tenant.0).ok_or("its tenant is unknown")?;
            (tenant, until, Ending::Member(member))
        }
        Event::Tenant(TenantEvent::Suspended(_)) => {
            (edit.store.tenants.find(recorded.stream.0)?.0, until, Ending::Tenant)
        }
        _ => return Ok(false),
    };
    edit.books.endings.add(tenant, (until, ending), recorded.at);
    Ok(true)
}

fn client_of(store: &Store, id: Uuid) -> Result<(u32, u32), Why> {
    let ordinal = store.credential_ordinal(id).ok_or("no such credential")?;
    let words = store.credentials.read(ordinal).ok_or("a credential's record is missing")?;
    Ok((ordinal, Credential::of(&words).tenant))
}

impl Book {
    fn add(&mut self, tenant: u32, ending: (Timestamp, Ending), now: Timestamp) {
        if self.sweep_at <= now {
            let given_back = &mut self.given_back;
            self.of_tenants.retain(|_, endings| {
                forget(endings, given_back, now);
                !endings.is_empty()
            });
            self.given_back.retain(|_, tokens| *tokens > 0);
            self.crowded.retain(|_, until| *until > now);
            self.sweep_at = now.plus_seconds(limits::ENDINGS_SWEEP_SECONDS);
        }
        let (until, ending) = ending;
        if until <= now {
            return;
        }
        let endings = self.of_tenants.entry(tenant).or_default();
        match ending {
            Ending::Token { client, .. } => {
                let tokens = self.given_back.entry(client).or_default();
                if *tokens < limits::REVOCATION_LIST_TOKENS_OF_A_CLIENT {
                    *tokens += usize::from(endings.insert((until, ending)));
                } else {
                    let last = self.crowded.entry((tenant, client)).or_insert(until);
                    *last = until.max(*last);
                }
            }
            _ => drop(endings.insert((until, ending))),
        }
    }

    /// Whose a client was and is; 0: nobody's.
    pub fn own(&mut self, client: u32, before: u32, after: u32) {
        if let Some(member) = before.checked_sub(1) {
            self.owned.remove(&(member, client));
        }
        if let Some(member) = after.checked_sub(1) {
            self.owned.insert((member, client));
        }
    }

    fn clients_of(&self, member: u32) -> impl Iterator<Item = u32> {
        self.owned.range((member, 0)..=(member, u32::MAX)).map(|(_, client)| *client)
    }

    fn crowded_of(&self, tenant: u32, at: Timestamp) -> impl Iterator<Item = u32> {
        let clients = self.crowded.range((tenant, 0)..=(tenant, u32::MAX));
        clients.filter(move |(_, until)| **until > at).map(|((_, client), _)| *client)
    }

    fn of(&self, tenant: u32, at: Timestamp) -> impl Iterator<Item = (Timestamp, Ending)> {
        let endings = self.of_tenants.get(&tenant).into_iter().flatten();
        endings.copied().filter(move |(until, _)| *until > at)
    }
}

fn forget(endings: &mut BTreeSet<(Timestamp, Ending)>, given_back: &mut HashMap<u32, usize>, now: Timestamp) {
    while let Some((until, ending)) = endings.pop_first() {
        if until > now {
            endings.insert((until, ending));
            return;
        }
        if let Ending::Token { client, .. } = ending {
            given_back.entry(client).and_modify(|tokens| *tokens = tokens.saturating_sub(1));
        }
    }
}

/// The list for these tenants. The writer waits meanwhile, so that it is of one moment.
pub fn revocations(
    store: &Store,
    books: &Books,
    reach: &Reach,
    now: Timestamp,
    at_most: usize,
) -> Result<Revocations, TooMany> {
    let head = Head::of(store);
    let at = now.max(head.last_at());
    let mut listing = Listing {
        store,
        at_most,
        list: Revocations { position: head.position(), at, ..Revocations::default() },
    };
    let tenants: Vec<u32> = match reach {
        Reach::All => books.endings.of_tenants.keys().copied().collect(),
        Reach::Tenants(ids) => ids.iter().filter_map(|id| store.tenants.ordinal(id.0)).collect(),
    };
    for tenant in tenants {
        listing.tenant(&books.endings, tenant)?;
    }
    Ok(listing.list)
}

struct Listing<'s> {
    store: &'s Store,
    at_most: usize,
    list: Revocations,
}

impl Listing<'_> {
    fn tenant(&mut self, book: &Book, ordinal: u32) -> Result<(), TooMany> {
        let Some(record) = self.store.tenant_records.read(ordinal) else { return Ok(()) };
        let (tenant, at) = (Tenant::of(&record), self.list.at);
        if tenant.suspended && book.of(ordinal, at).any(|(_, ending)| ending == Ending::Tenant) {
            self.list.tenants.insert(tenant.id);
            return self.bounded();
        }
        let crowded: BTreeSet<u32> = book.crowded_of(ordinal, at).collect();
        for client in &crowded {
            let living = self.living(*client);
            self.list.ask_clients.extend(living.map(|client| client.id));
        }
        for (_, ending) in book.of(ordinal, at) {
            match ending {
                Ending::Client(client) => self.client(client),
                Ending::Member(member) => {
                    for client in book.clients_of(member) {
                        self.client(client);
                        self.bounded()?;
                    }
                }
                // Of a client that is over, or has to be asked about, nothing more is said.
                Ending::Token { id, client } => {
                    let told = !crowded.contains(&client) && self.living(client).is_some();
                    self.list.tokens.extend(told.then_some(id));
                }
                Ending::Secret { id, client } => {
                    let told = self.living(client).is_some();
                    self.list.secrets.extend(told.then_some(id));
                }
                Ending::Tenant => {}
            }
            self.bounded()?;
        }
        Ok(())
    }

    fn client(&mut self, ordinal: u32) {
        match self.living(ordinal) {
            None => {
                let words = self.store.credentials.read(ordinal);
                self.list.ended_clients.extend(words.map(|words| Credential::of(&words).id));
            }
            Some(client) => {
                let policy = self.store.policies.at(client.policy);
                let cut_off = policy.and_then(|policy| Some(policy.client.as_ref()?.tokens_revoked));
                if let Some(version) = cut_off.filter(|version| *version > 0) {
                    self.list.clients.insert(client.id, version);
                }
            }
        }
    }

    /// A client of which a token may count: what a verdict says of one that nothing is asked of.
    fn living(&self, ordinal: u32) -> Option<Credential> {
        const NOTHING: &BTreeMap<String, crate::domain::scope::ConcreteScope> = &BTreeMap::new();
        let client = Credential::of(&self.store.credentials.read(ordinal)?);
        let owner = look::owner_of(self.store, &client)?;
        let (at, anywhere) = (self.list.at, IpRules::default());
        let facts = Facts {
            tenant: TenantId(Uuid::nil()),
            token: Some(Token {
                ends_at: at.plus_seconds(1),
                revoked: false,
                bound: false,
                scopes: &[],
                audience: &[],
            }),
            revoked: client.revoked,
            secret_revoked: false,
            secret_ends_at: None,
            expires_at: client.expires_at,
            tenant_suspended: false,
            suspended: client.suspended,
            owner: owner.as_deref().map(|owner| Owner { disabled: owner.disabled, scopes: &[] }),
            scopes: &[],
            ip_rules: &anywhere,
            operations: NOTHING,
        };
        access::judge(&facts, &Request::AT_ALL, at).is_ok().then_some(client)
    }

    fn bounded(&self) -> Result<(), TooMany> {
        let Revocations { tokens, secrets, clients, ended_clients, ask_clients, tenants, .. } = &self.list;
        let entries = tokens.len()
            + secrets.len()
            + clients.len()
            + ended_clients.len()
            + ask_clients.len()
            + tenants.len();
        if entries > self.at_most { Err(TooMany) } else { Ok(()) }
    }
}

/// What two views are compared by: tenant, until when, and what.
pub type Dumped = (Uuid, Timestamp, String);

pub fn dump(store: &Store, book: &Book, at: Timestamp) -> (Vec<Dumped>, Vec<(Uuid, Uuid)>) {
    let client = |ordinal| store.credentials.read(ordinal).map(|words| Credential::of(&words).id);
    let member = |ordinal| store.members.at(ordinal).map(|member| member.id.0);
    let tenant = |ordinal| store.tenants.at(ordinal).map(|tenant| tenant.id.0);
    let told = |ending| match ending {
        Ending::Token { id, client: of } => format!("token {id} of {:?}", client(of)),
        Ending::Secret { id, client: of } => format!("secret {id} of {:?}", client(of)),
        Ending::Client(of) => format!("client {:?}", client(of)),
        Ending::Member(of) => format!("member {:?}", member(of)),
        Ending::Tenant => "tenant".to_owned(),
    };
    let tenants = book.of_tenants.keys();
    let endings = tenants.flat_map(|of| {
        let own = tenant(*of).unwrap_or_default();
        book.of(*of, at).map(move |(until, ending)| (own, until, told(ending)))
    });
    let mut endings: Vec<_> = endings.collect();
    endings.sort();
    let owned = book.owned.iter().filter_map(|(of, ordinal)| Some((member(*of)?, client(*ordinal)?)));
    let mut owned: Vec<_> = owned.collect();
    owned.sort_unstable();
    (endings, owned)
}
