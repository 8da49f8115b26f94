//! HAProxy with the page's script, which asks by HAProxy's own HTTP client.

use std::process::Command;

use crate::front::{Make, Places, block, put};

const HAPROXY: Make =
    Make { name: "haproxy", prepare, long: 8000, too_large: 400, no_application: 503, limited: 429 };

fn prepare(places: &Places, command: &mut Command) {
    // One name of a socket without a file is one for the whole machine.
    let listener = format!("abns@credledger-{}", places.own.port());
    let script = places.write("credledger.lua", &put("abns@credledger", 1, &listener, &block("lua")));
    let own = put("abns@credledger", 1, &listener, &places.documented("haproxy"));
    let own = put("/etc/haproxy/credledger.lua", 1, &script.display().to_string(), &own);
    let own = match places.behind_another {
        true => put("set-header X-Forwarded-For", 1, "add-header X-Forwarded-For", &own),
        false => own,
    };
    command.args(["-db", "-f"]).arg(places.write("haproxy.cfg", &own));
}

kept_by!(HAPROXY);
kept_by! { HAPROXY, questions: questions_share_a_connection }
kept_besides_by!(HAPROXY);
