//! Sessions of people who are signed in. They live in the database, and are read there on each request; who their operator is,
//! and what it may, is the view's to say at that moment. The browser holds 256 random bits and nothing else.
//!
//! A row is held against its mac: writing into the table opens nothing (P7).

use std::sync::Arc;

use uuid::Uuid;

use super::settings::Settings;
use crate::clock::Timestamp;
use crate::db::{Database, DbError};
use crate::domain::base64url;
use crate::domain::ids::OperatorId;
use crate::domain::secret::PlainSecret;
use crate::ledger::execute::Ledger;
use crate::limits;
use crate::projections::active::OperatorState;
use crate::vault::{Purpose, Vault};

const SECRET_BYTES: usize = 32;

/// A row whose mac holds.
#[derive(Clone, Debug)]
pub struct Session {
    digest: [u8; 32],
    pub operator: OperatorId,
    pub opened_at: Timestamp,
    pub seen_at: Timestamp,
    pub ends_at: Timestamp,
}

/// Why a session opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionOver {
    /// as long as a session may be
    Ended,
    Idle,
    /// its operator is disabled, or was since it was opened
    OperatorDisabled,
}

pub struct Sessions {
    ledger: Arc<Ledger>,
    settings: Arc<Settings>,
}

impl Sessions {
    pub fn new(ledger: Arc<Ledger>, settings: Arc<Settings>) -> Self {
        Sessions { ledger, settings }
    }

    fn database(&self) -> &Database {
        self.ledger.database()
    }

    fn vault(&self) -> &Vault {
        self.ledger.vault()
    }

    fn number(&self) -> i32 {
        self.ledger.reader().ledger
    }

    /// A new one, with what the browser is to hold of it.
    pub async fn open(&self, operator: OperatorId, now: Timestamp) -> Result<PlainSecret, DbError> {
        let secret = base64url::encode(&self.vault().bytes::<SECRET_BYTES>());
        let digest = self.digest(&secret);
        let life = u32::try_from(self.settings.life.as_secs()).unwrap_or(limits::SESSION_SECONDS);
        let session =
            Session { digest, operator, opened_at: now, seen_at: now, ends_at: now.plus_seconds(life) };
        let (opened, ends) = (now.millis(), session.ends_at.millis());
        let mac = session.mac(self.vault());
        self.database()
            .people(
                "select credledger.open_session($1, $2, $3, $4, $5, $6, $7)",
                &[
                    &self.number(),
                    &digest.as_slice(),
                    &operator.0,
                    &opened,
                    &ends,
                    &mac.as_slice(),
                    &limits::SESSIONS,
                ],
            )
            .await?;
        Ok(PlainSecret::new(secret))
    }

    /// `None` for a text that is no session's, for one that has ended, and for a row that this service did not write.
    pub async fn find(&self, secret: &str) -> Result<Option<Session>, DbError> {
        if base64url::decode(secret).is_none_or(|bytes| bytes.len() != SECRET_BYTES) {
            return Ok(None);
        }
        let digest = self.digest(secret);
        let read = "select operator_id, opened_at_ms, seen_at_ms, ends_at_ms, mac from credledger.read_session($1, $2)";
        let rows = self.database().people(read, &[&self.number(), &digest.as_slice()]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let at = |column| Timestamp::from_millis(row.get(column));
        let (Some(opened_at), Some(seen_at), Some(ends_at)) = (at(1), at(2), at(3)) else { return Ok(None) };
        let operator = OperatorId(row.get::<_, Uuid>(0));
        let session = Session { digest, operator, opened_at, seen_at, ends_at };
        let (parts, mac): (_, Vec<u8>) = (session.parts(), row.get(4));
        if !self.vault().mac_holds(Purpose::Session, &parts.each_ref().map(Vec::as_slice), &mac) {
            tracing::error!(target: "sign_in", operator = %operator, "a session's row is not one that this service wrote; it opens nothing");
            return Ok(None);
        }
        Ok(Some(session))
    }

    /// Whether the session holds, for its operator as it is now; equality means over (P13).
    pub fn judge(
        &self,
        session: &Session,
        operator: &OperatorState,
        now: Timestamp,
    ) -> Result<(), SessionOver> {
        let now = now.max(operator.known_at);
        let disabled_since = operator.last_disabled_at.is_some_and(|at| at >= session.opened_at);
        if !operator.works || disabled_since {
            return Err(SessionOver::OperatorDisabled);
        }
        let (ends_at, idle_at) = self.ends(session);
        if now >= ends_at {
            return Err(SessionOver::Ended);
        }
        if now >= idle_at { Err(SessionOver::Idle) } else { Ok(()) }
    }

    /// At the latest, and when nothing is done with it.
    pub fn ends(&self, session: &Session) -> (Timestamp, Timestamp) {
        let plus = |at: Timestamp, span: std::time::Duration| {
            at.plus_seconds(u32::try_from(span.as_secs()).unwrap_or(limits::SESSION_SECONDS))
        };
        // Settings that became shorter hold for those that were opened before, too.
        let ends_at = session.ends_at.min(plus(session.opened_at, self.settings.life));
        (ends_at, plus(session.seen_at, self.settings.idle).min(ends_at))
    }

    /// The session was used just now. What is remembered of that is exact to half a minute, or to a tenth of the idle time.
    pub async fn touch(&self, session: &Session, now: Timestamp) -> Result<Session, DbError> {
        let every = limits::SESSION_SEEN_EVERY.min(self.settings.idle / 10);
        if u128::from(now.millis_since(session.seen_at)) < every.as_millis() {
            return Ok(session.clone());
        }
        let touched = Session { seen_at: now, ..session.clone() };
        let mac = touched.mac(self.vault());
        self.database()
            .people(
                "select credledger.touch_session($1, $2, $3, $4, $5)",
                &[
                    &self.number(),
                    &session.digest.as_slice(),
                    &session.seen_at.millis(),
                    &now.millis(),
                    &mac.as_slice(),
                ],
            )
            .await?;
        Ok(touched)
    }

    pub async fn end(&self, secret: &str) -> Result<(), DbError> {
        let digest = self.digest(secret);
        let end = "select credledger.end_session($1, $2)";
        self.database().people(end, &[&self.number(), &digest.as_slice()]).await.map(drop)
    }

    /// All of one operator; how many there were.
    pub async fn end_all(&self, operator: OperatorId) -> Result<i64, DbError> {
        let end = "select credledger.end_sessions($1, $2)";
        let rows = self.database().people(end, &[&self.number(), &operator.0]).await?;
        Ok(rows.first().map_or(0, |row| row.get(0)))
    }

    fn digest(&self, secret: &str) -> [u8; 32] {
        self.vault().lookup("session", secret.as_bytes())
    }
}

impl Session {
    fn mac(&self, vault: &Vault) -> Vec<u8> {
        vault.mac(Purpose::Session, &self.parts().each_ref().map(Vec::as_slice)).to_vec()
    }

    fn parts(&self) -> [Vec<u8>; 5] {
        let at = |at: Timestamp| at.millis().to_be_bytes().to_vec();
        let operator = self.operator.0.as_bytes().to_vec();
        [self.digest.to_vec(), operator, at(self.opened_at), at(self.seen_at), at(self.ends_at)]
    }
}
