//! PATCH …/keys/{id}: one request may be several actions, each its own event, all or none

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::{Told, Write};
use crate::domain::authority::Action;
use crate::domain::credential::{CredentialCommand, Edit, Rescope, Restrict, SetExpiry};
use crate::http::app::App;
use crate::http::body::{Document, Wants};
use crate::http::fields;
use crate::http::members::Patch;
use crate::http::operator::Operator;
use crate::http::problem::Problem;
use crate::http::request::RequestContext;

pub async fn handle(
    app: Data<App>,
    operator: Operator,
    path: Path<(String, String)>,
    request: HttpRequest,
    context: RequestContext,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let (tenant, credential) = operator.credential(&app, (&path.0, &path.1), Action::ChangeCredentials)?;
    let write = Write { app, operator, request, context };
    let body = write.body(payload, Wants::MergePatch).await?;
    let document = body.parse()?;
    write.on_key((tenant.id, credential), read(&document)?, &document, Told::ENFORCED).await
}

fn read(document: &Document<'_>) -> Result<Vec<CredentialCommand>, Problem> {
    document.decode(|members| {
        let name = members.optional("name", fields::name);
        let description = members.optional("description", fields::description);
        let metadata = members.patch("metadata", fields::metadata).map(Patch::change);
        let scopes = members.optional("scopes", fields::scopes);
        let expires_at = members.patch("expires_at", |text| text.instant()).map(Patch::change);
        let ip_rules = members.patch("ip_rules", fields::ip_rules).map(Patch::change);
        let edit = Edit { name: name?, description: description?, metadata: metadata? };
        let actions = [
            Some(CredentialCommand::Edit(edit)),
            scopes?.map(|scopes| CredentialCommand::Rescope(Rescope { scopes })),
            expires_at?.map(|expires_at| CredentialCommand::SetExpiry(SetExpiry { expires_at })),
            ip_rules?
                .map(|rules| CredentialCommand::Restrict(Restrict { ip_rules: rules.unwrap_or_default() })),
        ];
        Some(actions.into_iter().flatten().collect())
    })
}
