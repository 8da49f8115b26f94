//! A step as it is sent: once, twice, or hung up on and sent again.

use std::io::Write;
use std::net::TcpStream;

use credledger::domain::credential::Kind;

use super::{Run, Target};
use crate::step::{About, Sending, Step};
use crate::support::client::{Request, Response};
use crate::support::service::{Service, eventually};

impl Run<'_> {
    pub(super) fn send(&self, step: &Step, target: Target) -> Response {
        let named = self.named(step, target.subject);
        let (method, rest, body) = step.action.request(self.oracle.now, &named);
        let path = format!("/api/admin/v1{}{rest}", self.subject_path(step, target));
        let mut request = self.root.request(method, &path).header("X-Request-Id", &self.request_id());
        for version in self.versions(step, target).into_iter().flatten() {
            request = request.header("If-Match", &format!("\"{version}\""));
        }
        if let Some(body) = &body {
            request = request.json(body);
        }
        match step.sending {
            Sending::Once => self.root.send(&request),
            Sending::Repeated => self.repeat(request.header("Idempotency-Key", &self.request_id())),
            // A refusal is not kept: one that was hung up on could be decided anew when the history has gone on.
            Sending::Dropped if !self.would_accept(step, target) => self.root.send(&request),
            Sending::Dropped => {
                let request = request.header("Idempotency-Key", &self.request_id());
                hang_up_on(self.service, &request);
                let answered = || Some(self.root.send(&request)).filter(|answer| !still_runs(answer));
                eventually(answered).expect("the first one ends")
            }
        }
    }

    fn subject_path(&self, step: &Step, target: Target) -> String {
        let below =
            |list: &str| target.subject.map_or_else(|| format!("/{list}"), |id| format!("/{list}/{id}"));
        match step.action.about() {
            About::Operator => below("operators"),
            About::Plan => format!("/plans/{}", self.named(step, None).plan(step.action.plan()).as_str()),
            About::Tenant => format!("/tenants/{}", target.tenant),
            About::Member => format!("/tenants/{}{}", target.tenant, below("members")),
            About::Key => {
                let list = collection(self.named(step, target.subject).kind);
                format!("/tenants/{}{}", target.tenant, below(list))
            }
        }
    }

    /// Twice the same: one answer.
    fn repeat(&self, request: Request) -> Response {
        let (first, second) = (self.root.send(&request), self.root.send(&request));
        assert_eq!(first.status, second.status, "{} then {}", first.text(), second.text());
        let replayed = second.header("idempotency-replayed");
        assert_eq!(
            replayed.is_some(),
            first.status < 300,
            "only what was carried out is kept: {}",
            first.text()
        );
        if first.status < 300 {
            assert_eq!(first.json(), second.json(), "the answer of then");
        }
        first
    }
}

/// Where those of a kind stand.
pub fn collection(kind: Kind) -> &'static str {
    match kind {
        Kind::ApiKey => "keys",
        Kind::OauthClient => "clients",
    }
}

fn still_runs(answer: &Response) -> bool {
    answer.status == 409 && answer.json()["code"] == "idempotency_in_progress"
}

/// Sends a request, and is gone before the answer.
fn hang_up_on(service: &Service, request: &Request) {
    let mut bytes = format!("{} {} HTTP/1.1\r\nHost: model\r\n", request.method, request.path);
    request.headers.iter().for_each(|(name, value)| bytes += &format!("{name}: {value}\r\n"));
    bytes += &format!("Content-Length: {}\r\n\r\n", request.body.len());
    let mut connection = TcpStream::connect(service.address()).expect("a connection");
    connection.write_all(&[bytes.as_bytes(), &request.body].concat()).expect("sent");
}
