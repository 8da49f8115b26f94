//! A resource and its methods. What is no method of it answers 405 with `Allow`, and a caller who accepts none of what
//! a method offers gets 406.

use std::future::{Ready, ready};

use actix_web::guard::fn_guard;
use actix_web::http::Method;
use actix_web::http::header::HeaderValue;
use actix_web::{FromRequest, Handler, HttpRequest, HttpResponse, Resource, Responder, web};

use super::conneg;
use super::problem::{Code, Problem};

/// ```text
/// app.service(Routes::at("/keys/{id}").get(read).patch(edit).delete(delete).done())
/// ```
pub struct Routes {
    resource: Resource,
    methods: Vec<Method>,
    offers: Vec<(Method, &'static [&'static str])>,
}

impl Routes {
    pub fn at(path: &str) -> Self {
        Self { resource: web::resource(path), methods: Vec::new(), offers: Vec::new() }
    }

    /// HEAD too: the server leaves the body out.
    pub fn get<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.on(Method::GET, conneg::JSON_ONLY, handler)
    }

    pub fn post<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.on(Method::POST, conneg::JSON_ONLY, handler)
    }

    pub fn patch<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.on(Method::PATCH, conneg::JSON_ONLY, handler)
    }

    pub fn put<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.on(Method::PUT, conneg::JSON_ONLY, handler)
    }

    pub fn delete<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.on(Method::DELETE, conneg::JSON_ONLY, handler)
    }

    /// A method that offers other forms than JSON; its handler asks [`conneg::choose`] which.
    pub fn on<F, Args>(mut self, method: Method, offers: &'static [&'static str], handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        let own = method.clone();
        let guard = fn_guard(move |context| {
            let head = context.head();
            answers(&own, &head.method) && conneg::accepted(&head.headers, offers).is_some()
        });
        self.resource = self.resource.route(web::route().guard(guard).to(handler));
        self.methods.push(method.clone());
        if method == Method::GET {
            self.methods.push(Method::HEAD);
        }
        self.offers.push((method, offers));
        self
    }

    /// Whatever the method and whatever is accepted: for a route that must never answer 405 or 406.
    pub fn any<F, Args>(mut self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.resource = self.resource.route(web::to(handler));
        self
    }

    pub fn done(self) -> Resource {
        let names: Vec<&str> = self.methods.iter().map(Method::as_str).collect();
        // The names of methods are always a header's value.
        let allow = HeaderValue::from_str(&names.join(", ")).unwrap_or(HeaderValue::from_static(""));
        let offers = self.offers;
        self.resource.default_service(web::to(move |request: HttpRequest| {
            let known = offers.iter().find(|(method, _)| answers(method, request.method()));
            refused(match known {
                Some((_, offers)) => Problem::not_acceptable(offers),
                None => Problem::method_not_allowed(allow.clone()),
            })
        }))
    }
}

fn answers(own: &Method, asked: &Method) -> bool {
    own == asked || (own == Method::GET && asked == Method::HEAD)
}

fn refused(problem: Problem) -> Ready<Result<HttpResponse, Problem>> {
    ready(Err(problem))
}

/// For `App::default_service(web::to(routes::not_found))`.
pub fn not_found(request: HttpRequest) -> Ready<Result<HttpResponse, Problem>> {
    refused(match request.path() {
        "/" => Problem::new(Code::NotFound, "there is nothing at the root; what there is, is told at /docs"),
        _ => Problem::not_found(),
    })
}
