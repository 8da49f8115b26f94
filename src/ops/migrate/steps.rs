//! Which files are still to be applied, in which order: a comparison of what is there with what is recorded.

use std::collections::HashMap;

use super::MigrateError;
use super::schema::{File, Projection, Schema};
use crate::vault::sha256;

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Kind {
    Table,
    Projection,
    Function,
    Privilege,
}

impl Kind {
    pub(super) fn folder(self) -> &'static str {
        match self {
            Kind::Table => "schema/tables",
            Kind::Projection => "projections",
            Kind::Function => "schema/functions",
            Kind::Privilege => "schema/privileges",
        }
    }
}

/// What is applied in one transaction.
pub(super) struct Step {
    pub(super) kind: Kind,
    pub(super) name: &'static str,
    pub(super) sql: Vec<&'static str>,
}

impl Step {
    pub(super) fn file(&self) -> String {
        format!("{}/{}", self.kind.folder(), self.name)
    }

    pub(super) fn digest(&self) -> Vec<u8> {
        sha256(&[self.sql.join("\n").as_bytes()]).to_vec()
    }
}

/// Folder and name → digest, as it was applied.
pub(super) type Recorded = HashMap<(String, String), Vec<u8>>;

pub(super) fn steps(kind: Kind, files: &[File]) -> impl Iterator<Item = Step> {
    files.iter().map(move |file| Step { kind, name: file.name, sql: vec![file.sql] })
}

pub(super) fn projection_steps(schema: &Schema) -> impl Iterator<Item = Step> {
    let step = |p: &Projection| Step { kind: Kind::Projection, name: p.name, sql: vec![p.table, p.apply] };
    schema.projections.iter().map(step)
}

fn recorded_digest<'a>(recorded: &'a Recorded, step: &Step) -> Option<&'a Vec<u8>> {
    recorded.get(&(step.kind.folder().to_owned(), step.name.to_owned()))
}

/// What is still to be applied, in order.
pub(super) fn pending(schema: &Schema, recorded: &Recorded) -> Result<Vec<Step>, MigrateError> {
    let mut pending = Vec::new();
    for step in steps(Kind::Table, schema.tables) {
        match recorded_digest(recorded, &step) {
            None => pending.push(step),
            Some(digest) if *digest == step.digest() => {}
            Some(_) => return Err(MigrateError::FrozenFileChanged { name: step.name.to_owned() }),
        }
    }
    // a changed projection is rebuilt beside the old one, not here
    pending.extend(projection_steps(schema).filter(|step| recorded_digest(recorded, step).is_none()));
    let differs = |step: &Step| recorded_digest(recorded, step) != Some(&step.digest());
    pending.extend(steps(Kind::Function, schema.functions).filter(differs));
    if !pending.is_empty() || steps(Kind::Privilege, schema.privileges).any(|step| differs(&step)) {
        pending.extend(steps(Kind::Privilege, schema.privileges));
    }
    Ok(pending)
}

pub(super) fn changed_projections(schema: &Schema, recorded: &Recorded) -> Vec<&'static str> {
    let changed =
        |step: &Step| recorded_digest(recorded, step).is_some_and(|digest| *digest != step.digest());
    projection_steps(schema).filter(changed).map(|step| step.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    fn names_in(folder: &str, is_dir: bool) -> BTreeSet<String> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        std::fs::read_dir(path)
            .expect("the folder")
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.is_dir() == is_dir)
            .map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned())
            .collect()
    }

    fn listed(files: &[File]) -> BTreeSet<String> {
        files.iter().map(|file| file.name.to_owned()).collect()
    }

    #[test]
    fn every_file_of_the_schema_stands_in_its_list() {
        let schema = Schema::EMBEDDED;
        assert_eq!(listed(schema.tables), names_in("schema/tables", false));
        assert_eq!(listed(schema.functions), names_in("schema/functions", false));
        let mut privileges = listed(schema.privileges);
        privileges.extend(["roles", "login", "private_login"].map(str::to_owned));
        assert_eq!(privileges, names_in("schema/privileges", false));
        let projections: BTreeSet<_> = schema.projections.iter().map(|p| p.name.to_owned()).collect();
        assert_eq!(projections, names_in("projections", true));
    }

    #[test]
    fn tables_are_numbered_without_a_gap_in_the_order_they_are_applied() {
        for (place, file) in Schema::EMBEDDED.tables.iter().enumerate() {
            assert!(file.name.starts_with(&format!("{:04}_", place + 1)), "{}", file.name);
        }
    }

    #[test]
    fn each_object_file_is_named_as_its_object() {
        for file in Schema::EMBEDDED.functions {
            let makes = format!("create or replace function credledger.{}(", file.name);
            assert!(file.sql.contains(&makes), "{}", file.name);
        }
        for projection in Schema::EMBEDDED.projections {
            assert!(projection.table.contains(&format!("create table credledger.{} (", projection.name)));
            assert!(projection.apply.contains(&format!("credledger.apply_{}(", projection.name)));
        }
    }

    fn as_recorded(schema: &Schema) -> Recorded {
        let nothing = Recorded::new();
        let steps = pending(schema, &nothing).expect("steps");
        steps
            .iter()
            .map(|step| ((step.kind.folder().to_owned(), step.name.to_owned()), step.digest()))
            .collect()
    }

    #[test]
    fn what_is_recorded_is_not_applied_again() {
        let recorded = as_recorded(&Schema::EMBEDDED);
        assert!(pending(&Schema::EMBEDDED, &recorded).expect("steps").is_empty());
        assert!(changed_projections(&Schema::EMBEDDED, &recorded).is_empty());
    }

    #[test]
    fn a_changed_function_is_applied_with_all_privileges_after_it() {
        let mut recorded = as_recorded(&Schema::EMBEDDED);
        recorded.insert((Kind::Function.folder().to_owned(), "append".to_owned()), vec![0; 32]);
        let files: Vec<_> =
            pending(&Schema::EMBEDDED, &recorded).expect("steps").iter().map(Step::file).collect();
        let mut expected = vec!["schema/functions/append".to_owned()];
        expected.extend(steps(Kind::Privilege, Schema::EMBEDDED.privileges).map(|step| step.file()));
        assert_eq!(files, expected);
    }

    #[test]
    fn a_changed_projection_is_named_and_left_alone() {
        let mut recorded = as_recorded(&Schema::EMBEDDED);
        recorded.insert((Kind::Projection.folder().to_owned(), "secrets".to_owned()), vec![0; 32]);
        assert!(pending(&Schema::EMBEDDED, &recorded).expect("steps").is_empty());
        assert_eq!(changed_projections(&Schema::EMBEDDED, &recorded), ["secrets"]);
    }
}
