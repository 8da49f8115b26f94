//! Is the server fit to hold a ledger, and is history out of our own reach?

use tokio_postgres::Client;

use super::DbError;

const OLDEST_VERSION: u32 = 15;

/// Must what the server acknowledges survive a power loss?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    Demanded,
    /// For tests alone: `allow_unsafe_database`.
    Waived,
}

/// To be asked on a connection that has changed no setting of its session. Refused with a sentence that says what to change.
pub async fn check_server(client: &Client, durability: Durability) -> Result<(), DbError> {
    let names = ["server_version_num", "fsync", "full_page_writes", "synchronous_commit"];
    let rows =
        client.query("select name, setting from pg_settings where name = any ($1)", &[&&names[..]]).await?;
    let mut settings = Vec::with_capacity(rows.len());
    for row in rows {
        settings.push((row.try_get(0)?, row.try_get(1)?));
    }
    judge(&settings, durability)
}

fn judge(settings: &[(String, String)], durability: Durability) -> Result<(), DbError> {
    for (name, setting) in settings {
        if name == "server_version_num" {
            let major = setting.parse::<u32>().unwrap_or(0) / 10_000;
            if major < OLDEST_VERSION {
                return Err(DbError::Unfit(format!(
                    "The server is PostgreSQL {major}; credledger needs {OLDEST_VERSION} or later."
                )));
            }
        } else if setting == "off" && durability == Durability::Demanded {
            return Err(DbError::Unfit(format!(
                "The server runs with {name} = off and may lose what it has acknowledged; set {name} = on."
            )));
        }
    }
    Ok(())
}

/// False when whoever is logged in here could change history: a superuser, an owner, or a way to become one.
pub async fn append_only(client: &Client) -> Result<bool, DbError> {
    Ok(client.query_one("select credledger.append_only()", &[]).await?.try_get(0)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_may_lose_acknowledged_writes_is_refused_by_the_settings_name() {
        let cases = [
            ("fsync", "off", Durability::Demanded, false),
            ("full_page_writes", "off", Durability::Demanded, false),
            ("synchronous_commit", "off", Durability::Demanded, false),
            ("fsync", "off", Durability::Waived, true),
            ("synchronous_commit", "remote_apply", Durability::Demanded, true),
            ("server_version_num", "150018", Durability::Demanded, true),
            ("server_version_num", "140012", Durability::Waived, false),
        ];
        for (name, setting, durability, fit) in cases {
            let verdict = judge(&[(name.to_owned(), setting.to_owned())], durability);
            assert_eq!(verdict.is_ok(), fit, "{name} = {setting}");
            if let Err(DbError::Unfit(sentence)) = verdict {
                assert!(name == "server_version_num" || sentence.contains(name), "{sentence}");
            }
        }
    }
}
