//! An operator: who may command, in which role, over which tenants, and with which tokens.

pub mod accept;
pub mod admit;
pub mod assign;
pub mod create;
pub mod disable;
pub mod enable;
pub mod invite;
pub mod leak;
pub mod mint_token;
pub mod revoke_token;

#[cfg(test)]
pub mod testing;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::authority::{self, Role};
use super::credential::SecretFacts;
use super::event::{Actor, Claim, ClaimKind, Recorded, family};
use super::history::History;
use super::ids::{OperatorId, TenantId, TokenId};
use super::personal::Personal;
use super::refusal::Refusal;
use super::secret::Digest;
use super::{Context, Unfoldable};
use crate::clock::Timestamp;

pub use accept::Accept;
pub use admit::Admit;
pub use assign::{Assign, Assigned};
pub use create::{Create, Created};
pub use disable::{Disable, Disabled};
pub use enable::{Enable, Enabled};
pub use invite::{Invite, Invited};
pub use leak::ReportLeak;
pub use mint_token::{MintToken, TokenMinted};
pub use revoke_token::{RevokeToken, TokenRevoked};

family! { OperatorEvent,
    Invited = "operator.invited" v 1 personal ["email", "name"];
    Created = "operator.created" v 1 personal ["email", "name"];
    Assigned = "operator.assigned" v 1 personal [];
    Disabled = "operator.disabled" v 1 personal [];
    Enabled = "operator.enabled" v 1 personal [];
    TokenMinted = "operator.token_minted" v 1 personal ["name"];
    TokenRevoked = "operator.token_revoked" v 1 personal ["source", "url"];
}

#[derive(Clone, Debug)]
pub enum OperatorCommand {
    Create(Create),
    Invite(Invite),
    Accept(Accept),
    Admit(Admit),
    Assign(Assign),
    Disable(Disable),
    Enable(Enable),
    MintToken(MintToken),
    RevokeToken(RevokeToken),
    ReportLeak(ReportLeak),
}

/// Which tenants an operator may see and act on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    All,
    Tenants(BTreeSet<TenantId>),
}

impl Reach {
    pub fn includes(&self, tenant: TenantId) -> bool {
        match self {
            Reach::All => true,
            Reach::Tenants(tenants) => tenants.contains(&tenant),
        }
    }

    /// Whether all that it reaches lies within the other.
    pub fn is_within(&self, other: &Reach) -> bool {
        match (self, other) {
            (_, Reach::All) => true,
            (Reach::All, Reach::Tenants(_)) => false,
            (Reach::Tenants(tenants), Reach::Tenants(others)) => tenants.is_subset(others),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Operator {
    pub id: OperatorId,
    pub name: Personal<String>,
    pub name_since: u32,
    /// empty when there is none
    pub email: Personal<String>,
    pub role: Role,
    pub reach: Reach,
    pub created_at: Timestamp,
    pub created_by: Actor,
    pub disabled_at: Option<Timestamp>,
    /// also of one that was enabled again: sessions from before stay ended
    pub last_disabled_at: Option<Timestamp>,
    /// until it is accepted
    pub invitation: Option<Invitation>,
    /// who it is at the identity provider
    pub identity: Option<Digest>,
    /// let in by the mapping of claims, which each sign-in is held to
    pub is_mapped: bool,
    pub tokens: Vec<Token>,
    pub version: u64,
    pub history: History,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// a keyed digest of the address that it was sent to
    pub address: Digest,
    pub expires_at: Timestamp,
}

/// Somebody, as the identity provider knows them.
#[derive(Clone, Debug)]
pub struct Person {
    /// a keyed digest of issuer and subject
    pub identity: Digest,
    /// a verified one; empty when there is none
    pub email: String,
    pub name: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    pub facts: SecretFacts,
    pub name: Personal<String>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
    /// the version of the last event that touched it
    pub changed: u32,
}

impl Token {
    pub fn id(&self) -> TokenId {
        TokenId(self.facts.id.0)
    }

    /// Equality means expired (P13).
    pub fn works(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }
}

impl Operator {
    pub fn token(&self, id: TokenId) -> Option<&Token> {
        self.tokens.iter().find(|token| token.id() == id)
    }

    /// Root, enabled, and no mere invitation. There is always one.
    pub fn is_active_root(&self) -> bool {
        self.role == Role::Root && self.disabled_at.is_none() && self.invitation.is_none()
    }
}

/// Whom a decision about an operator reads beside it. Whoever stands here must not move before the decision is written:
/// the ledger guards the versions that were read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Beside<'a> {
    /// who asks; nobody when it is the service itself
    pub asker: Option<&'a Operator>,
    /// another active root, looked for where the command names who may be one
    pub other_root: Option<&'a Operator>,
}

impl Beside<'_> {
    /// For a decision after which this operator is no active root: another one has to be there.
    fn leaves_a_root(&self, operator: &Operator) -> Result<(), Refusal> {
        let mut others = [self.asker, self.other_root].into_iter().flatten();
        if !operator.is_active_root() || others.any(|other| other.id != operator.id && other.is_active_root())
        {
            return Ok(());
        }
        Err(Refusal::conflict(
            "This is the last enabled operator of role root. Make another operator root first.",
        ))
    }

    /// May whoever asks make an operator like this, where none is yet?
    fn may_make(&self, operator: Option<&Operator>, role: Role, reach: &Reach) -> Result<(), Refusal> {
        if operator.is_some() {
            return Err(Refusal::conflict("This id is taken. Send the request again."));
        }
        self.may_grant(role, reach)
    }

    /// May whoever asks make an operator this?
    fn may_grant(&self, role: Role, reach: &Reach) -> Result<(), Refusal> {
        if role == Role::Root && *reach != Reach::All {
            return Err(Refusal::invalid("/tenants", "root acts on all tenants. Leave tenants out."));
        }
        self.asker.map_or(Ok(()), |asker| authority::permit_grant(asker, role, reach))
    }
}

impl OperatorCommand {
    /// Whom to ask for another active root, when the command may end one.
    pub fn other_roots(&self) -> &[OperatorId] {
        match self {
            Self::Assign(assign) => &assign.other_roots,
            Self::Disable(disable) => &disable.other_roots,
            Self::Create(_)
            | Self::Invite(_)
            | Self::Accept(_)
            | Self::Admit(_)
            | Self::Enable(_)
            | Self::MintToken(_)
            | Self::RevokeToken(_)
            | Self::ReportLeak(_) => &[],
        }
    }

    /// Whether it begins a stream.
    pub fn begins(&self) -> bool {
        matches!(self, Self::Create(_) | Self::Invite(_) | Self::Admit(_))
    }

    pub fn decide(
        &self,
        operator: Option<&Operator>,
        beside: &Beside<'_>,
        context: &Context,
    ) -> Result<Vec<OperatorEvent>, Refusal> {
        match self {
            Self::Create(create) => return create.decide(operator, beside, context),
            Self::Invite(invite) => return invite.decide(operator, beside, context),
            Self::Admit(admit) => return admit.decide(operator, beside),
            _ => {}
        }
        let operator = operator.ok_or_else(Refusal::not_found)?;
        match self {
            Self::Create(_) | Self::Invite(_) | Self::Admit(_) => unreachable!("decided above"),
            Self::Accept(accept) => accept.decide(operator, context),
            Self::Assign(assign) => assign.decide(operator, beside),
            Self::Disable(disable) => disable.decide(operator, beside),
            Self::Enable(enable) => enable.decide(operator),
            Self::MintToken(mint) => mint.decide(operator, beside, context),
            Self::RevokeToken(revoke) => revoke.decide(operator),
            Self::ReportLeak(report) => report.decide(operator),
        }
    }
}

pub fn claims(event: &OperatorEvent) -> Vec<Claim> {
    match event {
        OperatorEvent::Created(Created { identity: Some(identity), .. }) => {
            vec![Claim { kind: ClaimKind::Identity, key: identity.text() }]
        }
        OperatorEvent::Created(created) if created.first => {
            vec![Claim { kind: ClaimKind::FirstOperator, key: String::new() }]
        }
        OperatorEvent::TokenMinted(minted) => {
            vec![Claim { kind: ClaimKind::SecretPrefix, key: minted.token.prefix.clone() }]
        }
        _ => Vec::new(),
    }
}

/// The fold of one more event.
pub fn fold(
    state: Option<Operator>,
    event: OperatorEvent,
    recorded: &Recorded,
) -> Result<Operator, Unfoldable> {
    let unfoldable = |why| Unfoldable { event: recorded.event.kind().name, why };
    let mut operator = match (state, event) {
        (None, OperatorEvent::Created(created)) => {
            return created.into_operator(recorded).map_err(unfoldable);
        }
        (None, OperatorEvent::Invited(invited)) => {
            return invited.into_operator(recorded).map_err(unfoldable);
        }
        (None, _) => return Err(unfoldable("no operator was created yet")),
        (Some(_), OperatorEvent::Invited(_)) => return Err(unfoldable("the operator is there already")),
        (Some(mut operator), event) => {
            match event {
                OperatorEvent::Invited(_) => unreachable!("refused above"),
                OperatorEvent::Created(event) => event.accept(&mut operator, recorded).map_err(unfoldable)?,
                OperatorEvent::Assigned(event) => event.apply(&mut operator),
                OperatorEvent::Disabled(_) => {
                    operator.disabled_at = Some(recorded.at);
                    operator.last_disabled_at = Some(recorded.at);
                }
                OperatorEvent::Enabled(_) => operator.disabled_at = None,
                OperatorEvent::TokenMinted(event) => operator.tokens.push(event.into_token(recorded)),
                OperatorEvent::TokenRevoked(event) => {
                    event.apply(&mut operator, recorded).map_err(unfoldable)?
                }
            }
            operator
        }
    };
    operator.history = operator.history.with(recorded);
    operator.version += 1;
    Ok(operator)
}
