//! From what the identity provider says of a person to a role and tenants, by configuration.
//!
//! An entry is `CLAIM=VALUE=ROLE`, or `CLAIM=VALUE=ROLE@TENANTS`; tenants are slugs joined by `+`, `*` for all of them, or
//! `$CLAIM`: the slugs that stand in another claim. The first entry that fits gives the role; entries of that role that fit too
//! add their tenants.

use serde_json::{Map, Value};

use crate::domain::authority::Role;
use crate::limits;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mapping(Vec<Entry>);

#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    claim: String,
    value: String,
    role: Role,
    tenants: Tenants,
}

#[derive(Clone, Debug, PartialEq)]
enum Tenants {
    All,
    Named(Vec<String>),
    /// those that stand in this claim
    Of(String),
}

/// What somebody is by the mapping. Which of the tenants there are is yet to be seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Mapped {
    pub role: Role,
    /// slugs; `None` for all tenants
    pub tenants: Option<Vec<String>>,
}

impl Entry {
    pub fn parse(text: &str) -> Result<Entry, &'static str> {
        const FORM: &str =
            "is no CLAIM=VALUE=ROLE or CLAIM=VALUE=ROLE@TENANTS, such as groups=key-admins=org_admin@acme";
        let (claim, rest) = text.split_once('=').ok_or(FORM)?;
        let (value, to) = rest.rsplit_once('=').ok_or(FORM)?;
        let (role, tenants) = to.split_once('@').map_or((to, None), |(role, tenants)| (role, Some(tenants)));
        let role = Role::from_word(role).ok_or("names no role: root, org_admin, auditor or gateway")?;
        if claim.is_empty() || value.is_empty() {
            return Err(FORM);
        }
        let tenants = match (role, tenants) {
            (Role::Root, None) | (_, Some("*")) => Tenants::All,
            (Role::Root, Some(_)) => return Err("gives root tenants: root acts on all of them"),
            (_, None) => return Err("gives no tenants: write @ and their slugs, or @* for all of them"),
            (_, Some(text)) => match text.strip_prefix('$') {
                Some(claim) if !claim.is_empty() => Tenants::Of(claim.to_owned()),
                Some(_) => return Err(FORM),
                None => Tenants::Named(text.split('+').map(str::to_owned).collect()),
            },
        };
        if matches!(&tenants, Tenants::Named(slugs) if slugs.iter().any(String::is_empty)) {
            return Err(FORM);
        }
        Ok(Entry { claim: claim.to_owned(), value: value.to_owned(), role, tenants })
    }

    fn fits(&self, claims: &Map<String, Value>) -> bool {
        values(claims, &self.claim).any(|value| value == self.value)
    }
}

impl Mapping {
    pub fn new(entries: Vec<Entry>) -> Option<Self> {
        (entries.len() <= limits::ROLE_MAPPINGS).then_some(Mapping(entries))
    }

    /// The names of the claims that it reads.
    pub fn claims(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flat_map(|entry| {
            let tenants = match &entry.tenants {
                Tenants::Of(claim) => Some(claim.as_str()),
                Tenants::All | Tenants::Named(_) => None,
            };
            [entry.claim.as_str()].into_iter().chain(tenants)
        })
    }

    pub fn of(&self, claims: &Map<String, Value>) -> Option<Mapped> {
        let mut fitting = self.0.iter().filter(|entry| entry.fits(claims));
        let first = fitting.next()?;
        let same = fitting.filter(|entry| entry.role == first.role);
        let mut tenants = Some(Vec::new());
        for entry in [first].into_iter().chain(same) {
            let more: Vec<String> = match &entry.tenants {
                Tenants::All => {
                    tenants = None;
                    break;
                }
                Tenants::Named(slugs) => slugs.clone(),
                Tenants::Of(claim) => values(claims, claim).map(str::to_owned).collect(),
            };
            tenants.get_or_insert_default().extend(more);
        }
        if let Some(slugs) = &mut tenants {
            slugs.sort();
            slugs.dedup();
        }
        Some(Mapped { role: first.role, tenants })
    }
}

/// A claim by its name; where none has that name, by a path of names joined by dots (`realm_access.roles`).
pub fn claim<'c>(claims: &'c Map<String, Value>, name: &str) -> Option<&'c Value> {
    if let Some(found) = claims.get(name) {
        return Some(found);
    }
    let (first, rest) = name.split_once('.')?;
    rest.split('.').try_fold(claims.get(first)?, |value, name| value.get(name))
}

/// Its texts: itself, or the elements of a list.
fn values<'c>(claims: &'c Map<String, Value>, name: &str) -> impl Iterator<Item = &'c str> {
    let found = claim(claims, name);
    let list = found.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let one = found.and_then(Value::as_str);
    one.into_iter().chain(list.iter().filter_map(Value::as_str)).take(limits::CLAIM_VALUES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn mapping(entries: &[&str]) -> Mapping {
        Mapping::new(entries.iter().map(|text| Entry::parse(text).expect("an entry")).collect()).expect("few")
    }

    fn of(entries: &[&str], claims: Value) -> Option<(Role, Option<Vec<String>>)> {
        let mapped = mapping(entries).of(claims.as_object().expect("an object"));
        mapped.map(|mapped| (mapped.role, mapped.tenants))
    }

    fn slugs(slugs: &[&str]) -> Option<Vec<String>> {
        Some(slugs.iter().map(|slug| (*slug).to_owned()).collect())
    }

    #[test]
    fn the_first_entry_that_fits_gives_the_role_and_those_of_the_role_add_tenants() {
        let entries =
            ["groups=ops=org_admin@acme", "groups=all=auditor@*", "groups=more=org_admin@globex+acme"];
        assert_eq!(
            of(&entries, json!({"groups": ["more", "ops"]})),
            Some((Role::OrgAdmin, slugs(&["acme", "globex"])))
        );
        assert_eq!(of(&entries, json!({"groups": ["all", "ops"]})), Some((Role::OrgAdmin, slugs(&["acme"]))));
        assert_eq!(of(&entries, json!({"groups": "all"})), Some((Role::Auditor, None)));
        for nothing in [
            json!({}),
            json!({"groups": []}),
            json!({"groups": "op"}),
            json!({"groups": 7}),
            json!({"groups": {"ops": "ops"}}),
        ] {
            assert_eq!(of(&entries, nothing.clone()), None, "{nothing}");
        }
    }

    #[test]
    fn tenants_may_stand_in_a_claim_and_claims_within_others() {
        let entries = ["realm_access.roles=keys=auditor@$org"];
        let claims = json!({"realm_access": {"roles": ["keys"]}, "org": ["acme", "globex"]});
        assert_eq!(of(&entries, claims), Some((Role::Auditor, slugs(&["acme", "globex"]))));
        assert_eq!(
            of(&entries, json!({"realm_access": {"roles": ["keys"]}})),
            Some((Role::Auditor, slugs(&[])))
        );
        assert_eq!(
            of(&["https://x.example/r=a=b=root"], json!({"https://x.example/r": "a=b"})),
            Some((Role::Root, None))
        );
    }

    #[test]
    fn an_entry_that_says_too_little_or_too_much_is_refused() {
        for text in [
            "",
            "groups",
            "groups=ops",
            "=ops=root",
            "groups==root",
            "groups=ops=king",
            "groups=ops=auditor",
            "groups=ops=root@acme",
            "groups=ops=auditor@",
            "groups=ops=auditor@a+",
            "groups=ops=auditor@$",
        ] {
            assert!(Entry::parse(text).is_err(), "{text}");
        }
        let entry = Entry::parse("g=a=root").expect("an entry");
        assert!(Mapping::new(vec![entry; limits::ROLE_MAPPINGS + 1]).is_none());
    }
}
