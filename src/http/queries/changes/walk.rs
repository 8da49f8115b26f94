//! Goes along what may be another at the second of two moments, and tells what is: folds at both say whether it is.

use actix_web::web::Data;
use serde_json::{Value, json};

use super::Between;
use crate::domain::credential::Credential;
use crate::domain::ids::{CredentialId, TenantId};
use crate::http::app::App;
use crate::http::problem::Problem;
use crate::http::queries::credentials_then::Then;
use crate::limits;
use crate::projections::trail::touched::touched;
use crate::projections::validity::by_clock::{self, Watched};
use crate::projections::{trail, validity};

/// Where a walk goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// what happened, from this position on
    Happened(u64),
    /// what the clock did: in which range of instants, and behind which place
    ByClock(usize, Option<by_clock::Place>),
}

pub struct Changes {
    app: Data<App>,
    tenant: TenantId,
    between: Between,
    /// none where the tenant was not there yet
    before: Option<Then>,
    after: Then,
}

/// Credentials to compare, and where the walk goes on.
struct Candidates {
    ids: Vec<CredentialId>,
    looked_at: usize,
    rest: Option<Place>,
}

impl Changes {
    pub async fn read(app: &Data<App>, tenant: TenantId, between: Between) -> Result<Self, Problem> {
        for name in [trail::NAME, validity::NAME] {
            app.behind_reached(name, between.to.position + 1).await?;
        }
        let after = Then::read(app, tenant, between.to).await?.ok_or_else(Problem::not_found)?;
        let before = match between.from {
            Some(from) => Then::read(app, tenant, from).await?,
            None => None,
        };
        Ok(Changes { app: app.clone(), tenant, between, before, after })
    }

    /// As many as were asked for, unless very much is the same: a page looks at a bounded number.
    pub async fn page(&self, start: Place, limit: usize) -> Result<(Vec<Value>, Option<Place>), Problem> {
        let (mut data, mut place, mut looked_at) = (Vec::new(), start, 0);
        loop {
            let wanted = limit - data.len();
            let rows = if looked_at == 0 { wanted } else { wanted.max(limits::VALIDITY_LOOK) };
            let candidates = self.candidates(place, wanted, rows).await?;
            looked_at += candidates.looked_at;
            data.extend(self.compared(&candidates.ids).await?);
            let Some(rest) = candidates.rest else { return Ok((data, None)) };
            if data.len() >= limit || looked_at >= limits::VALIDITY_FOLDS {
                return Ok((data, Some(rest)));
            }
            place = rest;
        }
    }

    /// At most so many of so many rows.
    async fn candidates(&self, place: Place, wanted: usize, rows: usize) -> Result<Candidates, Problem> {
        match place {
            Place::Happened(from) => self.happened(from, wanted, rows).await,
            Place::ByClock(range, after) => self.by_clock(range, after, wanted, rows).await,
        }
    }

    async fn happened(&self, from: u64, wanted: usize, rows: usize) -> Result<Candidates, Problem> {
        let (database, vault) = (self.app.ledger.database(), self.app.ledger.vault());
        let of = (self.app.ledger.reader().ledger, self.tenant);
        let span = self.between.span();
        let found = touched(database, vault, of, (span, from), rows as i64).await?;
        let is_last = found.len() < rows;
        let (used, ids) =
            cut(&found, wanted, |touch| touch.is_first.then_some(CredentialId(touch.credential)));
        let rest = match used.last() {
            Some(last) if !is_last || used.len() < found.len() => Place::Happened(last.position + 1),
            _ => Place::ByClock(0, None),
        };
        Ok(Candidates { ids, looked_at: used.len(), rest: Some(rest) })
    }

    async fn by_clock(
        &self,
        range: usize,
        after: Option<by_clock::Place>,
        wanted: usize,
        rows: usize,
    ) -> Result<Candidates, Problem> {
        // What was not there yet, the clock did not change.
        let Some(before) = &self.before else {
            return Ok(Candidates { ids: Vec::new(), looked_at: 0, rest: None });
        };
        let watched = |then: &Then| Watched { moment: then.moment, warning_seconds: then.warning_seconds() };
        let search = by_clock::Search {
            database: self.app.ledger.database(),
            ledger: self.app.ledger.reader().ledger,
            tenant: self.tenant,
            before: watched(before),
            after: watched(&self.after),
        };
        let found = search.page(range, after, rows as i64).await?;
        let is_last = found.len() < rows;
        let (used, ids) =
            cut(&found, wanted, |ending| ending.counts.then_some(CredentialId(ending.place.credential)));
        let rest = match used.last() {
            Some(last) if !is_last || used.len() < found.len() => {
                Some(Place::ByClock(range, Some(last.place)))
            }
            _ if range + 1 < by_clock::RANGES => Some(Place::ByClock(range + 1, None)),
            _ => None,
        };
        Ok(Candidates { ids, looked_at: used.len(), rest })
    }

    async fn compared(&self, ids: &[CredentialId]) -> Result<Vec<Value>, Problem> {
        let before = match &self.before {
            Some(before) => before.credentials(ids).await?,
            None => vec![None; ids.len()],
        };
        let after = self.after.credentials(ids).await?;
        let own = |then: Option<&Then>, credential: &Option<Credential>| {
            then.zip(credential.as_ref()).map(|(then, credential)| then.own(credential))
        };
        let mut changed = (Vec::new(), Vec::new());
        for (before, after) in before.into_iter().zip(after) {
            if own(self.before.as_ref(), &before) != own(Some(&self.after), &after) {
                changed.0.push(before);
                changed.1.push(after);
            }
        }
        let before = match &self.before {
            Some(then) => told(then, &changed.0).await?,
            None => vec![Value::Null; changed.0.len()],
        };
        let after = told(&self.after, &changed.1).await?;
        Ok(before.into_iter().zip(after).map(|(before, after)| change(&before, &after)).collect())
    }
}

/// The rows up to the last that is wanted, and what they are about.
fn cut<R, T>(rows: &[R], wanted: usize, about: impl Fn(&R) -> Option<T>) -> (&[R], Vec<T>) {
    let mut found = Vec::new();
    for (place, row) in rows.iter().enumerate() {
        found.extend(about(row));
        if found.len() == wanted {
            return (&rows[..=place], found);
        }
    }
    (rows, found)
}

/// Null what was not there.
async fn told(then: &Then, credentials: &[Option<Credential>]) -> Result<Vec<Value>, Problem> {
    let there: Vec<&Credential> = credentials.iter().flatten().collect();
    let owners = then.owners(there.iter().copied()).await?;
    let mut told = then.tell(&there, &owners).await?.into_iter();
    let of = |credential: &Option<Credential>| match credential {
        Some(_) => told.next().unwrap_or_default(),
        None => Value::Null,
    };
    Ok(credentials.iter().map(of).collect())
}

fn change(before: &Value, after: &Value) -> Value {
    let either = |member: &str| after.get(member).or_else(|| before.get(member));
    json!({"id": either("id"), "kind": either("kind"), "before": before, "after": after})
}
