//! People: sign-in by identity provider (OpenID Connect, authorization code with PKCE), invitations, sessions.
//!
//! What it needs of the web it states as a trait ([`web::Web`]); the room of outbound requests is above it.

pub mod attempt;
mod denied;
pub mod id_token;
pub mod jwks;
mod kept;
pub mod mapping;
pub mod provider;
pub mod sessions;
pub mod settings;
mod sign_in;
pub mod web;

pub use denied::Denied;
pub use sign_in::{Begun, Callback, People, SignedIn};
