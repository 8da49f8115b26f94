//! People: sign-in by identity provider, invitations, sessions.
pub mod id_token;
pub mod jwks;
