//! Projections whose files have changed, built anew beside what they were.

use super::schema::Schema;
use super::steps::{Kind, projection_steps, steps};
use super::{MigrateError, as_owner, run};
use crate::db::{Dedicated, Settings, connect_plain};
use crate::ledger::read::Reader;
use crate::projections::InlineProjections;
use crate::projections::rebuild::{Rebuilt, rebuild};

/// Builds projections anew, in one transaction: their old tables are there until the new ones are whole. Appends wait.
pub async fn rebuild_projections(
    settings: &Settings,
    names: &[&'static str],
    reader: &Reader,
    source: &Dedicated,
) -> Result<Rebuilt, MigrateError> {
    let schema = &Schema::EMBEDDED;
    let admin_url = settings.admin_url.as_ref().unwrap_or(&settings.url);
    let mut admin = connect_plain(admin_url, settings).await?;
    let change = as_owner(&mut admin).await?;
    change.execute("select credledger.begin_rebuild($1)", &[&names]).await?;
    for step in projection_steps(schema).filter(|step| names.contains(&step.name)) {
        run(&change, &step).await?;
    }
    // Those whose bodies are bound to the old tables went with them.
    for step in steps(Kind::Function, schema.functions) {
        run(&change, &step).await?;
    }
    let rebuilt = rebuild(reader, &InlineProjections, source, &change, names).await;
    let rebuilt = rebuilt.map_err(|cause| MigrateError::Unreadable(Box::new(cause)))?;
    // Last: they lock every table for a moment, the events too, which were read just now.
    for step in steps(Kind::Privilege, schema.privileges) {
        run(&change, &step).await?;
    }
    change.commit().await?;
    Ok(rebuilt)
}
