//! Operators that are made on the machine: the first one of a ledger, and further tokens of root.

use std::sync::Arc;

use serde_json::Map;

use super::StartError;
use super::house::House;
use crate::domain::Caller;
use crate::domain::authority::Role;
use crate::domain::command::Command;
use crate::domain::event::Actor;
use crate::domain::ids::OperatorId;
use crate::domain::operator::{Create, MintToken, OperatorCommand, Reach};
use crate::domain::refusal::RefusalKind;
use crate::ledger::execute::{Answer, ExecuteError, Order};
use crate::limits;

/// The first operator's token, shown once. `None` when the ledger has an operator already, or another start is making it.
pub async fn ensure(house: &House) -> Result<Option<String>, StartError> {
    if house.view.counts().operators > 0 {
        return Ok(None);
    }
    match create_root(house, "first operator", true).await {
        Ok(id) => Ok(Some(mint_token(house, id, "first start", limits::FIRST_TOKEN_SECONDS).await?)),
        Err(ExecuteError::Refused(refusal)) if refusal.kind == RefusalKind::Conflict => Ok(None),
        Err(error) => Err(failed(&error)),
    }
}

pub async fn create_root(house: &House, name: &str, first: bool) -> Result<OperatorId, ExecuteError> {
    let id = OperatorId(house.ledger.vault().uuid(house.clock.now().millis()));
    let create = Create { name: name.to_owned(), role: Role::Root, reach: Reach::All, first };
    house.ledger.execute(order(id, OperatorCommand::Create(create))).await?;
    Ok(id)
}

/// The plain text of a new token.
pub async fn mint_token(
    house: &House,
    id: OperatorId,
    name: &str,
    seconds: u32,
) -> Result<String, StartError> {
    let expires_at = house.clock.now().plus_seconds(seconds);
    let mint = MintToken { name: name.to_owned(), expires_at };
    let executed = house
        .ledger
        .execute(order(id, OperatorCommand::MintToken(mint)))
        .await
        .map_err(|error| failed(&error))?;
    let secret = executed.answer.body.get("secret").and_then(|secret| secret.as_str());
    secret.map(str::to_owned).ok_or_else(|| StartError::new("The ledger made no token. Look into the log."))
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
