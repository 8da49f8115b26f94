//! The HTTP door. No rule of the business, no SQL: requests become commands and questions, answers become JSON.
//!
//! The manners of the API, known to every route: [`problem`] is the one error type of handlers; [`body`], [`json`] and
//! [`members`] read a body strictly; [`query`] reads a query string as strictly; [`request`] is the middleware around
//! everything; [`routes`] answers what is no route; [`conneg`], [`etag`], [`idempotency`] and [`page`] read one header or
//! parameter each. What the outside may rely on is the document of [`openapi`].

pub mod bearer;
pub mod body;
pub mod client_ip;
mod code;
pub mod conneg;
pub mod etag;
pub mod idempotency;
pub mod json;
mod json_parser;
pub mod members;
pub mod openapi;
pub mod page;
pub mod problem;
pub mod query;
pub mod request;
pub mod request_id;
pub mod routes;
mod unread;

#[cfg(test)]
mod app_test;
#[cfg(test)]
mod wire_test;
