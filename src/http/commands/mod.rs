//! Requests that change something: body → command → execute → answer. One file an action, named as in the domain.

pub mod create_client;
pub mod create_key;
pub mod create_member;
pub mod create_operator;
pub mod create_tenant;
pub mod disable_member;
pub mod disable_operator;
pub mod edit_credential;
pub mod edit_member;
pub mod edit_operator;
pub mod edit_tenant;
pub mod enable_member;
pub mod erase;
pub mod grace;
pub mod import_keys;
pub mod mint_token;
mod reach;
pub mod report_calls;
mod report_lines;
pub mod resume_credential;
pub mod resume_tenant;
pub mod revoke;
pub mod revoke_secret;
pub mod revoke_signing_key;
pub mod revoke_token;
pub mod revoke_tokens;
pub mod rotate;
pub mod rotate_signing_keys;
pub mod secret_free;
pub mod self_revoke;
pub mod set_plan;
pub mod suspend_credential;
pub mod suspend_tenant;

use std::fmt;
use std::future::{Ready, ready};
use std::sync::Arc;

use actix_web::dev::Payload as RequestPayload;
use actix_web::http::StatusCode;
use actix_web::http::header::{ETAG, HeaderValue, LOCATION};
use actix_web::web::{Data, Payload};
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use serde_json::{Map, Value, json};

use super::app::App;
use super::body::{Document, JsonBody, Wants};
use super::etag::{IfMatch, etag};
use super::idempotency::{IdempotencyKey, REPLAYED, RequestDigest};
use super::members::Members;
use super::operator::Operator;
use super::problem::Problem;
use super::request::RequestContext;
use super::resources::credential::{collection, kind_of, member};
use super::resources::{member as account, operator, tenant};
use crate::activity::usage::read::{LastUses, last_uses_brought};
use crate::db::Errand;
use crate::domain::Caller;
use crate::domain::authority::Action;
use crate::domain::command::Command;
use crate::domain::credential::{Create, Credential, CredentialCommand, Kind};
use crate::domain::ids::{CredentialId, MemberId, OperatorId, StreamId, TenantId};
use crate::domain::member::MemberCommand;
use crate::domain::operator::OperatorCommand;
use crate::domain::secret::PlainSecret;
use crate::domain::signing_keys::{self, SigningKeysCommand};
use crate::domain::stream::StreamState;
use crate::domain::tenant::TenantCommand;
use crate::ledger::execute::{Answer, Executed, Order, Render, Retry};
use crate::ledger::tally::Lane;
use crate::tokens::assertion;
use crate::vault::sha256;

/// A write's request, after its door: what the manners of all writes need. An extractor.
pub struct Write {
    pub app: Data<App>,
    pub operator: Operator,
    pub request: HttpRequest,
    pub context: RequestContext,
}

/// The credential that a path names.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    pub tenant: TenantId,
    pub kind: Kind,
    pub id: CredentialId,
}

impl Target {
    pub fn command(self, actions: Vec<CredentialCommand>) -> Command {
        Command::Credential(self.tenant, Some(self.kind), actions)
    }
}

/// What a write's answer says beside the resource.
pub struct Told {
    /// `enforced` stands in the answer of every write that may narrow what is allowed
    pub enforced: bool,
    /// whether the answer waits, boundedly, until it is enforced
    pub wait: bool,
    pub location: Option<String>,
}

impl Told {
    pub const PLAIN: Told = Told { enforced: false, wait: true, location: None };
    pub const ENFORCED: Told = Told { enforced: true, wait: true, location: None };
}

impl FromRequest for Write {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut RequestPayload) -> Self::Future {
        let parts = || {
            let app = request.app_data::<Data<App>>().cloned();
            let app = app.ok_or_else(|| Problem::internal("a route stands without its app"))?;
            let operator = Operator::of(request)?;
            let context = RequestContext::of(request)?;
            Ok(Write { app, operator, request: request.clone(), context })
        };
        ready(parts())
    }
}

impl Write {
    /// A tenant's path, for an operator who may do this to it.
    pub fn tenant(&self, named: &str, action: Action) -> Result<TenantId, Problem> {
        self.operator.tenant(&self.app, named, action).map(|tenant| tenant.id)
    }

    /// A credential's path, for an operator who may change the tenant's credentials.
    pub fn credential(&self, tenant: &str, credential: &str) -> Result<Target, Problem> {
        let path = (tenant, credential);
        let (tenant, id) = self.operator.credential(&self.app, path, Action::ChangeCredentials)?;
        Ok(Target { tenant: tenant.id, kind: kind_of(&self.request)?, id })
    }

    /// A member's path, for an operator who may manage the tenant's members.
    pub fn member(&self, tenant: &str, member: &str) -> Result<(TenantId, MemberId), Problem> {
        let tenant = self.tenant(tenant, Action::ManageMembers)?;
        Ok((tenant, member.parse().map_err(|_| Problem::not_found())?))
    }

    /// An operator's path, for an operator who may change it.
    pub fn operator(&self, named: &str) -> Result<OperatorId, Problem> {
        self.operator.over(&self.app, named)
    }

    /// Who may be root beside an operator: asked for when a root may give itself up. Whoever ends another one stays itself.
    pub fn other_roots(&self, id: OperatorId) -> Vec<OperatorId> {
        if id == self.operator.who().operator.id { self.app.view.roots_beside(id) } else { Vec::new() }
    }

    pub async fn body(&self, payload: Payload, wants: Wants) -> Result<JsonBody, Problem> {
        JsonBody::read(&self.request, payload, wants).await
    }

    /// What a body says, unless a secret stands in it: names, notes and metadata are read by many, and kept.
    pub fn document<'a>(&self, body: &'a JsonBody) -> Result<Document<'a>, Problem> {
        let document = body.parse()?;
        let is_a_secret = |text: &str| self.app.is_formed_as_a_secret(text);
        match secret_free::check(document.json(), &is_a_secret) {
            Ok(()) => Ok(document),
            Err(fault) => Err(Problem::faults(vec![fault])),
        }
    }

    /// For a DELETE, which has no body.
    pub async fn no_body(&self, payload: Payload) -> Result<JsonBody, Problem> {
        let body = self.body(payload, Wants::JsonOrNothing).await?;
        body.parse()?.decode(|_: &mut Members<'_, '_>| Some(()))?;
        Ok(body)
    }

    pub fn order(
        &self,
        stream: StreamId,
        command: Command,
        document: &Document<'_>,
        render: Render,
    ) -> Result<Order, Problem> {
        let headers = self.request.headers();
        let retry = IdempotencyKey::from_headers(headers)?.map(|key| Retry {
            key: key.expose().to_owned(),
            request_digest: RequestDigest::of(
                self.request.method(),
                self.request.path(),
                document,
                headers,
                |input| sha256(&[input]),
            )
            .0,
        });
        let if_versions = match IfMatch::from_headers(headers)? {
            IfMatch::Absent | IfMatch::Any => None,
            IfMatch::Versions(versions) => Some(versions),
        };
        Ok(Order {
            stream,
            command,
            caller: self.caller(),
            token: self.operator.token(),
            if_versions,
            retry,
            lane: Lane::People,
            wait: true,
            render,
        })
    }

    /// Of the signing keys, which have no ETag: there is nothing that `If-Match` could name.
    pub fn order_of_signing_keys(
        &self,
        command: SigningKeysCommand,
        document: &Document<'_>,
        render: Render,
    ) -> Result<Order, Problem> {
        let order = self.order(signing_keys::stream(), Command::SigningKeys(command), document, render)?;
        Ok(Order { if_versions: None, ..order })
    }

    fn caller(&self) -> Caller {
        Caller {
            actor: self.operator.actor(),
            client_ip: self.app.client_ip(&self.request),
            request_id: self.context.request_id.as_str().to_owned(),
        }
    }

    pub async fn carry_out(&self, order: Order, told: Told) -> Result<HttpResponse, Problem> {
        let executed = self.app.ledger.execute(Order { wait: told.wait, ..order }).await?;
        Ok(answer(executed, told))
    }

    /// The answer to what was made, and where it is: `under` is the collection that it joined.
    pub fn made(&self, kind: &str, under: fmt::Arguments<'_>, executed: Executed) -> HttpResponse {
        // A repeated request tells the id of then.
        let id = executed.answer.body.get(kind).and_then(|made| made["id"].as_str()).unwrap_or_default();
        let location = Some(self.app.place(format_args!("{under}/{id}")));
        answer(executed, Told { location, ..Told::PLAIN })
    }

    /// A new credential of the kind that the route is about.
    pub async fn mint(
        &self,
        tenant: TenantId,
        create: Create,
        document: &Document<'_>,
    ) -> Result<HttpResponse, Problem> {
        let vault = self.app.ledger.vault();
        let id = CredentialId(vault.uuid(self.app.now().millis()));
        let target = Target { tenant, kind: kind_of(&self.request)?, id };
        let render = self.render_used(target, LastUses::default(), 201).await?;
        let order = || {
            let command = target.command(vec![CredentialCommand::Create(create.clone())]);
            self.order(id.into(), command, document, render.clone())
        };
        let executed = self.app.ledger.execute_within_plan(tenant, order).await?;
        let under = format_args!("/tenants/{tenant}/{}", collection(target.kind));
        Ok(self.made(member(target.kind), under, executed))
    }

    /// One or more actions on one credential, answered with the credential.
    pub async fn on_credential(
        &self,
        target: Target,
        actions: Vec<CredentialCommand>,
        document: &Document<'_>,
        told: Told,
    ) -> Result<HttpResponse, Problem> {
        let render = self.render_credential(target, 200).await?;
        let order = self.order(target.id.into(), target.command(actions), document, render)?;
        self.carry_out(order, told).await
    }

    /// One action on one credential that needs no body.
    pub async fn on_credential_alone(
        &self,
        target: Target,
        action: CredentialCommand,
        payload: Payload,
    ) -> Result<HttpResponse, Problem> {
        let body = self.no_body(payload).await?;
        self.on_credential(target, vec![action], &body.parse()?, Told::ENFORCED).await
    }

    /// One or more actions on one tenant, answered with the tenant.
    pub async fn on_tenant(
        &self,
        tenant: TenantId,
        actions: Vec<TenantCommand>,
        document: &Document<'_>,
    ) -> Result<HttpResponse, Problem> {
        let render = render("tenant", 200, |state, _| state.tenant().map(tenant::tenant));
        let order = self.order(tenant.into(), Command::Tenant(actions), document, render)?;
        self.carry_out(order, Told::ENFORCED).await
    }

    /// One or more actions on one member, answered with the member.
    pub async fn on_member(
        &self,
        (tenant, member): (TenantId, MemberId),
        actions: Vec<MemberCommand>,
        document: &Document<'_>,
    ) -> Result<HttpResponse, Problem> {
        let command = Command::Member(tenant, actions);
        let order = self.order(member.into(), command, document, self.render_member(200))?;
        self.carry_out(order, Told::ENFORCED).await
    }

    pub fn render_member(&self, status: u16) -> Render {
        let app = self.app.clone();
        render("member", status, move |state, _| {
            state.member().map(|each| account::member(each, &|actor| app.actor_name(actor)))
        })
    }

    /// One or more actions on one operator, answered with the operator.
    pub async fn on_operator(
        &self,
        id: OperatorId,
        actions: Vec<OperatorCommand>,
        document: &Document<'_>,
    ) -> Result<HttpResponse, Problem> {
        let render =
            render("operator", 200, |state, now| state.operator().map(|each| operator::operator(each, now)));
        let order = self.order(id.into(), Command::Operator(actions), document, render)?;
        self.carry_out(order, Told::ENFORCED).await
    }

    /// The credential, and where the command made something to show, that, with a curl line that tries it.
    pub async fn render_credential(&self, target: Target, status: u16) -> Result<Render, Problem> {
        let (database, whose) =
            (self.app.ledger.database(), (self.app.ledger.reader().ledger, target.tenant));
        let uses = last_uses_brought(database, Errand::Command, whose, &[target.id.0]).await?;
        self.render_used(target, uses, status).await
    }

    /// `uses`: what the database has of them; what is in memory is looked at when the secrets are known. A use that is brought
    /// between the two looks shows in the next answer.
    async fn render_used(&self, target: Target, uses: LastUses, status: u16) -> Result<Render, Problem> {
        let kept = self.app.ledger.tenant_kept(Errand::Command, target.tenant).await?;
        let warning_seconds = kept.state.tenant().map_or(0, |tenant| tenant.settings.expiry_warning_seconds);
        let app = self.app.clone();
        Ok(Arc::new(move |state, secret, now| {
            let credential = state.credential();
            let resource = credential.map(|credential| {
                let mut uses = uses.clone();
                app.usage.last_uses_here(credential.secrets.iter().map(|secret| secret.facts.id), &mut uses);
                app.credential(credential, &uses, now, warning_seconds)
            });
            let mut body = Map::from_iter([(member(target.kind).to_owned(), json!(resource))]);
            if let Some(credential) = credential {
                body.extend(shown(&app.public_url, credential, secret, status));
            }
            Answer { status, body }
        }))
    }
}

/// What is told of a new secret this once, and how to try it. Of a client that has none, its new id and the same.
fn shown(
    url: &str,
    credential: &Credential,
    secret: Option<&PlainSecret>,
    status: u16,
) -> Map<String, Value> {
    let mut told = Map::new();
    let secret = secret.map(PlainSecret::reveal);
    told.extend(secret.map(|secret| ("secret".to_owned(), secret.into())));
    let curl = match (credential.client_id(), secret) {
        (None, Some(secret)) => format!("curl -H 'Authorization: Bearer {secret}' {url}/api/v1/whoami"),
        (Some(id), Some(secret)) => {
            let id = id.as_str();
            format!("curl -u '{id}:{secret}' -d grant_type=client_credentials {url}/api/v1/oauth/token")
        }
        (Some(_), None) if status == StatusCode::CREATED.as_u16() => format!(
            "curl -d grant_type=client_credentials -d client_assertion_type={} -d client_assertion=\"$ASSERTION\" \
             {url}/api/v1/oauth/token",
            assertion::TYPE
        ),
        (_, None) => return told,
    };
    told.extend(credential.client_id().map(|id| ("client_id".to_owned(), id.as_str().into())));
    told.insert("curl".to_owned(), curl.into());
    told
}

/// An answer whose only member is the resource.
pub fn render(
    kind: &'static str,
    status: u16,
    resource: impl Fn(&StreamState, crate::clock::Timestamp) -> Option<Value> + Send + Sync + 'static,
) -> Render {
    Arc::new(move |state, _, now| Answer {
        status,
        body: Map::from_iter([(kind.to_owned(), json!(resource(state, now)))]),
    })
}

/// Adds what is known only after the commit: the position, and whether it is enforced.
pub fn answer(executed: Executed, told: Told) -> HttpResponse {
    let Executed { answer: Answer { status, mut body }, position, enforced, replayed, .. } = executed;
    let version = body.values().find_map(|member| member.get("version")).and_then(Value::as_u64);
    body.insert("position".to_owned(), json!(position));
    if told.enforced {
        body.insert("enforced".to_owned(), enforced.into());
    }
    let pending = told.enforced && !enforced;
    let status =
        if pending { StatusCode::ACCEPTED } else { StatusCode::from_u16(status).unwrap_or(StatusCode::OK) };
    let mut response = HttpResponse::build(status);
    if let Some(version) = version {
        response.insert_header((ETAG, etag(version)));
    }
    if let Some(location) = told.location.and_then(|location| HeaderValue::from_str(&location).ok()) {
        response.insert_header((LOCATION, location));
    }
    if replayed {
        response.insert_header((REPLAYED, HeaderValue::from_static("true")));
    }
    response.json(body)
}
