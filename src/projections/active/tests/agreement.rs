//! The view against the full state, however it was made.

use proptest::prelude::*;

use uuid::Uuid;

use super::*;
use crate::domain::access::{Possession, Refused};
use crate::domain::ids::AccessTokenId;
use crate::domain::testing::scopes;

#[derive(Clone, Debug)]
pub struct Question {
    ip: Option<std::net::IpAddr>,
    scopes: Vec<ConcreteScope>,
    operation: bool,
    tenant: Option<u8>,
    audience: Option<&'static str>,
    reach: Reach,
    pub after: i8,
    possession: Possession,
}

/// Whom tokens are for, and are asked for.
const AUDIENCES: [&str; 3] = ["https://a.example", "https://b.example", "https://c.example"];

prop_compose! {
    pub fn questions()(
        ip in proptest::sample::select(vec![None, Some("10.1.2.3"), Some("11.1.2.3")]),
        scopes in proptest::sample::subsequence(vec!["logs:read", "billing.read", "admin"], 0..3),
        operation: bool,
        tenant in proptest::option::of(0..TENANTS),
        audience in proptest::option::of(proptest::sample::select(AUDIENCES.to_vec())),
        reach in prop_oneof![
            3 => Just(Reach::All),
            1 => (0..TENANTS).prop_map(|slot| Reach::Tenants([tenant_id(slot)].into())),
        ],
        after: i8,
        possession in prop_oneof![
            6 => Just(Possession::Bare), 1 => Just(Possession::Proven), 1 => Just(Possession::NotProven), 2 => Just(Possession::NotAsked)
        ],
    ) -> Question {
        let ip = ip.and_then(|ip: &str| ip.parse().ok());
        let scopes = scopes.into_iter().map(concrete).collect();
        Question { ip, scopes, operation, tenant, audience, reach, after, possession }
    }
}

impl Question {
    pub fn request(&self) -> Request<'_> {
        Request {
            possession: self.possession,
            client_ip: self.ip,
            scopes: &self.scopes,
            operation: self.operation.then_some("logs.write"),
            tenant: self.tenant.map(tenant_id),
            audience: self.audience,
            reach: &self.reach,
        }
    }

    pub fn now(&self, world: &World) -> Timestamp {
        Timestamp::from_millis(world.now.millis() + i64::from(self.after) * 1000).expect("an instant")
    }
}

/// Every secret there ever was is judged by the view as by the full state, and described as it is there.
fn assert_agrees(world: &World, view: &ActiveView, question: &Question) {
    let (request, now) = (question.request(), question.now(world));
    for (secret, text) in &*world.mint.texts.lock().expect("texts") {
        let (verdict, whose) = world.truth(*secret, None, &request, now);
        let judged = match (text.strip_prefix('@'), text.split_once(':')) {
            (Some(id), _) => view.judge_client_by_id(&world.vault, id, &request, now),
            (_, Some(client)) => view.judge_client(&world.vault, client, &request, now),
            _ => view.judge(&world.vault, text, &request, now),
        };
        assert_shown_otherwise_is_nothing(world, view, text, &request, now);
        let judged = judged.expect("answering");
        if text.starts_with(crate::domain::key_format::OPERATOR_PREFIX) {
            assert_eq!(judged.misfit, Some(Misfit::UnknownForm));
            continue;
        }
        assert_eq!(judged.verdict, verdict, "{text} {request:?} {now}");
        assert_eq!(judged.position, world.events.len() as u64 - 1);
        assert_eq!(judged.judged_at, now.max(world.last_at()));
        let unseen = matches!(&verdict, Err(refused) if refused.reason == Reason::NotFound);
        assert_eq!(judged.known.is_none(), unseen);
        let (Some(known), Some((credential, secret))) = (judged.known, whose) else { continue };
        assert_eq!((known.credential_id, known.secret_id), (credential.id, secret.facts.id));
        assert_eq!(known.kind, credential.kind());
        assert_eq!(&*known.prefix, secret.facts.prefix.as_str());
        assert_eq!(known.name.as_deref(), credential.name.value.known().map(String::as_str));
        assert_eq!((known.tenant_id, known.expires_at), (credential.tenant, credential.expires_at));
        if verdict.is_ok() {
            assert_eq!(known.scopes(), credential.scopes);
            assert_eq!(known.rate_limit, world.limit_on(credential));
            let owner = world.owner_of(credential);
            assert_eq!(known.owner.as_ref().map(|owner| owner.id), credential.owner);
            let owner = owner.map(|owner| &*owner.scopes);
            assert_eq!(known.effective(), Effective::of(&credential.scopes, owner));
            assert_eq!(known.secret_status, secret.status(judged.judged_at));
            assert_eq!(known.secret_ends_at, secret.ends_at);
        }
    }
}

/// A client that has a secret is found by nothing less, and one that has none by nothing that anybody could show.
fn assert_shown_otherwise_is_nothing(
    world: &World,
    view: &ActiveView,
    text: &str,
    request: &Request<'_>,
    now: Timestamp,
) {
    let mut found = Vec::new();
    if let Some((id, _)) = text.split_once(':') {
        found.push(view.judge_client_by_id(&world.vault, id, request, now));
        found.push(view.judge_client_by_id(&world.vault, text, request, now));
    }
    if let Some(id) = text.strip_prefix('@') {
        let secrets = ["", id, text, ":", " ", "\0", "null"];
        found.extend(secrets.map(|secret| view.judge_client(&world.vault, (id, secret), request, now)));
        found.extend([id, text].map(|text| view.judge(&world.vault, text, request, now)));
        found.push(view.judge_client(&world.vault, ("", id), request, now));
    }
    for judged in found {
        let judged = judged.expect("answering");
        let reason = judged.verdict.expect_err("nothing that is there").reason;
        assert!(matches!(reason, Reason::NotFound | Reason::Malformed), "{text} {reason:?}");
        assert!(judged.known.is_none(), "{text}");
    }
}

/// So does every access token there may be, whichever secret it says that it was given for.
fn assert_tokens_agree(world: &World, view: &ActiveView, question: &Question, issued: &Issued) {
    let (request, now) = (question.request(), question.now(world));
    for (secret, text) in &*world.mint.texts.lock().expect("texts") {
        let judged = view.judge_token(*secret, issued, &request, now).expect("answering");
        let verdict = match text.contains([':', '@']) {
            true => world.truth(*secret, Some(issued), &request, now).0,
            false => Err(Refused { reason: Reason::NotFound, missing_scopes: Vec::new() }),
        };
        assert_eq!(judged.verdict, verdict, "{text} {request:?} {now} {issued:?}");
    }
}

prop_compose! {
    fn issued()(
        end in 1..400i64,
        client_version in 1..12u32,
        which in 0..4u8,
        bound: bool,
        audience in proptest::sample::subsequence(AUDIENCES.to_vec(), 1..3),
    ) -> Issued {
        let audience = audience.into_iter().map(str::to_owned).collect();
        let scopes = scopes(scope_set(which));
        let id = AccessTokenId(Uuid::nil());
        Issued { id, client_id: "c".into(), client_version, ends_at: at(end), bound, scopes, audience }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_view_judges_as_the_full_state_does(
        steps in proptest::collection::vec(steps(), 1..90),
        questions in proptest::collection::vec((questions(), issued()), 1..6),
    ) {
        let mut world = World::new();
        let view = world.applied();
        for step in &steps {
            let before = world.events.len();
            world.take(step);
            for (position, recorded) in (before as u64..).zip(&world.events[before..]) {
                view.apply(position, recorded).expect("applied");
            }
        }
        for (question, issued) in &questions {
            assert_agrees(&world, &view, question);
            assert_tokens_agree(&world, &view, question, issued);
        }
    }

    #[test]
    fn a_view_of_the_rows_is_the_view_of_the_events(
        steps in proptest::collection::vec(steps(), 1..90),
        question in questions(),
        issued in issued(),
    ) {
        let world = history(&steps);
        let (applied, loaded) = (world.applied(), world.loaded());
        prop_assert_eq!(applied.dump(), loaded.dump());
        let figures = |view: &ActiveView| Counts { bytes: 0, ..view.counts() };
        prop_assert_eq!(figures(&applied), figures(&loaded));
        assert_agrees(&world, &loaded, &question);
        assert_tokens_agree(&world, &loaded, &question, &issued);
    }

    #[test]
    fn rows_written_event_by_event_are_the_rows_of_the_last_state(
        steps in proptest::collection::vec(steps(), 1..90),
    ) {
        let world = history(&steps);
        let whole: Vec<_> =
            world.states.values().flat_map(|state| InlineProjections.rows(state, 0)).collect();
        prop_assert_eq!(whole.len(), world.rows.len());
        for row in whole {
            prop_assert_eq!(&world.rows[&(row.projection, row.id)], &row);
        }
    }

    #[test]
    fn a_loaded_view_follows_on_as_one_that_was_there_from_the_start(
        before in proptest::collection::vec(steps(), 1..40),
        after in proptest::collection::vec(steps(), 1..40),
    ) {
        let mut world = history(&before);
        let loaded = world.loaded();
        let loaded_at = world.events.len();
        after.iter().for_each(|step| world.take(step));
        for (position, recorded) in (loaded_at as u64..).zip(&world.events[loaded_at..]) {
            loaded.apply(position, recorded).expect("applied");
        }
        prop_assert_eq!(loaded.dump(), world.applied().dump());
    }

    #[test]
    fn an_operator_token_works_exactly_as_its_state_says(
        steps in proptest::collection::vec(steps(), 1..90),
        seconds in 0..200i64,
    ) {
        let world = history(&steps);
        let now = at(seconds);
        for view in [world.applied(), world.loaded()] {
            for (id, text) in &*world.mint.texts.lock().expect("texts") {
                let mut operators = world.states.values().filter_map(|state| state.operator());
                let found = operators.find_map(|operator| Some((operator, operator.token(TokenId(id.0))?)));
                let pass = view.operator_token(&world.vault, text).expect("answering");
                prop_assert_eq!(pass.is_some(), found.is_some());
                let (Some(pass), Some((operator, token))) = (pass, found) else { continue };
                let works = operator.disabled_at.is_none() && operator.invitation.is_none() && token.works(now.max(world.last_at()));
                prop_assert_eq!(pass.token_works(now), works);
                prop_assert_eq!((pass.entry.id, pass.token, pass.entry.role), (operator.id, token.id(), operator.role));
                prop_assert_eq!(&*pass.entry.reach, &operator.reach);
                let name = view.operator_name(operator.id).expect("answering");
                prop_assert_eq!(name.as_ref(), Some(&operator.name));
            }
        }
    }
}
