//! GET …/{keys,clients}/{id}/secrets/{sid}/blast-radius: everything that a secret did since it was made. By what, how it went, from
//! where, what was changed with it; and what of that nobody can know any more.

use std::collections::BTreeMap;

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use super::audit;
use super::usage::{addresses_told, instant, missing_between, whose};
use crate::activity::calls::read::oldest;
use crate::activity::usage::TOKEN;
use crate::activity::usage::radius::{Alike, Radius, Stretch};
use crate::clock::Timestamp;
use crate::db::{Errand, Sight};
use crate::domain::authority::Action;
use crate::domain::credential::{Credential, Kind, Secret};
use crate::domain::ids::SecretId;
use crate::http::app::App;
use crate::http::audited::{Read, add};
use crate::http::export::Form;
use crate::http::operator::Operator;
use crate::http::problem::Problem;
use crate::http::query::{Asked, Query};
use crate::http::resources::credential::{blast_radius, kind_of, leak, path_of};

const ACCEPTED: &str = "accepted";

pub async fn handle(
    app: Data<App>,
    operator: Operator,
    path: Path<(String, String, String)>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let (tenant, id) = operator.credential(&app, (&path.0, &path.1), Action::ReadCredentials)?;
    let secret: SecretId = path.2.parse().map_err(|_| Problem::not_found())?;
    let query = Query::parse(request.query_string())?;
    let (asked, to) = read(&query, app.now())?;
    app.reached(asked.min_position).await?;
    let (database, sight) = (app.ledger.database(), Sight::Tenant(tenant.id.0));
    let loaded = app.ledger.reader().streams(database, Errand::Reading, sight, &[id.into()]).await?;
    let kind = kind_of(&request)?;
    let credential = loaded.first().and_then(|loaded| loaded.state.credential());
    let credential = credential.filter(|found| found.tenant == tenant.id && found.kind() == kind);
    let credential = credential.ok_or_else(Problem::not_found)?;
    let found = credential.secret(secret).ok_or_else(Problem::not_found)?;
    let told = told(&app, credential, found, to).await?;
    let mut what = query.told(Form::Page);
    add(&mut what, "subject", id);
    add(&mut what, "secret", secret);
    app.note_read(&operator, &request, Read::BlastRadius(tenant.id), what);
    Ok(HttpResponse::Ok().json(told))
}

/// `to`: as of this instant, to the end of its hour.
fn read(query: &Query<'_>, now: Timestamp) -> Result<(Asked, Option<Timestamp>), Problem> {
    query.decode(|query| {
        let to = query.optional("to", |text| match Timestamp::read(text) {
            Ok(instant) if instant > now => Err("this instant has not come yet".to_owned()),
            read => read.map_err(|error| error.to_string()),
        });
        let min_position = query.number("min_position");
        Some((Asked { min_position: min_position?, ..Asked::default() }, to?))
    })
}

async fn told(
    app: &App,
    credential: &Credential,
    secret: &Secret,
    to: Option<Timestamp>,
) -> Result<Value, Problem> {
    let (now, id, made_at) = (app.now(), secret.facts.id, secret.created_at);
    let upto = to.unwrap_or(now);
    if upto < made_at {
        return Err(Problem::parameter(
            "to",
            format!("this secret was made at {made_at}; ask about then or later"),
        ));
    }
    let stretch = Stretch::new(made_at, upto);
    let secrets = [id];
    let whose = whose(app, credential.tenant, Some((credential.id, &secrets)));
    let radius = app.usage.radius(app.ledger.database(), whose, id, stretch).await?;
    let leaks = credential.leaks.iter().filter(|said| said.secret == id);
    let mut told = json!({
        "tenant_id": credential.tenant,
        "kind": credential.kind().word(),
        "credential_id": credential.id,
        "secret_id": id,
        "prefix": secret.facts.prefix,
        "status": credential.secret_status(secret, now),
        "created_at": made_at,
        "to": to,
        "leaks": leaks.map(|said| leak(credential, said)).collect::<Vec<_>>(),
        "addresses": addresses_told(&radius.addresses),
        "addresses_complete": !radius.addresses.left_out,
        "missing": missing_between(app, Some(credential.tenant), (made_at.millis(), stretch.to_ms())).await?,
        "activity_kept_from": oldest(now, app.activity_retention_days).max(made_at),
        "links": links(app, credential, secret, to),
    });
    tell_calls(&mut told, credential.kind(), &radius, stretch);
    tell_changes(app, &mut told, credential, (made_at, to)).await?;
    Ok(told)
}

fn tell_calls(told: &mut Value, kind: Kind, radius: &Radius, stretch: Stretch) {
    let until = |at: Option<i64>| at.filter(|at| *at < stretch.to_ms()).and_then(instant);
    told["first_used_at"] = json!(until(radius.first_used_ms));
    told["last_used_at"] = json!(until(radius.last_used_ms));
    told["operations_complete"] = json!(!radius.calls_left_out);
    told["counted_from"] = json!(radius.looked_from_ms.and_then(instant));
    let mut operations = BTreeMap::<&str, Vec<(&str, &Alike)>>::new();
    let (mut accepted, mut refused, mut tokens) = (0, 0, 0);
    for ((operation, outcome), alike) in &radius.calls {
        operations.entry(operation).or_default().push((outcome, alike));
        match outcome == ACCEPTED {
            true => accepted += alike.calls,
            false => refused += alike.calls,
        }
        if operation == TOKEN && outcome == ACCEPTED {
            tokens += alike.calls;
        }
    }
    told["accepted"] = json!(accepted);
    told["refused"] = json!(refused);
    told["tokens_asked_for"] = json!((kind == Kind::OauthClient).then_some(tokens));
    told["operations"] =
        operations.iter().map(|(operation, calls)| operation_told(operation, calls)).collect();
}

fn operation_told(operation: &str, calls: &[(&str, &Alike)]) -> Value {
    let outcomes = calls.iter().map(|(outcome, alike)| json!({"outcome": outcome, "calls": alike.calls}));
    json!({
        "operation": Some(operation).filter(|operation| !operation.is_empty()),
        "calls": calls.iter().map(|(_, alike)| alike.calls).sum::<i64>(),
        "outcomes": outcomes.collect::<Vec<_>>(),
        "first_in": calls.iter().map(|(_, alike)| alike.first_ms).min().and_then(instant),
        "last_in": calls.iter().map(|(_, alike)| alike.last_ms).max().and_then(instant),
    })
}

/// What whoever held the credential changed since: ended it, gave tokens back, or said that it was found.
async fn tell_changes(
    app: &App,
    told: &mut Value,
    credential: &Credential,
    (from, to): (Timestamp, Option<Timestamp>),
) -> Result<(), Problem> {
    let (changes, complete) = audit::by_holder(app, credential.tenant, credential.id, (from, to)).await?;
    told["changes"] = json!(changes);
    told["changes_complete"] = json!(complete);
    Ok(())
}

/// Where each part of it is told call by call, and event by event.
fn links(app: &App, credential: &Credential, secret: &Secret, to: Option<Timestamp>) -> Value {
    let tenant = format!("/tenants/{}", credential.tenant);
    let (own, id, from) = (path_of(credential), secret.facts.id, secret.created_at);
    let to_too = to.map(|to| format!("&to={to}")).unwrap_or_default();
    json!({
        "self": app.place(blast_radius(credential, id)),
        "activity": app.place(format_args!("{tenant}/activity?secret={id}{to_too}")),
        "trail": app.place(format_args!("{tenant}/audit?actor={}&from={from}{to_too}", credential.id)),
        "history": app.place(format_args!("{own}/history")),
        "usage": app.place(format_args!("{own}/usage")),
    })
}
