//! The HTTP door. No rule of the business, no SQL: requests become commands and questions, answers become JSON.
//!
//! The manners of the API, known to every route: [`problem`] is the one error type of handlers; [`body`], [`json`] and
//! [`members`] read a body strictly; [`query`] reads a query string as strictly; [`request`] is the middleware around
//! everything; [`routes`] answers what is no route; [`conneg`], [`etag`], [`idempotency`] and [`page`] read one header or
//! parameter each. What the outside may rely on is the document of [`openapi`].

pub mod app;
mod audited;
pub mod authorize;
pub mod bearer;
pub mod body;
mod call;
mod claimed;
pub mod client_ip;
mod code;
mod commands;
pub mod conneg;
mod console;
mod cookie;
mod decision;
mod docs;
pub mod etag;
mod export;
mod fields;
mod health;
pub mod idempotency;
mod joined;
pub mod json;
mod json_out;
mod json_parser;
mod jwks;
mod leaks;
mod limited;
mod lines;
pub mod members;
pub mod metrics;
mod moment;
mod oauth;
pub mod openapi;
pub mod operator;
mod origin;
pub mod page;
pub mod problem;
mod proof;
mod queries;
pub mod query;
mod recorded;
pub mod reference;
pub mod request;
pub mod request_id;
mod resources;
pub mod revocations;
pub mod routes;
pub mod serve;
pub mod served;
mod session;
mod unread;
mod verdict;
mod verdict_out;
mod verify;
mod whoami;
mod workings;

#[cfg(test)]
mod app_test;
#[cfg(test)]
mod wire_test;

/// Where the operators' door stands.
pub const API_ADMIN: &str = "/api/admin/v1";
/// Where callers and the API layer ask.
pub const API: &str = "/api/v1";
