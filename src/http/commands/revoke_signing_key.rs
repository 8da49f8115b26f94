//! POST /signing-keys/{kid}/revoke: a compromised key ends, with every token that it signed

use actix_web::HttpResponse;
use actix_web::web::{Path, Payload};

use super::revoke::revocation;
use super::{Told, Write, answer, render};
use crate::domain::authority::Action;
use crate::domain::command::Command;
use crate::domain::signing_keys::{Revoke, SigningKeysCommand};
use crate::http::body::Wants;
use crate::http::problem::Problem;
use crate::http::resources::signing_key::signing_key;
use crate::ledger::execute::Order;

pub async fn handle(write: Write, path: Path<String>, payload: Payload) -> Result<HttpResponse, Problem> {
    write.operator.may(Action::ManageSigningKeys)?;
    let body = write.body(payload, Wants::Json).await?;
    let document = write.document(&body)?;
    let (reason, note, wait) = revocation(&document)?;
    let (kid, app) = (path.into_inner(), write.app.clone());
    let revoke = Revoke { kid: kid.clone(), reason, note, lost: None };
    let render = render("signing_key", 200, move |state, now| {
        let keys = state.signing_keys()?;
        Some(signing_key(keys, keys.keys.find(&kid)?, &|actor| app.actor_name(actor), now))
    });
    let order = write.order_of_signing_keys(SigningKeysCommand::Revoke(revoke.clone()), &document, render)?;
    // What a repeat is told stands already: it depends on no key that is to be had now.
    let keyring = write.app.keyring.clone();
    let make_ready = move |order| async move {
        let revoke = SigningKeysCommand::Revoke(Revoke { lost: keyring.lost_ahead().await?, ..revoke });
        Ok::<_, Problem>(Order { command: Command::SigningKeys(revoke), wait, ..order })
    };
    let executed = write.app.ledger.execute_made_ready(order, make_ready).await?;
    // Whoever waits for nothing leaves it to housekeeping.
    if wait
        && executed.changed
        && let Err(fault) = write.app.keyring.tidy().await
    {
        // The revocation stands. Housekeeping does the rest, within a minute.
        tracing::warn!(%fault, "after the revocation of a signing key: its private half is kept for now");
    }
    Ok(answer(executed, Told { wait, ..Told::ENFORCED }))
}
