//! Answers that may be long: the whole of something, row by row, as NDJSON or CSV. A row is what a page holds of it, so every form
//! tells the same.
//!
//! ```text
//! let form = Form::chosen(request.headers(), asked, export::FORMS)?;
//! if form != Form::Page {
//!     let seat = Seat::take(&app.exports, limits::EXPORTS_AT_ONCE)?;
//!     return export::answer(form, COLUMNS, seat, pages, request_id).await;
//! }
//! ```

mod csv;
mod follow;
mod form;
mod stream;

pub use csv::Column;
pub use follow::{Feed, follow, last_event_id};
pub use form::{EVENT_STREAM, FORMS, Form, NDJSON};
pub use stream::{Pages, Seat, answer};
