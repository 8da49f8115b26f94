//! What the repository promises about itself.

mod dependencies;
mod documents;

mod events;
mod openapi;
