//! Secrets that are reported as found, at both doors, rightly and wrongly: what is known of them before is all that is kept.

use serde_json::{Value, json};

use super::search::Needles;
use crate::support::scanner::{Scanner, list, message};
use crate::support::service::{Service, Tenant, text};

const LEAKS: &str = "/api/v1/leaks";

/// Whose messages the service takes, and the file that says so.
pub struct Scanning {
    scanner: Scanner,
    file: std::path::PathBuf,
}

impl Scanning {
    pub fn new() -> Self {
        let scanner = Scanner::new("canary");
        let file = format!("/tmp/credledger-scanner-{}", uuid::Uuid::now_v7().simple()).into();
        std::fs::write(&file, list(&[&scanner])).expect("a file");
        Scanning { scanner, file }
    }

    pub fn flag(&self) -> &str {
        self.file.to_str().expect("text")
    }

    /// A page that it was found on is handed back: that is kept, and found.
    pub fn has_leaks(&self, service: &Service, tenant: &Tenant<'_>, hidden: &mut Needles) -> String {
        let page = "https://paste.example/kept-and-found";
        let (finder, operator) = (service.anonymous(), service.operator("auditor", &[&tenant.id]));
        let (found, scanned, client) = (tenant.mint("found"), tenant.mint("scanned"), tenant.client("pair"));
        let operator = operator.token.clone().expect("a token");
        for (what, secret) in [
            ("a key that was found", &found.secret),
            ("a key that was scanned", &scanned.secret),
            ("an operator's token that was found", &operator),
        ] {
            hidden.add(what, secret);
        }
        // Of a client's secret a part is told.
        let told = text(&client.read()["secrets"][0]["prefix"]).len();
        hidden.add("what is not told of a client's secret that was found", &client.secret[told..]);
        let pair = format!("{}:{}", text(&client.minted["client_id"]), client.secret);
        let report = |body: Value, status| finder.post(LEAKS, &body).expect(status);
        for secret in [&found.secret, &scanned.secret, &operator, &pair] {
            report(json!({"token": "x", "source": secret}), 400);
            report(json!({"token": secret, "source": format!("in {secret}.")}), 400);
            report(json!({"token": secret, "source": "s", "url": format!("{page}?{secret}")}), 400);
            report(json!({"token": [secret], "source": "s"}), 400);
            report(json!({"token": format!("{secret}x"), "source": "a public paste"}), 202);
        }
        for secret in [&found.secret, &operator, &pair] {
            report(json!({"token": secret, "source": "a public paste", "url": page}), 202);
        }
        let finding = json!([{"token": scanned.secret, "type": "t", "source": scanned.secret,
                              "url": format!("https://git.example/{}", scanned.secret)}]);
        let unsigned = message("canary", "AAAA", finding.to_string().as_bytes());
        finder.send(&unsigned).problem(403, "forbidden");
        let labels = self.scanner.says(service, &finding).expect(200);
        assert_eq!(labels[0]["label"], "true_positive");
        for key in [&found, &scanned] {
            assert_eq!(key.read()["revoked"]["reason"], "leaked");
            key.history();
        }
        page.to_owned()
    }
}

impl Drop for Scanning {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.file);
    }
}
