//! From a callback to an operator with a session.
//!
//! Who somebody is, is the pair of issuer and subject; an address only finds an invitation. An identity that is an operator's
//! stays that operator's. Otherwise an open invitation is accepted; otherwise the mapping of claims may admit. Each of these is an
//! ordinary command of the ledger, by the service itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Map, Value};

use super::attempt::Attempt;
use super::denied::Denied;
use super::id_token::Claims;
use super::mapping::{Mapped, claim};
use super::provider::{Provider, error_code};
use super::sessions::Sessions;
use super::settings::Settings;
use super::web::Web;
use crate::db::Sight;
use crate::domain::Caller;
use crate::domain::authority::Role;
use crate::domain::command::Command;
use crate::domain::event::Actor;
use crate::domain::ids::{OperatorId, StreamId};
use crate::domain::operator::{Accept, Admit, Assign, Operator, OperatorCommand, Person, Reach};
use crate::domain::refusal::RefusalKind;
use crate::domain::secret::{Digest, PlainSecret};
use crate::domain::text::{Line, Name};
use crate::ledger::execute::{ExecuteError, Ledger, Order};
use crate::limits;
use crate::projections::active::{ActiveView, NotAnswering};
use crate::projections::list;

/// Sign-in, for an installation that has an identity provider.
pub struct People {
    pub settings: Arc<Settings>,
    pub sessions: Sessions,
    provider: Provider,
    ledger: Arc<Ledger>,
    view: Arc<ActiveView>,
    outcomes: [AtomicU64; Denied::OUTCOMES.len()],
}

/// Where the browser goes, and what it is to hold until it comes back.
pub struct Begun {
    pub location: String,
    pub cookie: PlainSecret,
}

/// What the browser brings back; all of it somebody else's text.
#[derive(Default)]
pub struct Callback {
    pub state: Option<String>,
    pub code: Option<String>,
    pub error: Option<String>,
    pub issuer: Option<String>,
}

pub struct SignedIn {
    pub operator: OperatorId,
    pub cookie: PlainSecret,
    pub return_to: String,
}

/// What is to be done for somebody to be an operator.
enum Step {
    /// it is this one already
    Is(OperatorId),
    Do(OperatorId, OperatorCommand),
}

impl People {
    pub fn new(settings: Settings, web: Arc<dyn Web>, ledger: Arc<Ledger>, view: Arc<ActiveView>) -> Self {
        let settings = Arc::new(settings);
        People {
            sessions: Sessions::new(ledger.clone(), settings.clone()),
            provider: Provider::new(settings.clone(), web),
            settings,
            ledger,
            view,
            outcomes: Default::default(),
        }
    }

    /// How often each outcome was come to.
    pub fn outcomes(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        Denied::OUTCOMES.into_iter().zip(self.outcomes.iter().map(|count| count.load(Ordering::Relaxed)))
    }

    fn count(&self, outcome: &str) {
        let place = Denied::OUTCOMES.iter().position(|known| *known == outcome);
        if let Some(count) = place.and_then(|place| self.outcomes.get(place)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A keyed digest by which an invitation is found; letters of an address differ in nothing by their case.
    pub fn address(&self, email: &str) -> Digest {
        Digest::new(self.ledger.vault().lookup("operator address", email.to_ascii_lowercase().as_bytes()))
    }

    /// Counted by whoever fails alone: a sign-in that is begun is none yet.
    pub async fn begin(&self, return_to: &str) -> Result<Begun, Denied> {
        let description = self.provider.description().await.map_err(Denied::from);
        let description = description.inspect_err(|denied| self.count(denied.outcome()))?;
        let attempt = Attempt::new(self.ledger.vault(), return_to, self.ledger.clock().now());
        let endpoint = description.authorization_endpoint.as_str();
        let joint = if endpoint.contains('?') { '&' } else { '?' };
        let location = format!("{endpoint}{joint}{}", attempt.query(&self.settings));
        Ok(Begun { location, cookie: attempt.sealed(self.ledger.vault()) })
    }

    pub async fn finish(
        &self,
        callback: &Callback,
        cookie: Option<&str>,
        caller: &Caller,
    ) -> Result<SignedIn, Denied> {
        let finished = self.complete(callback, cookie, caller).await;
        self.count(finished.as_ref().map_or_else(Denied::outcome, |_| "accepted"));
        finished
    }

    async fn complete(
        &self,
        callback: &Callback,
        cookie: Option<&str>,
        caller: &Caller,
    ) -> Result<SignedIn, Denied> {
        let attempt = self.attempt(callback, cookie).await?;
        let description = self.provider.description().await?;
        let issuer = callback.issuer.as_deref();
        if issuer.is_some_and(|issuer| issuer != self.settings.issuer)
            || (issuer.is_none() && description.names_itself)
        {
            return Err(Denied::MixUp);
        }
        if let Some(error) = &callback.error {
            return Err(Denied::Provider(error_code(error).unwrap_or("an error that is no code").to_owned()));
        }
        let code = callback.code.as_deref().filter(|code| !code.is_empty()).ok_or(Denied::NoCode)?;
        let tokens = self.provider.exchange(code, &attempt.verifier).await?;
        let now = self.ledger.clock().now();
        let claims = self.provider.verified(&tokens, &attempt.nonce, now).await?;
        let operator = self.operator(&claims, caller).await?;
        // Dated before the operator was looked at: whoever is disabled in between has disabled this session too.
        let cookie = self.sessions.open(operator, now).await?;
        Ok(SignedIn { operator, cookie, return_to: attempt.return_to })
    }

    /// The sign-in that the browser comes back from; from here on it is spent.
    async fn attempt(&self, callback: &Callback, cookie: Option<&str>) -> Result<Attempt, Denied> {
        let vault = self.ledger.vault();
        let attempt = cookie.and_then(|cookie| Attempt::opened(vault, cookie)).ok_or(Denied::NoAttempt)?;
        if self.ledger.clock().now() >= attempt.ends_at {
            return Err(Denied::Late);
        }
        let digest = |state: &str| vault.lookup("sign-in state", state.as_bytes());
        let own = digest(&attempt.state);
        // Digests are compared, so that how far two states agree takes no time that tells.
        if callback.state.as_deref().map(digest) != Some(own) {
            return Err(Denied::State);
        }
        let spend = "select credledger.spend_sign_in($1, $2, $3)";
        let (ledger, ends) = (self.ledger.reader().ledger, attempt.ends_at.millis());
        let rows = self.ledger.database().people(spend, &[&ledger, &own.as_slice(), &ends]).await?;
        let first = rows.first().is_some_and(|row| row.get(0));
        if first { Ok(attempt) } else { Err(Denied::Spent) }
    }

    async fn operator(&self, claims: &Claims, caller: &Caller) -> Result<OperatorId, Denied> {
        let person = self.person(claims);
        // Of two first sign-ins of one person at once, one makes the operator; the other finds it there.
        let mut raced = false;
        loop {
            let (id, command) = match self.step(&person, &claims.all).await? {
                Step::Is(id) => return Ok(id),
                Step::Do(id, command) => (id, command),
            };
            let is_held_to_mapping = matches!(command, OperatorCommand::Assign(_));
            let order = Order::of(id.into(), Command::Operator(vec![command]), caller.clone());
            match self.ledger.execute(Order { wait: true, ..order }).await {
                Ok(_) => return Ok(id),
                Err(ExecuteError::Refused(refusal)) => match refusal.kind {
                    RefusalKind::Conflict if !raced => raced = true,
                    _ => {
                        // It is not what its claims say, and may not go on as what it was.
                        if is_held_to_mapping {
                            self.sessions.end_all(id).await?;
                        }
                        return Err(Denied::Refused(refusal.detail));
                    }
                },
                Err(cause) => return Err(Denied::Unavailable(cause.into())),
            }
        }
    }

    fn person(&self, claims: &Claims) -> Person {
        let vault = self.ledger.vault();
        let who = serde_json::json!([self.settings.issuer, claims.subject]).to_string();
        let text = |name: &str| claims.all.get(name).and_then(Value::as_str);
        // Only an address that the provider vouches for is anybody's.
        let verified = claims.all.get("email_verified") == Some(&Value::Bool(true));
        let email = text("email").filter(|email| verified && email.contains('@'));
        let email = email.and_then(|email| Line::<{ limits::EMAIL_CHARS }>::parse(email).ok());
        Person {
            identity: Digest::new(vault.lookup("identity", who.as_bytes())),
            email: email.map_or_else(String::new, |email| email.as_str().to_owned()),
            name: text("name").and_then(|name| Name::parse(name).ok()).map(|name| name.as_str().to_owned()),
        }
    }

    async fn step(&self, person: &Person, claims: &Map<String, Value>) -> Result<Step, Denied> {
        let address = (!person.email.is_empty()).then(|| self.address(&person.email));
        let found = self.found(&person.identity, address.as_ref()).await?;
        let known = found.iter().find(|operator| operator.identity == Some(person.identity));
        if let Some(operator) = known {
            return self.known(operator, claims).await;
        }
        let now = self.ledger.clock().now();
        let invited =
            |operator: &&Operator| operator.invitation.is_some_and(|open| Some(open.address) == address);
        let open = found.iter().filter(invited).filter(|operator| {
            operator.disabled_at.is_none()
                && operator.invitation.is_some_and(|invitation| now < invitation.expires_at)
        });
        let mapped = self.settings.mapping.of(claims);
        let offered = self.foremost(open)?.filter(|(_, of_root)| *of_root || mapped.is_none());
        if let (Some((operator, _)), Some(address)) = (offered, address) {
            let accept = Accept { person: person.clone(), address };
            return Ok(Step::Do(operator.id, OperatorCommand::Accept(accept)));
        }
        match mapped {
            Some(mapped) => {
                let (role, reach) = (mapped.role, self.reach(&mapped)?);
                let id = OperatorId(self.ledger.vault().uuid(now.millis()));
                let admit = Admit { person: person.clone(), role, reach };
                Ok(Step::Do(id, OperatorCommand::Admit(admit)))
            }
            None if found.iter().any(|operator| invited(&operator)) => Err(Denied::InvitationOver),
            None => Err(self.no_role(person, claims)),
        }
    }

    /// Root's invitations go before those of tenants, and each kind by how far they reach and then the newest first; whether it is
    /// root's comes along. An identity is one operator's for good: what a tenant offers is not put before what the mapping gives.
    fn foremost<'o>(
        &self,
        open: impl Iterator<Item = &'o Operator>,
    ) -> Result<Option<(&'o Operator, bool)>, Denied> {
        let mut first = None;
        for operator in open {
            let of_root = match operator.created_by {
                Actor::Operator(by) => {
                    self.view.operator(by).map_err(not_answering)?.is_some_and(|by| by.role == Role::Root)
                }
                Actor::Holder(_) | Actor::System => false,
            };
            if of_root {
                return Ok(Some((operator, true)));
            }
            first.get_or_insert((operator, false));
        }
        Ok(first)
    }

    /// The operator of the identity, and operators that were invited under the address, each as its events say: a row that somebody
    /// wrote into the database by hand finds nobody whose events do not say the same.
    async fn found(&self, identity: &Digest, address: Option<&Digest>) -> Result<Vec<Operator>, Denied> {
        let reader = self.ledger.reader();
        let scope = self.ledger.database().scope(Sight::Operators(None)).await?;
        let rows = limits::INVITATIONS_TRIED;
        let found = list::may_sign_in(&scope, reader.ledger, identity, address, rows).await?;
        let streams: Vec<StreamId> = found.into_iter().map(StreamId::from).collect();
        let loaded = reader.streams_in(&scope, &streams).await;
        let loaded = loaded.map_err(|cause| Denied::Unavailable(cause.into()))?;
        scope.finish().await?;
        Ok(loaded.iter().filter_map(|loaded| loaded.state.operator().cloned()).collect())
    }

    /// Somebody who was here before. One that the mapping let in is held to it each time.
    async fn known(&self, operator: &Operator, claims: &Map<String, Value>) -> Result<Step, Denied> {
        if operator.disabled_at.is_some() {
            return Err(Denied::OperatorDisabled);
        }
        if !operator.is_mapped {
            return Ok(Step::Is(operator.id));
        }
        let mapped = self.settings.mapping.of(claims);
        let given = match &mapped {
            Some(mapped) => self.reach(mapped).map(|reach| (mapped.role, reach)),
            None => Err(Denied::NoRole(self.said(claims))),
        };
        let (role, reach) = match given {
            Ok(given) => given,
            Err(denied) if denied.is_passing() => return Err(denied),
            Err(denied) => {
                let ended = self.sessions.end_all(operator.id).await?;
                tracing::warn!(target: "sign_in", operator = %operator.id, ended, "the mapping has nothing for an operator that it once let in: its sessions are ended");
                return Err(denied);
            }
        };
        if (role, &reach) == (operator.role, &operator.reach) {
            return Ok(Step::Is(operator.id));
        }
        let other_roots = self.view.roots_beside(operator.id);
        let assign = Assign { role: Some(role), reach: Some(reach), other_roots };
        Ok(Step::Do(operator.id, OperatorCommand::Assign(assign)))
    }

    fn reach(&self, mapped: &Mapped) -> Result<Reach, Denied> {
        let Some(slugs) = &mapped.tenants else { return Ok(Reach::All) };
        let mut there = Vec::new();
        for slug in slugs {
            there.extend(self.view.tenant_by_slug(slug).map_err(not_answering)?.map(|tenant| tenant.id));
        }
        if there.len() > limits::OPERATOR_TENANTS {
            let detail = format!(
                "the claims name {} tenants; an operator has {} at most",
                there.len(),
                limits::OPERATOR_TENANTS
            );
            return Err(Denied::Refused(detail));
        }
        let reach = Reach::Tenants(there.into_iter().collect());
        match &reach {
            Reach::Tenants(there) if there.is_empty() => Err(Denied::NoTenant(shortened(&slugs.join(" ")))),
            _ => Ok(reach),
        }
    }

    fn no_role(&self, person: &Person, claims: &Map<String, Value>) -> Denied {
        let mut said = self.said(claims);
        if person.email.is_empty() {
            said.push_str("; the provider gave no address that it says is verified (email_verified: true)");
        }
        Denied::NoRole(said)
    }

    /// What the claims that the mapping reads hold, and which others there are. Values of no other claim: they are people's.
    fn said(&self, claims: &Map<String, Value>) -> String {
        let read: Vec<String> = self
            .settings
            .mapping
            .claims()
            .map(|name| {
                let value = claim(claims, name).map_or_else(|| "absent".to_owned(), Value::to_string);
                format!("{name}: {}", shortened(&value))
            })
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .collect();
        let names: Vec<&str> = claims.keys().map(String::as_str).collect();
        format!(
            "what the mapping reads: {{{}}}; claims there are: {}",
            read.join(", "),
            shortened(&names.join(" "))
        )
    }
}

fn not_answering(_: NotAnswering) -> Denied {
    Denied::Unavailable("the view does not answer".into())
}

/// For a line of the log.
fn shortened(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(300).collect()
}
