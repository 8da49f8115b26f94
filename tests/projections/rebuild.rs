//! Rows written with the append, rows built anew, and the view made of either: all the same.

use std::path::PathBuf;

use credledger::domain::Caller;
use credledger::domain::access_token;
use credledger::domain::authority::Role;
use credledger::domain::command::Command;
use credledger::domain::command::Command::Operator;
use credledger::domain::credential::{
    self, AuthMethod, ClientKeys, ClientRotation, Configure, CredentialCommand, ForeignSecret, Import,
    Reason, Registration, Resource, RevokeTokens, Salt, SaltBytes,
};
use credledger::domain::event::Actor;
use credledger::domain::ids::OperatorId;
use credledger::domain::ids::{AccessTokenId, CredentialId, MemberId, StreamId, TenantId};
use credledger::domain::imports::{self, Alphabet, Declare, ForeignFormat, Scheme, Side};
use credledger::domain::ip_rules::IpRules;
use credledger::domain::jwk::Jwk;
use credledger::domain::key_format::KeyFormat;
use credledger::domain::member::{self, MemberCommand};
use credledger::domain::operator;
use credledger::domain::operator::Reach;
use credledger::domain::public_key::PublicJwk;
use credledger::domain::rate_limit::{OwnRateLimit, RateLimit};
use credledger::domain::scope::Scope;
use credledger::domain::tenant::settings::SettingsPatch;
use credledger::domain::tenant::{self, Settings, TenantCommand};
use credledger::ledger::execute::Order;
use credledger::ops::house::{Foundation, House, LEDGER};
use credledger::projections::active::{ActiveView, ViewDump};
use credledger::projections::load::load;
use credledger::vault::PublicKey;
use serde_json::Map;

use crate::support::{Postgres, TestDatabase};

const PROJECTIONS: [&str; 9] = [
    "erasures",
    "imports",
    "signing_keys",
    "tenants",
    "members",
    "credentials",
    "secrets",
    "operators",
    "operator_tokens",
];

pub struct World {
    pub database: TestDatabase,
    key_file: PathBuf,
    pub foundation: Foundation,
    pub house: House,
}

impl World {
    pub async fn open() -> World {
        let database = Postgres::database().await;
        let key_file = PathBuf::from(format!("/tmp/credledger-{}.key", uuid::Uuid::now_v7().simple()));
        let foundation = Foundation::lay(&database.settings(), false, &key_file).await.expect("a foundation");
        let house = House::open(&foundation, uuid::Uuid::now_v7(), None).await.expect("a house");
        World { database, key_file, foundation, house }
    }

    pub async fn execute(&self, stream: StreamId, command: Command) {
        let order = Order::of(
            stream,
            command,
            Caller { actor: Actor::System, client_ip: None, request_id: "test".to_owned() },
        );
        self.house.ledger.execute(order).await.expect("a command");
    }

    /// A tenant, its members, an operator with a token, and keys and clients that have lived in different ways.
    pub async fn live(&self) {
        let tenant = TenantId(uuid::Uuid::now_v7());
        let settings = Settings::starting(KeyFormat::default());
        let create =
            tenant::Create { slug: "acme".to_owned(), name: "Acme".to_owned(), plan: None, settings };
        self.execute(tenant.into(), Command::Tenant(vec![TenantCommand::Create(create)])).await;
        let id = OperatorId(uuid::Uuid::now_v7());
        let create = operator::Create {
            name: "root".to_owned(),
            role: Role::Root,
            reach: Reach::All,
            first: true,
            token: None,
        };
        self.execute(id.into(), Operator(vec![operator::OperatorCommand::Create(create)])).await;
        let expires_at = self.house.clock.now().plus_seconds(3600);
        let mint = operator::MintToken { name: "token".to_owned(), expires_at };
        self.execute(id.into(), Operator(vec![operator::OperatorCommand::MintToken(mint)])).await;
        for life in 0..12 {
            let owner = MemberId(uuid::Uuid::now_v7());
            for action in lives(life) {
                self.execute(owner.into(), Command::Member(tenant, vec![action])).await;
            }
            if life == 9 {
                self.keep_ids(tenant).await;
            }
            let id = CredentialId(uuid::Uuid::now_v7());
            let owned = Some(owner).filter(|_| life % 2 == 0);
            for action in actions(life, owned) {
                self.execute(id.into(), Command::Credential(tenant, None, vec![action])).await;
            }
            if life.is_multiple_of(3) {
                self.give_back(tenant, id).await;
            }
        }
        self.move_in(tenant).await;
    }

    /// From now on a client's rotation gives its id a second secret.
    async fn keep_ids(&self, tenant: TenantId) {
        let change =
            SettingsPatch { client_rotation: Some(ClientRotation::KeepId), ..SettingsPatch::default() };
        let configure = TenantCommand::Configure(Box::new(tenant::Configure { patch: change }));
        self.execute(tenant.into(), Command::Tenant(vec![configure])).await;
    }

    /// Two tokens of this client end before their time.
    async fn give_back(&self, tenant: TenantId, client: CredentialId) {
        for seconds in [600, 3600] {
            let token = AccessTokenId(uuid::Uuid::now_v7());
            let ends_at = self.house.clock.now().plus_seconds(seconds);
            let caller = Caller { actor: Actor::System, client_ip: None, request_id: "test".to_owned() };
            let (reason, note) = (Reason::Leaked, Some("seen in a log".to_owned()));
            let revoke = access_token::Revoke { token, credential: client, ends_at, reason, note };
            let order = Order::of_token(tenant, revoke, caller);
            self.house.ledger.execute(order).await.expect("a command");
        }
    }

    /// Keys from elsewhere, under a salt each.
    async fn move_in(&self, tenant: TenantId) {
        let format = ForeignFormat::new("sk_", Alphabet::Hex, 40..=40).expect("a format");
        let scheme = Scheme::Salted { side: Side::After, start_chars: 9 };
        let label = scheme.label();
        self.execute(imports::stream(), Command::Declare(tenant, Declare { format, scheme })).await;
        for number in 0..6 {
            let wrapped = self.house.ledger.wrap(&label, &[number; 32]);
            let start = format!("sk_{number:06}");
            let import = Import {
                create: create_of(number.into(), None),
                suspended: number == 1,
                created_at: None,
                source: "elsewhere".to_owned(),
                old_id: number.to_string(),
                content: wrapped.claim,
                secret: ForeignSecret {
                    prefix: start.clone(),
                    format: "sk_".to_owned(),
                    scheme: label.clone(),
                    salt: Some(Salt { side: Side::After, start, bytes: SaltBytes(vec![number; 8]) }),
                    claim: wrapped.claim,
                    pepper: wrapped.pepper,
                    digest: wrapped.digest,
                },
            };
            let id = self.house.ledger.imported_id(tenant, "elsewhere", &number.to_string());
            let import = CredentialCommand::Import(Box::new(import));
            self.execute(id.into(), Command::Credential(tenant, None, vec![import])).await;
        }
    }

    /// Every row of every projection, as text.
    async fn rows(&self) -> Vec<String> {
        let admin = self.database.admin().await;
        let mut rows = Vec::new();
        for projection in PROJECTIONS {
            let query = format!("select p::text from credledger.{projection} p order by id");
            let found = admin.query(&query, &[]).await.expect("rows");
            rows.extend(found.iter().map(|row| format!("{projection} {}", row.get::<_, String>(0))));
        }
        rows
    }

    async fn loaded(&self) -> ViewDump {
        let view = ActiveView::new().expect("room");
        load(&self.foundation.database, LEDGER, &self.foundation.vault, &view).await.expect("a view");
        view.dump().expect("a whole view")
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.key_file);
    }
}

fn lives(life: u32) -> Vec<MemberCommand> {
    let create = member::Create {
        kind: member::Kind::Service,
        name: format!("member {life}"),
        email: String::new(),
        description: String::new(),
        scopes: Scope::parse("a.*").into_iter().collect(),
    };
    let rescope = MemberCommand::Rescope(member::Rescope { scopes: Vec::new() });
    let mut lives = vec![MemberCommand::Create(create)];
    lives.extend((life.is_multiple_of(4)).then_some(rescope));
    lives.extend((life % 4 == 1).then_some(MemberCommand::Disable(member::Disable)));
    lives
}

fn create_of(life: u32, owner: Option<MemberId>) -> credential::Create {
    credential::Create {
        name: format!("key {life}"),
        description: String::new(),
        metadata: Map::new(),
        scopes: None,
        expires_at: None,
        ip_rules: IpRules::default(),
        rate_limit: OwnRateLimit::None,
        owner,
        registration: None,
    }
}

/// Of a client that has no secret.
fn keyed(of: u8) -> Registration {
    let key = PublicJwk::from(PublicKey::Ed25519(vec![of; 32])).members();
    let keys = ClientKeys::new(vec![Jwk::read(&key).expect("a key")]).expect("keys");
    let token_endpoint_auth_method = AuthMethod::PrivateKeyJwt;
    Registration { token_endpoint_auth_method, jwks: Some(keys), ..Registration::default() }
}

/// Of every third life: a client, at first with as many resources as its life has.
fn registration_of(life: u32) -> Option<Registration> {
    let resources = (0..life).map(|number| resource(&format!("urn:acme:{number}"))).collect();
    let of_method = if life.is_multiple_of(2) { keyed(life as u8) } else { Registration::default() };
    let dpop_bound_access_tokens = life.is_multiple_of(9);
    life.is_multiple_of(3).then_some(Registration { resources, dpop_bound_access_tokens, ..of_method })
}

fn resource(text: &str) -> Resource {
    Resource::parse(text).expect("a resource")
}

fn actions(life: u32, owner: Option<MemberId>) -> Vec<CredentialCommand> {
    let create = credential::Create { registration: registration_of(life), ..create_of(life, owner) };
    let of_client = create.registration.is_some();
    let rotate = CredentialCommand::Rotate(credential::Rotate::with_grace(life * 100));
    let revoke = CredentialCommand::Revoke(credential::Revoke { reason: Reason::Other, note: None });
    let mut actions = vec![CredentialCommand::Create(create)];
    let taken = CredentialCommand::SetOwner(credential::SetOwner { owner: None });
    actions.extend((life.is_multiple_of(6) && owner.is_some()).then_some(taken));
    let limit =
        RateLimit::new(life + 1, 60).map(|limit| credential::Limit { rate_limit: OwnRateLimit::Of(limit) });
    actions.extend(limit.ok().filter(|_| life.is_multiple_of(2)).map(CredentialCommand::Limit));
    actions.extend((0..life % 4).map(|_| rotate.clone()));
    let configure = Configure {
        resources: Some(vec![resource("https://api.acme.example")]),
        jwks: None,
        dpop_bound_access_tokens: Some(life.is_multiple_of(4)),
    };
    let configure = [CredentialCommand::Configure(configure), CredentialCommand::RevokeTokens(RevokeTokens)];
    actions.extend(configure.into_iter().filter(|_| of_client && life.is_multiple_of(2)));
    actions.extend(life.is_multiple_of(3).then_some(CredentialCommand::Suspend(credential::Suspend)));
    actions.extend(life.is_multiple_of(5).then_some(revoke));
    actions
}

#[tokio::test]
async fn projections_built_anew_are_the_ones_that_the_append_wrote() {
    let world = World::open().await;
    world.live().await;
    let (rows, live) = (world.rows().await, world.house.view.dump().expect("a whole view"));
    assert!(rows.len() > 30, "{}", rows.len());
    assert_eq!(world.loaded().await, live);
    let admin = world.database.admin().await;
    for projection in PROJECTIONS {
        let spoil = format!(
            "delete from credledger.{projection} where ctid in (select ctid from credledger.{projection} limit 2)"
        );
        admin.batch_execute(&spoil).await.expect("damage");
    }
    assert_ne!(world.rows().await, rows);
    let rebuilt =
        world.foundation.rebuild(&world.database.settings(), &PROJECTIONS).await.expect("a rebuild");
    assert_eq!(rebuilt.rows, rows.len() as u64);
    assert_eq!(world.rows().await, rows);
    assert_eq!(world.loaded().await, live);
}

#[tokio::test]
async fn a_projection_whose_files_changed_is_built_anew_at_the_next_start() {
    let world = World::open().await;
    world.live().await;
    let rows = world.rows().await;
    let admin = world.database.admin().await;
    let other_version = "update credledger.migrations set digest = sha256('') where name = 'secrets' and kind = 'projections'";
    assert_eq!(admin.execute(other_version, &[]).await.expect("a digest"), 1);
    admin.batch_execute("delete from credledger.secrets").await.expect("damage");
    Foundation::lay(&world.database.settings(), false, &world.key_file).await.expect("the next start");
    assert_eq!(world.rows().await, rows);
    let again =
        admin.query_one("select count(*) from credledger.migrations where digest = sha256('')", &[]).await;
    assert_eq!(again.expect("a count").get::<_, i64>(0), 0);
}

#[tokio::test]
async fn what_row_security_reads_of_a_projection_may_change_with_it() {
    let world = World::open().await;
    world.live().await;
    let rows = world.rows().await;
    let admin = world.database.admin().await;
    let older = "alter table credledger.operators drop column reached cascade;
        update credledger.migrations set digest = sha256('') where name = 'operators' and kind = 'projections';
        delete from credledger.migrations where kind = 'schema/privileges'";
    admin.batch_execute(older).await.expect("as an older version left it");
    Foundation::lay(&world.database.settings(), false, &world.key_file).await.expect("the next start");
    assert_eq!(world.rows().await, rows);
    let policies = "select count(*) from pg_policies where policyname = 'app_lists_operators'";
    assert_eq!(admin.query_one(policies, &[]).await.expect("a count").get::<_, i64>(0), 2);
}

#[tokio::test]
async fn the_service_goes_on_after_a_rebuild_as_before() {
    let world = World::open().await;
    world.live().await;
    world
        .foundation
        .rebuild(&world.database.settings(), &["secrets", "credentials"])
        .await
        .expect("a rebuild");
    let before = world.rows().await.len();
    let tenant = TenantId(uuid::Uuid::now_v7());
    let create = tenant::Create {
        slug: "later".to_owned(),
        name: "Later".to_owned(),
        plan: None,
        settings: Settings::starting(KeyFormat::default()),
    };
    world.execute(tenant.into(), Command::Tenant(vec![TenantCommand::Create(create)])).await;
    let id = CredentialId(uuid::Uuid::now_v7());
    for action in actions(1, None) {
        world.execute(id.into(), Command::Credential(tenant, None, vec![action])).await;
    }
    assert_eq!(world.rows().await.len(), before + 4);
    assert_eq!(world.loaded().await, world.house.view.dump().expect("a whole view"));
}
