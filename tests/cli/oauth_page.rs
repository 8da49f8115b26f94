//! The example of docs/OAUTH.md, done as it says, against a fresh service.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::support::service::Service;

const PAGE: &str = include_str!("../../docs/OAUTH.md");

#[test]
fn a_client_signs_its_assertion_as_the_page_says() {
    let service = Service::start();
    let root = service.root();
    root.tenant("acme", json!({}));
    let section = PAGE.split("## Keys in place of a secret").nth(1).expect("the section");
    let example =
        section.split("```bash\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
    assert!(example.contains("URL=http://127.0.0.1:8080 TOKEN=cl_operator_… TENANT=acme\n"));
    let example = example.replace("http://127.0.0.1:8080", &service.url());
    let example = example.replace("cl_operator_…", root.token.as_deref().expect("a token"));
    let folder = service.folder().join("example");
    fs::create_dir(&folder).expect("a folder");
    let mut bash = Command::new("bash");
    bash.args(["-c", &format!("set -euo pipefail\n{example}")]).current_dir(folder).stdin(Stdio::null());
    let ran = bash.output().expect("bash runs");
    let said = String::from_utf8_lossy(&ran.stdout);
    assert_eq!((ran.status.success(), said.trim()), (true, "\"Bearer\""), "{ran:?}");
}
