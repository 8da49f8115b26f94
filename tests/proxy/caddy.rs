//! Caddy's `reverse_proxy` with `handle_response`.

use std::process::Command;

use crate::front::{Make, Places, put};

const CADDY: Make =
    Make { name: "caddy", prepare, long: 5000, too_large: 431, no_application: 502, limited: 429 };

/// Without the port by which it is told to change its configuration: there is one on a machine.
fn prepare(places: &Places, command: &mut Command) {
    let mut whole = put("{\n\tservers", 1, "{\n\tadmin off\n\tservers", &places.documented("caddyfile"));
    if places.behind_another {
        let trusting = "{\n\t\t\ttrusted_proxies 127.0.0.1\n";
        let asks = format!("reverse_proxy {} ", places.authority);
        whole = put(&format!("{asks}{{\n"), 1, &format!("{asks}{trusting}"), &whole);
        let lets_pass = format!("reverse_proxy {}", places.application);
        whole = put(&lets_pass, 1, &format!("{lets_pass} {trusting}\t\t}}"), &whole);
    }
    for home in ["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"] {
        command.env(home, &places.folder);
    }
    command.args(["run", "--adapter", "caddyfile", "--config"]).arg(places.write("Caddyfile", &whole));
}

kept_by!(CADDY);
kept_by! { CADDY, questions: each_question_has_a_connection_of_its_own }
kept_besides_by!(CADDY);
