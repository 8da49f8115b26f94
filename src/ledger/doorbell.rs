//! The doorbell: tells whoever else follows this ledger that there is something new, and hears it from them. It has a
//! connection of its own, beside the append and after it. A ring that is lost costs a poll's time, nothing else.

use std::sync::Arc;

use tokio::sync::{Notify, watch};
use uuid::Uuid;

use crate::db::{Database, DbError, Dedicated, Outage, Role, in_time};
use crate::limits;

const LISTEN: &str = "select credledger.doorbell_listen()";
const RING: &str = "select credledger.doorbell_ring($1)";

pub struct Doorbell {
    database: Database,
    /// which ledger it is the bell of, and who rings
    signature: String,
    /// changes with what is appended here
    appended: watch::Receiver<u64>,
    heard: Arc<Notify>,
    outage: Outage,
}

/// What whoever follows holds of it.
pub struct Handle {
    pub appended: watch::Sender<u64>,
    pub heard: Arc<Notify>,
}

impl Doorbell {
    pub fn new(database: Database, ledger: i32, writer: Uuid) -> (Handle, Doorbell) {
        let (appended, seen) = watch::channel(0);
        let heard = Arc::new(Notify::new());
        let handle = Handle { appended, heard: heard.clone() };
        let outage = Outage::of("the doorbell, beside which polls go on");
        (
            handle,
            Doorbell { database, signature: format!("{ledger} {writer}"), appended: seen, heard, outage },
        )
    }

    /// Runs until its handle is dropped, and what was appended before is told.
    pub async fn run(mut self) {
        while let Err(cause) = self.ring_and_hear().await {
            self.outage.failed(&cause);
            let over = async { while self.appended.changed().await.is_ok() {} };
            tokio::select! {
                () = over => return,
                () = tokio::time::sleep(limits::DOORBELL_RETRY) => {}
            }
        }
    }

    async fn ring_and_hear(&mut self) -> Result<(), DbError> {
        let connection = self.database.connect_dedicated(Role::System).await?;
        connection.deaf_to(&self.signature);
        in_time(async { Ok::<_, DbError>(connection.batch_execute(LISTEN).await?) }).await?;
        self.outage.over();
        loop {
            tokio::select! {
                changed = self.appended.changed() => match changed {
                    Ok(()) => self.ring(&connection).await?,
                    Err(_) => return Ok(()),
                },
                () = connection.rung() => {
                    if connection.is_closed() {
                        return Err(DbError::Unavailable("the doorbell's connection was lost".into()));
                    }
                    self.heard.notify_one();
                }
            }
        }
    }

    async fn ring(&self, connection: &Dedicated) -> Result<(), DbError> {
        in_time(async { Ok::<_, DbError>(connection.execute(RING, &[&self.signature]).await?) }).await?;
        tokio::time::sleep(limits::DOORBELL_EVERY).await;
        Ok(())
    }
}
