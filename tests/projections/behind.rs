//! What follows behind the ledger: the same rows however they came about, and rows that nobody of ours wrote are told to nobody.

use std::time::Duration;

use credledger::domain::authority::Role;
use credledger::domain::command::Command;
use credledger::domain::ids::{OperatorId, TenantId};
use credledger::domain::key_format::KeyFormat;
use credledger::domain::operator::{self, Assign, OperatorCommand, Reach};
use credledger::domain::tenant::{self, Settings, TenantCommand};
use credledger::ledger::read::Reader;
use credledger::ops::house::LEDGER;
use credledger::projections::behind::{self, Projector};
use credledger::projections::trail;

use crate::rebuild::World;

/// Far beyond what it may take.
const PATIENCE: Duration = Duration::from_secs(60);

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

    async fn take_in_one_more(&self) {
        let tenant = TenantId(uuid::Uuid::now_v7());
        let settings = Settings::starting(KeyFormat::default());
        let create =
            tenant::Create { slug: "last".to_owned(), name: "last".to_owned(), plan: None, settings };
        self.execute(tenant.into(), Command::Tenant(vec![TenantCommand::Create(create)])).await;
    }

    /// Two tenants, and an operator that is given one after the other.
    async fn assign(&self) {
        let mut tenants = Vec::new();
        for slug in ["north", "south"] {
            let tenant = TenantId(uuid::Uuid::now_v7());
            let settings = Settings::starting(KeyFormat::default());
            let create =
                tenant::Create { slug: slug.to_owned(), name: slug.to_owned(), plan: None, settings };
            self.execute(tenant.into(), Command::Tenant(vec![TenantCommand::Create(create)])).await;
            tenants.push(tenant);
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
    let other = Projector::new(behind::ALL[0], reader, world.foundation.database.clone(), progress);
    let mut reach = other.reach();
    let filling = tokio::spawn(other.run());
    world.live().await;
    world.assign().await;
    let rows = world.trail().await;
    let events = world.house.ledger.progress().applied;
    let both = tokio::time::timeout(PATIENCE, reach.wait_for(|reach| reach.applied >= events)).await;
    assert!(both.expect("it gets there").is_ok());
    filling.abort();
    let admin = world.database.admin().await;
    let own =
        admin.query_one("select count(*), max(position) from credledger.trail where not is_copy", &[]).await;
    let own = own.expect("a count");
    assert_eq!((own.get::<_, i64>(0), own.get::<_, i64>(1)), (events as i64, events as i64 - 1));
    assert_eq!(world.trail_now().await, rows);
}
