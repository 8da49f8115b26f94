//! `credledger operator create`

use std::collections::BTreeSet;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::cli::{LEDGER_MEMBERS, config_flags, ledger_config};
use crate::domain::authority::Role;
use crate::domain::ids::TenantId;
use crate::domain::operator::Reach;
use crate::ops::first_operator::{self, NewOperator};
use crate::ops::house::House;
use crate::ops::{StartError, beside};

pub fn describe() -> Command {
    Command::new("create")
        .about("Make an operator, and show its first token once")
        .arg(Arg::new("name").long("name").value_name("NAME").required(true).help("whom it is for"))
        .arg(
            Arg::new("role")
                .long("role")
                .value_name("ROLE")
                .required(true)
                .value_parser(PossibleValuesParser::new(Role::ALL.map(Role::word)))
                .help("what it may do"),
        )
        .arg(
            Arg::new("tenant")
                .long("tenant")
                .value_name("TENANT")
                .action(ArgAction::Append)
                .conflicts_with("all-tenants")
                .help("a tenant it acts on, by id or slug; may be repeated"),
        )
        .arg(
            Arg::new("all-tenants")
                .long("all-tenants")
                .action(ArgAction::SetTrue)
                .help("it acts on every tenant, as root always does"),
        )
        .arg(super::expires_in())
        .args(config_flags(&LEDGER_MEMBERS))
}

pub fn run(given: &ArgMatches) -> Result<(), StartError> {
    let word = given.get_one::<String>("role").map(String::as_str).unwrap_or_default();
    let role = Role::from_word(word).ok_or_else(|| StartError::new(format!("There is no role {word}.")))?;
    let name = super::name(given.get_one::<String>("name").map(String::as_str).unwrap_or_default())?;
    let tenants: Vec<String> = given.get_many::<String>("tenant").unwrap_or_default().cloned().collect();
    let all = given.get_flag("all-tenants");
    match (role, all, tenants.is_empty()) {
        (Role::Root, _, false) => {
            return Err(StartError::new("root acts on all tenants. Leave --tenant out."));
        }
        (Role::OrgAdmin | Role::Auditor | Role::Gateway, false, true) => {
            return Err(StartError::new(
                "Say on which tenants it acts: --tenant, once or more, or --all-tenants.",
            ));
        }
        _ => {}
    }
    let seconds = super::seconds(given);
    let (id, token) = beside::work(&ledger_config(given)?, async |house| {
        let reach = if tenants.is_empty() { Reach::All } else { Reach::Tenants(find(house, &tenants)?) };
        let new = NewOperator { name, role, reach, token: "first token", seconds };
        first_operator::create(house, new).await
    })?;
    super::show(id, &token)
}

fn find(house: &House, named: &[String]) -> Result<BTreeSet<TenantId>, StartError> {
    let find = |named: &String| {
        let found = match named.parse::<TenantId>() {
            Ok(id) => house.view.tenant(id),
            Err(_) => house.view.tenant_by_slug(named),
        };
        match found {
            Ok(Some(tenant)) => Ok(tenant.id),
            Ok(None) => Err(StartError::new(format!("There is no tenant {named}."))),
            Err(_) => Err(StartError::new("The ledger could not be read to its end. Look into the log.")),
        }
    };
    named.iter().map(find).collect()
}
