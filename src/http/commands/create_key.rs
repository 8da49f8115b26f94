//! POST …/keys

use actix_web::HttpResponse;
use actix_web::web::{Path, Payload};

use super::Write;
use crate::domain::authority::Action;
use crate::domain::credential::Create;
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
    document.decode(create)
}

/// What a credential is given from its first day on, whether it is minted here or comes from elsewhere.
pub(super) fn create(members: &mut Members<'_, '_>) -> Option<Create> {
    let name = members.required("name", fields::name);
    let description = members.optional("description", fields::description);
    let metadata = members.optional("metadata", fields::metadata);
    let scopes = members.optional("scopes", fields::scopes);
    let expires_at = members.nullable("expires_at", |text| text.instant());
    let ip_rules = members.optional("ip_rules", fields::ip_rules);
    let rate_limit = members.optional("rate_limit", fields::own_rate_limit);
    let owner = members.nullable("owner", fields::member);
    Some(Create {
        name: name?,
        description: description?.unwrap_or_default(),
        metadata: metadata?.unwrap_or_default(),
        scopes: scopes?,
        expires_at: expires_at?,
        ip_rules: ip_rules?.unwrap_or_default(),
        rate_limit: rate_limit?.unwrap_or_default(),
        owner: owner?,
        registration: None,
    })
}
