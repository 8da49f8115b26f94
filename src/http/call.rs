//! What is told of a call that was served or refused, in a report and beside a question.

use std::net::IpAddr;

use super::fields;
use super::members::{Members, Node};
use crate::activity::calls::{Outcome, Told};
use crate::domain::ip_rules::fold_mapped;
use crate::domain::text::{FreeText, Line};
use crate::limits;

/// How the call went, as far as the caller of this service knows.
#[derive(Clone, Debug, Default)]
pub struct Went {
    pub outcome: Option<Outcome>,
    pub status: Option<i16>,
    pub latency_ms: Option<i32>,
    pub told: Told,
}

/// The members that a report and `call` have in common.
pub fn went(members: &mut Members<'_, '_>) -> Option<Went> {
    let provider = members.nullable("provider", name);
    let model = members.nullable("model", name);
    let status = members.nullable("status", |status| status.integer(100..=599));
    let latency_ms = members.nullable("latency_ms", |latency| latency.integer(0..=i32::MAX.into()));
    let error = members.nullable("error", |text| {
        text.parsed(FreeText::<{ limits::ACTIVITY_ERROR_CHARS }>::parse).map(|text| text.as_str().to_owned())
    });
    let request_id = members.nullable("request_id", request_id);
    let told = Told {
        provider: provider?,
        model: model?,
        error: error?,
        request_id: request_id?,
        ..Told::default()
    };
    // Both ranges are narrower than their types.
    let status = status?.map(|status| status as i16);
    Some(Went { outcome: None, status, latency_ms: latency_ms?.map(|latency| latency as i32), told })
}

/// The same with what a question says of its call by itself.
pub fn reported(members: &mut Members<'_, '_>) -> Option<Went> {
    let went = went(members);
    let outcome = members.nullable("outcome", |word| word.parsed(Outcome::parse));
    let operation = members.nullable("operation", fields::operation);
    let client_ip = members.nullable("client_ip", ip_address);
    let went = went?;
    let operation = operation?.map(|operation| operation.into_owned());
    let told = Told { operation, client_ip: client_ip?, ..went.told };
    Some(Went { outcome: outcome?, told, ..went })
}

fn name(node: Node<'_, '_>) -> Option<String> {
    node.parsed(Line::<{ limits::ACTIVITY_NAME_CHARS }>::parse).map(|name| name.as_str().to_owned())
}

fn request_id(node: Node<'_, '_>) -> Option<String> {
    node.parsed(|text| {
        let fits = (1..=limits::REQUEST_ID_CHARS).contains(&text.len());
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        match fits && text.bytes().all(plain) {
            true => Ok(text.to_owned()),
            false => Err("expected 1 to 128 letters, digits, dots, underscores and hyphens"),
        }
    })
}

pub fn ip_address(node: Node<'_, '_>) -> Option<IpAddr> {
    node.parsed(|text| text.parse::<IpAddr>().map_err(|_| "expected an IPv4 or IPv6 address"))
        .map(fold_mapped)
}
