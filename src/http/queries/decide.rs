//! POST /tenants/{t}/decide: what verify would have answered at a moment, by the same judgement over the states of then, and
//! which events decided it. It changes nothing.

use std::borrow::Cow;
use std::net::IpAddr;

use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};

use crate::clock::Timestamp;
use crate::db::{Errand, Sight};
use crate::domain::access::{Possession, Reason, Refused, Request, Verdict, judge};
use crate::domain::authority::Action;
use crate::domain::credential::{Credential, Secret, SecretStatus};
use crate::domain::decided::{Trace, Whole, rests_on};
use crate::domain::effective::Effective;
use crate::domain::event::Event;
use crate::domain::ids::{CredentialId, SecretId, TenantId};
use crate::domain::operator::Reach;
use crate::domain::scope::ConcreteScope;
use crate::domain::text::Line;
use crate::http::app::App;
use crate::http::audited::{Read, add};
use crate::http::body::{JsonBody, Wants};
use crate::http::call::ip_address;
use crate::http::conneg;
use crate::http::fields;
use crate::http::json_out::ObjectOut;
use crate::http::members::Members;
use crate::http::operator::Operator;
use crate::http::problem::{Fault, FaultPlace, Problem};
use crate::http::verdict_out::{Admitted, Told, write_refused};
use crate::http::verify::named_tenant;
use crate::ledger::past::Moment;
use crate::ledger::read::{Loaded, Positioned, ReadError, fold};
use crate::limits;
use crate::projections::find;

/// How a secret is named whose text nobody has any more.
enum Named {
    Credential(CredentialId),
    Secret(SecretId),
    Prefix(String),
}

/// A moment by one of its names, or by both.
enum Asked {
    At(Timestamp),
    Position(u64),
    Exactly(u64, Timestamp),
}

struct Question<'a> {
    named: Named,
    asked: Asked,
    client_ip: Option<IpAddr>,
    scopes: Vec<ConcreteScope>,
    operation: Option<Cow<'a, str>>,
    tenant: Option<Cow<'a, str>>,
}

pub async fn handle(
    app: Data<App>,
    operator: Operator,
    path: Path<String>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let tenant = operator.tenant(&app, &path, Action::ReadCredentials)?.id;
    let body = JsonBody::read(&request, payload, Wants::Json).await?;
    let document = body.parse()?;
    let question = document.decode(question)?;
    let moment = question.asked.moment(&app).await?;
    let sought = question.named.sought(&app, tenant).await?;
    let past = Past::read(&app, tenant, sought, moment).await?;
    let operation = question.operation.as_deref();
    // Asked as by one who sees every tenant: what a gateway was told that sees fewer is by its own reach, and no event's doing.
    let asked = Request {
        possession: Possession::Bare,
        client_ip: question.client_ip,
        scopes: &question.scopes,
        operation,
        tenant: question.tenant.as_deref().map(|named| named_tenant(&app, named)),
        audience: None,
        reach: &Reach::All,
    };
    let answer = past.answer(&asked)?;
    app.note_read(&operator, &request, Read::Decide(tenant), past.asked());
    Ok(answer)
}

fn question<'a>(members: &mut Members<'a, '_>) -> Option<Question<'a>> {
    let named = named(members);
    let asked = asked(members);
    let client_ip = members.nullable("client_ip", ip_address);
    let scopes = members.optional("scopes", fields::concrete_scopes);
    let operation = members.nullable("operation", fields::operation);
    let tenant = members.nullable("tenant", fields::tenant_ref);
    Some(Question {
        named: named?,
        asked: asked?,
        client_ip: client_ip?,
        scopes: scopes?.unwrap_or_default(),
        operation: operation?,
        tenant: tenant?,
    })
}

fn named(members: &mut Members<'_, '_>) -> Option<Named> {
    let credential = members.nullable("credential_id", |id| id.uuid().map(CredentialId));
    let secret = members.nullable("secret_id", |id| id.uuid().map(SecretId));
    let prefix = members.nullable("prefix", |text| {
        text.parsed(|text| Line::<{ limits::FILTER_CHARS }>::parse(text).map(|line| line.as_str().to_owned()))
    });
    match (credential?, secret?, prefix?) {
        (Some(id), None, None) => Some(Named::Credential(id)),
        (None, Some(id), None) => Some(Named::Secret(id)),
        (None, None, Some(prefix)) => Some(Named::Prefix(prefix)),
        _ => members.refuse("say whose verdict this is by one of credential_id, secret_id and prefix"),
    }
}

fn asked(members: &mut Members<'_, '_>) -> Option<Asked> {
    let at = members.nullable("at", |at| at.instant());
    let position = members.nullable("position", |position| position.integer(0..=i64::MAX));
    match (at?, position?.map(i64::cast_unsigned)) {
        (Some(at), Some(position)) => Some(Asked::Exactly(position, at)),
        (Some(at), None) => Some(Asked::At(at)),
        (None, Some(position)) => Some(Asked::Position(position)),
        (None, None) => members.refuse(
            "say which moment by at, by position, or by both: what verify told as judged_at and position",
        ),
    }
}

impl Asked {
    async fn moment(&self, app: &App) -> Result<Moment, Problem> {
        let place = |member: &str| FaultPlace::Pointer(format!("/{member}"));
        match *self {
            Asked::At(at) => app.moment_at(at, place("at")).await,
            Asked::Position(position) => {
                let at = app.time_of(position, place("position")).await?;
                Ok(Moment { position, at })
            }
            Asked::Exactly(position, at) => {
                let happened = app.time_of(position, place("position")).await?;
                app.may_have_told(at, place("at"))?;
                if at < happened {
                    let detail =
                        format!("the event at this position happened at {happened}; judge it then or later");
                    return Err(Problem::faults(vec![Fault { place: place("at"), detail: detail.into() }]));
                }
                Ok(Moment { position, at })
            }
        }
    }
}

/// A credential, and one of its secrets where one was named.
struct Sought {
    credential: CredentialId,
    secret: Option<SecretId>,
}

impl Named {
    async fn sought(&self, app: &App, tenant: TenantId) -> Result<Sought, Problem> {
        let (database, ledger) = (app.ledger.database(), app.ledger.reader().ledger);
        let found = match self {
            Named::Credential(credential) => return Ok(Sought { credential: *credential, secret: None }),
            Named::Secret(secret) => find::by_id(database, ledger, tenant, *secret).await?,
            Named::Prefix(prefix) => {
                let mut found =
                    find::by_prefix(database, ledger, tenant, prefix, limits::PREFIX_TWINS).await?;
                if found.len() > 1 {
                    let detail = "several secrets of this tenant begin so; name one by its secret_id";
                    let place = FaultPlace::Pointer("/prefix".to_owned());
                    return Err(Problem::faults(vec![Fault { place, detail: detail.into() }]));
                }
                found.pop()
            }
        };
        let found = found.ok_or_else(Problem::not_found)?;
        Ok(Sought { credential: found.credential, secret: Some(found.secret) })
    }
}

/// One stream's events up to the moment, and what they come to.
#[derive(Default)]
struct History {
    events: Vec<Positioned>,
    loaded: Loaded,
}

impl History {
    fn of(events: Vec<Positioned>) -> Result<Self, ReadError> {
        Ok(History { loaded: fold(events.iter().cloned())?, events })
    }
}

/// What there was at the moment.
struct Past {
    moment: Moment,
    credential: History,
    tenant: History,
    /// of the account that the credential belonged to then
    owner: History,
    sought: Sought,
}

impl Past {
    async fn read(app: &App, tenant: TenantId, sought: Sought, moment: Moment) -> Result<Past, Problem> {
        let (reader, database, sight) = (app.ledger.reader(), app.ledger.database(), Sight::Tenant(tenant.0));
        let until = async |stream| {
            reader.history_until(database, Errand::Reading, sight, stream, moment.position).await
        };
        // Read whole: what came later is there, and was not then; what is not there at all is told otherwise.
        let mut events = reader.history(database, Errand::Reading, sight, sought.credential.into()).await?;
        let is_its_credential = |first: &Positioned| {
            first.recorded.tenant == Some(tenant) && matches!(first.recorded.event, Event::Credential(..))
        };
        if !events.first().is_some_and(is_its_credential) {
            return Err(Problem::not_found());
        }
        events.retain(|event| event.position <= moment.position);
        let credential = History::of(events)?;
        let owner = match credential.loaded.state.credential().and_then(|credential| credential.owner) {
            Some(owner) => History::of(until(owner.into()).await?)?,
            None => History::default(),
        };
        let tenant = History::of(until(tenant.into()).await?)?;
        Ok(Past { moment, credential, tenant, owner, sought })
    }

    /// For whoever is to know what was asked; of the call nothing but whose it was, and when.
    fn asked(&self) -> String {
        let mut told = format!("subject={}", self.sought.credential);
        self.sought.secret.iter().for_each(|secret| add(&mut told, "secret", secret));
        add(&mut told, "position", self.moment.position);
        add(&mut told, "at", self.moment.at);
        told
    }

    /// The secret that is asked about, or the newest of then; none where there was none yet.
    fn whole(&self) -> Option<Whole<'_>> {
        let credential = self.credential.loaded.state.credential()?;
        let secret = match self.sought.secret {
            Some(id) => credential.secret(id)?,
            None => credential.secrets.last()?,
        };
        let owner = self.owner.loaded.state.member();
        Some(Whole { credential, secret, tenant: self.tenant.loaded.state.tenant()?, owner })
    }

    fn answer(&self, request: &Request<'_>) -> Result<HttpResponse, Problem> {
        const JSON: HeaderValue = HeaderValue::from_static(conneg::JSON);
        let mut body = Vec::new();
        let mut object = ObjectOut::begin(&mut body);
        let whole = self.whole();
        let decided_by = match &whole {
            Some(whole) => {
                let verdict = judge(&whole.facts(), request, self.moment.at);
                write_verdict(whole, &verdict, self.moment.at, &mut object);
                self.decided_by(whole, request, &verdict)?
            }
            None => {
                let refused = Refused { reason: Reason::NotFound, missing_scopes: Vec::new() };
                write_refused(&refused, refused.reason.detail(), &mut object);
                Vec::new()
            }
        };
        object.plain("rate_limit", NOT_REPLAYED);
        object.number("position", self.moment.position);
        object.instant("judged_at", self.moment.at);
        object.numbers("decided_by", &decided_by);
        object.end();
        Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, JSON)).body(body))
    }

    fn decided_by(
        &self,
        whole: &Whole<'_>,
        request: &Request<'_>,
        verdict: &Verdict,
    ) -> Result<Vec<u64>, ReadError> {
        let facts = rests_on(&whole.facts(), request, verdict);
        let mut trace = Trace::of(facts, whole.secret.facts.id, request.operation);
        for history in [&self.credential, &self.tenant, &self.owner] {
            let events = history.events.iter().map(|event| (event.position, event.recorded.clone()));
            let followed = trace.follow(events);
            followed.map_err(|(position, cause)| ReadError::Unfoldable { position, cause })?;
        }
        Ok(trace.positions())
    }
}

/// The limiter stands behind the verdict and is no part of it; what it had counted is gone.
const NOT_REPLAYED: &str = "not replayed";

fn write_verdict(whole: &Whole<'_>, verdict: &Verdict, at: Timestamp, object: &mut ObjectOut<'_>) {
    let Whole { credential, secret, .. } = *whole;
    match verdict {
        Ok(()) => object.boolean("valid", true),
        Err(refused) => write_refused(refused, refused.reason.detail(), object),
    }
    let told = Told {
        kind: credential.kind(),
        credential_id: credential.id,
        secret_id: secret.facts.id,
        prefix: &secret.facts.prefix,
        name: credential.name.value.known().map(String::as_str),
        tenant_id: credential.tenant,
    };
    told.write(object);
    if verdict.is_ok() {
        let owner = whole.owner.map(|owner| &*owner.scopes);
        let admitted = Admitted {
            scopes: &credential.scopes,
            effective: Effective::of(&credential.scopes, owner),
            owner: credential.owner,
            secret_status: secret.status(at),
            ends_at: ends_at(credential, secret, at),
        };
        admitted.write(object);
    }
}

/// When what was shown stops working, as far as was known then.
fn ends_at(credential: &Credential, secret: &Secret, at: Timestamp) -> Option<Timestamp> {
    let window = secret.ends_at.filter(|_| secret.status(at) == SecretStatus::Expiring);
    window.into_iter().chain(credential.expires_at).min()
}
