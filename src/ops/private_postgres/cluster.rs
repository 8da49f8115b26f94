//! The cluster's directory: made whole or not at all.

use std::fs::{self, DirBuilder, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::programs::{self, Programs};
use super::{DATABASE, PostgresError, SUPERUSER, Settings, leftover};
use crate::ops::process;

pub struct Cluster {
    pub dir: PathBuf,
    pub programs: Programs,
}

/// What is there, or a new one.
pub fn open_or_make(settings: &Settings) -> Result<Cluster, PostgresError> {
    let dir = settings.data_dir.join(super::CLUSTER);
    let made_by = version_of(&dir)?;
    let programs = programs::find(settings, made_by, &dir)?;
    if made_by.is_none() {
        tracing::info!(version = programs.major, "making a private PostgreSQL cluster");
        make(&settings.data_dir, &dir, &programs)?;
    }
    Ok(Cluster { dir, programs })
}

/// None when there is no cluster yet.
fn version_of(dir: &Path) -> Result<Option<u32>, PostgresError> {
    match fs::read_to_string(dir.join("PG_VERSION")) {
        Ok(version) => version
            .trim()
            .parse()
            .map(Some)
            .map_err(|_| PostgresError::NotACluster { cluster: dir.to_owned() }),
        Err(_) if fs::symlink_metadata(dir).is_err_and(|error| error.kind() == ErrorKind::NotFound) => {
            Ok(None)
        }
        Err(_) => Err(PostgresError::NotACluster { cluster: dir.to_owned() }),
    }
}

/// Under another name until it is finished and on disk, so that a torn one is never taken for a cluster.
fn make(data_dir: &Path, dir: &Path, programs: &Programs) -> Result<(), PostgresError> {
    let unfinished = data_dir.join("postgres.new");
    leftover::end(&unfinished)?;
    match fs::remove_dir_all(&unfinished) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(PostgresError::Io {
                doing: format!("{} cannot be removed", unfinished.display()),
                error,
            });
        }
        _ => {}
    }
    run_initdb(&unfinished, programs)?;
    make_database(&unfinished, programs)?;
    fs::rename(&unfinished, dir)
        .and_then(|()| File::open(data_dir)?.sync_all())
        .map_err(PostgresError::io(format!("{} cannot be put in place", dir.display())))
}

fn run_initdb(dir: &Path, programs: &Programs) -> Result<(), PostgresError> {
    let mut command = quiet(&programs.dir.join("initdb"));
    command.arg("--pgdata").arg(dir);
    command.args(["--username", SUPERUSER, "--encoding", "UTF8", "--locale", "C", "--data-checksums"]);
    command.args(["--auth-local", "trust", "--auth-host", "reject", "--no-instructions"]);
    let output = command.output().map_err(PostgresError::io("initdb cannot be run"))?;
    succeeded(&output)
}

/// In single-user mode: no socket is opened, and the statement is on disk when it ends.
fn make_database(dir: &Path, programs: &Programs) -> Result<(), PostgresError> {
    let mut command = quiet(&programs.dir.join("postgres"));
    command.args(["--single", "-c", "exit_on_error=on", "-D"]).arg(dir).arg("postgres").stdin(Stdio::piped());
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let doing = "the database of the private PostgreSQL cannot be made";
    let mut child = command.spawn().map_err(PostgresError::io(doing))?;
    if let Some(mut input) = child.stdin.take() {
        input
            .write_all(format!("CREATE DATABASE {DATABASE}\n").as_bytes())
            .map_err(PostgresError::io(doing))?;
    }
    let output = child.wait_with_output().map_err(PostgresError::io(doing))?;
    succeeded(&output)
}

fn succeeded(output: &Output) -> Result<(), PostgresError> {
    match output.status.success() {
        true => Ok(()),
        false => Err(PostgresError::InitdbFailed {
            said: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        }),
    }
}

/// A program of PostgreSQL's that hears nothing of our environment (PGDATA, PGOPTIONS, locales) and does not outlive us.
pub fn quiet(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("LC_ALL", "C").env("PATH", "/usr/bin:/bin").current_dir("/").stdin(Stdio::null());
    process::die_with_this_thread(&mut command);
    command
}

/// Ours and closed to others, or refused: in /tmp somebody else may have been there first.
pub fn make_private_dir(dir: &Path) -> Result<(), PostgresError> {
    match DirBuilder::new().mode(0o700).create(dir) {
        Ok(()) => return Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => {
            return Err(PostgresError::Io { doing: format!("{} cannot be made", dir.display()), error });
        }
    }
    let found =
        fs::symlink_metadata(dir).map_err(PostgresError::io(format!("{} cannot be read", dir.display())))?;
    if !found.is_dir() || found.uid() != process::effective_uid() {
        return Err(PostgresError::ForeignDirectory { dir: dir.to_owned() });
    }
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700))
        .map_err(PostgresError::io(format!("{} cannot be closed to others", dir.display())))
}
