//! The way to PostgreSQL, for the rooms above: connections that have become one of the service's roles, and errors told apart by
//! SQLSTATE.
//!
//! A tenant's rows are reached through [`Database::ask`] and a [`Scope`] alone, each held to its [`Sight`].
//! Nobody above this room opens a connection of its own.

mod copy;
mod dedicated;
mod error;
mod lent;
mod outage;
mod pool;
mod scope;
mod server;
mod target;

pub use copy::{CopyReader, CopyRow};
pub use dedicated::Dedicated;
pub use error::{Breach, Chain, DbError};
pub use lent::{Lent, in_time};
pub use outage::Outage;
pub(crate) use pool::connect_plain;
pub use pool::{Database, Errand, PoolUse, Role};
pub use scope::{Scope, Sight};
pub use server::{Durability, append_only, check_server};
pub use target::{DatabaseUrl, Settings};

/// A connection lent by a pool; it goes back when it is dropped.
pub type Client = deadpool_postgres::Client;
