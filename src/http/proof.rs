//! How a caller shows that a credential is its own: as whoever bears it (RFC 6750), or with a proof of the key that it is bound to
//! (RFC 9449). Which of the two is the caller's to say, by the scheme of its `Authorization`; what it is worth is the verdict's.

use actix_web::HttpRequest;
use actix_web::http::header::{HeaderName, HeaderValue};

use super::app::App;
use super::bearer::{self, Scheme};
use super::problem::Problem;
use crate::clock::Timestamp;
use crate::domain::access::Possession;
use crate::tokens::dpop::{self, Proof, ProofFault, Sent};
use crate::tokens::http_target::HttpTarget;
use crate::vault::SigningAlgorithm;

pub const DPOP: HeaderName = HeaderName::from_static("dpop");
pub const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// What comes with a credential.
#[derive(Clone, Copy, Debug)]
pub enum Showing<'a> {
    Bearer,
    /// a proof, and the request that it is held against; or why there is none
    Dpop(Result<(&'a str, Sent<'a>), ProofFault>),
    /// whoever asks about the credential does not use it
    NotAsked,
}

/// What a showing comes to, for one credential at one instant.
#[derive(Debug)]
pub struct Shows {
    pub possession: Possession,
    pub proof: Option<Box<Proof>>,
    pub fault: Option<ProofFault>,
}

impl Showing<'_> {
    /// With `bound_to` the thumbprint of the key that the credential is bound to, if it is to one.
    pub fn of(&self, credential: &str, bound_to: Option<&str>, now: Timestamp) -> Shows {
        let plain = |possession| Shows { possession, proof: None, fault: None };
        let (shown, bound_to) = match (*self, bound_to) {
            (Showing::Bearer, _) => return plain(Possession::Bare),
            (Showing::NotAsked, _) => return plain(Possession::NotAsked),
            (Showing::Dpop(_), None) => return Shows::nothing(ProofFault::NotBound),
            (Showing::Dpop(shown), Some(bound_to)) => (shown, bound_to),
        };
        let proof = shown.and_then(|(text, sent)| {
            let proof = dpop::check(text, sent, now)?;
            proof.is_for(credential, bound_to).map(|()| proof)
        });
        match proof {
            Ok(proof) => Shows { possession: Possession::Proven, proof: Some(Box::new(proof)), fault: None },
            Err(fault) => Shows::nothing(fault),
        }
    }
}

impl Shows {
    pub fn nothing(fault: ProofFault) -> Self {
        Shows { possession: Possession::NotProven, proof: None, fault: Some(fault) }
    }
}

impl App {
    /// How a proof names a route of this service's own: as the public URL does.
    pub fn target_of(&self, request: &HttpRequest) -> Result<HttpTarget, ProofFault> {
        let url = format!("{}{}", self.issuer(), request.path());
        HttpTarget::parse(&url).map_err(|_| ProofFault::NoTarget)
    }
}

/// What a request presents: a credential, and its proof when the scheme says that there is one.
pub struct Presented<'r> {
    pub text: &'r str,
    dpop: Option<Result<Carried<'r>, ProofFault>>,
}

/// A proof, with the request that it is held against.
pub struct Carried<'r> {
    pub proof: &'r str,
    pub method: &'r str,
    pub target: HttpTarget,
}

impl Carried<'_> {
    pub fn showing(&self) -> Showing<'_> {
        Showing::Dpop(Ok((self.proof, Sent { method: self.method, target: &self.target })))
    }
}

impl<'r> Presented<'r> {
    /// `sent_to`: the request that a proof is held against. It is asked for only where there is one.
    pub fn read(
        request: &'r HttpRequest,
        sent_to: impl FnOnce() -> Option<(&'r str, HttpTarget)>,
    ) -> Result<Self, Problem> {
        let (scheme, text) = bearer::shown(request)?;
        let dpop = match scheme {
            Scheme::Bearer => None,
            Scheme::Dpop => Some(proof(request).and_then(|proof| {
                let (method, target) = sent_to().ok_or(ProofFault::NoTarget)?;
                Ok(Carried { proof, method, target })
            })),
        };
        Ok(Presented { text, dpop })
    }

    /// For a route of this service's own.
    pub fn to(app: &App, request: &'r HttpRequest) -> Result<Self, Problem> {
        Self::read(request, || Some((request.method().as_str(), app.target_of(request).ok()?)))
    }

    pub fn showing(&self) -> Showing<'_> {
        match &self.dpop {
            None => Showing::Bearer,
            Some(Err(fault)) => Showing::Dpop(Err(*fault)),
            Some(Ok(carried)) => carried.showing(),
        }
    }
}

/// The one proof that a request carries.
pub fn proof(request: &HttpRequest) -> Result<&str, ProofFault> {
    let mut values = request.headers().get_all(&DPOP);
    let proof = values.next().ok_or(ProofFault::Absent)?;
    match values.next() {
        Some(_) => Err(ProofFault::Twice),
        None => proof.to_str().map_err(|_| ProofFault::Form),
    }
}

/// What a refused token is answered with, when it is bound or was shown as if it were (RFC 9449, 7.1).
pub fn challenge(error: &str) -> HeaderValue {
    let words = SigningAlgorithm::words_of_all().collect::<Vec<_>>().join(" ");
    let text = format!("DPoP realm=\"credledger\", algs=\"{words}\", error=\"{error}\"");
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("DPoP"))
}
