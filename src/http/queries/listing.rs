//! What every list does alike: where its page begins, and the page itself.

use actix_web::HttpRequest;
use uuid::Uuid;

use crate::db::Scope;
use crate::domain::ids::StreamId;
use crate::http::app::App;
use crate::http::page::Cursors;
use crate::http::problem::Problem;
use crate::http::query::{Asked, Query};
use crate::ledger::read::Loaded;

pub struct Listing<'a> {
    app: &'a App,
    asked: Asked,
    cursors: Cursors<Mac<'a>>,
}

/// Makes the macs of cursors.
type Mac<'a> = Box<dyn Fn(&[u8]) -> [u8; 32] + 'a>;

/// Waits until the ledger is where the reader asked for.
pub async fn listing<'a>(
    app: &'a App,
    request: &HttpRequest,
    query: &Query<'_>,
    asked: Asked,
) -> Result<Listing<'a>, Problem> {
    app.reached(asked.min_position).await?;
    Ok(Listing::of(app, query, asked, request.path()))
}

impl<'a> Listing<'a> {
    /// Of whoever has waited already.
    pub fn of(app: &'a App, query: &Query<'_>, asked: Asked, path: &str) -> Self {
        let mac: Mac<'a> = Box::new(|bytes: &[u8]| app.ledger.vault().lookup("cursor", bytes));
        Listing { app, asked, cursors: Cursors::of(&query.identity(path), mac) }
    }

    pub fn limit(&self) -> usize {
        self.asked.limit as usize
    }

    /// How many rows to ask for: one more than stand on the page, which tells whether another page follows.
    pub fn rows(&self) -> i64 {
        i64::from(self.asked.limit) + 1
    }

    /// What the cursor holds, read as this list writes it. `None` where the list begins.
    pub fn after<T>(&self, read: impl FnOnce(Vec<u8>) -> Option<T>) -> Result<Option<T>, Problem> {
        let Some(cursor) = &self.asked.cursor else { return Ok(None) };
        let place = read(self.cursors.open(cursor)?);
        place.map(Some).ok_or_else(|| Problem::invalid("this cursor is of another version; begin anew"))
    }

    /// In a list by id: the last id of the page before. Such a list begins with the newest.
    pub fn after_id(&self) -> Result<Uuid, Problem> {
        Ok(self.after(|place| Uuid::from_slice(&place).ok())?.unwrap_or(Uuid::max()))
    }

    /// In a list by a unique name: the last name of the page before.
    pub fn after_text(&self) -> Result<String, Problem> {
        Ok(self.after(|place| String::from_utf8(place).ok())?.unwrap_or_default())
    }

    pub fn cursor(&self, place: &[u8]) -> String {
        self.cursors.seal(place)
    }

    /// Reads the page's streams whole, and ends the scope. `row` says which stream a row stands for, and its place.
    pub async fn page<R>(
        &self,
        scope: Scope,
        mut found: Vec<R>,
        row: impl Fn(&R) -> (StreamId, Vec<u8>),
    ) -> Result<(Vec<Loaded>, Option<String>), Problem> {
        let more = found.len() > self.limit();
        found.truncate(self.limit());
        let streams: Vec<StreamId> = found.iter().map(|found| row(found).0).collect();
        let loaded = self.app.ledger.reader().streams_in(&scope, &streams).await?;
        scope.finish().await?;
        let last = found.last().filter(|_| more);
        Ok((loaded, last.map(|last| self.cursor(&row(last).1))))
    }
}
