//! `at=` and `position=`: a resource as it was. One rule for every route that takes them.

use std::collections::BTreeMap;

use actix_web::HttpRequest;

use super::app::App;
use super::problem::{Fault, FaultPlace, Problem};
use super::query::{Parameters, Query};
use crate::clock::Timestamp;
use crate::db::Sight;
use crate::domain::event::Actor;
use crate::domain::ids::{OperatorId, StreamId, TenantId};
use crate::domain::personal::Personal;
use crate::ledger::past::Moment;
use crate::limits;

/// Of when one resource is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    Now,
    Then(Moment),
}

/// A moment by one of its two names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    At(Timestamp),
    Position(u64),
}

/// What the two names of a moment are called in a query.
#[derive(Clone, Copy, Debug)]
pub struct Names {
    pub at: &'static str,
    pub position: &'static str,
}

/// Of when a resource, or a list, is asked for.
pub const OF: Names = Names { at: "at", position: "position" };

/// What a GET of one resource takes, and nothing besides: whoever names no moment may wait for a position.
pub async fn when(app: &App, request: &HttpRequest) -> Result<When, Problem> {
    let query = Query::parse(request.query_string())?;
    let (min_position, named) = query.decode(|query| {
        let min_position = query.number("min_position");
        let named = named(query, OF);
        Some((min_position?, named?))
    })?;
    app.reached(min_position).await?;
    match named {
        None => Ok(When::Now),
        Some(named) => app.moment(named, OF).await?.map(When::Then).ok_or_else(Problem::not_found),
    }
}

fn parameter(name: &str) -> FaultPlace {
    FaultPlace::Parameter(name.to_owned())
}

pub fn named(query: &mut Parameters<'_>, names: Names) -> Option<Option<Named>> {
    let at = query.optional(names.at, |text| {
        Timestamp::read(text).map_err(|wrong| match text.contains(' ') {
            true => format!("{wrong}; in a URL a + is written %2B"),
            false => wrong.to_string(),
        })
    });
    let position = query.number(names.position);
    match (at?, position?) {
        (Some(_), Some(_)) => {
            let Names { at, position } = names;
            query.refuse(
                position,
                format_args!("a moment is named by {at} or by {position}: leave out one of them"),
            )
        }
        (Some(at), None) => Some(Some(Named::At(at))),
        (None, position) => Some(position.map(Named::Position)),
    }
}

impl App {
    /// The state after the last event that had happened by then. Before the first there was nothing, and nothing is found.
    pub async fn moment_at(&self, at: Timestamp, place: FaultPlace) -> Result<Moment, Problem> {
        self.past_at(at, place).await?.ok_or_else(Problem::not_found)
    }

    /// None before the first event.
    async fn past_at(&self, at: Timestamp, place: FaultPlace) -> Result<Option<Moment>, Problem> {
        let now = self.of_the_ledger(self.now());
        not_ahead(at, now, place)?;
        let position = self.ledger.position_at(at).await?;
        Ok(position.map(|position| Moment { position, at }))
    }

    /// A moment that a query names; none before the first event.
    pub async fn moment(&self, named: Named, names: Names) -> Result<Option<Moment>, Problem> {
        match named {
            Named::At(at) => self.past_at(at, parameter(names.at)).await,
            Named::Position(position) => {
                let at = self.time_of(position, parameter(names.position)).await?;
                Ok(Some(Moment { position, at }))
            }
        }
    }

    /// As far as the ledger has come, looked at now.
    pub async fn this_moment(&self) -> Result<Moment, Problem> {
        let now = self.of_the_ledger(self.now());
        let position = self.ledger.position_at(now).await?.ok_or_else(Problem::not_found)?;
        Ok(Moment { position, at: now })
    }

    /// When the event at a position happened.
    pub async fn time_of(&self, position: u64, place: FaultPlace) -> Result<Timestamp, Problem> {
        let at = self.ledger.time_of(position).await?;
        at.ok_or_else(|| {
            let detail = "the ledger has no event at this position yet; name one that an answer has told, or a moment by at";
            Problem::faults(vec![Fault { place, detail: detail.into() }])
        })
    }

    /// An instant that a verdict told: the clock may have been set back by a little since.
    pub fn may_have_told(&self, at: Timestamp, place: FaultPlace) -> Result<(), Problem> {
        let now = self.of_the_ledger(self.now());
        not_ahead(at, now.plus_seconds(limits::TOLD_AHEAD_SECONDS), place)
    }

    /// Whoever did these things, by the names that they had then.
    pub async fn names_then(
        &self,
        tenant: TenantId,
        actors: impl IntoIterator<Item = Actor>,
        moment: Moment,
    ) -> Result<NamesThen, Problem> {
        let mut operators: Vec<OperatorId> = actors.into_iter().filter_map(Actor::operator).collect();
        operators.sort_unstable();
        operators.dedup();
        if operators.is_empty() {
            return Ok(NamesThen::default());
        }
        let streams: Vec<StreamId> = operators.iter().map(|operator| StreamId::from(*operator)).collect();
        let loaded = self.ledger.then(Sight::Decision(Some(tenant.0)), &streams, moment.position).await?;
        let names = loaded.iter().map(|loaded| loaded.state.operator().map(|operator| operator.name.clone()));
        Ok(NamesThen(operators.into_iter().zip(names).collect()))
    }
}

/// What is still to come can't be told.
fn not_ahead(at: Timestamp, now: Timestamp, place: FaultPlace) -> Result<(), Problem> {
    if at <= now {
        return Ok(());
    }
    let detail = format!("this lies ahead: it is {now} now; name an instant that has come");
    Err(Problem::faults(vec![Fault { place, detail: detail.into() }]))
}

/// What operators were called at a moment.
#[derive(Debug, Default)]
pub struct NamesThen(BTreeMap<OperatorId, Option<Personal<String>>>);

impl NamesThen {
    pub fn of(&self, actor: Actor) -> Option<Personal<String>> {
        self.0.get(&actor.operator()?).cloned().flatten()
    }
}
