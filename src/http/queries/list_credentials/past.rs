//! The list as it was at a moment. Rows say where to look; each credential is told as its events fold to then, and its row is held
//! against that.

use serde_json::Value;
use uuid::Uuid;

use super::Of;
use super::place;
use crate::domain::credential::Credential;
use crate::domain::decided::{may_stand, stands};
use crate::domain::ids::CredentialId;
use crate::http::problem::Problem;
use crate::http::queries::credentials_then::Then;
use crate::ledger::past::Moment;
use crate::ledger::read::ReadError;
use crate::limits;
use crate::projections::list::CredentialPlace;
use crate::projections::validity::find::{Period, Search, prefixed};
use crate::projections::validity::{self, Listed};

pub struct Past {
    of: Of,
    then: Then,
    /// those that the asked prefix may be of, where these are few
    prefixed: Option<Vec<Uuid>>,
}

impl Past {
    /// What was not there yet has no list, as what is not there at all.
    pub async fn read(of: Of, moment: Moment) -> Result<Self, Problem> {
        of.app.behind_reached(validity::NAME, moment.position + 1).await?;
        let then = Then::read(&of.app, of.tenant, moment).await?.ok_or_else(Problem::not_found)?;
        let (database, ledger) = (of.app.ledger.database(), of.app.ledger.reader().ledger);
        let prefixed = match of.filter.prefix.as_deref() {
            Some(prefix) => prefixed(database, (ledger, of.tenant), prefix).await?,
            None => None,
        };
        Ok(Past { of, then, prefixed })
    }

    pub fn moment(&self) -> Moment {
        self.then.moment
    }

    /// As many as were asked for, unless only folds say which they are, and these are too many for one page.
    pub async fn page(
        &self,
        after: CredentialPlace,
        limit: usize,
    ) -> Result<(Vec<Value>, Option<CredentialPlace>), Problem> {
        let nothing_works = || !may_stand(&self.then.tenant, self.then.moment.at);
        if self.of.is_of_none() || self.of.valid == Some(true) && nothing_works() {
            return Ok((Vec::new(), None));
        }
        let (mut data, mut place, mut folds) = (Vec::new(), after, 0);
        loop {
            let wanted = limit - data.len();
            let rows = if folds == 0 { wanted } else { wanted.max(limits::VALIDITY_LOOK) };
            let found = self.search().page(place, rows).await?;
            let is_short = found.periods.len() < rows;
            folds += found.periods.len();
            let (told, cut) = self.told(found.periods, wanted).await?;
            data.extend(told);
            if cut.is_some() {
                return Ok((data, cut));
            }
            let Some(rest) = found.rest else { return Ok((data, None)) };
            if is_short || data.len() >= limit || folds >= limits::VALIDITY_FOLDS {
                return Ok((data, Some(rest)));
            }
            place = rest;
        }
    }

    fn search(&self) -> Search<'_> {
        Search {
            database: self.of.app.ledger.database(),
            ledger: self.of.app.ledger.reader().ledger,
            tenant: self.of.tenant,
            kind: self.of.kind,
            moment: self.then.moment,
            filter: &self.of.filter,
            warning_seconds: self.then.warning_seconds(),
            prefixed: self.prefixed.as_deref(),
        }
    }

    /// At most so many; where there are more, behind which place these are.
    async fn told(
        &self,
        periods: Vec<Period>,
        wanted: usize,
    ) -> Result<(Vec<Value>, Option<CredentialPlace>), Problem> {
        let ids: Vec<CredentialId> = periods.iter().map(|period| period.credential).collect();
        let mut credentials = Vec::with_capacity(ids.len());
        for (period, credential) in periods.iter().zip(self.then.credentials(&ids).await?) {
            credentials.push(self.held(period, credential)?);
        }
        let owners = self.then.owners(&credentials).await?;
        let works = |credential: &Credential| {
            stands(credential, &self.then.tenant, owners.owner(credential), self.then.moment.at)
        };
        let asked_for = |credential: &&Credential| {
            self.of.has_prefix(credential) && self.of.valid.is_none_or(|valid| works(credential) == valid)
        };
        let mut kept: Vec<&Credential> = credentials.iter().filter(asked_for).collect();
        let cut = if kept.len() > wanted { Some(place(kept[wanted - 1])) } else { None };
        kept.truncate(wanted);
        Ok((self.then.tell(&kept, &owners).await?, cut))
    }

    /// A row that says other than the events come to was made by nobody of ours.
    fn held(&self, period: &Period, credential: Option<Credential>) -> Result<Credential, ReadError> {
        let is_so = |credential: &Credential| {
            credential.kind() == self.of.kind && Listed::of(credential) == period.listed
        };
        credential.filter(is_so).ok_or(ReadError::Forged { position: period.from_position })
    }
}
