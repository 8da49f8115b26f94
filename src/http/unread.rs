//! A chunked body that nobody read to its end.
//!
//! When a handler drops such a body, the framework goes on reading and discarding it, for as long as the caller sends.
//! While the body is alive when the answer goes out, the framework closes the connection instead; so it is kept until
//! then. Bodies with a Content-Length need none of this: an unread one closes the connection by itself.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::HttpMessage;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::PayloadError;
use bytes::Bytes;
use futures::Stream;

/// The body, shared between the handler that may read it and the answer that outlives the handler.
#[derive(Clone)]
pub(super) struct Unread(Rc<RefCell<Payload>>);

impl Unread {
    /// Takes part in a chunked body; `None` for every other.
    pub fn of(request: &mut ServiceRequest) -> Option<Self> {
        if !request.chunked().unwrap_or(false) {
            return None;
        }
        let shared = Self(Rc::new(RefCell::new(request.take_payload())));
        request.set_payload(Payload::Stream { payload: Box::pin(shared.clone()) });
        Some(shared)
    }

    pub fn kept_by(self, answer: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
        answer.map_body(|_, body| BoxBody::new(Keeping { body, _unread: self }))
    }
}

impl Stream for Unread {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_next(context)
    }
}

struct Keeping {
    body: BoxBody,
    _unread: Unread,
}

impl MessageBody for Keeping {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(context)
    }
}
