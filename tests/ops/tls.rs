//! TLS to a database of one's own: whose certificate is taken, by which setting, and what is said when it is not.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use credledger::ops::process::{self, Account};

use crate::house::{Guarded, House, send};

/// A port that was free a moment ago may be another's by now.
const ATTEMPTS: usize = 5;

/// A PostgreSQL that lets nobody in over TCP without TLS, and has a certificate for `localhost`.
struct Server {
    _postgres: Guarded,
    folder: PathBuf,
    port: u16,
}

fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    found.sort_by_key(|path| path.parent().and_then(Path::file_name)?.to_str()?.parse::<u32>().ok());
    found.retain(|path| path.join("initdb").exists());
    found.pop().unwrap_or_else(|| PathBuf::from("/usr/bin"))
}

/// Server and initdb refuse to be root.
fn account(folder: &Path) -> Option<Account> {
    process::account_to_become(None, folder).expect("an account for PostgreSQL")
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().expect("it is installed");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn openssl(folder: &Path, args: &str) {
    run(Command::new("openssl").current_dir(folder).args(args.split(' ')));
}

/// `<name>.pem` and `<name>.key` of an authority that nobody else knows.
fn authority(folder: &Path, name: &str) {
    let new = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -addext basicConstraints=critical,CA:TRUE";
    openssl(folder, &format!("{new} -subj /CN={name} -keyout {name}.key -out {name}.pem"));
}

impl Server {
    fn start(house: &House) -> Server {
        let folder = house.path().join("server");
        fs::create_dir(&folder).expect("a fresh folder");
        for name in ["ours", "theirs"] {
            authority(&folder, name);
        }
        let new = "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost";
        openssl(&folder, &format!("{new} -keyout server.key -out server.csr"));
        fs::write(folder.join("extensions"), "subjectAltName=DNS:localhost\n").expect("writable");
        let sign = "x509 -req -in server.csr -CA ours.pem -CAkey ours.key -CAcreateserial -days 2 -extfile extensions";
        openssl(&folder, &format!("{sign} -out server.pem"));
        fs::write(folder.join("hba"), "local all all trust\nhostssl all all 127.0.0.1/32 trust\n")
            .expect("writable");
        fs::set_permissions(folder.join("server.key"), fs::Permissions::from_mode(0o600)).expect("ours");
        let account = account(house.path());
        let theirs = |path: &Path| {
            if let Some(account) = &account {
                chown(path, Some(account.uid), Some(account.gid)).expect("ours to give");
            }
        };
        theirs(&folder);
        fs::read_dir(&folder).expect("a folder").flatten().for_each(|entry| theirs(&entry.path()));
        let program = |name: &str| {
            let mut command = Command::new(programs().join(name));
            command.current_dir(&folder).arg("-D").arg(folder.join("data")).stdin(Stdio::null());
            if let Some(account) = &account {
                command.uid(account.uid).gid(account.gid);
            }
            command
        };
        run(program("initdb").args([
            "--username=postgres",
            "--auth=trust",
            "--no-sync",
            "--encoding=UTF8",
            "--locale=C",
        ]));
        for _ in 0..ATTEMPTS {
            let free = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("bound");
            if let Some(postgres) = Self::serve(program("postgres"), &folder, free.port()) {
                return Server { _postgres: postgres, folder, port: free.port() };
            }
        }
        panic!("the server did not start: {}", fs::read_to_string(folder.join("log")).unwrap_or_default());
    }

    /// None when it ended before it was ready.
    fn serve(mut command: Command, folder: &Path, port: u16) -> Option<Guarded> {
        let file = |name: &str| folder.join(name).display().to_string();
        for setting in [
            "listen_addresses=127.0.0.1".to_owned(),
            format!("port={port}"),
            "fsync=off".to_owned(),
            "ssl=on".to_owned(),
            format!("ssl_cert_file={}", file("server.pem")),
            format!("ssl_key_file={}", file("server.key")),
            format!("hba_file={}", file("hba")),
        ] {
            command.args(["-c", &setting]);
        }
        let log = fs::File::create(folder.join("log")).expect("writable");
        command.arg("-k").arg(folder).stdout(log.try_clone().expect("a log")).stderr(log);
        let mut postgres = Guarded(command.spawn().expect("it is installed"));
        let said_ready = || {
            let file = fs::read_to_string(folder.join("data/postmaster.pid")).unwrap_or_default();
            file.lines().nth(7).is_some_and(|state| state.trim() == "ready")
        };
        let mut ended = false;
        while !ended && !said_ready() {
            std::thread::sleep(Duration::from_millis(10));
            ended = postgres.0.try_wait().expect("ours").is_some();
        }
        (!ended).then_some(postgres)
    }

    fn url(&self, host: &str, words: &str) -> String {
        format!("postgresql://postgres@{host}:{}/postgres?hostaddr=127.0.0.1{words}", self.port)
    }

    fn file(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// How many connections of the service there are: with TLS, and without.
    fn connections(&self) -> (i64, i64) {
        let config =
            format!("host={} port={} user=postgres dbname=postgres", self.folder.display(), self.port);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let counted = "select count(*) filter (where s.ssl), count(*) filter (where not s.ssl)
            from pg_stat_ssl s join pg_stat_activity a using (pid) where a.application_name like 'credledger%'";
        runtime.block_on(async {
            let (client, connection) =
                tokio_postgres::connect(&config, tokio_postgres::NoTls).await.expect("the server answers");
            tokio::spawn(connection);
            let row = client.query_one(counted, &[]).await.expect("a look");
            (row.get(0), row.get(1))
        })
    }
}

#[test]
fn a_database_over_tls_is_taken_only_with_a_certificate_that_leads_to_the_authority_and_names_the_host() {
    let house = House::new("tls");
    let server = Server::start(&house);
    let (ours, theirs) = (server.file("ours.pem"), server.file("theirs.pem"));
    let by_flag = server.url("localhost", "&sslmode=verify-full");
    let by_word = server.url("localhost", &format!("&sslmode=verify-full&sslrootcert={ours}"));
    // Every mode but disable verifies, the name too: `require` is no weaker here.
    let required = server.url("localhost", "&sslmode=require");
    for (url, ca) in [(&by_flag, Some(&ours)), (&by_word, None), (&required, Some(&ours))] {
        is_served_over_tls(&house, &server, &arguments(url, ca));
    }
    let other_name = server.url("elsewhere.example", "&sslmode=verify-full");
    let plain = server.url("localhost", "&sslmode=disable");
    for (url, ca, sentences) in [
        (&by_flag, Some(&theirs), ["certificate was not accepted", "--database-ca-file"]),
        (&required, None, ["certificate was not accepted", "--database-ca-file"]),
        (&other_name, Some(&ours), ["certificate was not accepted", "elsewhere.example"]),
        (&plain, Some(&ours), ["no encryption", "pg_hba.conf"]),
    ] {
        let said = house.refusal(&arguments(url, ca));
        for sentence in sentences {
            assert!(said.contains(sentence), "{url}: {said}");
        }
    }
}

fn arguments<'a>(url: &'a str, ca: Option<&'a String>) -> Vec<&'a str> {
    let mut arguments = vec!["--allow-unsafe-database", "true", "--database-url", url];
    arguments.extend(ca.iter().flat_map(|file| ["--database-ca-file", file.as_str()]));
    arguments
}

fn is_served_over_tls(house: &House, server: &Server, arguments: &[&str]) {
    let ready = house.path().join("tls-ready.json");
    let _ = fs::remove_file(&ready);
    let log = house.path().join("tls.log");
    let mut command = house.command(arguments);
    command.arg("--ready-file").arg(&ready).stderr(fs::File::create(&log).expect("writable"));
    let mut service = Guarded(command.spawn().expect("the binary runs"));
    let said = || fs::read_to_string(&log).unwrap_or_default();
    let mut ended = None;
    while ended.is_none() && !ready.exists() {
        std::thread::sleep(Duration::from_millis(10));
        ended = service.0.try_wait().expect("ours");
    }
    assert!(ended.is_none(), "{arguments:?}: {}", said());
    let (with, without) = server.connections();
    assert!(with > 0 && without == 0, "{with} connections with TLS, {without} without");
    send("TERM", service.0.id());
    assert_eq!(service.0.wait().expect("ours").code(), Some(0), "{}", said());
}
