//! Which tenants an operator is to reach, as bodies say it: `tenants`, or `all_tenants: true`.

use crate::domain::ids::TenantId;
use crate::domain::operator::Reach;
use crate::http::app::App;
use crate::http::members::{Members, Node};
use crate::http::operator::Operator;
use crate::limits;

/// `Some(None)` when neither is there. What was read can be sent back: beside `all_tenants: true` an empty list is none.
pub fn read(members: &mut Members<'_, '_>, app: &App, asker: &Operator) -> Option<Option<Reach>> {
    let tenants = members
        .optional("tenants", |list| list.list(limits::OPERATOR_TENANTS, |each| tenant(each, app, asker)));
    let all = members.optional("all_tenants", |switch| switch.boolean());
    let (tenants, all) = (tenants?, all?);
    match (all, tenants) {
        (None, None) => Some(None),
        (Some(true), None) => Some(Some(Reach::All)),
        (Some(true), Some(tenants)) if tenants.is_empty() => Some(Some(Reach::All)),
        (None | Some(false), Some(tenants)) if !tenants.is_empty() => {
            Some(Some(Reach::Tenants(tenants.into_iter().collect())))
        }
        _ => refuse(members),
    }
}

pub fn refuse<T>(members: &Members<'_, '_>) -> Option<T> {
    members.refuse("give either tenants, with one id at least, or all_tenants: true")
}

/// A tenant out of the asker's own reach is none.
fn tenant(node: Node<'_, '_>, app: &App, asker: &Operator) -> Option<TenantId> {
    let id = TenantId(node.uuid()?);
    let there = asker.reach().includes(id) && matches!(app.view.tenant(id), Ok(Some(_)));
    if there { Some(id) } else { node.refuse("there is no such tenant") }
}
