//! What follows behind the ledger: the same rows however they came about, and rows that nobody of ours wrote are told to nobody.

use std::time::Duration;

use credledger::domain::Caller;
use credledger::domain::authority::Role;
use credledger::domain::command::Command;
use credledger::domain::erasure::{Erase, Reason, Target};
use credledger::domain::event::{Actor, CLIENT_IP};
use credledger::domain::ids::{ErasureId, OperatorId, TenantId};
use credledger::domain::key_format::KeyFormat;
use credledger::domain::operator::{self, Assign, OperatorCommand, Reach};
use credledger::domain::tenant::{self, Settings, TenantCommand};
use credledger::ledger::execute::Order;
use credledger::ledger::read::Reader;
use credledger::ops::house::LEDGER;
use credledger::projections::behind::{self, Projector};
use credledger::projections::{trail, validity};

use crate::rebuild::World;

/// Far beyond what it may take.
const PATIENCE: Duration = Duration::from_secs(60);
const ADDRESS: &str = "203.0.113.7";

impl World {
    /// Every row of the trail, once it is where the ledger is.
    async fn trail(&self) -> Vec<String> {
        let head = self.house.ledger.progress().applied;
        self.house.reached.within(trail::NAME, head, PATIENCE).await.expect("the trail gets there");
        self.trail_now().await
    }

    async fn trail_now(&self) -> Vec<String> {
        let admin = self.database.admin().await;
        let query = "select t::text from credledger.trail t order by position, tenant_id nulls first";
        let rows = admin.query(query, &[]).await.expect("rows");
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Every period, and every end that the clock brings, once they are where the ledger is.
    async fn validity(&self) -> Vec<String> {
        let head = self.house.ledger.progress().applied;
        self.house.reached.within(validity::NAME, head, PATIENCE).await.expect("it gets there");
        self.validity_now().await
    }

    async fn validity_now(&self) -> Vec<String> {
        let admin = self.database.admin().await;
        let query = "select v::text from credledger.validity v union all select e::text from credledger.validity_ends e order by 1";
        let rows = admin.query(query, &[]).await.expect("rows");
        rows.iter().map(|row| row.get(0)).collect()
    }

    async fn take_in_one_more(&self) {
        self.take_in(&format!("last-{}", uuid::Uuid::now_v7().simple())).await;
    }

    async fn take_in(&self, slug: &str) -> TenantId {
        let tenant = TenantId(uuid::Uuid::now_v7());
        let settings = Settings::starting(KeyFormat::default());
        let create = tenant::Create { slug: slug.to_owned(), name: slug.to_owned(), plan: None, settings };
        self.execute(tenant.into(), Command::Tenant(vec![TenantCommand::Create(create)])).await;
        tenant
    }

    /// Two tenants, and an operator that is given one after the other.
    async fn assign(&self) {
        let mut tenants = Vec::new();
        for slug in ["north", "south"] {
            tenants.push(self.take_in(slug).await);
        }
        let id = OperatorId(uuid::Uuid::now_v7());
        let reach = |tenants: &[TenantId]| Reach::Tenants(tenants.iter().copied().collect());
        let create = operator::Create {
            name: "ops".to_owned(),
            role: Role::Auditor,
            reach: reach(&tenants[..1]),
            first: false,
            token: None,
        };
        self.execute(id.into(), Command::Operator(vec![OperatorCommand::Create(create)])).await;
        for reach in [reach(&tenants), Reach::All, reach(&tenants[1..])] {
            let assign = Assign { role: None, reach: Some(reach), other_roots: Vec::new() };
            self.execute(id.into(), Command::Operator(vec![OperatorCommand::Assign(assign)])).await;
        }
    }
}

impl World {
    /// An operator is given two tenants by somebody who came from that address.
    async fn assign_from_there(&self) {
        let mut tenants = Vec::new();
        for slug in ["east", "west"] {
            tenants.push(self.take_in(slug).await);
        }
        let id = OperatorId(uuid::Uuid::now_v7());
        let create = operator::Create {
            name: "ops".to_owned(),
            role: Role::Auditor,
            reach: Reach::Tenants(tenants.into_iter().collect()),
            first: false,
            token: None,
        };
        let client_ip = Some(ADDRESS.parse().expect("an address"));
        let caller = Caller { actor: Actor::System, client_ip, request_id: "test".to_owned() };
        let create = Command::Operator(vec![OperatorCommand::Create(create)]);
        self.house.ledger.execute(Order::of(id.into(), create, caller)).await.expect("a command");
    }
}

#[tokio::test]
async fn a_trail_built_anew_is_the_one_that_followed() {
    let world = World::open().await;
    world.live().await;
    world.assign().await;
    let rows = world.trail().await;
    let events = world.house.ledger.progress().applied;
    assert!(rows.len() as u64 > events, "{} rows of {events} events", rows.len());
    let admin = world.database.admin().await;
    // What was erased since is no part of a row.
    let erased = "update credledger.personal set slots = (slots::jsonb - 'name')::json where version > 1;
        delete from credledger.trail where position % 3 = 0;
        update credledger.trail_progress set applied = 1";
    admin.batch_execute(erased).await.expect("damage");
    assert_ne!(world.trail_now().await, rows);
    let rebuilt =
        world.foundation.rebuild(&world.database.settings(), &[trail::NAME]).await.expect("a rebuild");
    assert_eq!((rebuilt.events, rebuilt.rows), (events, rows.len() as u64));
    assert_eq!(world.trail_now().await, rows);
    // It goes on from there.
    world.take_in_one_more().await;
    let after = world.trail().await;
    assert_eq!(after[..rows.len()], rows);
    assert_eq!(after.len(), rows.len() + 1);
}

#[tokio::test]
async fn two_that_fill_one_trail_leave_each_event_in_it_once() {
    let world = World::open().await;
    let reader = Reader { ledger: LEDGER, vault: world.foundation.vault.clone() };
    let progress = world.house.ledger.watch_progress();
    let other = Projector::new(behind::ALL, reader, world.foundation.database.clone(), progress);
    let reached = other.reached();
    let filling = tokio::spawn(other.run());
    world.live().await;
    world.assign().await;
    let rows = world.trail().await;
    let events = world.house.ledger.progress().applied;
    reached.within(trail::NAME, events, PATIENCE).await.expect("it gets there");
    filling.abort();
    let admin = world.database.admin().await;
    let own =
        admin.query_one("select count(*), max(position) from credledger.trail where not is_copy", &[]).await;
    let own = own.expect("a count");
    assert_eq!((own.get::<_, i64>(0), own.get::<_, i64>(1)), (events as i64, events as i64 - 1));
    assert_eq!(world.trail_now().await, rows);
}

/// As after a start: what stood before in the streams is not in memory, and has to be read.
#[tokio::test]
async fn one_that_begins_in_the_midst_of_streams_goes_on_as_if_it_had_seen_their_beginnings() {
    let world = World::open().await;
    world.live().await;
    world.assign().await;
    let rows = world.trail().await;
    let admin = world.database.admin().await;
    for first in (1..world.house.ledger.progress().applied).step_by(7) {
        let back = format!(
            "delete from credledger.trail where position >= {first}; update credledger.trail_progress set applied = {first}"
        );
        admin.batch_execute(&back).await.expect("as it was then");
        world.take_in_one_more().await;
        assert_eq!(world.trail().await[..rows.len()], rows, "from {first} on");
    }
}

#[tokio::test]
async fn an_erased_address_is_in_no_row_whether_it_followed_or_is_built_anew() {
    let world = World::open().await;
    world.assign_from_there().await;
    let told = world.trail().await;
    let with_address = |rows: &[String]| rows.iter().filter(|row| row.contains(ADDRESS)).count();
    assert_eq!(with_address(&told), 3, "in the feed, and in the trails of two tenants: {told:?}");
    let position = world.house.ledger.progress().applied - 1;
    let erase = Erase {
        target: Target::Text { position, members: Some(vec![CLIENT_IP.to_owned()]) },
        reason: Reason::Requested,
    };
    world.execute(ErasureId(uuid::Uuid::now_v7()).into(), Command::Erase(None, erase)).await;
    let rows = world.trail().await;
    assert_eq!((with_address(&rows), rows.len()), (0, told.len() + 1));
    world.foundation.rebuild(&world.database.settings(), &[trail::NAME]).await.expect("a rebuild");
    assert_eq!(world.trail_now().await, rows);
}

#[tokio::test]
async fn periods_built_anew_and_from_the_midst_are_those_that_followed() {
    let world = World::open().await;
    world.live().await;
    let (rows, events) = (world.validity().await, world.house.ledger.progress().applied);
    let admin = world.database.admin().await;
    let count = async |table: &str, of: &str| {
        let query = format!("select count({of}) from credledger.{table}");
        admin.query_one(&query, &[]).await.expect("a count").get::<_, i64>(0)
    };
    let (periods, ends) = (count("validity", "*").await, count("validity_ends", "*").await);
    let credentials = count("credentials", "*").await;
    assert_eq!(count("validity", "distinct credential_id").await, credentials);
    assert!(periods > credentials && ends > 0, "{periods} periods and {ends} ends of {credentials}");
    let damage = "delete from credledger.validity where from_position % 3 = 0;
        update credledger.validity set revoked = not revoked;
        delete from credledger.validity_ends;
        update credledger.validity_progress set applied = 1";
    admin.batch_execute(damage).await.expect("damage");
    assert_ne!(world.validity_now().await, rows);
    let rebuilt = world.foundation.rebuild(&world.database.settings(), &[validity::NAME]).await;
    let rebuilt = rebuilt.expect("a rebuild");
    assert_eq!((rebuilt.events, rebuilt.rows), (events, periods.unsigned_abs()));
    assert_eq!(world.validity_now().await, rows);
    for first in (1..events).step_by(7) {
        let back = format!(
            "delete from credledger.validity_ends where from_position >= {first};
             delete from credledger.validity where from_position >= {first};
             update credledger.validity_progress set applied = {first}"
        );
        admin.batch_execute(&back).await.expect("a step back");
        // Whoever fills it finds that it is not where it left it, and goes on from there.
        world.take_in_one_more().await;
        assert_eq!(world.validity().await, rows, "from {first} on");
    }
}
