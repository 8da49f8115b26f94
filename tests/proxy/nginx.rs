//! nginx's `auth_request`.

use std::process::Command;

use crate::front::{Make, Places, put};

const NGINX: Make =
    Make { name: "nginx", prepare, long: 8000, too_large: 400, no_application: 502, limited: 403 };

/// One process in the foreground, which keeps everything in its own folder.
fn prepare(places: &Places, command: &mut Command) {
    let mut own = places.documented("nginx");
    if places.behind_another {
        own = put("X-Forwarded-For $remote_addr", 2, "X-Forwarded-For $proxy_add_x_forwarded_for", &own);
    }
    let temporary =
        ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|kind| format!("{kind}_temp_path {kind};"));
    let whole = format!(
        "daemon off; master_process off; pid nginx.pid;\nevents {{ }}\nhttp {{\naccess_log off;\n{}\n{own}}}\n",
        temporary.join("\n")
    );
    command.arg("-p").arg(&places.folder).args(["-e", "stderr"]);
    command.arg("-c").arg(places.write("nginx.conf", &whole));
}

kept_by!(NGINX);
kept_by! { NGINX, questions: questions_share_a_connection }
