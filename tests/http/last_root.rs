//! There is always an enabled operator of role root, whatever roots do to each other and to themselves at once.

use std::sync::Barrier;

use serde_json::{Value, json};

use crate::support::client::Response;
use crate::support::service::{Actor, Service, text};
use crate::without_an_event;

const OPERATORS: &str = "/api/admin/v1/operators";
const ROUNDS: usize = 50;
const MANY: usize = 16;

/// A root with a token.
struct Root {
    path: String,
    token: String,
}

impl Root {
    fn made_by(root: &Actor) -> Root {
        let made = root.post(OPERATORS, &json!({"name": "r", "role": "root"})).expect(201);
        let path = format!("{OPERATORS}/{}", text(&made["operator"]["id"]));
        let token = text(&root.post(&format!("{path}/tokens"), &json!({})).expect(201)["secret"]);
        Root { path, token }
    }
}

/// Ends the ledger's first operator, so that these are all the roots there are.
fn end_the_first(service: &Service, roots: &[Root]) {
    let successor = service.actor(&roots[0].token);
    let page = successor.get(&format!("{OPERATORS}?name=first%20operator")).expect(200);
    successor.delete(&format!("{OPERATORS}/{}", text(&page["data"][0]["id"]))).expect(200);
}

fn active_roots(actor: &Actor) -> Vec<String> {
    let page = actor.get(&format!("{OPERATORS}?role=root&status=active")).expect(200);
    page["data"].as_array().expect("operators").iter().map(|root| text(&root["id"])).collect()
}

/// One of the ways in which a root is no active root any more.
fn end(actor: &Actor, path: &str, way: usize) -> Response {
    match way % 3 {
        0 => actor.patch(path, &json!({"disabled": true})),
        1 => actor.delete(path),
        _ => actor.patch(path, &json!({"role": "auditor"})),
    }
}

/// Each asks at the same moment; their answers.
fn at_once(service: &Service, asked: &[(&Root, &Root, usize)]) -> Vec<Response> {
    let started = Barrier::new(asked.len());
    std::thread::scope(|scope| {
        let asking: Vec<_> = asked
            .iter()
            .map(|(asker, target, way)| {
                let (actor, started) = (service.actor(&asker.token), &started);
                scope.spawn(move || {
                    started.wait();
                    end(&actor, &target.path, *way)
                })
            })
            .collect();
        asking.into_iter().map(|asking| asking.join().expect("an answer")).collect()
    })
}

#[test]
fn the_last_root_can_neither_be_disabled_nor_deleted_nor_given_another_role() {
    let service = Service::start();
    let root = service.root();
    let id = active_roots(&root).remove(0);
    let path = format!("{OPERATORS}/{id}");
    let other = Root::made_by(&root);
    root.patch(&other.path, &json!({"disabled": true})).expect(200);
    root.post(OPERATORS, &json!({"name": "x", "role": "org_admin", "all_tenants": true})).expect(201);
    without_an_event(&root, || {
        (0..3).for_each(|way| drop(end(&root, &path, way).problem(409, "conflict")));
        root.patch(&path, &json!({"role": "root", "all_tenants": true, "disabled": false})).expect(200);
        let both = json!({"role": "gateway", "disabled": true});
        root.patch(&path, &both).problem(409, "conflict");
    });
    // With another one it can, and then that is the last.
    root.patch(&other.path, &json!({"disabled": false})).expect(200);
    root.patch(&path, &json!({"role": "auditor"})).expect(200);
    let successor = service.actor(&other.token);
    successor.delete(&other.path).problem(409, "conflict");
    // Reading is what it has been left with.
    assert_eq!(root.get(&path).expect(200)["role"], "auditor");
    root.patch(&path, &json!({"role": "root"})).problem(403, "forbidden");
}

#[test]
fn of_two_roots_that_end_each_other_at_once_one_stays() {
    let service = Service::start();
    let roots = [Root::made_by(&service.root()), Root::made_by(&service.root())];
    end_the_first(&service, &roots);
    for round in 0..ROUNDS {
        let answers = at_once(&service, &[(&roots[0], &roots[1], round), (&roots[1], &roots[0], round)]);
        one_stays(&service, &roots, &answers, round, &[(401, "unauthorized"), (403, "forbidden")]);
    }
}

#[test]
fn of_two_roots_that_end_themselves_at_once_one_stays() {
    let service = Service::start();
    let roots = [Root::made_by(&service.root()), Root::made_by(&service.root())];
    end_the_first(&service, &roots);
    for round in 0..ROUNDS {
        let answers = at_once(&service, &[(&roots[0], &roots[0], round), (&roots[1], &roots[1], round / 3)]);
        one_stays(&service, &roots, &answers, round, &[(409, "conflict")]);
    }
}

/// One was done and the other refused; the root that is left makes the other one root again.
fn one_stays(
    service: &Service,
    roots: &[Root; 2],
    answers: &[Response],
    round: usize,
    refusals: &[(u16, &str)],
) {
    let told: Vec<(u16, Value)> = answers.iter().map(|answer| (answer.status, answer.json())).collect();
    assert_eq!(told.iter().filter(|(status, _)| *status == 200).count(), 1, "round {round}: {told:?}");
    let refused = told.iter().find(|(status, _)| *status != 200).expect("one is refused");
    let code = (refused.0, refused.1["code"].as_str().unwrap_or_default());
    assert!(refusals.contains(&code), "round {round}: {told:?}");
    let left: Vec<usize> = (0..2)
        .filter(|place| {
            let actor = service.actor(&roots[*place].token);
            let answer = actor.get(&roots[*place].path);
            answer.status == 200 && answer.json()["role"] == "root"
        })
        .collect();
    assert_eq!(left.len(), 1, "round {round}");
    let survivor = service.actor(&roots[left[0]].token);
    assert_eq!(active_roots(&survivor).len(), 1, "round {round}");
    let again = json!({"role": "root", "disabled": false});
    survivor.patch(&roots[1 - left[0]].path, &again).expect(200);
}

#[test]
fn of_many_roots_that_end_themselves_at_once_exactly_one_stays() {
    let service = Service::start();
    let roots: Vec<Root> = (0..MANY).map(|_| Root::made_by(&service.root())).collect();
    end_the_first(&service, &roots);
    for round in 0..3 {
        let asked: Vec<_> = roots.iter().enumerate().map(|(way, root)| (root, root, way)).collect();
        let answers = at_once(&service, &asked);
        let stays: Vec<usize> = (0..MANY).filter(|place| answers[*place].status != 200).collect();
        assert_eq!(
            stays.len(),
            1,
            "round {round}: {:?}",
            answers.iter().map(|a| a.status).collect::<Vec<_>>()
        );
        answers[stays[0]].problem(409, "conflict");
        let survivor = service.actor(&roots[stays[0]].token);
        assert_eq!(active_roots(&survivor).len(), 1, "round {round}");
        for root in &roots {
            survivor.patch(&root.path, &json!({"role": "root", "disabled": false})).expect(200);
        }
    }
}
