//! The operators' door: who asks, in which role, over which tenants. Checked before anything else of a request.

use std::future::{Ready, ready};
use std::rc::Rc;

use actix_web::body::BoxBody;
use actix_web::dev::{Payload, Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::http::header::AUTHORIZATION;
use actix_web::web::Data;
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest};
use futures::FutureExt;
use futures::future::LocalBoxFuture;

use super::app::{App, not_answering};
use super::bearer::bearer;
use super::problem::Problem;
use crate::domain::access::Reason;
use crate::domain::authority::{Action, permit_role};
use crate::domain::event::Actor;
use crate::domain::ids::{CredentialId, TenantId};
use crate::domain::operator::Reach;
use crate::projections::active::{OperatorPass, TenantSummary};

/// An operator whose token works; an extractor behind [`AdminDoor`].
#[derive(Clone)]
pub struct Operator(Rc<OperatorPass>);

impl Operator {
    /// Whoever the door let in.
    pub fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let operator = request.extensions().get::<Operator>().cloned();
        operator.ok_or_else(|| Problem::internal("a route for operators stands outside their door"))
    }

    pub fn actor(&self) -> Actor {
        Actor::Operator(self.0.operator)
    }

    pub fn pass(&self) -> &OperatorPass {
        &self.0
    }

    /// Does its role allow this at all?
    pub fn may(&self, action: Action) -> Result<(), Problem> {
        Ok(permit_role(self.0.role, &self.0.reach, action, None)?)
    }

    /// Role first, then the tenant: by id or slug, and within reach. Foreign and unknown look alike.
    pub fn tenant(&self, app: &App, named: &str, action: Action) -> Result<TenantSummary, Problem> {
        self.may(action)?;
        let found = match named.parse::<TenantId>() {
            Ok(id) => app.view.tenant(id),
            Err(_) => app.view.tenant_by_slug(named),
        };
        let found = found.map_err(|_| not_answering())?;
        found.filter(|tenant| self.0.reach.includes(tenant.id)).ok_or_else(Problem::not_found)
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

    /// The tenants it may see, for a verdict.
    pub fn reach(&self) -> &Reach {
        &self.0.reach
    }
}

impl FromRequest for Operator {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Operator::of(request))
    }
}

/// The token's operator, or the 401 that says what is wrong with it.
pub async fn identify(app: &App, request: &HttpRequest) -> Result<Operator, Problem> {
    let header = bearer(request.headers().get_all(AUTHORIZATION).map(|value| value.as_bytes()));
    let token = match header {
        Ok(Some(token)) => token,
        Ok(None) => return Err(Problem::credential_missing()),
        Err(malformed) => {
            return Err(Problem::credential_refused(Reason::Malformed.word(), malformed.detail()));
        }
    };
    app.lease().await?;
    let pass = app.view.operator_token(app.ledger.vault(), token).map_err(|_| not_answering())?;
    let refused = |reason: Reason, detail| Problem::credential_refused(reason.word(), detail);
    let Some(pass) = pass else {
        return Err(refused(Reason::NotFound, "this is no operator token of this installation"));
    };
    if !pass.token_works(app.now()) {
        return Err(match (pass.disabled, pass.revoked) {
            (true, _) => refused(Reason::OwnerDisabled, "this operator is disabled"),
            (false, true) => refused(Reason::Revoked, "this operator token is revoked; ask for a new one"),
            (false, false) => refused(Reason::Expired, "this operator token has expired; ask for a new one"),
        });
    }
    app.still_leased()?;
    Ok(Operator(Rc::new(pass)))
}

/// The middleware of every route that operators use.
pub struct AdminDoor;

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
        ready(Ok(AdminDoorService { service: Rc::new(service) }))
    }
}

pub struct AdminDoorService<S> {
    service: Rc<S>,
}

impl<S> Service<ServiceRequest> for AdminDoorService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<BoxBody>, Error = Error> + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self::Response, Error>>;

    forward_ready!(service);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let service = self.service.clone();
        async move {
            let Some(app) = request.app_data::<Data<App>>().cloned() else {
                return Ok(request.error_response(Problem::internal("the door stands without its app")));
            };
            match identify(&app, request.request()).await {
                Ok(operator) => {
                    request.extensions_mut().insert(operator);
                    service.call(request).await
                }
                Err(problem) => Ok(request.error_response(problem)),
            }
        }
        .boxed_local()
    }
}
