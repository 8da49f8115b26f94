//! What speaks HTTP. No rule of the business, no SQL.

pub mod bearer;
pub mod client_ip;
