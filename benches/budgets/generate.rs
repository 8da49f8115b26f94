//! `scripts/generate`: fills the ledger that a service has begun, in the service's place.

use credledger::ops::StartError;
use credledger::ops::beside::work_alone;
use credledger::ops::config::{Config, MEMBERS};

use super::fill::{self, SLUGS, Wanted};

/// So little is there in a moment; whoever wants millions says so.
const FEW: Wanted = Wanted { events: 100_000, calls: 500_000, tenants: 100, days: 88 };

/// Words as the command line had them: our own flags, and those by which every command is told where its ledger is.
pub fn run(words: &[String]) -> Result<(), String> {
    let (mut wanted, mut flags) = (FEW, Vec::new());
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
        let number = || {
            value
                .replace('_', "")
                .parse::<u64>()
                .map_err(|_| format!("{word} takes a number, and {value} is none"))
        };
        let small = |most: u32| match number()? {
            few if (1..=u64::from(most)).contains(&few) => Ok(few as u32),
            _ => Err(format!("{word} is between 1 and {most}")),
        };
        match word.as_str() {
            "--events" => wanted.events = number()?,
            "--calls" => wanted.calls = number()?,
            "--tenants" => wanted.tenants = small(10_000)?,
            "--days" => wanted.days = small(3649)?,
            other => {
                let member = MEMBERS.iter().find(|member| Some(member.name) == other.strip_prefix("--"));
                flags.push((member.ok_or_else(|| format!("there is no {other}"))?.name, value.clone()));
            }
        }
    }
    let config = Config::read(&flags).map_err(|error| error.to_string())?;
    if wanted.days >= config.activity_retention_days {
        let kept = config.activity_retention_days;
        return Err(format!("calls are kept for {kept} days (--activity-retention-days): take fewer --days"));
    }
    let filled = work_alone(&config, async |house| {
        let ours = house.view.tenant_by_slug(SLUGS[0]).ok().flatten().is_some();
        if !ours && house.view.counts().credentials > 0 {
            return Err(StartError::new(
                "There are credentials in this ledger that were not generated, and nothing is ever taken out of a ledger. Begin another one.",
            ));
        }
        fill::fill(house, &wanted).await;
        Ok(())
    });
    filled.map_err(|error| error.to_string())
}
