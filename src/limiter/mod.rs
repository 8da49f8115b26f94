//! How often: rate limits of credentials, of operators, and of addresses that present what is no credential.
//!
//! All of it is this process's own memory, and nothing of it decides a verdict: a limit stands after it. A restart begins with
//! full buckets.

mod address;
mod buckets;

use std::net::IpAddr;

use crate::clock::BootTime;
use crate::domain::ids::{CredentialId, OperatorId};
use crate::domain::rate_limit::RateLimit;
use crate::limits;

use address::Block;
use buckets::Buckets;
pub use buckets::{Left, Spent};

/// The same for every address, and no setting: those who have a credential never meet it.
const OF_STRANGERS: RateLimit = match RateLimit::new(limits::FAILED_AUTHENTICATIONS_A_MINUTE, 60) {
    Ok(limit) => limit,
    Err(_) => panic!("limits.rs names a limit outside the bounds of limits"),
};

const OF_SIGN_INS: RateLimit = match RateLimit::new(limits::SIGN_INS_A_MINUTE, 60) {
    Ok(limit) => limit,
    Err(_) => panic!("limits.rs names a limit outside the bounds of limits"),
};

/// Each is an event that stays: a client ends what it holds, and no more than anybody needs to.
const OF_GIVEN_BACK: RateLimit = match RateLimit::new(limits::TOKENS_GIVEN_BACK_A_MINUTE, 60) {
    Ok(limit) => limit,
    Err(_) => panic!("limits.rs names a limit outside the bounds of limits"),
};

const OF_LEAK_REPORTS: RateLimit = match RateLimit::new(limits::LEAK_REPORTS_A_MINUTE, 60) {
    Ok(limit) => limit,
    Err(_) => panic!("limits.rs names a limit outside the bounds of limits"),
};

const OF_SCANNER_MESSAGES: RateLimit = match RateLimit::new(limits::SCANNER_MESSAGES_A_MINUTE, 60) {
    Ok(limit) => limit,
    Err(_) => panic!("limits.rs names a limit outside the bounds of limits"),
};

pub struct Limiter {
    credentials: Buckets<CredentialId>,
    given_back: Buckets<CredentialId>,
    operators: Buckets<OperatorId>,
    strangers: Buckets<Block>,
    sign_ins: Buckets<Block>,
    leak_reports: Buckets<Block>,
    scanner_messages: Buckets<Block>,
    of_operators: Option<RateLimit>,
}

impl Limiter {
    /// `of_operators`: how often each of them may use the admin API.
    pub fn new(of_operators: Option<RateLimit>) -> Self {
        Limiter {
            credentials: Buckets::at_most(usize::MAX),
            given_back: Buckets::at_most(usize::MAX),
            operators: Buckets::at_most(usize::MAX),
            strangers: Buckets::at_most(limits::LIMITED_ADDRESSES),
            sign_ins: Buckets::at_most(limits::LIMITED_ADDRESSES),
            leak_reports: Buckets::at_most(limits::LIMITED_ADDRESSES),
            scanner_messages: Buckets::at_most(limits::LIMITED_ADDRESSES),
            of_operators,
        }
    }

    /// A call by this credential, at whatever door and by whichever of its secrets.
    pub fn credential(&self, id: CredentialId, limit: RateLimit) -> Result<Left, Spent> {
        self.credentials.take(id, limit, BootTime::now)
    }

    /// Whether there is room for such a call. It takes nothing.
    pub fn room_of(&self, id: CredentialId, limit: RateLimit) -> Result<(), Spent> {
        self.credentials.ask(id, limit, BootTime::now)
    }

    /// An access token of this client that is given back.
    pub fn given_back(&self, id: CredentialId) -> Result<(), (RateLimit, Spent)> {
        let taken = self.given_back.take(id, OF_GIVEN_BACK, BootTime::now);
        taken.map(drop).map_err(|spent| (OF_GIVEN_BACK, spent))
    }

    /// A call by this operator to the admin API. The limit is told with the refusal.
    pub fn operator(&self, id: OperatorId) -> Result<(), (RateLimit, Spent)> {
        let Some(limit) = self.of_operators else { return Ok(()) };
        let taken = self.operators.take(id, limit, BootTime::now);
        taken.map(drop).map_err(|spent| (limit, spent))
    }

    /// A browser of this address that comes back from the identity provider.
    pub fn sign_in(&self, address: IpAddr) -> Result<(), (RateLimit, Spent)> {
        let taken = self.sign_ins.take(Block::of(address), OF_SIGN_INS, BootTime::now);
        taken.map(drop).map_err(|spent| (OF_SIGN_INS, spent))
    }

    /// A leak that somebody of this address reports.
    pub fn leak_report(&self, address: IpAddr) -> Result<(), (RateLimit, Spent)> {
        let taken = self.leak_reports.take(Block::of(address), OF_LEAK_REPORTS, BootTime::now);
        taken.map(drop).map_err(|spent| (OF_LEAK_REPORTS, spent))
    }

    /// A message that says to be a secret scanner's, from this address.
    pub fn scanner_message(&self, address: IpAddr) -> Result<(), (RateLimit, Spent)> {
        let taken = self.scanner_messages.take(Block::of(address), OF_SCANNER_MESSAGES, BootTime::now);
        taken.map(drop).map_err(|spent| (OF_SCANNER_MESSAGES, spent))
    }

    /// A text that is no credential, from this address.
    pub fn stranger(&self, address: IpAddr) -> Result<(), (RateLimit, Spent)> {
        let taken = self.strangers.take(Block::of(address), OF_STRANGERS, BootTime::now);
        taken.map(drop).map_err(|spent| (OF_STRANGERS, spent))
    }
}
