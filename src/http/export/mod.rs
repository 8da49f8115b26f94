//! Answers that may be long: the whole of something, row by row, as NDJSON or CSV. A row is what a page holds of it, so every form
//! tells the same. What has pages too is a [`Walk`], and one driver tells it in every form.

mod csv;
mod follow;
mod form;
mod stream;
mod walk;

pub use csv::Column;
pub use follow::{Feed, follow, last_event_id};
pub use form::{EVENT_STREAM, FORMS, Form, NDJSON};
pub use stream::{Pages, Seat, answer};
pub use walk::{Asking, Paged, Walk};
