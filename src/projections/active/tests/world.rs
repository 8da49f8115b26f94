//! A small ledger in memory for tests: commands are decided by the domain, and what they decide goes to the view, to the
//! inline rows and to the folded states alike.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use serde_json::Map;
use uuid::Uuid;

use super::super::{ActiveView, Issued, Loader, StoredRow};
use super::endings;
use super::steps::*;
use crate::clock::Timestamp;
use crate::domain::access::{self, Facts, Reason, Refused, Request, Token, Verdict};
use crate::domain::access_token;
use crate::domain::client_format::{self, ClientFormat};
use crate::domain::command::{Asked, Command, Seen};
use crate::domain::credential::*;
use crate::domain::decided::Whole;
use crate::domain::event::{Event, Recorded};
use crate::domain::ids::{ClientId, MemberId, SecretId, StreamId, TenantId, TokenId};
use crate::domain::ip_rules::IpRules;
use crate::domain::key_format::{self, Checksum, KeyFormat};
use crate::domain::member::{self, Member, MemberCommand};
use crate::domain::operator::{self, OperatorCommand, Reach};
use crate::domain::personal::Personal;
use crate::domain::rate_limit::{OwnRateLimit, RateLimit};
use crate::domain::secret::{Digest, PepperNumber};
use crate::domain::stream::StreamState;
use crate::domain::tenant::settings::{KeyFormatPatch, SettingsPatch};
use crate::domain::tenant::{self, Settings, TenantCommand};
use crate::domain::testing::{allow_list, at, caller, concrete, keyed, scopes};
use crate::domain::{Context, Fresh, authority::Role};
use crate::ledger::{Applier, Inline, InlineRow};
use crate::projections::{InlineProjections, credentials, operators};
use crate::vault::{MasterKeys, Vault};

/// Keeps the plain texts of the secrets it makes.
pub struct Mint {
    vault: Arc<Vault>,
    ids: std::sync::atomic::AtomicU64,
    pub texts: Mutex<Vec<(SecretId, String)>>,
}

impl Fresh for Mint {
    fn uuid(&self) -> Uuid {
        let number = self.ids.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Uuid::from_u128(0x0197_0000_0000_7000_8000_0000_0000_0000 + u128::from(number))
    }

    /// Under either pepper, in turn.
    fn secret(&self, format: &KeyFormat) -> SecretFacts {
        let id = SecretId(self.uuid());
        let composed = key_format::compose(format, &self.vault.bytes()).expect("enough random bytes");
        let pepper = 1 + (id.0.as_u128() & 1) as u32;
        let digest = self.vault.digest(pepper, composed.secret.bytes()).expect("a pepper");
        self.texts.lock().expect("texts").push((id, composed.secret.reveal().to_owned()));
        let (prefix, pepper, digest) = (composed.prefix, PepperNumber(pepper), Digest::new(digest));
        SecretFacts { id, client_id: None, prefix, pepper, digest }
    }

    fn client(&self, format: &ClientFormat, kept: Option<&ClientId>) -> SecretFacts {
        let id = SecretId(self.uuid());
        let fresh = || client_format::compose_id(format, &self.vault.bytes()).expect("enough random bytes");
        let client_id = kept.cloned().unwrap_or_else(fresh);
        let secret = client_format::compose_secret(format, &self.vault.bytes());
        let (secret, prefix) = secret.expect("enough random bytes");
        let text = client_format::credential_text(client_id.as_str(), secret.reveal());
        let pepper = 1 + (id.0.as_u128() & 1) as u32;
        let digest = Digest::new(self.vault.digest(pepper, text.bytes()).expect("a pepper"));
        self.texts.lock().expect("texts").push((id, text.reveal().to_owned()));
        SecretFacts { id, client_id: Some(client_id), prefix, pepper: PepperNumber(pepper), digest }
    }

    /// What is kept as its text is its id, behind a sign that stands in no text: nobody can show more.
    fn client_without_secret(&self, format: &ClientFormat) -> SecretFacts {
        let id = SecretId(self.uuid());
        let client_id = client_format::compose_id(format, &self.vault.bytes()).expect("enough random bytes");
        let pepper = 1 + (id.0.as_u128() & 1) as u32;
        let digest = self.vault.client_id_digest(pepper, client_id.as_str()).expect("a pepper");
        self.texts.lock().expect("texts").push((id, format!("@{}", client_id.as_str())));
        let (prefix, pepper) = (client_format::beginning(format, &client_id), PepperNumber(pepper));
        SecretFacts { id, client_id: Some(client_id), prefix, pepper, digest: Digest::new(digest) }
    }
}

pub struct World {
    pub vault: Arc<Vault>,
    pub mint: Arc<Mint>,
    pub states: BTreeMap<StreamId, StreamState>,
    pub rows: BTreeMap<(&'static str, Uuid), InlineRow>,
    pub events: Vec<Recorded>,
    pub now: Timestamp,
    /// the stream that a slot stands for at present
    credentials: HashMap<u8, StreamId>,
    /// access tokens that were given, each with the secret that it was given for
    pub tokens: Vec<(SecretId, Issued)>,
}

pub fn scope_set(which: u8) -> &'static [&'static str] {
    [&["logs:*"][..], &["logs:read", "billing.read"], &["*"], &[]][usize::from(which) % 4]
}

fn format(which: u8) -> KeyFormat {
    let (prefix, public, secret, checksum) = [
        ("cl_live_", 8, 30, Checksum::Crc32),
        ("acme_", 12, 40, Checksum::None),
        ("vlk_", 6, 22, Checksum::None),
        ("cl_", 8, 30, Checksum::Crc32),
    ][usize::from(which) % 4];
    KeyFormat::new(prefix, public, secret, checksum).expect("a format")
}

pub fn tenant_of(slot: u8) -> StreamId {
    StreamId(Uuid::from_u128(0x100 + u128::from(slot)))
}

/// Two of each tenant.
pub fn member_of(slot: u8) -> StreamId {
    StreamId(Uuid::from_u128(0x300 + u128::from(slot)))
}

fn employer_of(slot: u8) -> TenantId {
    TenantId(tenant_of(slot / 2).0)
}

fn operator_of(slot: u8) -> StreamId {
    StreamId(Uuid::from_u128(0x200 + u128::from(slot)))
}

impl World {
    /// With its tenants and operators; their events are the first of the ledger.
    pub fn new() -> World {
        let vault = Arc::new(Vault::new(&MasterKeys::for_tests(&[1, 2])));
        let mint = Mint { vault: vault.clone(), ids: 0.into(), texts: Mutex::default() };
        let mut world = World {
            vault,
            mint: Arc::new(mint),
            states: BTreeMap::new(),
            rows: BTreeMap::new(),
            events: Vec::new(),
            now: at(0),
            credentials: HashMap::new(),
            tokens: Vec::new(),
        };
        for slot in 0..TENANTS {
            let settings = Settings::starting(format(slot));
            let create =
                tenant::Create { slug: format!("tenant-{slot}"), name: "T".into(), plan: None, settings };
            world.ask(tenant_of(slot), Command::Tenant(vec![TenantCommand::Create(create)]));
        }
        for slot in 0..MEMBERS {
            let create = member::Create {
                kind: member::Kind::Person,
                name: "M".into(),
                email: String::new(),
                description: String::new(),
                scopes: scopes(scope_set(slot)),
            };
            world.ask(
                member_of(slot),
                Command::Member(employer_of(slot), vec![MemberCommand::Create(create)]),
            );
        }
        for slot in 0..OPERATORS {
            let reach =
                if slot == 0 { Reach::All } else { Reach::Tenants([TenantId(tenant_of(0).0)].into()) };
            let (name, role) = ("Op".to_owned(), if slot == 0 { Role::Root } else { Role::Gateway });
            let command = match slot {
                0 | 1 => OperatorCommand::Create(operator::Create {
                    name,
                    role,
                    reach,
                    first: slot == 0,
                    token: None,
                }),
                _ => OperatorCommand::Invite(operator::Invite {
                    email: "somebody@example.com".into(),
                    address: Digest::new([7; 32]),
                    name,
                    role,
                    reach,
                    expires_at: at(100_000),
                }),
            };
            world.ask(operator_of(slot), Command::Operator(vec![command]));
        }
        world.declare();
        world
    }

    pub fn take(&mut self, step: &Step) {
        match step {
            Step::Wait(seconds) => self.now = self.now.plus_seconds(u32::from(*seconds)),
            Step::Sleep(hours) => self.now = self.now.plus_seconds(u32::from(*hours) * 3600),
            Step::Issue { slot, which, seconds } => self.issue(*slot, *which, *seconds),
            Step::GiveBack(which) => self.give_back(*which),
            Step::Tenant(slot, step) => {
                let command = self.tenant_command(step);
                self.ask(tenant_of(*slot), Command::Tenant(vec![command]));
            }
            Step::Credential(
                slot,
                CredentialStep::Create { tenant, name, scope, expires, ip, erased, owner },
            ) => {
                let stream = StreamId(self.mint.uuid());
                let create = Create {
                    name: name.clone(),
                    description: String::new(),
                    metadata: Map::new(),
                    scopes: Some(scopes(scope_set(*scope))),
                    expires_at: expires.map(|end| self.now.plus_seconds(1 + u32::from(end))),
                    ip_rules: rules(*ip),
                    rate_limit: limit_of(*scope),
                    owner: owner.map(|slot| MemberId(member_of(slot).0)),
                    // One in four is a client, and half of these have keys.
                    registration: (scope % 4 == 3).then(|| match name.len() % 2 {
                        0 => Registration::default(),
                        _ => keyed(1),
                    }),
                };
                let before = self.events.len();
                let tenant = TenantId(tenant_of(*tenant).0);
                let erase = *erased && name.len() % 3 == 0;
                self.ask_of(
                    stream,
                    Command::Credential(tenant, None, vec![CredentialCommand::Create(create)]),
                    erase,
                );
                if self.events.len() > before {
                    self.credentials.insert(*slot, stream);
                }
            }
            Step::Import { slot, tenant, way, suspended } => {
                if let Some(stream) = self.import(*tenant, *way, *suspended) {
                    self.credentials.insert(*slot, stream);
                }
            }
            Step::Credential(slot, step) => {
                let Some(&stream) = self.credentials.get(slot) else { return };
                let credential = self.states[&stream].credential().expect("a credential").clone();
                let command = self.credential_command(step, &credential);
                self.ask(stream, Command::Credential(credential.tenant, None, vec![command]));
            }
            Step::Member(slot, step) => {
                let command = member_command(step);
                self.ask(member_of(*slot), Command::Member(employer_of(*slot), vec![command]));
            }
            Step::Operator(slot, step) => {
                let command = self.operator_command(*slot, step);
                self.ask(operator_of(*slot), Command::Operator(vec![command]));
            }
        }
    }

    fn tenant_command(&self, step: &TenantStep) -> TenantCommand {
        let configure =
            |patch: SettingsPatch| TenantCommand::Configure(Box::new(tenant::Configure { patch }));
        match step {
            TenantStep::Suspend => TenantCommand::Suspend(tenant::Suspend),
            TenantStep::Resume => TenantCommand::Resume(tenant::Resume),
            TenantStep::Rename(name) => {
                TenantCommand::Edit(tenant::Edit { name: Some(name.clone()), plan: None })
            }
            TenantStep::KeepIds(kept) => configure(SettingsPatch {
                client_rotation: Some(if *kept { ClientRotation::KeepId } else { ClientRotation::NewId }),
                ..SettingsPatch::default()
            }),
            TenantStep::Format(which) => configure(SettingsPatch {
                key_format: KeyFormatPatch::of(&format(*which)),
                ..SettingsPatch::default()
            }),
            TenantStep::Operations(there) => {
                let scope = there.then(|| concrete("logs:write"));
                let operations = Some(Some([("logs.write".to_owned(), scope)].into()));
                configure(SettingsPatch { operations, ..SettingsPatch::default() })
            }
            TenantStep::Limit(which) => {
                let default_rate_limit = Some(limit_of(*which).under(None));
                configure(SettingsPatch { default_rate_limit, ..SettingsPatch::default() })
            }
        }
    }

    fn credential_command(&self, step: &CredentialStep, credential: &Credential) -> CredentialCommand {
        use CredentialStep as C;
        let secret = |which: u8| credential.secrets[usize::from(which) % credential.secrets.len()].facts.id;
        let after = |seconds: u8| self.now.plus_seconds(1 + u32::from(seconds));
        match step {
            C::Create { .. } => unreachable!("taken before"),
            C::Rename(name) => CredentialCommand::Edit(Edit { name: Some(name.clone()), ..Edit::default() }),
            C::Rescope(which) => {
                CredentialCommand::Rescope(Rescope { scopes: Some(scopes(scope_set(*which))) })
            }
            C::Expire(end) => CredentialCommand::SetExpiry(SetExpiry { expires_at: end.map(after) }),
            C::Restrict(ip) => CredentialCommand::Restrict(Restrict { ip_rules: rules(*ip) }),
            C::Limit(which) => CredentialCommand::Limit(Limit { rate_limit: limit_of(*which) }),
            C::Own(owner) => {
                CredentialCommand::SetOwner(SetOwner { owner: owner.map(|slot| MemberId(member_of(slot).0)) })
            }
            C::Rotate(grace) => {
                let quiet =
                    grace.filter(|grace| grace % 2 == 0 && *grace > 2).map(|grace| u32::from(grace / 3));
                CredentialCommand::Rotate(Rotate {
                    grace_seconds: grace.map(u32::from),
                    close_when_quiet_seconds: quiet.filter(|quiet| *quiet > 0),
                })
            }
            C::MoveGrace { which, to } => CredentialCommand::MoveGrace(MoveGrace {
                secret: secret(*which),
                ends_at: Some(after(*to)),
                close_when_quiet_seconds: (to % 2 == 0).then_some(Some(1)),
            }),
            C::RevokeSecret(which) => {
                CredentialCommand::RevokeSecret(RevokeSecret { secret: secret(*which) })
            }
            C::RevokeTokens => CredentialCommand::RevokeTokens(RevokeTokens),
            C::Suspend => CredentialCommand::Suspend(Suspend),
            C::Resume => CredentialCommand::Resume(Resume),
            C::RecordDue => CredentialCommand::RecordDue(RecordDue),
            C::CloseQuiet(seconds) => {
                let since = Timestamp::from_millis(self.now.millis() - i64::from(*seconds) * 1000);
                let since = since.expect("an instant");
                let since = credential.secrets.iter().map(|secret| (secret.facts.id, since)).collect();
                let quiet = Arc::new(Quiet { since, until: self.now });
                CredentialCommand::CloseQuiet(CloseQuiet { quiet })
            }
            C::Warn => CredentialCommand::Warn(Warn),
            C::Revoke => CredentialCommand::Revoke(Revoke {
                reason: crate::domain::credential::Reason::Other,
                note: None,
            }),
        }
    }

    fn operator_command(&self, slot: u8, step: &OperatorStep) -> OperatorCommand {
        match step {
            OperatorStep::Mint(seconds) => OperatorCommand::MintToken(operator::MintToken {
                name: "t".into(),
                expires_at: self.now.plus_seconds(u32::from(*seconds)),
            }),
            OperatorStep::RevokeToken(which) => {
                let tokens = &self.states[&operator_of(slot)].operator().expect("an operator").tokens;
                let token = tokens.get(usize::from(*which)).map_or(TokenId(Uuid::nil()), |token| token.id());
                OperatorCommand::RevokeToken(operator::RevokeToken { token })
            }
            OperatorStep::Assign(role, tenant) => OperatorCommand::Assign(operator::Assign {
                role: Some(Role::ALL[usize::from(*role) % Role::ALL.len()]),
                reach: tenant.map(|slot| Reach::Tenants([TenantId(tenant_of(slot).0)].into())),
                ..operator::Assign::default()
            }),
            OperatorStep::Disable => OperatorCommand::Disable(operator::Disable::default()),
            OperatorStep::Enable => OperatorCommand::Enable(operator::Enable),
            OperatorStep::Accept(named) => OperatorCommand::Accept(operator::Accept {
                person: operator::Person {
                    identity: Digest::new([slot; 32]),
                    email: "somebody@example.com".into(),
                    name: named.then(|| "Somebody".into()),
                },
                address: Digest::new([7; 32]),
            }),
        }
    }

    pub fn ask(&mut self, stream: StreamId, command: Command) {
        self.ask_of(stream, command, false);
    }

    /// A refused command leaves nothing. An erased name reads back as one from the start.
    fn ask_of(&mut self, stream: StreamId, command: Command, erase: bool) {
        let state = self.states.get(&stream).cloned().unwrap_or_default();
        let tenant = command.tenant(stream).and_then(|id| self.states.get(&id.into())?.tenant().cloned());
        let context = Context { now: self.now, caller: caller(), fresh: self.mint.clone() };
        let owner = command.owner().and_then(|id| self.states.get(&id.into())?.member().cloned());
        let mut others = self.states.iter().filter(|(other, _)| **other != stream);
        let other_root = others
            .find_map(|(_, state)| state.operator().filter(|operator| operator.is_active_root()).cloned());
        let seen = Seen { tenant, owner, other_root, ..Seen::default() };
        let asked = Asked { command, seen, context, if_versions: None };
        for mut recorded in asked.decide(stream, &state).unwrap_or_default() {
            if let (true, Event::Credential(_, CredentialEvent::Created(created))) =
                (erase, &mut recorded.event)
            {
                created.name = Personal::Erased;
            }
            self.record(recorded);
        }
    }

    fn record(&mut self, recorded: Recorded) {
        let since = recorded.version - 1;
        let state = self.states.remove(&recorded.stream).unwrap_or_default();
        let state = state.folded(recorded.clone()).expect("decided events fold");
        for row in InlineProjections.rows(&state, since) {
            self.rows.insert((row.projection, row.id), row);
        }
        self.states.insert(recorded.stream, state);
        self.events.push(recorded);
    }

    pub fn last_at(&self) -> Timestamp {
        self.events.last().map_or(Timestamp::default(), |last| last.at)
    }

    /// A view that was there from the first event on.
    pub fn applied(&self) -> ActiveView {
        let view = ActiveView::new().expect("room");
        for (position, recorded) in (0..).zip(&self.events) {
            view.apply(position, recorded).expect("applied");
        }
        view
    }

    /// A view made of the rows that the append left.
    pub fn loaded(&self) -> ActiveView {
        let view = ActiveView::new().expect("room");
        let mut loader = Loader::new(&view).expect("an empty view");
        for projection in [
            "imports",
            "signing_keys",
            "tenants",
            "members",
            "credentials",
            "secrets",
            "operators",
            "operator_tokens",
        ] {
            for row in self.rows.values().filter(|row| row.projection == projection) {
                let name = self.name_of(row);
                let mac = row.mac(&self.vault);
                loader.row(&self.vault, &stored(row, &mac, name.as_deref())).expect("a sound row");
            }
        }
        for recorded in
            self.events.iter().filter(|recorded| endings::types().contains(&recorded.event.kind().name))
        {
            loader.ending(recorded).expect("it ends tokens");
        }
        loader.finish(self.events.len() as u64, self.last_at()).expect("complete");
        view
    }

    pub fn credential(&self, slot: u8) -> Option<&Credential> {
        self.states[self.credentials.get(&slot)?].credential()
    }

    pub fn name_of(&self, row: &InlineRow) -> Option<String> {
        let state = &self.states[&StreamId(match row.projection {
            credentials::NAME | operators::NAME => row.id,
            _ => return None,
        })];
        let known = |name: &Personal<String>| name.known().cloned();
        match state {
            StreamState::Credential(credential) => known(&credential.name.value),
            StreamState::Operator(operator) => known(&operator.name),
            _ => None,
        }
    }

    pub fn owner_of(&self, credential: &Credential) -> Option<&Member> {
        credential.owner.map(|owner| self.states[&owner.into()].member().expect("a member"))
    }

    pub fn limit_on(&self, credential: &Credential) -> Option<RateLimit> {
        let tenant = self.states[&credential.tenant.into()].tenant().expect("its tenant");
        credential.rate_limit.under(tenant.settings.default_rate_limit)
    }

    /// The verdict on the full folded state, and whose secret it is.
    pub fn truth(
        &self,
        secret: SecretId,
        token: Option<&Issued>,
        request: &Request<'_>,
        now: Timestamp,
    ) -> (Verdict, Option<(&Credential, &Secret)>) {
        let mut credentials = self.states.values().filter_map(StreamState::credential);
        let found = credentials.find_map(|credential| Some((credential, credential.secret(secret)?)));
        let Some((credential, secret)) = found else {
            return (Err(Refused { reason: Reason::NotFound, missing_scopes: Vec::new() }), None);
        };
        let tenant = self.states[&credential.tenant.into()].tenant().expect("its tenant");
        let owner = self.owner_of(credential);
        let cut_off = credential.client.as_ref().map_or(0, |client| client.tokens_revoked);
        let token = token.map(|token| Token {
            ends_at: token.ends_at,
            revoked: token.client_version < cut_off
                || self.states.contains_key(&access_token::stream(credential.id, token.id)),
            bound: token.bound,
            scopes: &token.scopes,
            audience: &token.audience,
        });
        let whole = Whole { credential, secret, tenant, owner };
        let facts = Facts { token, ..whole.facts() };
        (access::judge(&facts, request, now.max(self.last_at())), Some((credential, secret)))
    }
}

fn member_command(step: &MemberStep) -> MemberCommand {
    match step {
        MemberStep::Rename(name) => {
            MemberCommand::Edit(member::Edit { name: Some(name.clone()), ..member::Edit::default() })
        }
        MemberStep::Rescope(which) => {
            MemberCommand::Rescope(member::Rescope { scopes: scopes(scope_set(*which)) })
        }
        MemberStep::Disable => MemberCommand::Disable(member::Disable),
        MemberStep::Enable => MemberCommand::Enable(member::Enable),
    }
}

fn limit_of(which: u8) -> OwnRateLimit {
    let a_minute = |requests| RateLimit::new(requests, 60).expect("in bounds");
    match which {
        0 => OwnRateLimit::Default,
        1 => OwnRateLimit::None,
        which => OwnRateLimit::Of(a_minute(u32::from(which))),
    }
}

fn rules(ip: bool) -> IpRules {
    if ip { allow_list("10.0.0.0/8") } else { IpRules::default() }
}

pub fn stored<'a>(row: &'a InlineRow, mac: &'a [u8], name: Option<&'a str>) -> StoredRow<'a> {
    StoredRow {
        projection: row.projection,
        id: row.id,
        tenant: row.tenant,
        version: row.version,
        record: &row.record,
        mac,
        name,
    }
}
