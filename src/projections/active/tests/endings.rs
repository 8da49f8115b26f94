//! The list for those who check tokens offline: whatever has happened, going by it is going by the verdict.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::domain::Fresh;
use crate::domain::access_token;
use crate::domain::command::Command;
use crate::domain::credential::{Credential, Reason as Why};
use crate::domain::ids::{AccessTokenId, StreamId};
use crate::tokens::jws::Jws;
use crate::tokens::keyring::{NoSigner, Signer};
use crate::tokens::revocations::{Lists, NoList};
use crate::vault::SigningAlgorithm;

/// The types that a start reads, as its query names them.
pub fn types() -> BTreeSet<&'static str> {
    types_in(include_str!("../../../../schema/functions/read_endings.sql"))
}

fn types_in(sql: &'static str) -> BTreeSet<&'static str> {
    let (_, list) = sql.split_once("type in (").expect("a list of types");
    list.split_once(')').expect("its end").0.split(',').map(|word| word.trim().trim_matches('\'')).collect()
}

#[test]
fn the_index_is_of_the_types_that_are_read() {
    let of_index = types_in(include_str!("../../../../schema/tables/0013_endings.sql"));
    assert_eq!(of_index, types());
    let known: BTreeSet<&str> = crate::domain::event::kinds().map(|kind| kind.name).collect();
    assert!(of_index.is_subset(&known));
}

impl World {
    /// When the token endpoint would: to a client that may, for a secret that lives.
    pub fn issue(&mut self, slot: u8, which: u8, seconds: u32) {
        let Some(credential) = self.credential(slot).filter(|credential| credential.client.is_some()) else {
            return;
        };
        let now = self.now.max(self.last_at());
        let living: Vec<_> = credential.living_secrets(now).map(|secret| secret.facts.id).collect();
        let Some(&secret) = living.get(usize::from(which) % living.len().max(1)) else { return };
        if !goes_on(self.truth(secret, None, &EVERYTHING, now).0) {
            return;
        }
        let ends_at = now.plus_seconds(seconds).min(credential.expires_at.unwrap_or(Timestamp::MAX));
        let issued = Issued {
            id: AccessTokenId(self.mint.uuid()),
            client_id: "c".into(),
            client_version: credential.history.events,
            ends_at,
            bound: false,
            scopes: Vec::new(),
            audience: Vec::new(),
        };
        self.tokens.push((secret, issued));
    }

    pub fn give_back(&mut self, which: u8) {
        let Some((secret, issued)) = self.tokens.get(usize::from(which) % self.tokens.len().max(1)) else {
            return;
        };
        let (Some(credential), Issued { id: token, ends_at, .. }) = (self.client_of(*secret), issued.clone())
        else {
            return;
        };
        let revoke = access_token::Revoke {
            token,
            credential: credential.id,
            ends_at,
            reason: Why::Leaked,
            note: None,
        };
        let (stream, tenant) = (access_token::stream(credential.id, token), credential.tenant);
        self.ask(stream, Command::AccessToken(tenant, revoke));
    }

    fn client_of(&self, secret: SecretId) -> Option<&Credential> {
        let mut credentials = self.states.values().filter_map(|state| state.credential());
        credentials.find(|credential| credential.secret(secret).is_some())
    }

    /// What whoever goes by the list says of a token: `None` is to ask.
    fn offline(&self, list: &Revocations, secret: SecretId, token: &Issued, now: Timestamp) -> Option<bool> {
        let client = self.client_of(secret).expect("a client");
        let (id, tenant) = (client.id.0, client.tenant.0);
        let over = token.ends_at <= now
            || list.tenants.contains(&tenant)
            || list.ended_clients.contains(&id)
            || list.clients.get(&id).is_some_and(|from| token.client_version < *from)
            || list.secrets.contains(&secret.0)
            || list.tokens.contains(&token.id.0);
        match over {
            true => Some(false),
            false => (!list.ask_clients.contains(&id)).then_some(true),
        }
    }
}

fn listed(view: &ActiveView, reach: &Reach, now: Timestamp) -> Revocations {
    view.revocations(reach, now, 10_000).expect("answering").expect("bounded")
}

fn client() -> CredentialStep {
    CredentialStep::Create {
        tenant: 0,
        name: "c".into(),
        scope: 3,
        expires: None,
        ip: false,
        erased: false,
        owner: None,
    }
}

/// Whether nothing but the call itself is refused.
fn goes_on(verdict: access::Verdict) -> bool {
    verdict.err().is_none_or(|refused| refused.reason.is_about_the_call())
}

/// Histories of clients above all, whose tokens are given and end in every way there is.
fn lives() -> impl Strategy<Value = Step> {
    let of_client = |step| match step {
        Step::Credential(slot, CredentialStep::Create { tenant, name, expires, ip, erased, owner, .. }) => {
            // Of its own tenant, or it would not be made.
            let owner = owner.map(|member| tenant * 2 + member % 2);
            let create = CredentialStep::Create { tenant, name, scope: 3, expires, ip, erased, owner };
            Step::Credential(slot, create)
        }
        other => other,
    };
    prop_oneof![
        6 => steps().prop_map(of_client),
        3 => (0..CREDENTIALS, 0..6u8, prop_oneof![1..400u32, Just(86_400)])
            .prop_map(|(slot, which, seconds)| Step::Issue { slot, which, seconds }),
        1 => any::<u8>().prop_map(Step::GiveBack),
        1 => (0..30u8).prop_map(Step::Sleep),
        1 => (0..CREDENTIALS, proptest::option::of(0..MEMBERS))
            .prop_map(|(slot, owner)| Step::Credential(slot, CredentialStep::Own(owner))),
        1 => (0..MEMBERS, prop_oneof![Just(MemberStep::Disable), Just(MemberStep::Enable)])
            .prop_map(|(slot, step)| Step::Member(slot, step)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn whoever_goes_by_the_list_says_of_every_token_what_the_verdict_says(
        steps in proptest::collection::vec(lives(), 20..120),
        after in 0..200i64,
    ) {
        let world = history(&steps);
        let now = Timestamp::from_millis(world.now.max(world.last_at()).millis() + after * 1000).expect("an instant");
        for view in [world.applied(), world.loaded()] {
            let list = listed(&view, &Reach::All, now);
            prop_assert_eq!((list.position, list.at), (world.events.len() as u64 - 1, now));
            for (secret, token) in &world.tokens {
                let truth = goes_on(world.truth(*secret, Some(token), &EVERYTHING, now).0);
                prop_assert_eq!(world.offline(&list, *secret, token, now), Some(truth), "{:?} {:?}", token, list);
            }
        }
    }

    #[test]
    fn a_list_names_only_what_is_of_its_tenants_and_all_of_that(steps in proptest::collection::vec(lives(), 20..120)) {
        let world = history(&steps);
        let (view, now) = (world.applied(), world.now);
        let of = |reach: &Reach| listed(&view, reach, now);
        let mut together = Revocations::default();
        for slot in 0..TENANTS {
            let own = of(&Reach::Tenants([tenant_id(slot)].into()));
            let clients = own.clients.keys().chain(&own.ended_clients).chain(&own.ask_clients);
            let tenant = |client: &uuid::Uuid| world.states[&StreamId(*client)].credential().map(|of| of.tenant);
            prop_assert!(clients.map(tenant).all(|tenant| tenant == Some(tenant_id(slot))));
            prop_assert!(own.tenants.iter().all(|tenant| *tenant == tenant_id(slot).0));
            let of_secret = |secret: &uuid::Uuid| world.client_of(SecretId(*secret)).map(|of| of.tenant);
            prop_assert!(own.secrets.iter().map(of_secret).all(|tenant| tenant == Some(tenant_id(slot))));
            (together.position, together.at) = (own.position, own.at);
            together.tokens.extend(own.tokens);
            together.secrets.extend(own.secrets);
            together.clients.extend(own.clients);
            together.ended_clients.extend(own.ended_clients);
            together.tenants.extend(own.tenants);
        }
        prop_assert_eq!(together, of(&Reach::All));
        let nobody = of(&Reach::Tenants([TenantId(uuid::Uuid::nil())].into()));
        prop_assert_eq!(nobody, Revocations { position: world.events.len() as u64 - 1, at: now.max(world.last_at()), ..Revocations::default() });
    }
}

#[test]
fn what_ended_no_living_token_leaves_the_list_and_the_memory() {
    let mut world = history(&[Step::Credential(0, client()), Step::Credential(0, CredentialStep::Suspend)]);
    let day = crate::limits::ACCESS_TOKEN_SECONDS + crate::limits::TOKEN_LEEWAY_SECONDS;
    let view = world.applied();
    let ended = |after: u32| listed(&view, &Reach::All, world.now.plus_seconds(after)).ended_clients.len();
    assert_eq!((ended(0), ended(day - 1), ended(day)), (1, 1, 0));
    [Step::Sleep(25), Step::Credential(1, client()), Step::Credential(1, CredentialStep::Suspend)]
        .iter()
        .for_each(|step| world.take(step));
    let books = world.applied();
    assert_eq!(books.dump().expect("whole").endings.0.len(), 1);
}

#[test]
fn a_client_that_gives_back_too_much_is_asked_about_and_fills_nobodys_list() {
    let mut world = history(&[Step::Credential(0, client())]);
    let count = |world: &World| {
        let list = listed(&world.applied(), &Reach::All, world.now);
        (list.tokens.len(), list.ask_clients.len())
    };
    let most = crate::limits::REVOCATION_LIST_TOKENS_OF_A_CLIENT;
    let give_back = |world: &mut World| {
        world.tokens.clear();
        world.take(&Step::Issue { slot: 0, which: 0, seconds: 300 });
        world.take(&Step::GiveBack(0));
    };
    (0..most).for_each(|_| give_back(&mut world));
    assert_eq!(count(&world), (most, 0));
    give_back(&mut world);
    assert_eq!(count(&world), (0, 1));
    assert_eq!(
        world.offline(
            &listed(&world.applied(), &Reach::All, world.now),
            world.tokens[0].0,
            &world.tokens[0].1,
            world.now,
        ),
        None
    );
}

/// Whoever has no list goes by no token: so a list is never cut.
#[test]
fn a_list_that_would_be_too_long_is_none() {
    let suspended =
        |slot| [Step::Credential(slot, client()), Step::Credential(slot, CredentialStep::Suspend)];
    let world = history(&[suspended(0), suspended(1), suspended(2)].concat());
    let view = world.applied();
    let within =
        |reach: &Reach, at_most| view.revocations(reach, world.now, at_most).expect("answering").is_ok();
    assert!(within(&Reach::All, 3) && !within(&Reach::All, 2) && !within(&Reach::All, 0));
    assert!(within(&Reach::Tenants([tenant_id(1)].into()), 0), "another tenant's fill nobody's list");
}

#[test]
fn a_client_is_its_owners_however_long_ago_it_was_given_to_it() {
    let given = |owner: Option<u8>| Step::Credential(0, CredentialStep::Own(owner));
    let life = [Step::Credential(0, client()), given(Some(0)), given(Some(1)), Step::Sleep(25)];
    let stop = |member| [&life[..], &[Step::Member(member, MemberStep::Disable)]].concat();
    let ended = |member| {
        let world = history(&stop(member));
        [world.applied(), world.loaded()]
            .map(|view| listed(&view, &Reach::All, world.now).ended_clients.len())
    };
    assert_eq!((ended(0), ended(1)), ([0, 0], [1, 1]));
}

/// So no list is signed by a key whose revocation it knows of: at each one there is the question whether its key has ended.
#[test]
fn who_signs_a_list_is_asked_when_what_it_says_is_settled() {
    let mut world = history(&[Step::Credential(0, client())]);
    let view = world.applied();
    world.take(&Step::Credential(0, CredentialStep::Suspend));
    let (before, last) = (view.applied(), world.events.last().expect("an event").clone());
    let key = world.vault.make_private_key(SigningAlgorithm::Es256).expect("made here").key;
    let signer = Arc::new(Signer::for_test("k", key, world.vault.clone()));
    let lists = Lists::default();
    let made = |still: &dyn Fn() -> Result<Arc<Signer>, NoSigner>| {
        lists.of(&view, still, "https://keys.example", &Reach::All, world.now)
    };
    assert!(matches!(made(&|| Err(NoSigner::Ended)), Err(NoList::NoSigner(NoSigner::Ended))));
    let list = made(&|| {
        view.apply(before, &last).expect("applied");
        Ok(signer.clone())
    });
    let list = list.expect("signed");
    let jws = Jws::read(
        std::str::from_utf8(&list.text).expect("text"),
        list.text.len(),
        &[SigningAlgorithm::Es256],
    );
    let claims = jws.expect("a list").claims().expect("claims");
    assert_eq!((view.applied(), &claims["position"]), (before + 1, &serde_json::json!(before - 1)));
    // One that is kept is of the same events, or it is not given again.
    assert!(matches!(made(&|| Err(NoSigner::Ended)), Err(NoList::NoSigner(NoSigner::Ended))));
}
