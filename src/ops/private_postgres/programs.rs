//! Finding PostgreSQL's programs on this machine.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{PostgresError, Settings};
use crate::limits;

/// A directory that holds both `initdb` and `postgres`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Programs {
    pub dir: PathBuf,
    pub major: u32,
}

/// `made_by` is the major version of the cluster that is already there: only the same one can run it.
pub fn find(settings: &Settings, made_by: Option<u32>, cluster: &Path) -> Result<Programs, PostgresError> {
    let dirs = match &settings.bin_dir {
        Some(dir) => vec![dir.clone()],
        None => usual_dirs(&settings.program_dirs),
    };
    let found =
        dirs.into_iter().filter_map(|dir| major_in(&dir).map(|major| Programs { dir, major })).collect();
    choose(found, made_by).map_err(|problem| match problem {
        Problem::Nothing => PostgresError::NotFound { looked_in: settings.bin_dir.clone() },
        Problem::TooOld(major) => PostgresError::TooOld { major },
        Problem::Other { made_by, here } => {
            PostgresError::OtherMajor { cluster: cluster.to_owned(), made_by, here }
        }
    })
}

#[derive(Debug, PartialEq, Eq)]
enum Problem {
    Nothing,
    TooOld(u32),
    Other { made_by: u32, here: Vec<u32> },
}

fn choose(found: Vec<Programs>, made_by: Option<u32>) -> Result<Programs, Problem> {
    let newest = found.iter().map(|programs| programs.major).max().ok_or(Problem::Nothing)?;
    let mut here: Vec<u32> = found.iter().map(|programs| programs.major).collect();
    here.sort_unstable();
    here.dedup();
    let fitting = found.into_iter().find(|programs| match made_by {
        Some(major) => programs.major == major,
        None => programs.major >= limits::POSTGRES_OLDEST_MAJOR,
    });
    match (fitting, made_by) {
        (Some(programs), _) => Ok(programs),
        (None, Some(made_by)) => Err(Problem::Other { made_by, here }),
        (None, None) => Err(Problem::TooOld(newest)),
    }
}

/// In the order in which they are preferred.
fn usual_dirs(program_dirs: &[PathBuf]) -> Vec<PathBuf> {
    let mut dirs: Vec<PathBuf> = asked_of_pg_config(program_dirs).into_iter().collect();
    dirs.extend_from_slice(program_dirs);
    dirs.extend(highest_first("/usr/lib/postgresql", "", "bin"));
    dirs.extend(highest_first("/usr", "pgsql-", "bin"));
    for homebrew in ["/opt/homebrew/opt", "/usr/local/opt", "/home/linuxbrew/.linuxbrew/opt"] {
        dirs.extend(highest_first(homebrew, "postgresql@", "bin"));
        dirs.push(Path::new(homebrew).join("postgresql/bin"));
    }
    dirs
}

/// It comes with the client's headers and may name a version whose server is absent: what it says is only a candidate.
fn asked_of_pg_config(program_dirs: &[PathBuf]) -> Option<PathBuf> {
    let program = program_dirs.iter().map(|dir| dir.join("pg_config")).find(|path| path.is_file())?;
    let told = Command::new(program).arg("--bindir").stdin(Stdio::null()).output().ok()?;
    let dir = PathBuf::from(String::from_utf8(told.stdout).ok()?.trim());
    dir.is_absolute().then_some(dir)
}

fn highest_first(parent: &str, prefix: &str, inside: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
    let numbered = |entry: std::fs::DirEntry| {
        let number = entry.file_name().to_str()?.strip_prefix(prefix)?.parse::<u32>().ok()?;
        Some((number, entry.path().join(inside)))
    };
    let mut versions: Vec<_> = entries.filter_map(numbered).collect();
    versions.sort_unstable_by(|a, b| b.cmp(a));
    versions.into_iter().map(|(_, path)| path).collect()
}

fn major_in(dir: &Path) -> Option<u32> {
    if !dir.join("initdb").is_file() {
        return None;
    }
    let told = Command::new(dir.join("postgres")).arg("--version").stdin(Stdio::null()).output().ok()?;
    parse_major(std::str::from_utf8(&told.stdout).ok()?)
}

/// From `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`, or `17rc1`, or `19devel`.
fn parse_major(version: &str) -> Option<u32> {
    let number = version.split_once("(PostgreSQL) ")?.1;
    let digits = number.find(|c: char| !c.is_ascii_digit()).map_or(number, |end| &number[..end]);
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn programs(majors: &[u32]) -> Vec<Programs> {
        majors
            .iter()
            .map(|major| Programs { dir: PathBuf::from(format!("/{major}")), major: *major })
            .collect()
    }

    #[test]
    fn a_new_cluster_takes_the_first_that_is_new_enough_and_an_old_one_its_own() {
        let cases = [
            (&[17, 15][..], None, Ok(17)),
            (&[17, 15], Some(15), Ok(15)),
            (&[12, 15], None, Ok(15)),
            (&[], None, Err(Problem::Nothing)),
            (&[9, 12], None, Err(Problem::TooOld(12))),
            (&[17, 16, 17], Some(15), Err(Problem::Other { made_by: 15, here: vec![16, 17] })),
        ];
        for (here, made_by, chosen) in cases {
            assert_eq!(choose(programs(here), made_by).map(|programs| programs.major), chosen);
        }
    }

    #[test]
    fn the_version_is_read_as_distributions_write_it() {
        let cases = [
            ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", Some(15)),
            ("postgres (PostgreSQL) 19devel", Some(19)),
            ("postgres (PostgreSQL) 17\n", Some(17)),
            ("something else 15", None),
        ];
        for (written, major) in cases {
            assert_eq!(parse_major(written), major, "{written}");
        }
    }
}
