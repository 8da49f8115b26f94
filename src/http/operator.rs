//! The operators' door: who asks, in which role, over which tenants. Checked before anything else of a request.

use std::future::{Ready, ready};
use std::rc::Rc;
use std::sync::Arc;

use actix_web::body::BoxBody;
use actix_web::dev::{Payload, Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::http::header::AUTHORIZATION;
use actix_web::web::Data;
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest};
use futures::FutureExt;
use futures::future::{Either, LocalBoxFuture};
use uuid::Uuid;

use super::app::{App, not_answering};
use super::bearer::presented;
use super::limited;
use super::metrics::Quota;
use super::problem::Problem;
use super::session::Known;
use super::{cookie, origin, session};
use crate::clock::Timestamp;
use crate::domain::access::Reason;
use crate::domain::authority::{Action, permit_over, permit_role};
use crate::domain::event::Actor;
use crate::domain::ids::{CredentialId, OperatorId, TenantId, TokenId};
use crate::domain::operator::Reach;
use crate::people::sessions::Session;
use crate::projections::active::{OperatorEntry, OperatorPass, TenantSummary};

/// An operator whose token works, or whose session holds; an extractor behind [`AdminDoor`].
#[derive(Clone)]
pub struct Operator(Rc<Who>);

pub struct Who {
    pub operator: Arc<OperatorEntry>,
    pub by: By,
}

/// What the operator came with.
pub enum By {
    Token { id: TokenId, expires_at: Timestamp },
    Session(Session),
}

impl Operator {
    /// Whoever the door let in.
    pub fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let operator = request.extensions().get::<Operator>().cloned();
        operator.ok_or_else(|| Problem::internal("a route for operators stands outside their door"))
    }

    pub fn actor(&self) -> Actor {
        Actor::Operator(self.0.operator.id)
    }

    pub fn who(&self) -> &Who {
        &self.0
    }

    /// The token that it came with; whoever is signed in came with none.
    pub fn token(&self) -> Option<TokenId> {
        match self.0.by {
            By::Token { id, .. } => Some(id),
            By::Session(_) => None,
        }
    }

    /// Does its role allow this at all?
    pub fn may(&self, action: Action) -> Result<(), Problem> {
        Ok(permit_role(self.0.operator.role, &self.0.operator.reach, action, None)?)
    }

    /// Role first, then the tenant: by id or slug, and within reach. Foreign and unknown look alike.
    pub fn tenant(&self, app: &App, named: &str, action: Action) -> Result<TenantSummary, Problem> {
        self.may(action)?;
        let found = match named.parse::<TenantId>() {
            Ok(id) => app.view.tenant(id),
            Err(_) => app.view.tenant_by_slug(named),
        };
        let found = found.map_err(|_| not_answering())?;
        found.filter(|tenant| self.0.operator.reach.includes(tenant.id)).ok_or_else(Problem::not_found)
    }

    /// A credential's path: its tenant, and an id that may or may not be there.
    pub fn credential(
        &self,
        app: &App,
        (tenant, credential): (&str, &str),
        action: Action,
    ) -> Result<(TenantSummary, CredentialId), Problem> {
        let tenant = self.tenant(app, tenant, action)?;
        let id = credential.parse().map_err(|_| Problem::not_found())?;
        Ok((tenant, id))
    }

    /// An operator's path, for whoever may change it. One that reaches further looks like one that is not there.
    pub fn over(&self, app: &App, named: &str) -> Result<OperatorId, Problem> {
        self.may(Action::ManageOperators)?;
        let id = named.parse().map_err(|_| Problem::not_found())?;
        let other = app.view.operator(id).map_err(|_| not_answering())?.ok_or_else(Problem::not_found)?;
        permit_over(self.0.operator.role, &self.0.operator.reach, (other.role, &other.reach))?;
        Ok(id)
    }

    fn within_limit(&self, app: &App) -> Result<(), Problem> {
        app.limiter.operator(self.0.operator.id).map_err(|(limit, spent)| {
            app.metrics.limited(Quota::Operator);
            limited::spent(
                Quota::Operator,
                limit,
                spent,
                "this operator asks too often; wait, then ask again",
            )
        })
    }

    /// The tenants it may see, for a verdict.
    pub fn reach(&self) -> &Reach {
        &self.0.operator.reach
    }

    /// The same for a query; `None` is all.
    pub fn reached_tenants(&self) -> Option<Vec<Uuid>> {
        match self.reach() {
            Reach::All => None,
            Reach::Tenants(tenants) => Some(tenants.iter().map(|tenant| tenant.0).collect()),
        }
    }
}

impl FromRequest for Operator {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Operator::of(request))
    }
}

impl From<OperatorPass> for Operator {
    fn from(pass: OperatorPass) -> Self {
        let by = By::Token { id: pass.token, expires_at: pass.expires_at };
        Operator(Rc::new(Who { operator: pass.entry, by }))
    }
}

impl From<Known> for Operator {
    fn from(Known { session, operator }: Known) -> Self {
        Operator(Rc::new(Who { operator: operator.entry, by: By::Session(session) }))
    }
}

/// Whoever is signed in, where a cookie says so and no token does: what is said outright goes before what a browser adds by
/// itself. Changes are taken from pages of this service alone.
async fn signed_in(app: &App, request: &HttpRequest) -> Option<Result<Operator, Problem>> {
    let (people, cookie) = session::presented(app, request)?;
    if request.headers().contains_key(AUTHORIZATION) {
        return None;
    }
    let known = session::known(app, people, cookie).await;
    let known = known.map_err(|problem| app.failed(app.client_ip(request), problem));
    Some(known.and_then(|known| {
        if !request.method().is_safe() {
            origin::check(request.headers(), &people.settings.origin)?;
        }
        Ok(Operator::from(known))
    }))
}

/// Who asks, as they are now: for an answer that goes on and on.
pub async fn known_still(app: &App, request: &HttpRequest) -> Result<Operator, Problem> {
    match signed_in(app, request).await {
        Some(known) => known,
        None => identify(app, request).await,
    }
}

/// The token's operator, or the 401 that says what is wrong with it; 429 for an address that guesses too often.
pub async fn identify(app: &App, request: &HttpRequest) -> Result<Operator, Problem> {
    let known = known(app, request).await;
    known.map_err(|problem| app.failed(app.client_ip(request), problem))
}

async fn known(app: &App, request: &HttpRequest) -> Result<Operator, Problem> {
    let token = presented(request)?;
    let look = |now| app.view.operator_token(app.ledger.vault(), token).map(|pass| (pass, now));
    let (pass, now) = app.leased(look).await?.map_err(|_| not_answering())?;
    let refused = |reason: Reason, detail| Problem::credential_refused(reason.word(), detail);
    let Some(pass) = pass else {
        return Err(match app.view.operator_token_misfit(token) {
            Some(misfit) => refused(Reason::Malformed, misfit.detail()),
            None => refused(Reason::NotFound, "this is no operator token of this installation"),
        });
    };
    if !pass.token_works(now) {
        return Err(match (pass.entry.disabled, pass.revoked) {
            (true, _) => refused(Reason::OwnerDisabled, "this operator is disabled"),
            (false, true) => refused(Reason::Revoked, "this operator token is revoked; ask for a new one"),
            (false, false) => refused(Reason::Expired, "this operator token has expired; ask for a new one"),
        });
    }
    Ok(Operator::from(pass))
}

/// The middleware of every route that operators use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminDoor {
    /// each operator only so often, by a token or by a session
    Limited,
    /// for what an API layer asks on every call of its own
    Unlimited,
}

impl<S> Transform<S, ServiceRequest> for AdminDoor
where
    S: Service<ServiceRequest, Response = ServiceResponse<BoxBody>, Error = Error> + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    type Transform = AdminDoorService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(AdminDoorService { service: Rc::new(service), door: *self }))
    }
}

pub struct AdminDoorService<S> {
    service: Rc<S>,
    door: AdminDoor,
}

impl<S> Service<ServiceRequest> for AdminDoorService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<BoxBody>, Error = Error> + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    /// Boxed only while the node's lease has lapsed, or for whoever comes with a session; otherwise there is nothing to wait for.
    type Future = Either<Entered<S>, LocalBoxFuture<'static, Outcome>>;

    forward_ready!(service);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let door = self.door;
        // A session is asked for in the database, and a question that is given up there costs its connection.
        let asks = door == AdminDoor::Limited && comes_by_session(request.request());
        if !asks && let Some(known) = identify_caller(&request, door).now_or_never() {
            return Either::Left(enter(&*self.service, request, known));
        }
        let service = self.service.clone();
        let waiting = async move {
            let known = identify_caller(&request, door).await;
            enter(&*service, request, known).await
        };
        Either::Right(waiting.boxed_local())
    }
}

type Outcome = Result<ServiceResponse<BoxBody>, Error>;
type Entered<S> = Either<<S as Service<ServiceRequest>>::Future, Ready<Outcome>>;

fn comes_by_session(request: &HttpRequest) -> bool {
    !request.headers().contains_key(AUTHORIZATION) && cookie::of(request, cookie::SESSION).is_some()
}

async fn identify_caller(request: &ServiceRequest, door: AdminDoor) -> Result<Operator, Problem> {
    let app = request.app_data::<Data<App>>();
    let app = app.ok_or_else(|| Problem::internal("the door stands without its app"))?;
    let session = match door {
        AdminDoor::Limited => signed_in(app, request.request()).await,
        AdminDoor::Unlimited => None,
    };
    let operator = match session {
        Some(known) => known?,
        None => identify(app, request.request()).await?,
    };
    if door == AdminDoor::Limited {
        operator.within_limit(app)?;
    }
    Ok(operator)
}

fn enter<S>(service: &S, request: ServiceRequest, known: Result<Operator, Problem>) -> Entered<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<BoxBody>, Error = Error>,
{
    match known {
        Ok(operator) => {
            request.extensions_mut().insert(operator);
            Either::Left(service.call(request))
        }
        Err(problem) => Either::Right(ready(Ok(request.error_response(problem)))),
    }
}
