//! A proxy with whom it asks before it and what it lets pass to behind it.

use crate::front::{Front, Make};
use crate::peer::{Peer, Seen};
use crate::support::client::Response;
use crate::support::service::Service;

pub struct World<Authority> {
    pub proxy: Front,
    pub application: Peer,
    pub authority: Authority,
}

/// With the service itself.
pub fn with_service(make: &Make) -> World<Service> {
    let (authority, application) = (Service::start(), Peer::application());
    let proxy = Front::start(make, authority.address(), application.address);
    World { proxy, application, authority }
}

/// With somebody who gives this answer in its place.
pub fn with_answer(make: &Make, answer: &str) -> World<Peer> {
    let (authority, application) = (Peer::answering(answer), Peer::application());
    let proxy = Front::start(make, authority.address, application.address);
    World { proxy, application, authority }
}

impl<Authority> World<Authority> {
    /// The one request that reached the application.
    #[track_caller]
    pub fn passed(&self) -> Seen {
        let mut seen = self.application.take();
        assert_eq!(seen.len(), 1, "{seen:?}");
        seen.remove(0)
    }

    #[track_caller]
    pub fn is_refused(&self, answer: &Response, status: u16, reason: &str) {
        assert_eq!((answer.status, answer.header("x-credential-refusal")), (status, Some(reason)));
        assert!(answer.header("www-authenticate").is_some() || status != 401);
        self.nobody_passed();
    }

    #[track_caller]
    pub fn nobody_passed(&self) {
        let seen = self.application.take();
        assert!(seen.is_empty(), "a refused request reached the application: {seen:?}");
    }

    /// The question could not be answered.
    #[track_caller]
    pub fn is_unanswered(&self, answer: &Response) {
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
        self.nobody_passed();
    }
}
