//! Flags that are parameters of a list, for whichever command asks for it.

use clap::{Arg, ArgAction, ArgMatches};

use super::find;
use super::remote::with;
use crate::ops::StartError;

/// A flag, the parameter it is, and what it says.
pub struct Filter {
    pub flag: &'static str,
    pub parameter: &'static str,
    pub value: &'static str,
    pub help: &'static str,
    /// it may stand several times
    pub repeats: bool,
}

impl Filter {
    const fn of(
        flag: &'static str,
        parameter: &'static str,
        value: &'static str,
        help: &'static str,
    ) -> Self {
        Filter { flag, parameter, value, help, repeats: false }
    }
}

const FROM: Filter = Filter::of("from", "from", "INSTANT", "from this instant on (RFC 3339)");
const TO: Filter = Filter::of("to", "to", "INSTANT", "before this instant");
const PREFIX: Filter = Filter::of("prefix", "prefix", "TEXT", "of the secret or client id that begins so");
const CLIENT_IP: Filter = Filter::of("client-ip", "client_ip", "ADDRESS", "from this address, exactly");

pub const OF_TRAIL: &[Filter] = &[
    Filter {
        repeats: true,
        ..Filter::of(
            "type",
            "type",
            "TYPE",
            "events of this type, or of what it begins with and a *; may stand several times",
        )
    },
    Filter::of("actor", "actor", "ID", "what this operator did, or the holder of this credential; or system"),
    Filter::of("subject", "subject", "ID", "what happened to this"),
    CLIENT_IP,
    FROM,
    TO,
];

pub const OF_ACTIVITY: &[Filter] = &[
    Filter::of("credential", "credential", "ID", "calls of this key or client"),
    Filter::of("secret", "secret", "ID", "calls by this secret"),
    PREFIX,
    Filter::of("operation", "operation", "LABEL", "calls that did this"),
    Filter::of("outcome", "outcome", "WORD", "accepted, rate_limited, or the reason of a refusal"),
    CLIENT_IP,
    Filter::of("request-id", "request_id", "TEXT", "the call with this request id"),
    FROM,
    TO,
];

pub const OF_LIST: &[Filter] = &[
    Filter::of(
        "at",
        "at",
        "INSTANT",
        "as they were at this instant (RFC 3339); without a moment: as they are",
    ),
    Filter::of("position", "position", "N", "as they were after the event at this position"),
    Filter::of("valid", "valid", "true|false", "those that worked as such, or the others"),
    Filter::of("status", "status", "WORD", "active, expiring, expired, suspended or revoked"),
    Filter::of("name", "name", "TEXT", "those of this name"),
    PREFIX,
    Filter::of("scope", "scope", "SCOPE", "those that have this scope"),
    Filter::of("owner", "owner", "ID", "those that belong to this member"),
    Filter::of("expires-before", "expires_before", "INSTANT", "those that end before this instant"),
    Filter::of("unused-since", "unused_since", "INSTANT", "those that were not let in since; of now alone"),
];

pub const OF_CHANGES: &[Filter] = &[
    Filter::of("from", "from", "INSTANT", "compared with this instant (RFC 3339)"),
    Filter::of("from-position", "from_position", "N", "or with the event at this position"),
    Filter::of("to", "to", "INSTANT", "up to this instant; without: up to now"),
    Filter::of("to-position", "to_position", "N", "or up to the event at this position"),
];

pub fn flags(filters: &'static [Filter]) -> impl Iterator<Item = Arg> {
    filters.iter().map(|filter| {
        let action = if filter.repeats { ArgAction::Append } else { ArgAction::Set };
        Arg::new(filter.flag)
            .long(filter.flag)
            .value_name(filter.value)
            .help(filter.help)
            .num_args(1)
            .action(action)
    })
}

/// A list's path, as the flags filter it.
pub fn filtered(path: String, filters: &[Filter], given: &ArgMatches) -> Result<String, StartError> {
    let mut path = path;
    for filter in filters {
        for value in given.get_many::<String>(filter.flag).into_iter().flatten() {
            if filter.parameter == PREFIX.parameter {
                find::is_told_prefix(value)?;
            }
            path = with(&path, filter.parameter, value);
        }
    }
    Ok(path)
}
