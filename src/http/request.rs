//! Around every request: its id, the limits of its head, the manners of its answer, and one line in the log.
//!
//! It stands on the way of every verdict, so it boxes no future and writes no text that nobody reads.

use std::future::{Ready, ready};
use std::rc::Rc;
use std::sync::Arc;

use actix_web::body::BoxBody;
use actix_web::dev::{
    Payload, RequestHead, Service, ServiceRequest, ServiceResponse, Transform, forward_ready,
};
use actix_web::error::InternalError;
use actix_web::http::header::{self, HeaderValue};
use actix_web::http::{Method, StatusCode, Uri};
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest, HttpResponse};
use futures::FutureExt;
use futures::future::{Either, Join, Map, join};

use super::problem::{Code, Problem};
use super::request_id::{self, RequestId, TraceContext};
use super::served::{Entrance, Served};
use super::unread::Unread;
use crate::clock::BootTime;
use crate::limits;

/// What a handler may know of the request it serves; an extractor.
#[derive(Clone, Debug)]
pub struct RequestContext {
    pub request_id: RequestId,
    pub trace: Option<TraceContext>,
}

impl RequestContext {
    pub fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let context = request.extensions().get::<RequestContext>().cloned();
        context.ok_or_else(|| Problem::internal("the service runs without its request middleware"))
    }
}

impl FromRequest for RequestContext {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(RequestContext::of(request))
    }
}

/// The middleware; the outermost one, `App::wrap`ped last.
///
/// Inner middlewares that refuse answer with `request.error_response(problem)`, not with `Err`: only so is the route
/// known to the log.
pub struct Manners {
    shared: Rc<Shared>,
}

struct Shared {
    /// where the 16 random bytes of a minted request id come from
    random: fn() -> [u8; 16],
    /// whether a request id that was sent is what a secret looks like: such a one is neither logged nor kept
    is_a_secret: Box<dyn Fn(&str) -> bool>,
    /// how the paths of writes by method end that are reads by meaning, such as verify: logged as reads
    questions: &'static [&'static str],
    served: Arc<Served>,
}

impl Manners {
    pub fn new(random: fn() -> [u8; 16], questions: &'static [&'static str]) -> Self {
        Self::counting(random, Box::new(|_| false), questions, Arc::default())
    }

    pub fn counting(
        random: fn() -> [u8; 16],
        is_a_secret: Box<dyn Fn(&str) -> bool>,
        questions: &'static [&'static str],
        served: Arc<Served>,
    ) -> Self {
        Self { shared: Rc::new(Shared { random, is_a_secret, questions, served }) }
    }
}

impl<S> Transform<S, ServiceRequest> for Manners
where
    S: Service<ServiceRequest, Response = ServiceResponse<BoxBody>, Error = Error>,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    type Transform = MannersService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(MannersService { service, shared: Rc::clone(&self.shared) }))
    }
}

pub struct MannersService<S> {
    service: S,
    shared: Rc<Shared>,
}

type Outcome = Result<ServiceResponse<BoxBody>, Error>;

impl<S> Service<ServiceRequest> for MannersService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<BoxBody>, Error = Error>,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    /// Named, and so not boxed: the request's own future beside what is known of the request, then [`finish`].
    type Future =
        Either<Ready<Outcome>, Map<Join<S::Future, Ready<Exchange>>, fn((Outcome, Exchange)) -> Outcome>>;

    forward_ready!(service);

    fn call(&self, mut request: ServiceRequest) -> Self::Future {
        let exchange = Exchange::begin(&mut request, &self.shared);
        if let Err(problem) = check_head(request.head()) {
            return Either::Left(ready(finish((Ok(request.error_response(problem)), exchange))));
        }
        request.extensions_mut().insert(exchange.context.clone());
        let finish: fn((Outcome, Exchange)) -> Outcome = finish;
        Either::Right(join(self.service.call(request), ready(exchange)).map(finish))
    }
}

/// What is kept aside while the request is served; the request itself cannot be, routing needs it undivided.
pub struct Exchange {
    context: RequestContext,
    began: BootTime,
    method: Method,
    is_question: bool,
    entrance: Entrance,
    shared: Rc<Shared>,
    unread: Option<Unread>,
}

impl Exchange {
    fn begin(request: &mut ServiceRequest, shared: &Rc<Shared>) -> Self {
        let unread = Unread::of(request);
        let headers = request.headers();
        let sent = RequestId::from_headers(headers).filter(|sent| !sent.holds(&shared.is_a_secret));
        let request_id = sent.unwrap_or_else(|| RequestId::minted((shared.random)()));
        let method = request.method().clone();
        let path = request.path();
        let is_question =
            method.is_safe() || shared.questions.iter().any(|question| path.ends_with(question));
        let entrance = Entrance::of(request.path());
        let context = RequestContext { request_id, trace: TraceContext::from_headers(headers) };
        let shared = Rc::clone(shared);
        Self { context, began: BootTime::now(), method, is_question, entrance, shared, unread }
    }

    fn log(&self, route: Option<&HttpRequest>, status: StatusCode) {
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    target: "http",
                    method = self.method.as_str(),
                    // The pattern, never the URL: ids and queries are not for the log.
                    route = route.and_then(HttpRequest::match_pattern).as_deref().unwrap_or("-"),
                    status = status.as_u16(),
                    micros = u64::try_from(BootTime::now().since(self.began).as_micros()).unwrap_or(u64::MAX),
                    request_id = self.context.request_id.as_str(),
                    trace_id = self.context.trace.as_ref().map(TraceContext::trace_id),
                )
            };
        }
        match self.is_question {
            true => line!(debug),
            false => line!(info),
        }
    }
}

fn check_head(head: &RequestHead) -> Result<(), Problem> {
    let url = url_bytes(&head.uri);
    if url > limits::URL_BYTES {
        return Err(Problem::new(Code::UriTooLong, format!("a URL has at most {} bytes", limits::URL_BYTES)));
    }
    // Each header has a colon, a space and a line's end around it.
    let headers: usize = head.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if url + headers > limits::HEAD_BYTES {
        let detail = format!("the request line and all headers have at most {} bytes", limits::HEAD_BYTES);
        return Err(Problem::new(Code::HeadersTooLarge, detail));
    }
    Ok(())
}

fn url_bytes(uri: &Uri) -> usize {
    let origin = uri.authority().map_or(0, |authority| authority.as_str().len() + "https://".len());
    origin + uri.path_and_query().map_or(0, |path| path.as_str().len())
}

fn finish((outcome, exchange): (Outcome, Exchange)) -> Outcome {
    match outcome {
        Ok(answer) => {
            let mut answer = with_problem_rendered(answer, &exchange);
            add_headers(answer.response_mut(), &exchange.context.request_id);
            exchange.shared.served.answer(exchange.entrance, answer.status());
            exchange.log(Some(answer.request()), answer.status());
            Ok(match exchange.unread {
                Some(unread) => unread.kept_by(answer),
                None => answer,
            })
        }
        // A middleware further in gave up without the request; the answer can still be a whole one.
        Err(error) => {
            let mut response = render(&error, &exchange);
            exchange.shared.served.answer(exchange.entrance, response.status());
            add_headers(&mut response, &exchange.context.request_id);
            exchange.log(None, response.status());
            Err(InternalError::from_response("the answer is a problem", response).into())
        }
    }
}

/// Puts the final problem, with its request id, in the place of the provisional one. Headers that middlewares added stay.
fn with_problem_rendered(answer: ServiceResponse<BoxBody>, exchange: &Exchange) -> ServiceResponse<BoxBody> {
    let Some(error) = answer.response().error() else {
        return answer;
    };
    let mut rendered = render(error, exchange);
    // A client that was asked for its secret in the header and showed it in the body would take that for the error (RFC 6749, 5.2).
    if exchange.entrance.speaks_oauth() && !answer.request().headers().contains_key(header::AUTHORIZATION) {
        rendered.headers_mut().remove(header::WWW_AUTHENTICATE);
    }
    for (name, value) in answer.headers() {
        if !rendered.headers().contains_key(name) {
            rendered.headers_mut().append(name.clone(), value.clone());
        }
    }
    answer.into_response(rendered)
}

fn render(error: &Error, exchange: &Exchange) -> HttpResponse {
    let answer = |problem: &Problem| {
        exchange.shared.served.problem(problem.code());
        match exchange.entrance.speaks_oauth() {
            true => problem.oauth_answer(&exchange.context.request_id),
            false => problem.answer(&exchange.context.request_id),
        }
    };
    match error.as_error::<Problem>() {
        Some(problem) => answer(problem),
        None => answer(&foreign(error)),
    }
}

/// The framework's own errors, from extractors, told by their status: their texts are not ours.
fn foreign(error: &Error) -> Problem {
    match error.as_response_error().status_code() {
        StatusCode::NOT_FOUND => Problem::not_found(),
        StatusCode::PAYLOAD_TOO_LARGE => Problem::too_large(limits::BODY_BYTES),
        status if status.is_client_error() => Problem::invalid("the request cannot be read"),
        _ => Problem::internal(error.to_string()),
    }
}

fn add_headers(response: &mut HttpResponse, request_id: &RequestId) {
    const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
    const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
    let headers = response.headers_mut();
    headers.insert(request_id::HEADER, request_id.header_value());
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    // What may be kept says so itself.
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, NO_STORE);
    }
}
