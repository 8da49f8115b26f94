//! A connection of a pool, lent for one piece of work.

use std::ops::Deref;

use deadpool_postgres::{ClientWrapper, Object};

use super::{Client, DbError};
use crate::limits;

/// Goes back to its pool by [`Lent::give_back`] alone. Dropped in the middle of its work it is closed: what may still be
/// on its way over it is nobody else's answer.
pub struct Lent(Option<Client>);

impl Lent {
    pub(super) fn new(client: Client) -> Self {
        Lent(Some(client))
    }

    pub fn give_back(mut self) {
        self.0.take();
    }
}

impl Deref for Lent {
    type Target = ClientWrapper;

    fn deref(&self) -> &ClientWrapper {
        self.0.as_deref().unwrap_or_else(|| panic!("a lent connection is there until it is given back"))
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(client) = self.0.take() {
            drop(Object::take(client));
        }
    }
}

/// Bounds a read: a database that hangs is one that is away. The read's connection is not to be used again.
pub async fn in_time<T, E: From<DbError>>(read: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    match tokio::time::timeout(limits::READ_WAIT, read).await {
        Ok(outcome) => outcome,
        Err(_) => Err(DbError::Unavailable("it gave no answer in time".into()).into()),
    }
}
