//! Every operator token of a history: it works exactly as long as the model says so, and its operator may do what its role may.

use credledger::domain::authority::{Action, Role};

use crate::run::Run;
use crate::support::service::Service;

pub fn agree(service: &Service, run: &Run<'_>) {
    for id in &run.operators[1..] {
        let state = run.oracle.memory.state((*id).into());
        let operator = state.operator().expect("an operator of the history");
        for token in &operator.tokens {
            let text = run.tokens.get(&token.id()).expect("the text of every token is known");
            let answer = service.actor(text).get("/api/admin/v1/tenants?limit=1");
            let works = operator.disabled_at.is_none() && token.works(run.oracle.now);
            let expected = match (works, operator.role) {
                (false, _) => 401,
                (true, role) if role.may(Action::ReadTenant) => 200,
                (true, Role::Root | Role::OrgAdmin | Role::Auditor | Role::Gateway) => 403,
            };
            assert_eq!(answer.status, expected, "{}\n{operator:?}", answer.text());
        }
    }
}
