//! Services that look for secrets in public places, and sign what they say: by which keys, and whether a message is theirs.
//!
//! The keys come from a file, or are asked for where the service publishes them: lazily, again after a while, and when a message
//! names a key that is not there; however many such messages come, not more often than a pause allows.

mod keys;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

pub use keys::{BadKeys, Keys};

use crate::clock::BootTime;
use crate::limits;
use crate::people::web::{Question, Web, WebUrl};

/// Why a message is not taken for the scanner's.
#[derive(Debug, PartialEq, Eq)]
pub enum Unproven {
    UnknownKey,
    Signature,
    /// and why, for the log
    KeysAway(String),
}

pub struct Scanner {
    /// those that are always there
    filed: Keys,
    published: Option<Published>,
}

/// Where the service publishes its keys.
struct Published {
    url: WebUrl,
    web: Arc<dyn Web>,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    keys: Option<(Keys, BootTime)>,
    asked_at: Option<BootTime>,
}

impl Scanner {
    pub fn new(filed: Keys, published: Option<(WebUrl, Arc<dyn Web>)>) -> Self {
        let published = published.map(|(url, web)| Published { url, web, kept: Mutex::default() });
        Scanner { filed, published }
    }

    /// That this key has signed the body, byte for byte.
    pub async fn prove(&self, key: &str, body: &[u8], signature: &[u8]) -> Result<(), Unproven> {
        let holds = match (self.filed.has_signed(key, body, signature), &self.published) {
            (None, Some(published)) => published.has_signed(key, body, signature).await?,
            (holds, _) => holds,
        };
        match holds {
            Some(true) => Ok(()),
            Some(false) => Err(Unproven::Signature),
            None => Err(Unproven::UnknownKey),
        }
    }
}

impl Published {
    async fn has_signed(&self, key: &str, body: &[u8], signature: &[u8]) -> Result<Option<bool>, Unproven> {
        let waited = tokio::time::timeout(limits::PROVIDER_WAIT, self.kept.lock()).await;
        let mut kept = waited.map_err(|_| Unproven::KeysAway("others ask for them, slowly".to_owned()))?;
        if let Some(keys) = kept.for_at_most(limits::SCANNER_KEYS_KEPT).filter(|keys| keys.knows(key)) {
            return Ok(keys.has_signed(key, body, signature));
        }
        let failed = match kept.may_ask() {
            true => self.ask(&mut kept).await.err(),
            false => None,
        };
        let keys = kept.for_at_most(limits::SCANNER_KEYS_KEPT_WHILE_AWAY);
        let keys = keys.ok_or_else(|| {
            Unproven::KeysAway(failed.unwrap_or_else(|| "asked in vain a moment ago".to_owned()))
        })?;
        Ok(keys.has_signed(key, body, signature))
    }

    async fn ask(&self, kept: &mut Kept) -> Result<(), String> {
        kept.asked_at = Some(BootTime::now());
        let keys = self.asked().await;
        let keys = keys.inspect_err(
            |why| tracing::warn!(%why, url = self.url.as_str(), "a scanner's keys can't be had"),
        )?;
        kept.keys = Some((keys, BootTime::now()));
        Ok(())
    }

    async fn asked(&self) -> Result<Keys, String> {
        let question = Question { url: &self.url, authorization: None, form: None };
        let page = self.web.ask(question).await.map_err(|error| error.to_string())?;
        match page.status {
            200 => Keys::parse(&page.body).map_err(|bad| bad.to_string()),
            status => Err(format!("the answer has the status {status}")),
        }
    }
}

impl Kept {
    fn for_at_most(&self, most: Duration) -> Option<&Keys> {
        let (keys, since) = self.keys.as_ref()?;
        (BootTime::now().since(*since) < most).then_some(keys)
    }

    fn may_ask(&self) -> bool {
        self.asked_at.is_none_or(|at| BootTime::now().since(at) >= limits::SCANNER_KEYS_ASKED_EVERY)
    }
}

#[cfg(test)]
#[path = "mod_test.rs"]
mod tests;
