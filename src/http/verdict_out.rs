//! How a verdict reads: to a door that tells all, alone or among many.

use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use serde_json::Value;

use super::conneg;
use super::json_out::ObjectOut;
use super::limited::Held;
use super::verdict::{Judged, RATE_LIMITED};
use crate::clock::Timestamp;
use crate::domain::access::{Reason, Refused};
use crate::domain::credential::{Kind, SecretStatus};
use crate::domain::effective::Effective;
use crate::domain::ids::{CredentialId, MemberId, SecretId, TenantId};
use crate::domain::scope::{ConcreteScope, Scope};
use crate::projections::active::Known;

/// Room for an answer of the usual size, so that it's written without growing.
const USUAL_BYTES: usize = 512;

impl Judged {
    /// The answer of a door that tells all.
    pub fn answer(&self) -> HttpResponse {
        const JSON: HeaderValue = HeaderValue::from_static(conneg::JSON);
        let mut body = Vec::with_capacity(USUAL_BYTES);
        self.write(&mut body);
        HttpResponse::Ok().insert_header((CONTENT_TYPE, JSON)).body(body)
    }

    /// The answers of such a door to many questions, in their order. What could not be asked stands in its place, told by
    /// its index.
    pub fn answers(judged: &[Judged], untold: Vec<(usize, Value)>) -> HttpResponse {
        const JSON: HeaderValue = HeaderValue::from_static(conneg::JSON);
        let all = judged.len() + untold.len();
        let mut body = Vec::with_capacity(all * USUAL_BYTES);
        let (mut judged, mut untold) = (judged.iter(), untold.into_iter().peekable());
        body.extend_from_slice(b"{\"data\":[");
        for index in 0..all {
            if index > 0 {
                body.push(b',');
            }
            match untold.next_if(|(place, _)| *place == index) {
                Some((_, told)) => body.extend_from_slice(told.to_string().as_bytes()),
                None => judged.next().into_iter().for_each(|judged| judged.write(&mut body)),
            }
        }
        body.extend_from_slice(b"]}");
        HttpResponse::Ok().insert_header((CONTENT_TYPE, JSON)).body(body)
    }

    fn write(&self, body: &mut Vec<u8>) {
        let mut object = ObjectOut::begin(body);
        let refused = self.refused();
        self.write_outcome(&mut object);
        if let Some(known) = &self.judgement.known {
            write_known(known, refused.is_none() && !self.is_limited(), &mut object);
        }
        match &self.held {
            _ if refused.is_some() => {}
            Some(held) => object.object("rate_limit", |within| write_held(held, within)),
            None => object.null("rate_limit"),
        }
        object.number("position", self.judgement.position);
        object.instant("judged_at", self.judgement.judged_at);
        object.id("decision_id", self.decision_id);
        object.end();
    }

    /// Refused, or one call too many.
    fn write_outcome(&self, object: &mut ObjectOut<'_>) {
        let Some(refused) = self.refused() else {
            object.boolean("valid", !self.is_limited());
            if self.is_limited() {
                object.plain("reason", "rate_limited");
                object.text("detail", RATE_LIMITED);
            }
            return;
        };
        write_refused(refused, self.detail(refused.reason), object);
    }

    pub(super) fn is_limited(&self) -> bool {
        self.held.is_some_and(|held| held.is_spent())
    }

    pub fn ends_at(&self) -> Option<Timestamp> {
        self.judgement.known.as_ref().and_then(earliest)
    }
}

/// A real secret and whose it is, as every verdict tells of them.
pub struct Told<'a> {
    pub kind: Kind,
    pub credential_id: CredentialId,
    pub secret_id: SecretId,
    pub prefix: &'a str,
    pub name: Option<&'a str>,
    pub tenant_id: TenantId,
}

/// What an accepted call may do, and until when.
pub struct Admitted<'a> {
    pub scopes: &'a [Scope],
    pub effective: Effective<'a>,
    pub owner: Option<MemberId>,
    pub secret_status: SecretStatus,
    pub ends_at: Option<Timestamp>,
}

pub fn write_refused(refused: &Refused, detail: &str, object: &mut ObjectOut<'_>) {
    object.boolean("valid", false);
    object.plain("reason", refused.reason.word());
    object.text("detail", detail);
    if refused.reason == Reason::InsufficientScope {
        object.list("missing_scopes", refused.missing_scopes.iter().map(ConcreteScope::as_str));
    }
}

fn write_known(known: &Known, accepted: bool, object: &mut ObjectOut<'_>) {
    let told = Told {
        kind: known.kind,
        credential_id: known.credential_id,
        secret_id: known.secret_id,
        prefix: &known.prefix,
        name: known.name.as_deref(),
        tenant_id: known.tenant_id,
    };
    told.write(object);
    if let Some(token) = &known.token {
        object.text("client_id", &token.client_id);
        object.id("jti", token.id.0);
        object.list("audience", token.audience.iter().map(String::as_str));
    }
    if accepted {
        let admitted = Admitted {
            scopes: known.scopes(),
            effective: known.effective(),
            owner: known.owner.as_ref().map(|owner| owner.id),
            secret_status: known.secret_status,
            ends_at: earliest(known),
        };
        admitted.write(object);
    }
}

impl Told<'_> {
    #[inline]
    pub fn write(&self, object: &mut ObjectOut<'_>) {
        object.plain("kind", self.kind.word());
        object.id("credential_id", self.credential_id.0);
        object.id("secret_id", self.secret_id.0);
        object.plain("prefix", self.prefix);
        match self.name {
            Some(name) => object.text("name", name),
            None => object.null("name"),
        }
        object.id("tenant_id", self.tenant_id.0);
    }
}

impl Admitted<'_> {
    #[inline]
    pub fn write(&self, object: &mut ObjectOut<'_>) {
        object.list("scopes", self.scopes.iter().map(Scope::as_str));
        object.list("effective_scopes", self.effective.scopes.iter().map(Scope::as_str));
        if self.effective.truncated {
            object.boolean("scopes_truncated", true);
        }
        match self.owner {
            Some(owner) => object.id("owner", owner.0),
            None => object.null("owner"),
        }
        object.plain("secret_status", self.secret_status.word());
        match self.ends_at {
            Some(end) => object.instant("expires_at", end),
            None => object.null("expires_at"),
        }
    }
}

/// When what was shown stops working, as far as is known by now. A token outlives its secret's window.
fn earliest(known: &Known) -> Option<Timestamp> {
    let window = known.secret_ends_at.filter(|_| known.secret_status == SecretStatus::Expiring);
    let own = known.token.as_ref().map_or(window, |token| Some(token.ends_at));
    own.into_iter().chain(known.expires_at).min()
}

/// A limit in the body of an answer.
fn write_held(held: &Held, object: &mut ObjectOut<'_>) {
    object.number("limit", held.limit.requests().into());
    object.number("remaining", held.remaining().into());
    object.number("reset_seconds", held.reset_seconds());
}
