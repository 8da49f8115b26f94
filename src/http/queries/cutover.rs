//! Whether the window of a former secret may be closed: nobody has called with it for so long, and that is known. If not, why, and what
//! to do about it.

use serde_json::{Value, json};

use crate::activity::usage::quiet::LastCalls;
use crate::activity::usage::spans::Blank;
use crate::clock::Timestamp;
use crate::domain::credential::{Credential, Secret, SecretStatus};

/// What came last that makes it no longer quiet, or not known to be.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Since {
    Rotated,
    NotCounted,
    Lost,
    Missing,
    Used,
}

/// Says it of an expiring secret alone.
pub fn tell(
    told: &mut Value,
    (credential, secret): (&Credential, &Secret),
    calls: Option<&LastCalls>,
    (quiet_seconds, now): (u32, Timestamp),
) {
    if credential.secret_status(secret, now) != SecretStatus::Expiring {
        return;
    }
    told["expires_at"] = json!(credential.window_end(secret));
    told["close_when_quiet_seconds"] = json!(secret.close_when_quiet_seconds);
    let found = calls.and_then(|calls| last(credential, secret, calls).map(|found| (found, calls)));
    let Some(((since, why), calls)) = found else {
        told["safe_to_close"] = json!(false);
        told["quiet_since"] = Value::Null;
        let detail = "It is not known just now what is counted. Ask again in a minute.";
        told["not_safe_because"] = json!({"code": "not_counted", "detail": detail, "safe_from": null});
        return;
    };
    let (safe_from, known_until) = (since.plus_seconds(quiet_seconds), calls.known.until_ms);
    let safe = safe_from.millis() <= known_until;
    told["safe_to_close"] = json!(safe);
    told["quiet_since"] = json!(since);
    told["not_safe_because"] = match safe {
        true => Value::Null,
        false => {
            let (code, detail) = match safe_from <= now {
                true => ("behind", behind(known_until)),
                false => (why.code(), why.detail(since)),
            };
            json!({"code": code, "detail": detail, "safe_from": safe_from})
        }
    };
}

/// From when on it is known to be quiet, and what was before.
fn last(credential: &Credential, secret: &Secret, calls: &LastCalls) -> Option<(Timestamp, Since)> {
    let blank = calls.known.before.map(|blank| match blank {
        Blank::NotCounted => Since::NotCounted,
        Blank::Lost => Since::Lost,
        Blank::Missing => Since::Missing,
    });
    let known = blank.map(|blank| (calls.known.since_ms, blank));
    let used = calls.of(secret.facts.id).map(|at_ms| (at_ms, Since::Used));
    let rotated = (credential.rotated_out_at(secret.facts.id).millis(), Since::Rotated);
    let (at_ms, why) = [Some(rotated), known, used].into_iter().flatten().max()?;
    Some((Timestamp::from_millis(at_ms)?, why))
}

fn behind(known_until_ms: i64) -> String {
    let until = Timestamp::from_millis(known_until_ms).map(|until| until.to_string()).unwrap_or_default();
    format!(
        "A node has not written what it counted since {until}. Ask again in a minute; if it stays so, look after that node."
    )
}

impl Since {
    fn code(self) -> &'static str {
        match self {
            Since::Rotated => "rotated_lately",
            Since::NotCounted => "not_counted",
            Since::Lost => "lost",
            Since::Missing => "missing",
            Since::Used => "in_use",
        }
    }

    fn detail(self, at: Timestamp) -> String {
        match self {
            Since::Rotated => {
                format!("It was rotated out at {at}. Who calls seldom may not have called since: wait.")
            }
            Since::NotCounted => format!(
                "Calls are counted without a gap since {at} only: before that the service was not running, or without its \
                 database, or did not count yet. Wait, or ask those who may have called before."
            ),
            Since::Lost => format!(
                "A node ended at {at} without writing what it had counted last. Wait, or ask for what its callers logged."
            ),
            Since::Missing => format!(
                "Until {at} a node had no room to count every call; `missing` says how many are in none of the numbers. Wait."
            ),
            Since::Used => format!(
                "It was called at {at}. `addresses` says from where, `calls` what for: give that caller the new secret."
            ),
        }
    }
}
