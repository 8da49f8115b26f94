//! POST …/keys

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::{Told, Write};
use crate::domain::authority::Action;
use crate::domain::command::Command;
use crate::domain::credential::{Create, CredentialCommand};
use crate::domain::ids::CredentialId;
use crate::http::app::App;
use crate::http::body::{Document, Wants};
use crate::http::operator::Operator;
use crate::http::problem::Problem;
use crate::http::request::RequestContext;
use crate::http::{API_ADMIN, fields};

pub async fn handle(
    app: Data<App>,
    operator: Operator,
    path: Path<String>,
    request: HttpRequest,
    context: RequestContext,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let tenant = operator.tenant(&app, &path, Action::ChangeCredentials)?;
    let write = Write { app, operator, request, context };
    let body = write.body(payload, Wants::Json).await?;
    let document = body.parse()?;
    let create = read(&document)?;
    let vault = write.app.ledger.vault();
    let id = CredentialId(vault.uuid(write.app.now().millis()));
    let render = write.render_key(tenant.id, 201).await?;
    let command = Command::Credential(tenant.id, vec![CredentialCommand::Create(create)]);
    let order = write.order(id.into(), command, &document, render)?;
    let executed = write.app.ledger.execute(order).await?;
    // A repeated request tells the id of then.
    let made = executed.answer.body.get("key").and_then(|key| key["id"].as_str()).unwrap_or_default();
    let location = Some(format!("{API_ADMIN}/tenants/{}/keys/{made}", tenant.id));
    Ok(super::answer(executed, Told { location, ..Told::PLAIN }))
}

fn read(document: &Document<'_>) -> Result<Create, Problem> {
    document.decode(|members| {
        let name = members.required("name", fields::name);
        let description = members.optional("description", fields::description);
        let metadata = members.optional("metadata", fields::metadata);
        let scopes = members.optional("scopes", fields::scopes);
        let expires_at = members.nullable("expires_at", |text| text.instant());
        let ip_rules = members.optional("ip_rules", fields::ip_rules);
        Some(Create {
            name: name?,
            description: description?.unwrap_or_default(),
            metadata: metadata?.unwrap_or_default(),
            scopes: scopes?,
            expires_at: expires_at?,
            ip_rules: ip_rules?.unwrap_or_default(),
        })
    })
}
