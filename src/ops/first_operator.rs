//! Operators that are made on the machine: the first one of a ledger, others, and their tokens.

use std::sync::Arc;

use serde_json::Map;

use super::StartError;
use super::house::House;
use crate::clock::Timestamp;
use crate::domain::Caller;
use crate::domain::authority::Role;
use crate::domain::command::Command;
use crate::domain::event::Actor;
use crate::domain::ids::OperatorId;
use crate::domain::operator::{Create, MintToken, OperatorCommand, Reach};
use crate::domain::refusal::RefusalKind;
use crate::ledger::execute::{Answer, ExecuteError, Order};
use crate::limits;

/// A token's plain text, for whoever shows it once. Without Debug.
pub struct NewToken {
    pub text: String,
    pub expires_at: Timestamp,
}

/// The first operator's token, shown once. `None` when the ledger's root has had one already, or another start is making it.
///
/// Operator and token are two commits. A start that ended between them left a root whom nobody can be; the next one makes
/// the token that is missing.
pub async fn ensure(house: &House) -> Result<Option<String>, StartError> {
    let id = match house.view.first_root() {
        Some(id) if has_had_a_token(house, id)? => return Ok(None),
        Some(id) => id,
        None => match execute_create(house, root("first operator"), true).await {
            Ok(id) => id,
            Err(ExecuteError::Refused(refusal)) if refusal.kind == RefusalKind::Conflict => return Ok(None),
            Err(error) => return Err(failed(&error)),
        },
    };
    Ok(Some(mint_token(house, id, "first start", limits::FIRST_TOKEN_SECONDS).await?.text))
}

/// Also one that was revoked or has expired: whoever had it decided so, or can make another on the machine.
fn has_had_a_token(house: &House, id: OperatorId) -> Result<bool, StartError> {
    house
        .view
        .has_had_a_token(id)
        .map_err(|error| StartError::new(format!("The first operator is unknown: {error}.")))
}

/// Whom to make. An operator who is root acts on all tenants.
pub struct NewOperator {
    pub name: String,
    pub role: Role,
    pub reach: Reach,
}

fn root(name: &str) -> NewOperator {
    NewOperator { name: name.to_owned(), role: Role::Root, reach: Reach::All }
}

/// Where there is no root yet, the first one made here is the ledger's first operator, so that a start beside it or after
/// it makes none.
pub async fn create(house: &House, new: NewOperator) -> Result<OperatorId, StartError> {
    let may_be_first = new.role == Role::Root && house.view.first_root().is_none();
    let NewOperator { name, role, reach } = new;
    let again = || NewOperator { name: name.clone(), role, reach: reach.clone() };
    let created = match execute_create(house, again(), may_be_first).await {
        // Another was quicker to be the first; this one is one more.
        Err(ExecuteError::Refused(refusal)) if may_be_first && refusal.kind == RefusalKind::Conflict => {
            execute_create(house, again(), false).await
        }
        created => created,
    };
    created.map_err(|error| failed(&error))
}

async fn execute_create(house: &House, new: NewOperator, first: bool) -> Result<OperatorId, ExecuteError> {
    let id = OperatorId(house.ledger.vault().uuid(house.clock.now().millis()));
    let NewOperator { name, role, reach } = new;
    let create = Create { name, role, reach, first };
    house.ledger.execute(order(id, OperatorCommand::Create(create))).await?;
    Ok(id)
}

pub async fn mint_token(
    house: &House,
    id: OperatorId,
    name: &str,
    seconds: u32,
) -> Result<NewToken, StartError> {
    let expires_at = house.clock.now().plus_seconds(seconds);
    let mint = MintToken { name: name.to_owned(), expires_at };
    let executed = house.ledger.execute(order(id, OperatorCommand::MintToken(mint))).await.map_err(
        |error| match error {
            ExecuteError::Refused(refusal) if refusal.kind == RefusalKind::NotFound => {
                StartError::new(format!("There is no operator {id}."))
            }
            error => failed(&error),
        },
    )?;
    let secret = executed.answer.body.get("secret").and_then(|secret| secret.as_str());
    let text = secret.map(str::to_owned);
    let text = text.ok_or_else(|| StartError::new("The ledger made no token. Look into the log."))?;
    Ok(NewToken { text, expires_at })
}

fn order(id: OperatorId, command: OperatorCommand) -> Order {
    Order {
        stream: id.into(),
        command: Command::Operator(command),
        caller: Caller { actor: Actor::System, client_ip: None, request_id: "local".to_owned() },
        token: None,
        if_versions: None,
        retry: None,
        housekeeping: false,
        wait: true,
        render: Arc::new(|_, secret, _| {
            let secret = secret.map(|secret| ("secret".to_owned(), secret.reveal().into()));
            Answer { status: 200, body: Map::from_iter(secret) }
        }),
    }
}

fn failed(error: &ExecuteError) -> StartError {
    StartError::new(format!("The operator could not be written to the ledger: {error}"))
}
