//! PUT /plans/{name}: make a plan, or change what it bounds

use actix_web::HttpResponse;
use actix_web::web::{Path, Payload};

use super::{Told, Write, render};
use crate::domain::authority::Action;
use crate::domain::command::Command;
use crate::domain::plan::{Bounds, PlanName, SetPlan};
use crate::http::body::{Document, Wants};
use crate::http::fields;
use crate::http::problem::{Fault, FaultPlace, Problem};
use crate::http::resources;

pub async fn handle(write: Write, path: Path<String>, payload: Payload) -> Result<HttpResponse, Problem> {
    write.operator.may(Action::RunTenants)?;
    let name = PlanName::parse(&path).map_err(|detail| {
        Problem::faults(vec![Fault {
            place: FaultPlace::Parameter("plan".to_owned()),
            detail: detail.into(),
        }])
    })?;
    let body = write.body(payload, Wants::Json).await?;
    let document = write.document(&body)?;
    let bounds = read(&document)?;
    let is_new = write.app.ledger.plan_now(name.id()).await?.state.plan().is_none();
    let place = write.app.place(format_args!("/plans/{}", name.as_str()));
    let status = if is_new { 201 } else { 200 };
    let render = render("plan", status, |state, _| state.plan().map(resources::plan::plan));
    let stream = name.id().into();
    let order = write.order(stream, Command::Plan(SetPlan { name, bounds }), &document, render)?;
    let executed = write.app.ledger.execute(order).await?;
    // A repeated request is answered as it was then.
    let location = (executed.answer.status == 201).then_some(place);
    Ok(super::answer(executed, Told { location, ..Told::PLAIN }))
}

fn read(document: &Document<'_>) -> Result<Bounds, Problem> {
    document.decode(|members| {
        let active_credentials = members.required("active_credentials", fields::bound);
        Some(Bounds { active_credentials: active_credentials? })
    })
}
