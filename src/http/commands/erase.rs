//! POST /erasures, POST /tenants/{tenant}/erasures: take personal values out for good

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::web::{Path, Payload};
use serde_json::{Map, json};

use super::{Told, Write, answer};
use crate::domain::authority::Action;
use crate::domain::command::Command;
use crate::domain::erasure::{Erase, Reason, Target};
use crate::domain::ids::{ErasureId, OperatorId, TenantId};
use crate::http::body::{Document, Wants};
use crate::http::fields;
use crate::http::members::{Members, Node};
use crate::http::problem::{Fault, FaultPlace, Problem};
use crate::http::resources::erasure::erasure;
use crate::ledger::execute::{Answer, Render};
use crate::limits;

/// Of what stands under a tenant.
pub async fn of_tenant(write: Write, path: Path<String>, payload: Payload) -> Result<HttpResponse, Problem> {
    let tenant = write.tenant(&path, Action::Erase)?;
    erase(write, Some(tenant), payload).await
}

/// Of operators, and of what else stands under no tenant.
pub async fn of_platform(write: Write, payload: Payload) -> Result<HttpResponse, Problem> {
    write.operator.may(Action::EraseOfPlatform)?;
    erase(write, None, payload).await
}

async fn erase(write: Write, tenant: Option<TenantId>, payload: Payload) -> Result<HttpResponse, Problem> {
    let body = write.body(payload, Wants::Json).await?;
    let document = write.document(&body)?;
    let erase = read(&document, tenant.is_some())?;
    check_position(&write, &erase.target)?;
    let id = ErasureId(write.app.ledger.vault().uuid(write.app.now().millis()));
    let order = write.order(id.into(), Command::Erase(tenant, erase), &document, render(&write))?;
    let executed = write.app.ledger.execute(order).await?;
    let under = tenant.map_or_else(String::new, |tenant| format!("/tenants/{tenant}"));
    // Nothing was left to erase: nothing was made.
    match executed.answer.status {
        201 => Ok(write.made("erasure", format_args!("{under}/erasures"), executed)),
        _ => Ok(answer(executed, Told::PLAIN)),
    }
}

fn render(write: &Write) -> Render {
    let app = write.app.clone();
    Arc::new(move |state, _, _| {
        let made = state.erasure().map(|made| erasure(made, &|actor| app.actor_name(actor)));
        let status = if made.is_some() { 201 } else { 200 };
        Answer { status, body: Map::from_iter([("erasure".to_owned(), json!(made))]) }
    })
}

/// Beyond the ledger's end there is nothing that anybody could mean.
fn check_position(write: &Write, target: &Target) -> Result<(), Problem> {
    let Target::Text { position, .. } = target else { return Ok(()) };
    let events = write.app.ledger.progress().applied;
    if *position < events {
        return Ok(());
    }
    let detail = format!("the ledger ends before it: its last event stands at {}", events.saturating_sub(1));
    Err(Problem::faults(vec![Fault {
        place: FaultPlace::Pointer("/text/position".to_owned()),
        detail: detail.into(),
    }]))
}

/// Members stand under a tenant, operators under none.
fn read(document: &Document<'_>, in_tenant: bool) -> Result<Erase, Problem> {
    document.decode(|members| {
        let person = |node: Node<'_, '_>| match in_tenant {
            true => fields::member(node).map(Target::Member),
            false => node.uuid().map(|id| Target::Operator(OperatorId(id))),
        };
        let text = members.optional("text", |text| text.object(read_text));
        let person = members.optional(if in_tenant { "member" } else { "operator" }, person);
        let reason =
            members.required("reason", |word| word.one_of(&Reason::ALL.map(|each| (each.word(), each))));
        let target = match (text?, person?) {
            (Some(target), None) | (None, Some(target)) => target,
            _ if in_tenant => return members.refuse("say what to erase: either `text` or `member`"),
            _ => return members.refuse("say what to erase: either `text` or `operator`"),
        };
        Some(Erase { target, reason: reason? })
    })
}

fn read_text(members: &mut Members<'_, '_>) -> Option<Target> {
    let position = members.required("position", |number| number.integer(0..=limits::POSITION_MOST));
    let named = members.optional("members", |node| {
        let names = node.list(limits::ERASED_MEMBERS, |name| name.text().map(str::to_owned))?;
        match names.is_empty() {
            true => node.refuse("name a member, or leave `members` out: then all that is personal goes"),
            false => Some(names),
        }
    });
    Some(Target::Text { position: position?.unsigned_abs(), members: named? })
}
