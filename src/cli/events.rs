//! Events of the ledger, as tables tell them; whoever wants every member asks for JSON.

use std::ops::ControlFlow;

use clap::{Arg, ArgAction, ArgMatches, value_parser};
use serde_json::{Map, Value};

use super::table::{Column, Out, Table, words};
use crate::ops::StartError;

// What comes later stands in the same columns, so each has room from the first row on.
const POSITION: Column = Column::whole("POSITION");
const AT: Column = Column::whole("AT");
const EVENT: Column = Column::folded("EVENT").least("api_key.leak_reported".len());
const SUBJECT: Column = Column::folded("SUBJECT").least(12);
const BY: Column = Column::folded("BY").least(12);
const FROM: Column = Column::folded("FROM").least("255.255.255.255".len());
const WHAT: Column = Column::folded("WHAT");
const OF_ONE: [Column; 6] = [POSITION, AT, EVENT, BY, FROM, WHAT];
const OF_MANY: [Column; 7] = [POSITION, AT, EVENT, SUBJECT, BY, FROM, WHAT];

/// How events are written out, and how many.
pub fn flags() -> [Arg; 3] {
    [
        Arg::new("newest").long("newest").action(ArgAction::SetTrue).help("the newest first"),
        Arg::new("limit")
            .long("limit")
            .value_name("N")
            .value_parser(value_parser!(u64).range(1..))
            .help("no more than so many"),
        Arg::new("json")
            .long("json")
            .action(ArgAction::SetTrue)
            .help("write each event as the service gives it, a JSON object a line"),
    ]
}

/// Events on their way to whoever reads them.
pub struct Told {
    out: Out,
    table: Option<Table<'static>>,
    /// whether it is told what each happened to
    many: bool,
    empty: bool,
}

impl Told {
    /// As the flags say; `many`: of more than one subject.
    pub fn of(given: &ArgMatches, many: bool) -> Self {
        let out = Out::open();
        let columns: &'static [Column] = if many { &OF_MANY } else { &OF_ONE };
        let table = (!given.get_flag("json")).then(|| Table::new(columns, out.room));
        Told { out, table, many, empty: true }
    }

    /// `Break`: nobody reads on.
    pub fn some<'e>(&mut self, events: impl Iterator<Item = &'e str>) -> Result<ControlFlow<()>, StartError> {
        let Some(table) = &mut self.table else {
            for event in events {
                if self.out.json(event)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            return Ok(ControlFlow::Continue(()));
        };
        let rows: Vec<Vec<String>> = events.map(|event| row(event, self.many)).collect();
        if rows.is_empty() {
            return Ok(ControlFlow::Continue(()));
        }
        self.empty = false;
        let text = table.rows(&rows);
        self.out.text(&text)
    }

    /// Where there was nothing, a table says so.
    pub fn finish(mut self) -> Result<(), StartError> {
        if self.empty && self.table.is_some() {
            let _ = self.out.text("No event.\n")?;
        }
        Ok(())
    }
}

fn row(event: &str, many: bool) -> Vec<String> {
    let event: Value = serde_json::from_str(event).unwrap_or_default();
    let plain = |value: &Value| words(value).unwrap_or_else(|| "-".to_owned());
    let mut row = vec![plain(&event["position"]), plain(&event["at"]), plain(&event["type"])];
    if many {
        row.push(party(&event["subject"]));
    }
    row.extend([party(&event["actor"]), plain(&event["client_ip"]), what(&event)]);
    row
}

/// Somebody by name, or by id where there is none.
fn party(party: &Value) -> String {
    let named = words(&party["name"]).or_else(|| words(&party["id"]));
    match (party["kind"].as_str(), named) {
        (Some("system"), _) => "the service".to_owned(),
        (Some("holder"), Some(name)) => format!("holder of {name}"),
        (_, Some(name)) => name,
        (kind, None) => kind.unwrap_or("-").to_owned(),
    }
}

/// What changed, and what was recorded besides.
fn what(event: &Value) -> String {
    let nothing = Map::new();
    let changes = event["changes"].as_object().unwrap_or(&nothing);
    let mut told: Vec<String> =
        changes.iter().filter_map(|(member, change)| changed(member, change)).collect();
    let of_changes = |member: &str| {
        changes.keys().any(|name| {
            name.strip_prefix(member).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    };
    for (member, value) in event["data"].as_object().unwrap_or(&nothing) {
        // Whose it is, is known to whoever asked.
        if of_changes(member) || member == "tenant_id" {
            continue;
        }
        // Of a secret or token, how it begins: by that it is found again.
        let value = value.get("prefix").filter(|_| matches!(&**member, "secret" | "token")).unwrap_or(value);
        told.extend(words(value).map(|value| format!("{member} {value}")));
    }
    told.join("; ")
}

/// What there was not before is told by what it is now.
fn changed(member: &str, change: &Value) -> Option<String> {
    let (from, to) = (words(&change["from"]), words(&change["to"]));
    match (from, to) {
        (None, None) => None,
        (None, Some(to)) => Some(format!("{member}: {to}")),
        (Some(from), to) => Some(format!("{member}: {from} → {}", to.as_deref().unwrap_or("none"))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_is_told_by_who_from_where_and_what_it_changed() {
        let event = json!({
            "position": 7, "at": "2026-06-19T11:00:00.003Z", "type": "api_key.edited",
            "subject": {"kind": "api_key", "id": "k", "name": "nightly"}, "actor": {"kind": "operator", "id": "o", "name": "Ada"},
            "client_ip": "198.51.100.7",
            "changes": {"name": {"from": "ci", "to": "nightly"}, "owner": {"from": "m", "to": null}, "scopes": {"from": [], "to": ["a"]}},
            "data": {"name": "nightly", "note": null, "reason": "other", "secret": {"id": "s", "prefix": "cl_live_x"}}
        });
        let told = row(&event.to_string(), true);
        let what = "name: ci → nightly; owner: m → none; scopes: a; reason other; secret cl_live_x";
        assert_eq!(
            told,
            ["7", "2026-06-19T11:00:00.003Z", "api_key.edited", "nightly", "Ada", "198.51.100.7", what]
        );
        assert_eq!(row(&event.to_string(), false).len(), OF_ONE.len());
    }

    #[test]
    fn what_is_erased_or_not_there_is_told_so() {
        let erased = json!({"erased": true});
        let event = json!({
            "position": 0, "actor": {"kind": "system", "id": null, "name": null}, "client_ip": erased,
            "subject": {"kind": "api_key", "id": "k", "name": erased},
            "changes": {"name": {"from": erased, "to": erased}, "settings.a": {"from": 1, "to": 2}}, "data": {"settings": {"a": 2}}
        });
        let what = "name: (erased) → (erased); settings.a: 1 → 2";
        assert_eq!(
            row(&event.to_string(), true),
            ["0", "-", "-", "(erased)", "the service", "(erased)", what]
        );
        let holder = json!({"kind": "holder", "id": "k", "name": null});
        assert_eq!(party(&holder), "holder of k");
        assert_eq!(row("no JSON", false).len(), OF_ONE.len());
    }
}
