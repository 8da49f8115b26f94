//! Lives of credentials: each is minted, changed by several people from several addresses, and now and then revoked.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use credledger::domain::Caller;
use credledger::domain::authority::Role;
use credledger::domain::command::Command;
use credledger::domain::credential::{
    Create, CredentialCommand, Edit, Limit, Reason, Rescope, Restrict, Resume, Revoke, Rotate, SetExpiry,
    Suspend,
};
use credledger::domain::event::Actor;
use credledger::domain::ids::{CredentialId, OperatorId, SecretId, StreamId, TenantId};
use credledger::domain::ip_rules::IpRules;
use credledger::domain::key_format::KeyFormat;
use credledger::domain::operator::{self, OperatorCommand, Reach};
use credledger::domain::rate_limit::OwnRateLimit;
use credledger::domain::scope::Scope;
use credledger::domain::tenant::{self, Settings, TenantCommand};
use credledger::ledger::execute::{Answer, ExecuteError, Ledger, Order};
use credledger::ledger::proposal::CommitError;
use credledger::ledger::read::ReadError;
use credledger::ops::house::House;
use serde_json::{Map, json};

use super::dice::Dice;
use super::{CALLED, Called, LEAST_LIVES, SLUGS, Wanted, telling};

const CALLERS: u64 = 64;
/// The database is too busy just now.
const BUSY_PAUSE: Duration = Duration::from_millis(200);
const OPERATORS: u64 = 20;
const ADDRESSES: u64 = 200;
/// A life has about as many events.
const EVENTS_OF_A_LIFE: u64 = 10;
const DAY_SECONDS: u32 = 24 * 60 * 60;

struct People {
    ledger: Arc<Ledger>,
    /// the first has nine tenths of everything
    tenants: Vec<(TenantId, Vec<OperatorId>)>,
}

/// Makes the tenants where they are not there yet, and lives until there are events enough. Returns some of them.
pub async fn fill(house: &House, wanted: &Wanted) -> Vec<Called> {
    let head = house.ledger.progress().applied;
    let people = Arc::new(People::gather(house, wanted.tenants).await);
    let lives = (wanted.events.saturating_sub(head) / EVENTS_OF_A_LIFE).max(LEAST_LIVES);
    let (next, done) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(head)));
    let called = Arc::new(Mutex::new(Vec::new()));
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (people, next, done, called) = (people.clone(), next.clone(), done.clone(), called.clone());
            tokio::spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= lives {
                        return;
                    }
                    let (life, events) = people.live(head + number * EVENTS_OF_A_LIFE).await;
                    done.fetch_add(events, Ordering::Relaxed);
                    let mut called = called.lock().expect("no caller failed");
                    if called.len() < CALLED {
                        called.push(life);
                    }
                }
            })
        })
        .collect();
    let all = async {
        for caller in callers {
            caller.await.expect("a caller");
        }
    };
    telling("events", wanted.events.max(head), &done, all).await;
    std::mem::take(&mut *called.lock().expect("no caller failed"))
}

impl People {
    async fn gather(house: &House, tenants: u32) -> People {
        let mut people = People { ledger: house.ledger.clone(), tenants: Vec::new() };
        people.tenant(house, SLUGS[2].to_owned()).await;
        for number in 0..tenants.max(2) {
            let tenant = people.tenant(house, format!("generated-{number}")).await;
            let mut operators = Vec::new();
            for person in 0..if number == 0 { OPERATORS } else { 1 } {
                operators.push(people.operator(tenant, &format!("Ada {number}-{person}")).await);
            }
            people.tenants.push((tenant, operators));
        }
        people
    }

    async fn tenant(&self, house: &House, slug: String) -> TenantId {
        let found = house.view.tenant_by_slug(&slug).ok().flatten();
        if let Some(found) = found {
            return found.id;
        }
        let id = TenantId(self.fresh());
        let create = tenant::Create {
            slug,
            name: "Generated".to_owned(),
            plan: None,
            settings: Settings::starting(KeyFormat::default()),
        };
        let command = Command::Tenant(vec![TenantCommand::Create(create)]);
        self.execute(id.into(), command, Actor::System, None).await;
        id
    }

    async fn operator(&self, tenant: TenantId, name: &str) -> OperatorId {
        let id = OperatorId(self.fresh());
        let create = operator::Create {
            name: name.to_owned(),
            role: Role::OrgAdmin,
            reach: Reach::Tenants(BTreeSet::from([tenant])),
            first: false,
            token: None,
        };
        let command = Command::Operator(vec![OperatorCommand::Create(create)]);
        self.execute(id.into(), command, Actor::System, None).await;
        id
    }

    /// One credential from its mint on, and how many events it had.
    async fn live(&self, number: u64) -> (Called, u64) {
        let mut dice = Dice::of(number);
        let tenth = dice.below(10);
        let place = if tenth > 0 { 0 } else { 1 + dice.below(self.tenants.len() as u64 - 1) as usize };
        let (tenant, operators) = &self.tenants[place];
        let id = CredentialId(self.fresh());
        let mint = create(&mut dice);
        let (made, mut events) = self.act(&mut dice, operators, *tenant, id, vec![mint]).await;
        let secret = SecretId(made["secret_id"].as_str().and_then(|id| id.parse().ok()).expect("a secret"));
        for actions in later(&mut dice, self.ledger.clock().now()) {
            events += self.act(&mut dice, operators, *tenant, id, actions).await.1;
        }
        (Called { tenant: *tenant, credential: id, secret }, events)
    }

    async fn act(
        &self,
        dice: &mut Dice,
        operators: &[OperatorId],
        tenant: TenantId,
        id: CredentialId,
        actions: Vec<CredentialCommand>,
    ) -> (Map<String, serde_json::Value>, u64) {
        let events = actions.len() as u64;
        let actor = Actor::Operator(operators[dice.leaning(operators.len() as u64) as usize]);
        let address = dice.leaning(ADDRESSES) as u32;
        let address = IpAddr::V4(Ipv4Addr::from_bits(0xc000_0200 + address));
        let command = Command::Credential(tenant, None, actions);
        (self.execute(id.into(), command, actor, Some(address)).await, events)
    }

    async fn execute(
        &self,
        stream: StreamId,
        command: Command,
        actor: Actor,
        client_ip: Option<IpAddr>,
    ) -> Map<String, serde_json::Value> {
        let request_id = format!("generated-{}", self.fresh().simple());
        let order = || Order {
            render: Arc::new(|state, _, _| {
                let secret = state.credential().and_then(|credential| credential.active_secret());
                let told = secret.map(|secret| ("secret_id".to_owned(), json!(secret.facts.id)));
                Answer { status: 200, body: Map::from_iter(told) }
            }),
            ..Order::of(stream, command.clone(), Caller { actor, client_ip, request_id: request_id.clone() })
        };
        loop {
            match self.ledger.execute(order()).await {
                Ok(executed) => return executed.answer.body,
                // Nothing was written.
                Err(ExecuteError::Read(ReadError::Db(_)) | ExecuteError::Commit(CommitError::Busy)) => {
                    tokio::time::sleep(BUSY_PAUSE).await;
                }
                Err(refused) => panic!("a command was not carried out: {refused:?}"),
            }
        }
    }

    fn fresh(&self) -> uuid::Uuid {
        self.ledger.vault().uuid(self.ledger.clock().now().millis())
    }
}

const NAMES: [&str; 8] =
    ["ci-runner", "nightly export", "Müller, Ada", "billing \"new\"", "=SUM(A1)", "webhooks", "地域", "edge"];
const SCOPES: [&str; 6] =
    ["logs:read", "logs:write", "orders:read", "orders:write", "billing:read", "users:read"];

fn create(dice: &mut Dice) -> CredentialCommand {
    CredentialCommand::Create(Create {
        name: format!("{} {}", dice.of_these(&NAMES), dice.below(1000)),
        description: "What the nightly jobs come with".to_owned(),
        metadata: Map::from_iter([("team".to_owned(), json!(format!("team-{}", dice.below(40))))]),
        scopes: Scope::parse(dice.of_these(&SCOPES)).ok().map(|scope| vec![scope]),
        expires_at: None,
        ip_rules: IpRules::default(),
        rate_limit: OwnRateLimit::Default,
        owner: None,
        registration: None,
    })
}

/// What happens to one after its mint, commands of one event or of several.
fn later(dice: &mut Dice, now: credledger::clock::Timestamp) -> Vec<Vec<CredentialCommand>> {
    let edit = |name: String| Edit { name: Some(name), ..Edit::default() };
    let cidr = format!("10.{}.{}.0/24", dice.below(256), dice.below(256));
    let rules = json!({"allow": [{"cidr": cidr, "enabled": true}, {"cidr": "192.0.2.0/24", "enabled": true}], "deny": []});
    let limit = json!({"requests": 100 + dice.below(900), "per_seconds": 60});
    let scopes = SCOPES.iter().filter_map(|scope| Scope::parse(scope).ok()).take(2 + dice.below(4) as usize);
    let mut lived = vec![
        vec![
            CredentialCommand::Edit(edit(format!("{} {}", dice.of_these(&NAMES), dice.throw()))),
            CredentialCommand::Restrict(Restrict {
                ip_rules: serde_json::from_value::<IpRules>(rules).expect("rules"),
            }),
            CredentialCommand::Limit(Limit {
                rate_limit: OwnRateLimit::Of(serde_json::from_value(limit).expect("a limit")),
            }),
            CredentialCommand::Rescope(Rescope { scopes: Some(scopes.collect()) }),
        ],
        vec![
            CredentialCommand::SetExpiry(SetExpiry {
                expires_at: Some(now.plus_seconds(DAY_SECONDS * (100 + dice.below(200) as u32))),
            }),
            CredentialCommand::Suspend(Suspend),
        ],
        vec![
            CredentialCommand::Resume(Resume),
            CredentialCommand::Edit(Edit {
                description: Some(format!("Moved on {}", dice.throw())),
                ..Edit::default()
            }),
        ],
    ];
    lived.extend(
        match dice.below(10) {
            0 => Some(CredentialCommand::Revoke(Revoke {
                reason: Reason::Superseded,
                note: Some("not needed any more".to_owned()),
            })),
            1..=4 => Some(CredentialCommand::Rotate(Rotate {
                grace_seconds: Some(DAY_SECONDS),
                close_when_quiet_seconds: None,
            })),
            _ => Some(CredentialCommand::Edit(edit(format!("{} at last", dice.of_these(&NAMES))))),
        }
        .map(|last| vec![last]),
    );
    lived
}
