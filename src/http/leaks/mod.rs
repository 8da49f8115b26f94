//! Where leaks are reported. Whoever reports a secret holds it, which is all the proof there is to ask for: it could end it by
//! /self/revoke just as well. What is not ours costs a look in memory and nothing else.

pub mod finder;
pub mod github;

use std::sync::Arc;

use serde_json::Map;

use super::app::{App, not_answering};
use super::commands::secret_free;
use super::metrics::Door;
use super::problem::Problem;
use super::proof::Showing;
use super::verdict::{Asking, Shown};
use crate::domain::Caller;
use crate::domain::access_token;
use crate::domain::command::Command;
use crate::domain::credential::{CredentialCommand, Finding, Reason, ReportLeak};
use crate::domain::event::Actor;
use crate::domain::ids::{CredentialId, OperatorId, SecretId, TenantId, TokenId};
use crate::domain::operator::{self, OperatorCommand};
use crate::domain::text::Line;
use crate::ledger::execute::{Answer, Order};
use crate::limits;
use crate::projections::active::Issued;
use crate::projections::find;

pub(super) type Source = Line<{ limits::LEAK_SOURCE_CHARS }>;
pub(super) type Url = Line<{ limits::LEAK_URL_CHARS }>;

/// What a reported text is, living or dead.
pub(super) enum Leaked {
    Secret(TenantId, CredentialId, SecretId),
    AccessToken(TenantId, CredentialId, Box<Issued>),
    OperatorToken(OperatorId, TokenId),
}

/// One report that came in.
pub(super) struct Report<'r> {
    pub token: &'r str,
    pub finding: Finding,
    pub request_id: &'r str,
    pub client_ip: Option<std::net::IpAddr>,
}

impl Report<'_> {
    /// Whether it was about something of ours. Once that is told, what it changed is durable and enforced.
    pub(super) async fn take(self, app: &App) -> Result<bool, Problem> {
        let Some(leaked) = leaked(app, self.token).await? else { return Ok(false) };
        let executed = app.ledger.execute(self.order(leaked)).await?;
        match executed.enforced {
            true => Ok(true),
            false => Err(Problem::unavailable(
                limits::RETRY_AFTER_SECONDS,
                "the report stands and is not in force everywhere yet; send it again",
            )),
        }
    }

    /// In the name of whoever holds it: they can do that to this one, and nothing else.
    fn order(self, leaked: Leaked) -> Order {
        let Report { finding, request_id, client_ip, .. } = self;
        let by =
            |holder| Caller { actor: Actor::Holder(holder), client_ip, request_id: request_id.to_owned() };
        let order = match leaked {
            Leaked::Secret(tenant, credential, secret) => {
                let report = CredentialCommand::ReportLeak(ReportLeak { secret, finding });
                let command = Command::Credential(tenant, None, vec![report]);
                Order::of(credential.into(), command, by(credential.0))
            }
            // It is over within its lifetime, and its client gets another by itself: there is nothing to weigh.
            Leaked::AccessToken(tenant, credential, token) => {
                let (note, ends_at) = (Some(note(&finding)), token.ends_at);
                let (token, reason) = (token.id, Reason::Leaked);
                let revoke = access_token::Revoke { token, credential, ends_at, reason, note };
                Order::of_token(tenant, revoke, by(credential.0))
            }
            Leaked::OperatorToken(operator, token) => {
                tracing::warn!(%operator, %token, "an operator's token was reported as leaked, and is revoked");
                let report = OperatorCommand::ReportLeak(operator::ReportLeak { token, finding });
                Order::of(operator.into(), Command::Operator(vec![report]), by(operator.0))
            }
        };
        Order { render: Arc::new(|_, _, _| Answer { status: 202, body: Map::new() }), ..order }
    }
}

fn note(Finding { source, url, .. }: &Finding) -> String {
    let url = url.as_ref().map(|url| format!(", {url}"));
    format!("Reported as leaked: {source}{}", url.unwrap_or_default())
}

/// A client's secret is known by a digest that is of its id too. It comes with it, as `id:secret`, or, as scanners send it, alone:
/// then the ids that go with secrets which begin so are tried.
async fn leaked(app: &App, text: &str) -> Result<Option<Leaked>, Problem> {
    let pass = app.leased(|_| app.view.operator_token(app.ledger.vault(), text)).await?;
    if let Some(pass) = pass.map_err(|_| not_answering())? {
        return Ok(Some(Leaked::OperatorToken(pass.entry.id, pass.token)));
    }
    let with = client_of(app, text).await?;
    let shown = match (text.split_once(':'), &with) {
        (Some((id, secret)), _) => Shown::Client { id, secret },
        (None, Some(id)) => Shown::Client { id, secret: text },
        (None, None) => Shown::Text(text),
    };
    let judged = app.judge(&Asking::at_all(shown, Showing::NotAsked, None), Door::Leak).await?;
    Ok(judged.judgement.known.map(|known| {
        let (tenant, credential) = (known.tenant_id, known.credential_id);
        match known.token {
            Some(token) => Leaked::AccessToken(tenant, credential, token),
            None => Leaked::Secret(tenant, credential, known.secret_id),
        }
    }))
}

/// The id of the client whose secret this text is. What is not written as one costs no query; and of all that is, hit or guess, the
/// same one is asked, and every id that it gives is tried.
async fn client_of(app: &App, text: &str) -> Result<Option<String>, Problem> {
    let Some(beginning) = app.view.client_secret_beginning(text) else { return Ok(None) };
    let (database, ledger) = (app.ledger.database(), app.ledger.reader().ledger);
    let ids = find::client_ids(database, ledger, beginning).await?;
    let asking: Vec<_> = ids
        .iter()
        .map(|id| Asking::at_all(Shown::Client { id, secret: text }, Showing::NotAsked, None))
        .collect();
    let found = app.known_among(&asking).await?;
    Ok(found.and_then(|place| ids.into_iter().nth(place)))
}

/// Whether a text that is to be kept says a secret: the reported one, or whatever is written as one.
pub(super) fn tells_a_secret(app: &App, text: &str, token: &str) -> bool {
    let halves = token.split(':').filter(|half| half.len() >= usize::from(*limits::KEY_SECRET_CHARS.start()));
    halves.into_iter().any(|half| text.contains(half))
        || secret_free::holds(text, &|word| app.is_formed_as_a_secret(word))
}
