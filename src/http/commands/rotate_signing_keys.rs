//! POST /signing-keys/rotate: have another key sign tokens

use actix_web::HttpResponse;
use actix_web::web::Payload;

use super::{Told, Write, answer, render};
use crate::domain::authority::Action;
use crate::domain::command::Command;
use crate::domain::signing_keys::{Rotate, SigningKeysCommand, TokenAlgorithm};
use crate::http::app::{App, not_answering};
use crate::http::body::{Document, Wants};
use crate::http::members::Node;
use crate::http::problem::{Code, Problem};
use crate::http::resources::signing_key::signing_key;
use crate::ledger::execute::Order;
use crate::limits;
use crate::tokens::rotation::{Brought, NotPrepared, Wanted};
use crate::tokens::sealed::SealedFault;
use crate::vault::BadPrivateKey;

pub async fn handle(write: Write, payload: Payload) -> Result<HttpResponse, Problem> {
    write.operator.may(Action::ManageSigningKeys)?;
    let body = write.body(payload, Wants::JsonOrNothing).await?;
    let document = write.document(&body)?;
    let wanted = read(&write.app, &document)?;
    let (keyring, app) = (write.app.keyring.clone(), write.app.clone());
    let render = render("signing_key", 200, move |state, now| {
        let keys = state.signing_keys()?;
        Some(signing_key(keys, keys.newest()?, &|actor| app.actor_name(actor), now))
    });
    let order =
        write.order_of_signing_keys(SigningKeysCommand::Rotate(Rotate::default()), &document, render)?;
    // Keys are made and sealed for a rotation that takes place, and not for each repeat of its request.
    let make_ready = move |order| async move {
        let rotate = SigningKeysCommand::Rotate(keyring.prepare(wanted).await?);
        Ok::<_, Problem>(Order { command: Command::SigningKeys(rotate), ..order })
    };
    let executed = write.app.ledger.execute_made_ready(order, make_ready).await?;
    let location = Some(write.app.place("/signing-keys"));
    Ok(answer(executed, Told { location, ..Told::PLAIN }))
}

fn read(app: &App, document: &Document<'_>) -> Result<Wanted, Problem> {
    document.decode(|members| {
        let words = TokenAlgorithm::ALL.map(|algorithm| (algorithm.word(), algorithm));
        let algorithm = members.optional("algorithm", |word| word.one_of(&words));
        let brought = members.optional("private_key", |text| private_key(app, text));
        match (algorithm?, brought?) {
            (None, None) => Some(Wanted::Same),
            (Some(algorithm), None) => Some(Wanted::Algorithm(algorithm)),
            (Some(algorithm), Some(brought)) if algorithm != brought.algorithm() => {
                members.refuse(format_args!(
                    "the private key is one for {}, and algorithm says {}; leave algorithm out",
                    brought.algorithm().word(),
                    algorithm.word()
                ))
            }
            (_, Some(brought)) => Some(Wanted::Brought(brought)),
        }
    })
}

/// What is wrong with it is told, and nothing of what it is.
fn private_key(app: &App, node: Node<'_, '_>) -> Option<Brought> {
    let text = node.text()?;
    if text.len() > limits::PRIVATE_KEY_BYTES {
        return node.refuse(format_args!("at most {} bytes", limits::PRIVATE_KEY_BYTES));
    }
    app.keyring.take_in(text).map_or_else(
        |bad| {
            node.refuse(match bad {
                BadPrivateKey::Form => {
                    "expected one unencrypted PKCS#8 key in PEM, from -----BEGIN PRIVATE KEY----- to its end; openssl pkcs8 \
                     -topk8 -nocrypt makes it of other forms"
                }
                BadPrivateKey::Kind => {
                    "the key must be RSA of 2048 to 4096 bits, EC on P-256 with its public half, or Ed25519"
                }
            })
        },
        Some,
    )
}

impl From<NotPrepared> for Problem {
    fn from(not: NotPrepared) -> Self {
        let again = limits::RETRY_AFTER_SECONDS;
        match not {
            NotPrepared::NotAnswering => not_answering(),
            NotPrepared::NoKey => {
                Problem::unavailable(again, "no signing key was made yet; the service makes one; ask again")
            }
            NotPrepared::Sealed(SealedFault::Db(cause)) => cause.into(),
            NotPrepared::Sealed(SealedFault::TooMany) => {
                Problem::new(Code::Conflict, "too many private keys were brought; ask again in an hour")
            }
            NotPrepared::Sealed(fault) => Problem::internal(fault),
        }
    }
}
