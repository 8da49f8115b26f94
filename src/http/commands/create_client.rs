//! POST …/clients

use actix_web::HttpResponse;
use actix_web::web::{Path, Payload};

use super::{Write, create_key};
use crate::domain::authority::Action;
use crate::domain::credential::{AuthMethod, Create, Registration};
use crate::http::body::{Document, Wants};
use crate::http::fields;
use crate::http::members::Members;
use crate::http::problem::Problem;

pub async fn handle(write: Write, path: Path<String>, payload: Payload) -> Result<HttpResponse, Problem> {
    let tenant = write.tenant(&path, Action::ChangeCredentials)?;
    let body = write.body(payload, Wants::Json).await?;
    let document = write.document(&body)?;
    write.mint(tenant, read(&document)?, &document).await
}

fn read(document: &Document<'_>) -> Result<Create, Problem> {
    document.decode(|members| {
        let create = create_key::create(members);
        let registration = registration(members);
        Some(Create { registration: Some(registration?), ..create? })
    })
}

fn registration(members: &mut Members<'_, '_>) -> Option<Registration> {
    let methods = AuthMethod::ALL.map(|method| (method.word(), method));
    let method = members.optional("token_endpoint_auth_method", |word| word.one_of(&methods));
    let resources = members.optional("resources", fields::resources);
    let bound = members.optional("dpop_bound_access_tokens", |bound| bound.boolean());
    let jwks = members.optional("jwks", fields::client_keys);
    fields::no_jwks_uri(members)?;
    Some(Registration {
        token_endpoint_auth_method: method?.unwrap_or(AuthMethod::ClientSecretBasic),
        resources: resources?.unwrap_or_default(),
        jwks: jwks?,
        dpop_bound_access_tokens: bound?.unwrap_or_default(),
    })
}
