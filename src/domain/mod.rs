//! The rules of the business. Pure: no async, no SQL, no HTTP, no clock, no randomness; what they need of those is
//! handed in.

pub mod base64url;
pub mod formats;
pub mod ip_rules;
pub mod key_format;
pub mod scope;
pub mod secret;
pub mod text;
