//! Keys that tokens are signed with, while starts meet, rows are lost or swapped, and steps break off half way.

use std::path::PathBuf;
use std::time::Duration;

use credledger::clock::Timestamp;
use credledger::domain::Caller;
use credledger::domain::command::Command;
use credledger::domain::credential::Reason;
use credledger::domain::event::{Actor, Event};
use credledger::domain::grant::Granted;
use credledger::domain::ids::{CredentialId, SecretId, TenantId};
use credledger::domain::signing_keys::{
    Keys, Revoke, SigningKeysCommand, SigningKeysEvent, TokenAlgorithm, stream,
};
use credledger::ledger::execute::{Executed, Order};
use credledger::ops::house::{Foundation, House};
use credledger::tokens::check::{TokenFault, check};
use credledger::tokens::keyring::{Keyring, NoSigner};
use credledger::tokens::mint::{Holder, mint};
use credledger::tokens::rotation::{Tended, Wanted};
use credledger::tokens::sealed::SealedFault;
use serde_json::json;
use tokio_postgres::Client;

use crate::library;
use crate::support::service::Service;
use crate::support::{Postgres, TestDatabase};

const NEVER: Duration = Duration::from_secs(u64::MAX / 1000);
const ISSUER: &str = "https://keys.example.com";

/// Waits for a moment of the house's own clock.
async fn until(house: &House, from: Timestamp) {
    while house.clock.now() < from {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A ledger on which no service has started yet.
struct World {
    database: TestDatabase,
    key_file: PathBuf,
    foundation: Foundation,
}

impl World {
    async fn new() -> World {
        let database = Postgres::database().await;
        let key_file = PathBuf::from(format!("/tmp/credledger-{}.key", uuid::Uuid::now_v7().simple()));
        let foundation = Foundation::lay(&database.settings(), false, &key_file).await.expect("a foundation");
        World { database, key_file, foundation }
    }

    async fn house(&self) -> House {
        House::open_beside(&self.foundation).await.expect("a house")
    }

    async fn names(&self) -> Vec<String> {
        let events = library::events(&self.foundation).await;
        events.iter().map(|event| event.recorded.event.kind().name.to_owned()).collect()
    }

    async fn rows(&self) -> Vec<String> {
        let admin = self.database.admin().await;
        let rows = admin.query("select kid from credledger.sealed_keys order by kid collate \"C\"", &[]);
        rows.await.expect("rows").iter().map(|row| row.get(0)).collect()
    }

    async fn admin(&self) -> Client {
        self.database.admin().await
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.key_file);
    }
}

fn keyring(house: &House, rotation: Duration) -> Keyring {
    Keyring::new(house.ledger.clone(), house.view.clone(), rotation)
}

fn kids(keys: &Keys) -> Vec<String> {
    let mut kids: Vec<String> = keys.published().map(|key| key.kid.clone()).collect();
    kids.sort_unstable();
    kids
}

async fn commands(house: &House, command: SigningKeysCommand) -> Executed {
    let caller = Caller { actor: Actor::System, client_ip: None, request_id: "test".to_owned() };
    let order = Order::of(stream(), Command::SigningKeys(command), caller);
    house.ledger.execute(order).await.expect("carried out")
}

async fn revoked(house: &House, ring: &Keyring, kid: &str) -> u64 {
    let lost = ring.lost_ahead().await.expect("a look");
    let revoke = Revoke { kid: kid.to_owned(), reason: Reason::Compromised, note: None, lost };
    commands(house, SigningKeysCommand::Revoke(revoke)).await.position.expect("a position")
}

/// A token of now, and whether this keyring takes it.
async fn mints_and_checks(house: &House, keyring: &Keyring) -> Result<(), TokenFault> {
    let now = house.clock.now();
    let signer = keyring.signer(now).await.expect("a signer");
    let granted = Granted { audience: vec![ISSUER.to_owned()], scope: String::new(), lifetime_seconds: 60 };
    let holder = Holder {
        client_id: "c_1",
        tenant: TenantId(uuid::Uuid::now_v7()),
        credential: CredentialId(uuid::Uuid::now_v7()),
        secret: SecretId(uuid::Uuid::nil()),
        client_version: 1,
        bound_to: None,
    };
    let minted = mint(&signer, ISSUER, &holder, &granted, uuid::Uuid::now_v7(), now).expect("minted");
    check(&minted.token, &keyring.published().expect("keys"), ISSUER, now).map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_starts_at_once_one_makes_the_first_key_and_what_the_others_made_is_forgotten() {
    let world = World::new().await;
    let houses = [world.house().await, world.house().await, world.house().await];
    let rings: Vec<Keyring> = houses.iter().map(|house| keyring(house, NEVER)).collect();
    let [a, b, c] = [&rings[0], &rings[1], &rings[2]];
    let (a, b, c) = tokio::join!(a.begin(), b.begin(), c.begin());
    a.and(b).and(c).expect("begun");
    let expected = ["ledger.signing_key_made", "ledger.signing_key_made", "ledger.signing_key_rotated"]
        .map(str::to_owned);
    assert_eq!(world.names().await, expected);
    for (house, ring) in houses.iter().zip(&rings) {
        assert!(house.ledger.reached_within(2, Duration::from_secs(60)).await, "it follows");
        assert_eq!(mints_and_checks(house, ring).await, Ok(()));
    }
    // Rows without an event stay for an hour, lest one goes whose event is on its way.
    let keys = kids(&rings[0].published().expect("keys"));
    rings[0].tend().await.expect("tended");
    let kept = world.rows().await;
    assert!(keys.iter().all(|kid| kept.contains(kid)) && kept.len() >= 2, "{kept:?}");
    world
        .admin()
        .await
        .execute("update credledger.sealed_keys set kept_at_ms = 0", &[])
        .await
        .expect("older");
    rings[0].tend().await.expect("tended");
    assert_eq!(world.rows().await, keys);
    assert_eq!(mints_and_checks(&houses[1], &keyring(&houses[1], NEVER)).await, Ok(()));
    drop(rings);
    for house in houses {
        house.close().await.expect("closed");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_that_broke_off_before_its_event_left_nothing_but_a_row() {
    let world = World::new().await;
    let house = world.house().await;
    let ring = keyring(&house, NEVER);
    ring.begin().await.expect("begun");
    let before = ring.published().expect("keys");
    // The private halves are kept; whoever asked is gone before the command.
    drop(ring.prepare(Wanted::Same).await.expect("prepared"));
    drop(ring.prepare(Wanted::Algorithm(TokenAlgorithm::EdDsa)).await.expect("prepared"));
    assert_eq!(world.rows().await.len(), 2 + 1 + 2);
    assert_eq!(ring.published().expect("keys"), before);
    world
        .admin()
        .await
        .execute("update credledger.sealed_keys set kept_at_ms = 0", &[])
        .await
        .expect("older");
    ring.tend().await.expect("tended");
    assert_eq!(world.rows().await, kids(&before));
    assert_eq!(mints_and_checks(&house, &ring).await, Ok(()));
    drop(ring);
    house.close().await.expect("closed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_private_half_that_is_another_keys_or_gone_signs_nothing_and_a_rotation_passes_it_by() {
    let world = World::new().await;
    let house = world.house().await;
    let ring = keyring(&house, Duration::ZERO);
    ring.begin().await.expect("begun");
    let admin = world.admin().await;
    let keys = ring.published().expect("keys");
    let (signing, next) = (keys.newest().expect("one").kid.clone(), keys.next().expect("one").kid.clone());
    // What signs is swapped for what would sign next: its seal does not open under another name.
    let swap = "update credledger.sealed_keys a set sealed = b.sealed from credledger.sealed_keys b where a.kid = $1 and b.kid = $2";
    admin.execute(swap, &[&signing, &next]).await.expect("swapped");
    let refused = ring.signer(house.clock.now()).await.err();
    assert!(matches!(refused, Some(NoSigner::Sealed(_, SealedFault::Foreign))), "{refused:?}");
    for kid in [&signing, &next] {
        admin.execute("delete from credledger.sealed_keys where kid = $1", &[kid]).await.expect("deleted");
    }
    let refused = ring.signer(house.clock.now()).await.err();
    assert!(matches!(refused, Some(NoSigner::Sealed(_, SealedFault::Missing))), "{refused:?}");
    assert_eq!(ring.tend().await.expect("tended"), Tended::InOrder);
    let mended = ring.published().expect("keys");
    assert!(![&signing, &next].contains(&&mended.newest().expect("one").kid), "both are passed by");
    let from = mended.newest().and_then(|key| key.signs_from).expect("a moment");
    until(&house, from).await;
    assert_eq!(mints_and_checks(&house, &keyring(&house, NEVER)).await, Ok(()));
    drop(ring);
    house.close().await.expect("closed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_due_is_rotated_by_itself_once_and_what_has_to_be_brought_goes_on() {
    let world = World::new().await;
    let house = world.house().await;
    let (never, always) = (keyring(&house, NEVER), keyring(&house, Duration::ZERO));
    assert_eq!(never.tend().await.expect("tended"), Tended::InOrder);
    assert_eq!(never.tend().await.expect("tended"), Tended::InOrder);
    assert_eq!(world.names().await.len(), 3, "the first key, and nothing more");
    // Two who find it too old at once rotate once.
    let (one, other) = tokio::join!(always.tend(), always.tend());
    one.and(other).expect("tended");
    let rotations = world.names().await.iter().filter(|name| *name == "ledger.signing_key_rotated").count();
    assert!((2..=3).contains(&rotations), "{rotations}: one beside the first, or one after the other");
    let brought = always.take_in(pem("rsa2048")).expect("a key");
    let rotate = always.prepare(Wanted::Brought(brought)).await.expect("prepared");
    commands(&house, SigningKeysCommand::Rotate(rotate)).await;
    let kid = always.published().expect("keys").newest().expect("one").kid.clone();
    let from = always.published().expect("keys").newest().and_then(|key| key.signs_from).expect("a moment");
    until(&house, from).await;
    let overdue = Tended::Overdue { kid: kid.clone(), algorithm: TokenAlgorithm::Rs256 };
    let count = world.names().await.len();
    assert_eq!(always.tend().await.expect("tended"), overdue);
    assert_eq!(world.names().await.len(), count, "it goes on");
    assert_eq!(always.age(house.clock.now()).map(|(_, overdue)| overdue), Some(true));
    assert_eq!(mints_and_checks(&house, &always).await, Ok(()));
    drop((never, always));
    house.close().await.expect("closed");
}

/// The revocation was written, and whoever asked for it was gone before anything else was done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_revoked_key_nothing_signs_on_any_node_and_its_private_half_goes_at_once() {
    let world = World::new().await;
    let (here, there) = (world.house().await, world.house().await);
    let (ring, other) = (keyring(&here, NEVER), keyring(&there, NEVER));
    ring.begin().await.expect("begun");
    assert!(there.ledger.reached_within(2, Duration::from_secs(60)).await, "it follows");
    let keys = ring.published().expect("keys");
    let (signing, next) = (keys.newest().expect("one").kid.clone(), keys.next().expect("one").kid.clone());
    // Both have it in memory, and one is about to sign.
    let begun = ring.signer(here.clock.now()).await.expect("a signer");
    assert_eq!(mints_and_checks(&there, &other).await, Ok(()));
    let position = revoked(&here, &ring, &signing).await;
    assert!(matches!(ring.still(begun), Err(NoSigner::Ended)), "a key that has just ended signs no more");
    assert!(there.ledger.reached_within(position, Duration::from_secs(60)).await, "it follows");
    for ring in [&ring, &other] {
        let keys = ring.published().expect("keys");
        assert!(keys.verifying(&signing).is_none());
        assert_eq!(keys.newest().map(|key| key.kid.clone()), Some(next.clone()));
    }
    assert_eq!(world.rows().await.len(), 2, "nothing was done yet but the event");
    // Whichever node looks after the keys next does the rest: the row is seconds old and goes, and another key is made.
    other.tend().await.expect("tended");
    let keys = other.published().expect("keys");
    assert_eq!(world.rows().await, kids(&keys));
    assert!(!kids(&keys).contains(&signing) && keys.next().is_some());
    ring.tidy().await.expect("nothing is left to do");
    assert_eq!(world.rows().await, kids(&keys));
    let from = keys.newest().and_then(|key| key.signs_from).expect("a moment");
    while here.clock.now() < from {
        assert!(
            matches!(ring.signer(here.clock.now()).await, Err(NoSigner::NoKey)) || here.clock.now() >= from
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for (house, ring) in [(&here, &ring), (&there, &other)] {
        assert_eq!(ring.signer(house.clock.now()).await.expect("a signer").kid, next);
        assert_eq!(mints_and_checks(house, ring).await, Ok(()));
    }
    drop((ring, other));
    for house in [here, there] {
        house.close().await.expect("closed");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_next_key_whose_private_half_is_lost_does_not_take_over() {
    let world = World::new().await;
    let house = world.house().await;
    let ring = keyring(&house, NEVER);
    ring.begin().await.expect("begun");
    let keys = ring.published().expect("keys");
    let (signing, next) = (keys.newest().expect("one").kid.clone(), keys.next().expect("one").kid.clone());
    let admin = world.admin().await;
    admin.execute("delete from credledger.sealed_keys where kid = $1", &[&next]).await.expect("deleted");
    revoked(&house, &ring, &signing).await;
    assert!(matches!(ring.signer(house.clock.now()).await, Err(NoSigner::NoKey)));
    ring.tidy().await.expect("two are made");
    let made = ring.published().expect("keys");
    assert!(![&signing, &next].contains(&&made.newest().expect("one").kid));
    assert_eq!(world.rows().await, kids(&made));
    let from = made.newest().and_then(|key| key.signs_from).expect("a moment");
    until(&house, from).await;
    assert_eq!(mints_and_checks(&house, &ring).await, Ok(()));
    drop(ring);
    house.close().await.expect("closed");
}

#[test]
fn a_repeat_of_a_rotation_makes_no_keys() {
    let service = Service::start();
    let root = service.root();
    let rows = || {
        library::block_on(async {
            let client = library::superuser(&service).await;
            let rows = client.query("select kid from credledger.sealed_keys order by kid", &[]).await;
            rows.expect("rows").iter().map(|row| row.get(0)).collect::<Vec<String>>()
        })
    };
    for (number, body) in
        [json!({}), json!({"algorithm": "EdDSA"}), json!({"private_key": pem("rsa2048")})].iter().enumerate()
    {
        let path = "/api/admin/v1/signing-keys/rotate";
        let request = root.request("POST", path).json(body).header("Idempotency-Key", &format!("r-{number}"));
        root.send(&request).expect(200);
        let kept = rows();
        let repeat = root.send(&request);
        assert_eq!((repeat.status, repeat.header("idempotency-replayed")), (200, Some("true")));
        let other = root.request("POST", path).header("Idempotency-Key", &format!("r-{number}"));
        root.send(&other.json(&json!({"algorithm": "ES256"}))).problem(422, "idempotency_mismatch");
        assert_eq!(rows(), kept, "{body}");
    }
}

/// Of the keys that OpenSSL made for the tests.
fn pem(name: &str) -> &'static str {
    let whole = include_str!("../../src/vault/private_key_test.pem");
    let start = whole.find(&format!("# {name}\n")).expect("a key of that name") + name.len() + 3;
    let rest = &whole[start..];
    rest.find("\n# ").map_or(rest, |end| &rest[..end])
}

#[test]
fn a_service_that_is_killed_right_after_its_first_start_makes_no_second_first_key() {
    let mut service = Service::start();
    service.kill();
    service.start_again();
    let events = library::block_on(library::whole_ledger(&service));
    let made = |event: &Event| matches!(event, Event::SigningKeys(SigningKeysEvent::Made(_)));
    assert_eq!(events.iter().filter(|event| made(&event.recorded.event)).count(), 2);
}
