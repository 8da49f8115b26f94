//! Operators that are made on the machine: the first one of a ledger, others, and their tokens.

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

/// The first operator's token, shown once. `None` when the ledger has, or has had, its first operator, or another start or
/// command is making it.
pub async fn ensure(house: &House) -> Result<Option<String>, StartError> {
    if house.view.first_root().is_some() {
        return Ok(None);
    }
    let first = NewOperator {
        name: "first operator".to_owned(),
        role: Role::Root,
        reach: Reach::All,
        token: "first start",
        seconds: limits::FIRST_TOKEN_SECONDS,
    };
    match execute_create(house, &first, true).await {
        Ok((_, token)) => Ok(Some(token?.text)),
        Err(error) if is_taken(&error) => Ok(None),
        Err(error) => Err(failed(&error)),
    }
}

/// Whom to make, and with which first token. An operator who is root acts on all tenants.
pub struct NewOperator {
    pub name: String,
    pub role: Role,
    pub reach: Reach,
    pub token: &'static str,
    pub seconds: u32,
}

/// Where there is no root yet, the first one made here is the ledger's first operator, so that a start beside it or after
/// it makes none. Operator and token are one commit: nobody ever meets an operator whose first token is still to come.
pub async fn create(house: &House, new: NewOperator) -> Result<(OperatorId, NewToken), StartError> {
    let may_be_first = new.role == Role::Root && house.view.first_root().is_none();
    let created = match execute_create(house, &new, may_be_first).await {
        // Another was quicker to be the first; this one is one more.
        Err(error) if may_be_first && is_taken(&error) => execute_create(house, &new, false).await,
        created => created,
    };
    let (id, token) = created.map_err(|error| failed(&error))?;
    Ok((id, token?))
}

/// The claim on being the first is in the append: of any number at once, one has it.
async fn execute_create(
    house: &House,
    new: &NewOperator,
    first: bool,
) -> Result<(OperatorId, Result<NewToken, StartError>), ExecuteError> {
    let id = OperatorId(house.ledger.vault().uuid(house.clock.now().millis()));
    let expires_at = house.clock.now().plus_seconds(new.seconds);
    let token = MintToken { name: new.token.to_owned(), expires_at };
    let (name, reach) = (new.name.clone(), new.reach.clone());
    let create = Create { name, role: new.role, reach, first, token: Some(token) };
    let executed = house.ledger.execute(order(id, OperatorCommand::Create(create))).await?;
    Ok((id, shown(&executed.answer, expires_at)))
}

fn is_taken(error: &ExecuteError) -> bool {
    matches!(error, ExecuteError::Refused(refusal) if refusal.kind == RefusalKind::Conflict)
}

fn shown(answer: &Answer, expires_at: Timestamp) -> Result<NewToken, StartError> {
    let secret = answer.body.get("secret").and_then(|secret| secret.as_str());
    let text = secret.ok_or_else(|| StartError::new("The ledger made no token. Look into the log."))?;
    Ok(NewToken { text: text.to_owned(), expires_at })
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
    shown(&executed.answer, expires_at)
}

fn order(id: OperatorId, command: OperatorCommand) -> Order {
    let caller = Caller { actor: Actor::System, client_ip: None, request_id: "local".to_owned() };
    Order::of(id.into(), Command::Operator(vec![command]), caller)
}

fn failed(error: &ExecuteError) -> StartError {
    StartError::new(format!("The operator could not be written to the ledger: {error}"))
}
