//! PATCH …/{keys,clients}/{id}: one request may be several actions, each its own event, all or none

use actix_web::HttpResponse;
use actix_web::web::{Path, Payload};

use super::{Told, Write};
use crate::domain::credential::{
    Configure, CredentialCommand, Edit, Kind, Limit, Rescope, Restrict, SetExpiry, SetOwner,
};
use crate::http::body::{Document, Wants};
use crate::http::fields;
use crate::http::members::{Members, Patch};
use crate::http::problem::Problem;

pub async fn handle(
    write: Write,
    path: Path<(String, String)>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let target = write.credential(&path.0, &path.1)?;
    let body = write.body(payload, Wants::MergePatch).await?;
    let document = write.document(&body)?;
    write.on_credential(target, read(target.kind, &document)?, &document, Told::ENFORCED).await
}

fn read(kind: Kind, document: &Document<'_>) -> Result<Vec<CredentialCommand>, Problem> {
    document.decode(|members| {
        let name = members.optional("name", fields::name);
        let description = members.optional("description", fields::description);
        let metadata = members.patch("metadata", fields::metadata).map(Patch::change);
        let scopes = members.patch("scopes", fields::scopes).map(Patch::change);
        let expires_at = members.patch("expires_at", |text| text.instant()).map(Patch::change);
        let ip_rules = members.patch("ip_rules", fields::ip_rules).map(Patch::change);
        let rate_limit = members.optional("rate_limit", fields::own_rate_limit);
        let owner = members.patch("owner", fields::member).map(Patch::change);
        let configure = match kind {
            Kind::ApiKey => Some(None),
            Kind::OauthClient => configure(members).map(Some),
        };
        let edit = Edit { name: name?, description: description?, metadata: metadata? };
        let actions = [
            Some(CredentialCommand::Edit(edit)),
            scopes?.map(|scopes| CredentialCommand::Rescope(Rescope { scopes })),
            expires_at?.map(|expires_at| CredentialCommand::SetExpiry(SetExpiry { expires_at })),
            ip_rules?
                .map(|rules| CredentialCommand::Restrict(Restrict { ip_rules: rules.unwrap_or_default() })),
            rate_limit?.map(|rate_limit| CredentialCommand::Limit(Limit { rate_limit })),
            owner?.map(|owner| CredentialCommand::SetOwner(SetOwner { owner })),
            configure?.map(CredentialCommand::Configure),
        ];
        Some(actions.into_iter().flatten().collect())
    })
}

fn configure(members: &mut Members<'_, '_>) -> Option<Configure> {
    let resources = members.patch("resources", fields::resources).map(Patch::change);
    let method = members.optional("token_endpoint_auth_method", |method| {
        method.refuse::<()>("it is chosen once, when a client is created; create another client to change it")
    });
    let jwks = members.optional("jwks", fields::client_keys);
    let bound = members.optional("dpop_bound_access_tokens", |bound| bound.boolean());
    fields::no_jwks_uri(members)?;
    method?;
    Some(Configure {
        resources: resources?.map(Option::unwrap_or_default),
        jwks: jwks?,
        dpop_bound_access_tokens: bound?,
    })
}
