//! Flags that are parameters of a list, for whichever command asks for it.

use clap::{Arg, ArgAction, ArgMatches};

use super::remote::with;

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
    Filter::of("prefix", "prefix", "TEXT", "calls by the secret that begins so"),
    Filter::of("operation", "operation", "LABEL", "calls that did this"),
    Filter::of("outcome", "outcome", "WORD", "accepted, rate_limited, or the reason of a refusal"),
    CLIENT_IP,
    Filter::of("request-id", "request_id", "TEXT", "the call with this request id"),
    FROM,
    TO,
];

pub const OF_LIST: &[Filter] =
    &[Filter::of("at", "at", "INSTANT", "as they were at this instant (RFC 3339); without: as they are")];

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
pub fn filtered(path: String, filters: &[Filter], given: &ArgMatches) -> String {
    let mut path = path;
    for filter in filters {
        for value in given.get_many::<String>(filter.flag).into_iter().flatten() {
            path = with(&path, filter.parameter, value);
        }
    }
    path
}
