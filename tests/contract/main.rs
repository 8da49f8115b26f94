//! What the repository promises about itself.

mod dependencies;

mod events;
mod openapi;
mod sql;
mod tidy;
