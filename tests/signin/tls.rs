//! A provider over TLS: whose certificate is taken.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::json;

use crate::browser::SITE;
use crate::world::World;

struct Certificates(PathBuf);

impl Certificates {
    /// Of an authority `ours`, for `localhost`; and an authority `theirs` that has signed nothing of it.
    fn new() -> Self {
        let folder = PathBuf::from(format!("/tmp/credledger-tls-{}", uuid::Uuid::now_v7().simple()));
        fs::create_dir(&folder).expect("a fresh folder");
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2";
        for name in ["ours", "theirs"] {
            let new = format!("req -x509 {key} -addext basicConstraints=critical,CA:TRUE");
            openssl(&folder, &format!("{new} -subj /CN={name} -keyout {name}.key -out {name}.pem"));
        }
        openssl(
            &folder,
            "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -keyout server.key -out server.csr",
        );
        fs::write(folder.join("extensions"), "subjectAltName=DNS:localhost\n").expect("writable");
        let sign = "x509 -req -in server.csr -CA ours.pem -CAkey ours.key -CAcreateserial -days 2 -extfile extensions";
        openssl(&folder, &format!("{sign} -out server.pem"));
        Certificates(folder)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("text").to_owned()
    }
}

impl Drop for Certificates {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn openssl(folder: &Path, args: &str) {
    let mut command = Command::new("openssl");
    let output =
        command.current_dir(folder).args(args.split(' ')).stdin(Stdio::null()).output().expect("openssl");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_provider_is_asked_only_under_a_certificate_that_leads_to_the_authority() {
    let files = Certificates::new();
    let how = json!({"tls": {"key": files.file("server.key"), "cert": files.file("server.pem")}});
    let world = World::with(how.clone(), &["--oidc-ca-file", &files.file("ours.pem")]);
    world.invite(json!({"email": "ada@example.com", "role": "auditor", "all_tenants": true}));
    let mut ada = world.browser("ada");
    ada.behind_tls = Some(world.provider.port);
    ada.signs_in();
    for other in [&["--oidc-ca-file", &files.file("theirs.pem")][..], &[]] {
        let world = World::with(how.clone(), other);
        let answer = world.browser("ada").get(&format!("{SITE}/console/sign-in"));
        world.denied(&answer, "provider_away", "certificate");
    }
}
