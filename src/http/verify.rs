//! POST /api/v1/verify and /verify/batch: the API layer asks about a credential that somebody presented to it.

use std::borrow::Cow;
use std::net::IpAddr;

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use super::app::App;
use super::body::{JsonBody, Wants};
use super::call::{self, Went, ip_address};
use super::fields;
use super::members::{Members, Node};
use super::metrics::Door;
use super::operator::Operator;
use super::problem::Problem;
use super::proof::{Carried, Showing};
use super::request::RequestContext;
use super::verdict::{Asking, Judged, Shown};
use crate::domain::authority::Action;
use crate::domain::credential::Resource;
use crate::domain::ids::TenantId;
use crate::domain::scope::ConcreteScope;
use crate::limits;
use crate::tokens::http_target::HttpTarget;

/// A question as it stands in a body.
struct Question<'a> {
    credential: &'a str,
    /// beside the request that the credential came with
    dpop: Option<Carried<'a>>,
    client_ip: Option<IpAddr>,
    scopes: Vec<ConcreteScope>,
    operation: Option<Cow<'a, str>>,
    tenant: Option<Cow<'a, str>>,
    audience: Option<Resource>,
    /// what is left of the call in the activity log, where that is wanted
    record: Option<Box<Went>>,
}

pub async fn one(
    app: Data<App>,
    operator: Operator,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    operator.may(Action::Verify)?;
    let body = JsonBody::read(&request, payload, Wants::Json).await?;
    let document = body.parse()?;
    let question = document.decode(question)?;
    let judged = app.judge(&question.asking(&app, &operator), Door::Verify).await?;
    question.leave(&app, &judged, &request)?;
    Ok(judged.answer())
}

/// Up to a hundred at once, answered in order. A bad item fails alone.
pub async fn batch(
    app: Data<App>,
    operator: Operator,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    operator.may(Action::Verify)?;
    let body = JsonBody::read(&request, payload, Wants::Json).await?;
    let (document, mut apart) = body.parse_items()?;
    let items = document.decode(|members| {
        members.required("items", |list| list.list(limits::VERIFY_BATCH, |item| Some(item.json())))
    })?;
    let (mut questions, mut unreadable) = (Vec::with_capacity(items.len()), Vec::new());
    for (index, item) in items.into_iter().enumerate() {
        let read = match apart.remove(&index) {
            Some(problem) => Err(problem),
            None => super::members::decode(item, question),
        };
        match read {
            Ok(question) => questions.push(question),
            Err(problem) => unreadable.push((index, told_of(index, &problem))),
        }
    }
    let judged = app.judge_all(&questions, |question| question.asking(&app, &operator), Door::Verify).await?;
    for (question, judged) in questions.iter().zip(&judged) {
        question.leave(&app, judged, &request)?;
    }
    Ok(Judged::answers(&judged, unreadable))
}

/// An item that can't be read, in the place of its verdict.
fn told_of(index: usize, problem: &Problem) -> Value {
    let item = format!("/items/{index}");
    let problem = Problem::faults(problem.listed().iter().map(|fault| fault.within(&item)).collect());
    let (code, detail) = (problem.code().text(), problem.detail());
    json!({"valid": false, "code": code, "detail": detail, "errors": problem.listed()})
}

fn question<'a>(members: &mut Members<'a, '_>) -> Option<Question<'a>> {
    let credential = members.required("credential", |text| text.text());
    let client_ip = members.nullable("client_ip", ip_address);
    let operation = members.nullable("operation", fields::operation);
    let scopes = members.optional("scopes", fields::concrete_scopes);
    let tenant = members.nullable("tenant", fields::tenant_ref);
    let audience = members.nullable("audience", |text| text.parsed(Resource::parse));
    let dpop = members.nullable("dpop", |text| text.text());
    let method = members.nullable("http_method", method_name);
    let uri = members.nullable("http_uri", |text| text.parsed(HttpTarget::parse));
    let record = members.optional("record", |wanted| wanted.boolean());
    let recorded = record.flatten().unwrap_or(false);
    let call = members.nullable("call", |call| {
        let went = call.object(call::went)?;
        if recorded { Some(went) } else { call.refuse("this is recorded: send record: true beside it") }
    });
    let (_, call) = (record?, call?);
    let record = recorded.then(|| Box::new(call.unwrap_or_default()));
    let dpop = match (dpop?, method?.zip(uri?)) {
        (Some(proof), Some((method, target))) => Some(Carried { proof, method, target }),
        (Some(_), None) => {
            return members
                .refuse("a proof is held against a request: send http_method and http_uri beside dpop");
        }
        (None, _) => None,
    };
    Some(Question {
        credential: credential?,
        dpop,
        client_ip: client_ip?,
        scopes: scopes?.unwrap_or_default(),
        operation: operation?,
        tenant: tenant?,
        audience: audience?,
        record,
    })
}

/// As a request line has it: the letter's case counts.
fn method_name<'a>(node: Node<'a, '_>) -> Option<&'a str> {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    node.parsed(|text| match (1..=limits::METHOD_CHARS).contains(&text.len()) && text.bytes().all(letter) {
        true => Ok(text),
        false => Err("expected the name of a method, such as GET"),
    })
}

impl Question<'_> {
    fn leave(&self, app: &App, judged: &Judged, request: &HttpRequest) -> Result<(), Problem> {
        let Some(went) = &self.record else { return Ok(()) };
        let context = RequestContext::of(request)?;
        let call = (self.client_ip, self.operation.as_deref());
        app.record(judged, went, call, context.request_id.as_str());
        Ok(())
    }

    fn asking<'s>(&'s self, app: &App, operator: &'s Operator) -> Asking<'s> {
        Asking {
            credential: Shown::Text(self.credential),
            showing: self.dpop.as_ref().map_or(Showing::Bearer, Carried::showing),
            client_ip: self.client_ip,
            scopes: &self.scopes,
            operation: self.operation.as_deref(),
            tenant: self.tenant.as_deref().map(|named| named_tenant(app, named)),
            audience: self.audience.as_ref().map(Resource::as_str),
            reach: operator.reach(),
        }
    }
}

/// By id or slug. What is neither names a tenant that no credential belongs to.
pub fn named_tenant(app: &App, named: &str) -> TenantId {
    let id =
        named.parse().ok().or_else(|| app.view.tenant_by_slug(named).ok().flatten().map(|tenant| tenant.id));
    id.unwrap_or(TenantId(uuid::Uuid::nil()))
}
