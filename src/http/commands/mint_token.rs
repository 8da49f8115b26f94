//! POST /operators/{id}/tokens

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::web::{Path, Payload};

use serde_json::{Map, json};

use super::Write;
use crate::clock::Timestamp;
use crate::domain::command::Command;
use crate::domain::operator::{MintToken, OperatorCommand};
use crate::http::body::{Document, Wants};
use crate::http::fields;
use crate::http::problem::Problem;
use crate::http::resources;
use crate::ledger::execute::{Answer, Render};
use crate::limits;

pub async fn handle(write: Write, path: Path<String>, payload: Payload) -> Result<HttpResponse, Problem> {
    let id = write.operator(&path)?;
    let body = write.body(payload, Wants::JsonOrNothing).await?;
    let document = write.document(&body)?;
    let mint = read(&document, write.app.now())?;
    let command = Command::Operator(vec![OperatorCommand::MintToken(mint)]);
    let order = write.order(id.into(), command, &document, render_token())?;
    let executed = write.app.ledger.execute(order).await?;
    Ok(write.made("token", format_args!("/operators/{id}/tokens"), executed))
}

fn read(document: &Document<'_>, now: Timestamp) -> Result<MintToken, Problem> {
    document.decode(|members| {
        let name = members.optional("name", fields::name);
        let expires_at = members.optional("expires_at", |text| text.instant());
        let expires_at = expires_at?.unwrap_or_else(|| now.plus_seconds(limits::OPERATOR_TOKEN_SECONDS));
        Some(MintToken { name: name?.unwrap_or_else(|| "token".to_owned()), expires_at })
    })
}

/// The newest token, with its secret.
fn render_token() -> Render {
    Arc::new(|state, secret, now| {
        let newest = state.operator().and_then(|operator| operator.tokens.last());
        let token = newest.map(|token| resources::operator::token(token, now));
        let mut body = Map::from_iter([("token".to_owned(), json!(token))]);
        body.insert("secret".to_owned(), json!(secret.map(|secret| secret.reveal())));
        Answer { status: 201, body }
    })
}
