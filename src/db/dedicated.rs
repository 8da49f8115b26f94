//! A connection of its own, outside the pools: for the sequencer, the lease, follow, the doorbell, migrations.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, OnceLock};

use futures::future::poll_fn;
use tokio::sync::Notify;
use tokio_postgres::{AsyncMessage, Connection, NoTls};

use super::DbError;
use super::target::Target;

/// Closed when it is dropped. Once the connection is lost it stays so: open another.
#[derive(Debug)]
pub struct Dedicated {
    client: tokio_postgres::Client,
    bell: Arc<Bell>,
}

#[derive(Debug, Default)]
struct Bell {
    rung: Notify,
    /// a notification that says this is its own
    deaf_to: OnceLock<String>,
}

impl Dedicated {
    pub(super) async fn open(target: &Target, name: &str) -> Result<Self, DbError> {
        let mut config = target.config.clone();
        config.application_name(name);
        let bell = Arc::<Bell>::default();
        let client = match &target.tls {
            Some(tls) => {
                let (client, connection) = config.connect(tls.clone()).await.map_err(connecting)?;
                tokio::spawn(drive(connection, Arc::clone(&bell)));
                client
            }
            None => {
                let (client, connection) = config.connect(NoTls).await.map_err(connecting)?;
                tokio::spawn(drive(connection, Arc::clone(&bell)));
                client
            }
        };
        Ok(Self { client, bell })
    }

    /// From now on a notification that says this does not count. Only the first call has an effect.
    pub fn deaf_to(&self, payload: &str) {
        self.bell.deaf_to.get_or_init(|| payload.to_owned());
    }

    /// Returns once a notification has arrived on a channel that this connection listens to, or the connection is lost. Many that
    /// arrive between two calls count as one; none is missed.
    pub async fn rung(&self) {
        if !self.client.is_closed() {
            self.bell.rung.notified().await;
        }
    }
}

/// A certificate that was not accepted is told with what can be done about it; the server is as good as away.
fn connecting(error: tokio_postgres::Error) -> DbError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(inner) = cause {
        let io = inner.downcast_ref::<std::io::Error>().and_then(|io| io.get_ref());
        let tls = inner.downcast_ref().or_else(|| io.and_then(|io| io.downcast_ref()));
        if let Some(refused @ rustls::Error::InvalidCertificate(_)) = tls {
            return DbError::connecting(format!(
                "Its certificate was not accepted ({refused}). It is to lead to one of the machine's authorities, or to one in \
                 the file of --database-ca-file, and to name the host as the URL does."
            ));
        }
        cause = inner.source();
    }
    DbError::connecting(error)
}

async fn drive<S, T>(mut connection: Connection<S, T>, bell: Arc<Bell>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    loop {
        match poll_fn(|context| connection.poll_message(context)).await {
            Some(Ok(AsyncMessage::Notification(said))) => {
                if bell.deaf_to.get().is_none_or(|own| own != said.payload()) {
                    bell.rung.notify_one();
                }
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => {
                tracing::debug!(%error, "a dedicated connection to the database was lost");
                break;
            }
            None => break,
        }
    }
    // the client must be seen as closed before its listener wakes
    drop(connection);
    bell.rung.notify_one();
}

impl Deref for Dedicated {
    type Target = tokio_postgres::Client;

    fn deref(&self) -> &Self::Target {
        &self.client
    }
}

impl DerefMut for Dedicated {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.client
    }
}
