//! `scripts/run` on a machine that lacks things, played by stubs: it says each step before it takes it, takes no other, and
//! asks nobody.
//!
//! A copy of scripts/ runs with a PATH of its own: the shell's everyday programs, and stubs that write down how they are
//! called, into the same stream in which the script says what it does.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const EVERYDAY: [&str; 18] = [
    "bash", "cat", "chmod", "cp", "cut", "dirname", "env", "head", "mkdir", "mktemp", "rm", "sed", "sh",
    "sleep", "sort", "tail", "tr", "uname",
];

/// Each call becomes a line, and whatever a program might ask would be heard as silence.
const RECORDS: &str = "#!/bin/sh\nprintf 'CALL %s %s\\n' \"${0##*/}\" \"$*\" >&2\n";

/// In seconds; only ends a test that has failed.
const PATIENCE: &str = "60";

struct Machine(PathBuf);

impl Machine {
    fn new(name: &str) -> Machine {
        let machine = Machine(std::env::temp_dir().join(format!("credledger-{name}-{}", std::process::id())));
        for folder in ["bin", "home", "root/scripts"] {
            fs::create_dir_all(machine.0.join(folder)).expect("a fresh folder");
        }
        let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
        for file in ["scripts/run", "scripts/lib.sh", "Cargo.toml"] {
            fs::copy(repository.join(file), machine.0.join("root").join(file)).expect("a copy");
        }
        for program in EVERYDAY {
            let found = ["/usr/bin", "/bin"].map(|folder| Path::new(folder).join(program));
            let found = found.iter().find(|path| path.exists()).unwrap_or_else(|| panic!("no {program}"));
            symlink(found, machine.0.join("bin").join(program)).expect("a link");
        }
        // What it builds is played too; once it is ready, nobody waits for it any more.
        let ready = format!("{RECORDS}echo '{{}}' > '{}'\n", machine.path("ready.json"));
        machine.program("root/target/release/credledger", &ready);
        machine
    }

    fn program(&self, path: &str, text: &str) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().expect("in a folder")).expect("a folder");
        fs::write(&path, text).expect("writable");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("ours");
    }

    fn stub(&self, name: &str, also: &str) {
        self.program(&format!("bin/{name}"), &format!("{RECORDS}{also}"));
    }

    fn user(&self, number: u32) {
        let name = if number == 0 { "root" } else { "somebody" };
        let text = format!(
            "#!/bin/sh\ncase \"$*\" in --user) echo {number} ;; *--name*) echo {name} ;; *) exit 0 ;; esac\n"
        );
        self.program("bin/id", &text);
    }

    fn cargo(&self) -> String {
        let version = "[ \"$1\" = --version ] && { echo 'cargo 99.0.0 (x)'; exit 0; }\n";
        RECORDS.replacen('\n', &format!("\n{version}"), 1)
    }

    /// What it said and called, in order, and how it ended. A server of one's own, so that none is looked for here.
    fn run(&self) -> (String, Option<i32>) {
        let mut command = Command::new("/usr/bin/timeout");
        command
            .args(["--kill-after=5", PATIENCE, "bash"])
            .env_clear()
            .env("PATH", self.0.join("bin"))
            .env("HOME", self.0.join("home"));
        command.env("TMPDIR", &self.0).env("CREDLEDGER_READY_FILE", self.0.join("ready.json"));
        command.arg(self.0.join("root/scripts/run")).args(["--database-url", "postgresql://somewhere"]);
        let output = command.stdin(Stdio::null()).stdout(Stdio::null()).output().expect("bash runs");
        (String::from_utf8_lossy(&output.stderr).into_owned(), output.status.code())
    }

    fn path(&self, below: &str) -> String {
        self.0.join(below).display().to_string()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The lines that say or call something, each with its beginning alone where the rest differs from run to run.
fn steps(said: &str) -> Vec<&str> {
    said.lines().filter(|line| line.starts_with("==> ") || line.starts_with("CALL ")).collect()
}

#[track_caller]
fn are(said: &str, expected: &[&str]) {
    let steps = steps(said);
    assert_eq!(steps.len(), expected.len(), "{said}");
    for (step, expected) in steps.iter().zip(expected) {
        assert!(step.starts_with(expected), "{expected}\n{said}");
    }
}

const UPDATE: [&str; 2] =
    ["==> reading the lists of packages (apt-get update)", "CALL apt-get update --quiet=2"];
const SERVED: [&str; 4] = [
    "==> building (cargo build --release)",
    "CALL cargo build --release --locked",
    "==> starting (credledger serve)",
    "CALL credledger serve --database-url postgresql://somewhere",
];

#[test]
fn a_missing_compiler_is_announced_and_installed_and_nothing_else_is() {
    let machine = Machine::new("no-compiler");
    machine.user(0);
    machine.program("bin/cargo", &machine.cargo());
    machine.stub("apt-get", "[ \"$DEBIAN_FRONTEND\" = noninteractive ] || [ \"$1\" = update ]\n");
    let (said, code) = machine.run();
    assert_eq!(code, Some(0), "{said}");
    let install = [
        "==> installing gcc libc6-dev (apt-get install)",
        "CALL apt-get install --yes --quiet=2 --no-install-recommends gcc libc6-dev",
    ];
    are(&said, &[&UPDATE[..], &install, &SERVED].concat());
}

#[test]
fn an_ordinary_user_without_sudo_is_told_the_command_for_root() {
    let machine = Machine::new("no-sudo");
    machine.user(1000);
    machine.program("bin/cargo", &machine.cargo());
    machine.stub("apt-get", "");
    let (said, code) = machine.run();
    assert_eq!(code, Some(1), "{said}");
    are(&said, &[]);
    let command =
        "As root, run: apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev.";
    assert!(said.contains(command), "{said}");
}

#[test]
fn without_a_terminal_sudo_is_not_let_ask_for_a_password() {
    let machine = Machine::new("sudo");
    machine.user(1000);
    machine.program("bin/cargo", &machine.cargo());
    machine.stub("apt-get", "");
    machine.stub("sudo", "exit 1\n");
    let (said, code) = machine.run();
    assert_eq!(code, Some(1), "{said}");
    are(&said, &[UPDATE[0], "CALL sudo --non-interactive apt-get update --quiet=2"]);
    assert!(said.contains("sudo wants a password. As root, run: apt-get update --quiet=2"), "{said}");
}

#[test]
fn a_missing_rust_is_announced_and_installed_for_this_user_by_the_official_script() {
    let machine = Machine::new("no-rust");
    machine.user(1000);
    machine.stub("cc", "");
    // What curl brings writes down how it is run, and leaves a cargo behind.
    let cargo = machine.path("home/.cargo/bin/cargo");
    machine.program("cargo-to-be", &machine.cargo());
    let installer = format!(
        "{}mkdir -p '{}'; cp '{}' '{cargo}'",
        RECORDS.replace("${0##*/}", "installer"),
        machine.path("home/.cargo/bin"),
        machine.path("cargo-to-be")
    );
    machine.program("installer", &installer);
    let brings =
        format!("while [ \"$1\" != --output ]; do shift; done; cp '{}' \"$2\"\n", machine.path("installer"));
    machine.stub("curl", &brings);
    let (said, code) = machine.run();
    assert_eq!(code, Some(0), "{said}");
    let install = [
        "==> installing a Rust toolchain for somebody by the official script of rustup.rs, under ",
        "CALL curl --proto =https --tlsv1.2 --silent --show-error --fail --output ",
        "CALL installer -y --no-modify-path --profile minimal --default-toolchain stable",
    ];
    are(&said, &[&install[..], &SERVED].concat());
    assert!(said.contains("https://sh.rustup.rs"), "{said}");
}

#[test]
fn where_the_official_script_cannot_be_had_the_distributions_rustup_is_tried() {
    let machine = Machine::new("no-network");
    machine.user(0);
    machine.stub("cc", "");
    machine.stub("curl", "exit 6\n");
    machine.stub("apt-get", "");
    machine.program("bin/apt-cache", "#!/bin/sh\necho 'rustup - the Rust toolchain installer'\n");
    let cargo = machine.path("home/.cargo/bin/cargo");
    machine.program("cargo-to-be", &machine.cargo());
    let makes = format!(
        "mkdir -p '{}'; cp '{}' '{cargo}'\n",
        machine.path("home/.cargo/bin"),
        machine.path("cargo-to-be")
    );
    machine.stub("rustup", &makes);
    let (said, code) = machine.run();
    assert_eq!(code, Some(0), "{said}");
    let tried = [
        "==> installing a Rust toolchain for root by the official script of rustup.rs, under ",
        "CALL curl ",
    ];
    let own = ["==> that did not work; trying the distribution's own rustup"];
    let install = [
        "==> installing rustup (apt-get install)",
        "CALL apt-get install --yes --quiet=2 --no-install-recommends rustup",
        "CALL rustup default stable",
    ];
    are(&said, &[&tried[..], &UPDATE, &own, &install, &SERVED].concat());
}

#[test]
fn where_the_distribution_has_no_rustup_no_package_is_named_that_is_not_there() {
    let machine = Machine::new("no-rustup");
    machine.stub("cc", "");
    machine.stub("curl", "exit 6\n");
    machine.stub("apt-get", "");
    machine.program("bin/apt-cache", "#!/bin/sh\n");
    for user in [0, 1000] {
        machine.user(user);
        let (said, code) = machine.run();
        assert_eq!(code, Some(1), "{said}");
        assert!(!said.contains("install rustup") && !said.contains("installing rustup"), "{said}");
        let advice = "Install Rust from https://rustup.rs, or put Rust ";
        assert!(said.contains(advice) && said.contains(" or newer on the PATH"), "{said}");
    }
}

/// Both name a tenant, and one who follows both in turn makes both.
#[test]
fn the_greeting_and_the_readmes_tour_make_different_tenants() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let [greeting, tour] = ["scripts/run", "README.md"].map(|page| {
        let page = fs::read_to_string(repository.join(page)).expect("readable");
        let asked = page.split("/api/admin/v1/tenants").nth(1).expect("a tenant is made").to_owned();
        let name = asked.split("{\"name\":\"").nth(1).and_then(|rest| rest.split('"').next());
        name.expect("its name").to_owned()
    });
    assert_ne!(greeting, tour);
}
