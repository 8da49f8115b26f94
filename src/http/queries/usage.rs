//! GET …/{keys,clients}/{id}/usage, /tenants/{t}/usage and /usage: how often, by what, from where, with which outcome.

use std::collections::{BTreeMap, HashMap};

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use super::cutover;
use crate::activity::usage::Gap;
use crate::activity::usage::read::{Addresses, Kind, LastUses, Range, ReadError, Whose};
use crate::clock::Timestamp;
use crate::db::{Errand, Sight};
use crate::domain::authority::Action;
use crate::domain::credential::{Credential, Secret};
use crate::domain::ids::{CredentialId, SecretId, TenantId};
use crate::http::app::App;
use crate::http::operator::Operator;
use crate::http::problem::{Fault, FaultPlace, Problem};
use crate::http::query::{Parameters, Query};
use crate::http::resources::credential::{kind_of, last_used};
use crate::limits;

const ACCEPTED: &str = "accepted";

pub async fn of_credential(
    app: Data<App>,
    operator: Operator,
    path: Path<(String, String)>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let (tenant, id) = operator.credential(&app, (&path.0, &path.1), Action::ReadCredentials)?;
    let asked = Query::parse(request.query_string())?;
    let (range, quiet_seconds) = asked_of_credential(&asked, app.now())?;
    let (database, sight) = (app.ledger.database(), Sight::Tenant(tenant.id.0));
    let loaded = app.ledger.reader().streams(database, Errand::Reading, sight, &[id.into()]).await?;
    let credential = loaded.first().and_then(|loaded| loaded.state.credential());
    let kind = kind_of(&request)?;
    let credential = credential.filter(|found| found.tenant == tenant.id && found.kind() == kind);
    let credential = credential.ok_or_else(Problem::not_found)?;
    let mut told = credential_usage(&app, credential, range, quiet_seconds).await?;
    tell_range(&mut told, range);
    told["missing"] = missing(&app, Some(tenant.id), range).await?;
    Ok(HttpResponse::Ok().json(told))
}

async fn credential_usage(
    app: &App,
    credential: &Credential,
    range: Range,
    quiet_seconds: u32,
) -> Result<Value, Problem> {
    // What is known is read before what it is known of: calls that come in between are more than that, and not less.
    let whose_calls = (app.ledger.reader().ledger, credential.tenant);
    let database = app.ledger.database();
    let now = app.now();
    let calls = match credential.living_secrets(now).any(|secret| secret.ends_at.is_some()) {
        true => app.usage.last_calls(database, Errand::Reading, whose_calls, &[credential], now).await?,
        false => None,
    };
    let secrets: Vec<SecretId> = credential.secrets.iter().map(|secret| secret.facts.id).collect();
    let whose = whose(app, credential.tenant, Some((credential.id, &secrets)));
    let counts = app.usage.counts(database, whose, range).await?;
    let addresses = app.usage.addresses(database, whose, range).await?;
    let by_secret = app.usage.addresses_by_secret(database, whose, range).await?;
    let uses = app.last_uses(Errand::Reading, credential.tenant, std::iter::once(credential)).await?;
    let used = secrets.iter().filter_map(|secret| uses.of(*secret)).max_by_key(|used| used.at_ms);
    let secrets = credential.secrets.iter().map(|secret| {
        let mut told = secret_told(credential, secret, &uses, &counts, now);
        tell_addresses(&mut told, by_secret.get(&secret.facts.id.0));
        cutover::tell(&mut told, (credential, secret), calls.as_ref(), (quiet_seconds, now));
        told
    });
    let mut told = json!({
        "credential_id": credential.id,
        "quiet_seconds": quiet_seconds,
        "secrets": secrets.collect::<Vec<_>>(),
    });
    tell_addresses(&mut told, Some(&addresses));
    for (member, value) in last_used(used) {
        told[member] = value;
    }
    tell_counts(&mut told, counts);
    Ok(told)
}

pub async fn of_tenant(
    app: Data<App>,
    operator: Operator,
    path: Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let tenant = operator.tenant(&app, &path, Action::ReadCredentials)?.id;
    let range = range(&Query::parse(request.query_string())?, app.now())?;
    let counts = app.usage.counts(app.ledger.database(), whose(&app, tenant, None), range).await?;
    let mut told = json!({"tenant_id": tenant});
    tell_range(&mut told, range);
    tell_counts(&mut told, counts);
    told["unknown"] = unknown(&app, Some(tenant), range).await?;
    told["missing"] = missing(&app, Some(tenant), range).await?;
    Ok(HttpResponse::Ok().json(told))
}

/// What nobody's credential was shown for.
pub async fn of_all(
    app: Data<App>,
    operator: Operator,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    operator.may(Action::ReadLedger)?;
    let range = range(&Query::parse(request.query_string())?, app.now())?;
    let mut told = json!({});
    tell_range(&mut told, range);
    told["unknown"] = unknown(&app, None, range).await?;
    told["missing"] = missing(&app, None, range).await?;
    Ok(HttpResponse::Ok().json(told))
}

pub(super) fn whose<'a>(
    app: &App,
    tenant: TenantId,
    credential: Option<(CredentialId, &'a [SecretId])>,
) -> Whose<'a> {
    Whose { ledger: app.ledger.reader().ledger, tenant, credential }
}

/// Which bucket, from when and to when.
type Words = (bool, Option<Timestamp>, Option<Timestamp>);

fn words(query: &mut Parameters<'_>) -> Option<Words> {
    let by_day = query.optional("by", |word| match word {
        "hour" => Ok(false),
        "day" => Ok(true),
        _ => Err("expected hour or day"),
    });
    let (from, to) = (query.optional("from", Timestamp::read), query.optional("to", Timestamp::read));
    Some((by_day?.unwrap_or(false), from?, to?))
}

fn range(query: &Query<'_>, now: Timestamp) -> Result<Range, Problem> {
    range_of(query.decode(words)?, now)
}

/// And how long a secret is not to be used before it is safe to close.
fn asked_of_credential(query: &Query<'_>, now: Timestamp) -> Result<(Range, u32), Problem> {
    let (words, quiet_seconds) = query.decode(|query| {
        let words = words(query);
        let quiet_seconds = query.optional("quiet_seconds", |number| {
            let number = number.parse().ok().filter(|number| limits::QUIET_SECONDS.contains(number));
            number.ok_or_else(|| {
                let (least, most) = (limits::QUIET_SECONDS.start(), limits::QUIET_SECONDS.end());
                format!("expected a number from {least} to {most}")
            })
        });
        Some((words?, quiet_seconds?))
    })?;
    Ok((range_of(words, now)?, quiet_seconds.unwrap_or(limits::QUIET_SECONDS_ASKED)))
}

/// Whole hours or days that hold what was asked for: without words, the last 24 hours or the last 30 days.
fn range_of((by_day, from, to): Words, now: Timestamp) -> Result<Range, Problem> {
    let refused = |name: &str, detail: String| {
        Problem::faults(vec![Fault { place: FaultPlace::Parameter(name.to_owned()), detail: detail.into() }])
    };
    let step = Range::step_ms(by_day);
    let up = |at_ms: i64| (at_ms + step - 1).div_euclid(step) * step;
    let (steps, most) = if by_day { (30, limits::USAGE_DAYS) } else { (24, limits::USAGE_HOURS) };
    let (given_to, now_ms) = (to.unwrap_or(now).millis(), now.millis());
    let given_from = from.map_or(given_to - steps * step, Timestamp::millis).max(0);
    let to_ms = up(given_to.max(1));
    if to_ms > up(now_ms + 1) {
        return Err(refused("to", "lies in the future".to_owned()));
    }
    if given_from > now_ms {
        return Err(refused("from", "lies in the future".to_owned()));
    }
    if to.is_some() && given_from >= given_to {
        return Err(refused("to", "has to be later than from".to_owned()));
    }
    let from_ms = given_from.div_euclid(step) * step;
    if (to_ms - from_ms) / step > most {
        let unit = if by_day { "days" } else { "hours" };
        return Err(refused(
            "from",
            format!("lies further back than the {most} {unit} that one answer tells of"),
        ));
    }
    // What is counted in this very moment belongs to the range.
    let to_ms = if to.is_none() { up(now_ms + 1) } else { to_ms };
    Ok(Range { by_day, from_ms, to_ms })
}

pub(super) fn instant(millis: i64) -> Option<Timestamp> {
    Timestamp::from_millis(millis)
}

fn tell_range(told: &mut Value, range: Range) {
    told["by"] = json!(if range.by_day { "day" } else { "hour" });
    told["from"] = json!(instant(range.from_ms));
    told["to"] = json!(instant(range.to_ms));
}

/// Calls by operation and outcome.
type Counts<'a> = BTreeMap<(&'a str, &'a str), i64>;

fn counts_told(counts: &Counts<'_>) -> Value {
    let sum = |is: fn(&str) -> bool| -> i64 {
        counts.iter().filter(|((_, outcome), _)| is(outcome)).map(|(_, calls)| calls).sum()
    };
    let each = counts.iter().map(|((operation, outcome), calls)| {
        let operation = Some(operation).filter(|operation| !operation.is_empty());
        json!({"operation": operation, "outcome": outcome, "calls": calls})
    });
    json!({
        "accepted": sum(|outcome| outcome == ACCEPTED),
        "refused": sum(|outcome| outcome != ACCEPTED),
        "calls": each.collect::<Vec<_>>(),
    })
}

fn tell_counts(told: &mut Value, counts: HashMap<Kind, i64>) {
    let (mut totals, mut buckets) = (Counts::new(), BTreeMap::<i64, Counts<'_>>::new());
    for (kind, calls) in &counts {
        let key = (kind.operation.as_str(), kind.outcome.as_str());
        *totals.entry(key).or_default() += calls;
        *buckets.entry(kind.start_ms).or_default().entry(key).or_default() += calls;
    }
    told["totals"] = counts_told(&totals);
    told["buckets"] = buckets
        .iter()
        .map(|(start, counts)| {
            let mut bucket = counts_told(counts);
            bucket["start"] = json!(instant(*start));
            bucket
        })
        .collect();
}

/// One of all that the credential ever had, by which a change-over is watched.
fn secret_told(
    credential: &Credential,
    secret: &Secret,
    uses: &LastUses,
    counts: &HashMap<Kind, i64>,
    now: Timestamp,
) -> Value {
    let id = secret.facts.id;
    let mut alike = Counts::new();
    for (kind, calls) in counts.iter().filter(|(kind, _)| kind.secret == Some(id.0)) {
        *alike.entry((kind.operation.as_str(), kind.outcome.as_str())).or_default() += calls;
    }
    let mut told = counts_told(&alike);
    told["id"] = json!(id);
    told["prefix"] = json!(secret.facts.prefix);
    told["status"] = json!(credential.secret_status(secret, now));
    for (member, value) in last_used(uses.of(id)) {
        told[member] = value;
    }
    told
}

pub(super) fn addresses_told(addresses: &Addresses) -> Vec<Value> {
    let tell = |(ip, seen): &(std::net::IpAddr, crate::activity::usage::read::Address)| {
        json!({
            "client_ip": ip,
            "first_at": instant(seen.first_at_ms),
            "last_at": instant(seen.last_at_ms),
            "accepted": seen.accepted,
            "refused": seen.refused,
        })
    };
    addresses.seen.iter().map(tell).collect()
}

fn tell_addresses(told: &mut Value, addresses: Option<&Addresses>) {
    told["addresses"] = json!(addresses.map(addresses_told).unwrap_or_default());
    told["addresses_complete"] = json!(addresses.is_none_or(|addresses| !addresses.left_out));
}

/// Calls with no known credential.
async fn unknown(app: &App, tenant: Option<TenantId>, range: Range) -> Result<Value, Problem> {
    let whose = (app.ledger.reader().ledger, tenant);
    let counts = app.usage.unknown(app.ledger.database(), whose, (range, app.now())).await?;
    let (mut totals, mut buckets) =
        (BTreeMap::<&str, i64>::new(), BTreeMap::<i64, BTreeMap<&str, i64>>::new());
    for ((start, outcome), calls) in &counts {
        *totals.entry(outcome).or_default() += calls;
        *buckets.entry(*start).or_default().entry(outcome).or_default() += calls;
    }
    let tell = |counts: &BTreeMap<&str, i64>| -> Vec<Value> {
        counts.iter().map(|(outcome, calls)| json!({"outcome": outcome, "calls": calls})).collect()
    };
    let buckets =
        buckets.iter().map(|(start, counts)| json!({"start": instant(*start), "calls": tell(counts)}));
    Ok(json!({"totals": tell(&totals), "buckets": buckets.collect::<Vec<_>>()}))
}

/// What could not be counted, and so is in none of the numbers.
async fn missing(app: &App, tenant: Option<TenantId>, range: Range) -> Result<Value, Problem> {
    missing_between(app, tenant, (range.from_ms, range.to_ms)).await
}

pub(super) async fn missing_between(
    app: &App,
    tenant: Option<TenantId>,
    (from_ms, to_ms): (i64, i64),
) -> Result<Value, Problem> {
    let range = Range { by_day: false, from_ms, to_ms };
    let whose = (app.ledger.reader().ledger, tenant);
    let gaps = app.usage.missing(app.ledger.database(), Errand::Reading, whose, (range, app.now())).await?;
    let tell = |gap: &Gap| {
        json!({
            "from": instant(gap.from_ms),
            "to": instant(gap.to_ms),
            "calls": gap.calls,
            "tenant_id": gap.tenant,
        })
    };
    Ok(gaps.iter().map(tell).collect())
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Db(cause) => cause.into(),
            ReadError::TooMany => {
                let detail = format!(
                    "more than {} different calls lie in this range; ask for a shorter one",
                    limits::USAGE_TOLD_ROWS
                );
                let place = FaultPlace::Parameter("from".to_owned());
                Problem::faults(vec![Fault { place, detail: detail.into() }])
            }
            moving @ ReadError::Moving => {
                Problem::unavailable(limits::RETRY_AFTER_SECONDS, "usage is being written; ask again")
                    .with_cause(moving)
            }
        }
    }
}
