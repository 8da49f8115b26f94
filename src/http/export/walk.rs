//! What is told in pages of JSON, and as a whole otherwise: one walk over it for all forms.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Value;

use super::csv::Column;
use super::form::Form;
use super::stream::{Pages, Seat, answer};
use crate::http::app::App;
use crate::http::page::Page;
use crate::http::problem::Problem;
use crate::http::queries::listing::Listing;
use crate::http::query::{Asked, Query};
use crate::http::request_id::RequestId;
use crate::limits;

/// What is walked, a page after the other. Nothing is held in the database from one to the next.
pub trait Walk: 'static {
    /// where a page begins
    type Place;

    /// Where the first page begins.
    fn begin(&self, app: &App) -> impl Future<Output = Result<Self::Place, Problem>>;

    /// Once a reader comes back with this place.
    fn resume(&self, app: &App, place: Self::Place) -> impl Future<Output = Result<Self::Place, Problem>>;

    /// At most so many rows, and where the next page begins. A page may be empty and not the last.
    fn page(
        &self,
        app: &App,
        from: Self::Place,
        limit: usize,
    ) -> impl Future<Output = Result<Paged<Self>, Problem>>;

    /// As a cursor holds it.
    fn sealed(place: &Self::Place) -> Vec<u8>;

    fn opened(bytes: &[u8]) -> Option<Self::Place>;
}

/// A page's rows, and the place of the next one.
pub type Paged<W> = (Vec<Value>, Option<<W as Walk>::Place>);

/// How it is asked for.
pub struct Asking<'q> {
    pub app: Data<App>,
    pub request: &'q HttpRequest,
    pub query: &'q Query<'q>,
    pub asked: Asked,
    pub form: Form,
    pub columns: &'static [Column],
    pub request_id: RequestId,
}

impl Asking<'_> {
    /// `walk` is made once the ledger is where the reader asked for.
    pub async fn tell<W: Walk>(
        self,
        walk: impl Future<Output = Result<W, Problem>>,
    ) -> Result<HttpResponse, Problem> {
        if self.form == Form::Page {
            return self.page(walk).await;
        }
        self.asked.is_whole()?;
        let seat = Seat::take(&self.app.exports, limits::EXPORTS_AT_ONCE)?;
        self.app.reached(self.asked.min_position).await?;
        let walk = walk.await?;
        let next = Some(walk.begin(&self.app).await?);
        answer(self.form, self.columns, seat, Whole { app: self.app, walk, next }, self.request_id).await
    }

    async fn page<W: Walk>(
        self,
        walk: impl Future<Output = Result<W, Problem>>,
    ) -> Result<HttpResponse, Problem> {
        let app = &self.app;
        app.reached(self.asked.min_position).await?;
        let walk = walk.await?;
        let listing = Listing::of(app, self.query, self.asked, self.request.path());
        let from = match listing.after(|bytes| W::opened(&bytes))? {
            Some(place) => walk.resume(app, place).await?,
            None => walk.begin(app).await?,
        };
        let (data, next) = walk.page(app, from, listing.limit()).await?;
        let next_cursor = next.map(|place| listing.cursor(&W::sealed(&place)));
        Ok(HttpResponse::Ok().json(Page { data, next_cursor }))
    }
}

/// The whole, a page at a time.
struct Whole<W: Walk> {
    app: Data<App>,
    walk: W,
    next: Option<W::Place>,
}

impl<W: Walk> Pages for Whole<W> {
    async fn next(&mut self) -> Result<Option<Vec<Value>>, Problem> {
        let Some(from) = self.next.take() else { return Ok(None) };
        let (rows, next) = self.walk.page(&self.app, from, limits::EXPORT_PAGE).await?;
        self.next = next;
        Ok(Some(rows))
    }
}
