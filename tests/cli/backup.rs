//! docs/BACKUP.md, done as it says: the page's own commands, on a ledger that knows things.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::client::{Client, Request};
use crate::support::service::{Service, eventually, signal_process, text};

const PAGE: &str = include_str!("../../docs/BACKUP.md");
/// In seconds; only ends a test that has failed.
const PATIENCE: &str = "120";

fn blocks() -> Vec<&'static str> {
    let blocks = PAGE.split("```bash\n").skip(1);
    blocks.map(|block| block.split_once("```").expect("a block ends").0).collect()
}

/// The page's commands, in a folder, with its paths turned into the test's.
fn shell(folder: &Path, service: &Service, script: &str) -> Command {
    let bin = folder.join("bin");
    if !bin.exists() {
        std::fs::create_dir(&bin).expect("a folder");
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_credledger"), bin.join("credledger")).expect("a link");
    }
    // A script that fails leaves nothing behind that goes on.
    let mut script = format!("set -euo pipefail\ntrap 'kill $(jobs -p) 2> /dev/null || true' EXIT\n{script}");
    for (of_page, of_test) in [
        ("/var/lib/credledger-restored", folder.join("restored")),
        ("/media/safe", folder.join("safe")),
        ("/var/lib/credledger\n", service.data_dir().join("\n")),
    ] {
        script = script.replace(of_page, of_test.to_str().expect("a plain path"));
    }
    let mut command = Command::new("bash");
    command.current_dir(folder).arg("-c").arg(script).stdin(Stdio::null()).stdout(Stdio::null());
    command.env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", bin.display()));
    command
}

#[test]
fn what_the_backup_page_says_brings_every_key_and_its_history_back() {
    let mut service = Service::start_private(&[]);
    let folder = service.folder().join("backup");
    std::fs::create_dir_all(folder.join("safe")).expect("a folder");
    let blocks = blocks();
    let [paths, key, dump, restore, start] = blocks.as_slice() else {
        panic!("the page has other blocks: {blocks:?}")
    };
    let token = service.root().token.expect("a token");
    let known = {
        let root = service.root();
        let tenant = root.tenant("acme", json!({}));
        let (kept, ended) = (tenant.mint("kept"), tenant.mint("ended"));
        let (newer, _) = kept.rotate(json!({"grace_seconds": 3600}));
        ended.revoke("leaked");
        let history = root.get(&format!("{}/history", kept.path)).expect(200);
        (kept.secret, newer, ended.secret, format!("{}/history", kept.path), history)
    };
    is_done(shell(&folder, &service, &[*paths, *key, *dump].concat()));
    // What is not in the dump is not there after it.
    let late = text(&service.root().tenant("late", json!({})).mint("late").minted["secret"]);
    assert_eq!(service.stop(), Some(0));
    is_done(shell(&folder, &service, restore));

    let ready_file = folder.join("ready.json");
    let again = [
        *paths,
        "NEW=/var/lib/credledger-restored\n",
        &start.replace("\ncredledger serve", "\nexec credledger serve"),
    ];
    let mut command = shell(&folder, &service, &again.concat());
    command.env("CREDLEDGER_LISTEN", "127.0.0.1:0").env("CREDLEDGER_READY_FILE", &ready_file);
    let mut restored = command.stderr(Stdio::null()).spawn().expect("bash runs");
    let ready = eventually(|| {
        let ended = restored.try_wait().expect("a look");
        assert!(ended.is_none(), "the restored service ended: {ended:?}");
        serde_json::from_str::<Value>(&std::fs::read_to_string(&ready_file).ok()?).ok()
    });
    let ready = ready.expect("the restored service is ready");
    assert!(ready.get("operator_token").is_none(), "it has its first operator");
    let url = text(&ready["url"]);
    let address: SocketAddr = url.strip_prefix("http://").expect("http").parse().expect("an address");
    let (kept, newer, ended, path, history) = known;
    let asked =
        |path: &str, bearer: &str| Client::new(address).send(&Request::new("GET", path).bearer(bearer));
    for secret in [&kept, &newer] {
        assert_eq!(asked("/api/v1/whoami", secret).expect(200)["name"], "kept");
    }
    assert_eq!(asked("/api/v1/whoami", &ended).problem(401, "unauthorized")["reason"], "revoked");
    assert_eq!(asked("/api/v1/whoami", &late).problem(401, "unauthorized")["reason"], "not_found");
    assert_eq!(asked(&path, &token).expect(200), history);
    signal_process(restored.id(), "-TERM");
    assert!(restored.wait().expect("it ends").success());
}

fn is_done(command: Command) {
    let mut bounded = Command::new("timeout");
    bounded.args(["--kill-after=5", PATIENCE]).arg(command.get_program()).args(command.get_args());
    bounded.current_dir(command.get_current_dir().expect("a folder")).stdin(Stdio::null());
    bounded.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = bounded.output().expect("timeout runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
