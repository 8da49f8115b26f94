//! What a credential may do at present: its scopes as far as its owner has them too. For whoever reads; a verdict asks both
//! lists itself (`access`).

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::scope::{Scope, covers, meet};
use crate::limits;

/// At most [`limits::SCOPES`] of them, in the order of the credential's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective<'a> {
    pub scopes: Cow<'a, [Scope]>,
    /// there are more
    pub truncated: bool,
}

impl<'a> Effective<'a> {
    /// `owner` are the scopes of the account that it belongs to; none limits it when it belongs to none.
    pub fn of(granted: &'a [Scope], owner: Option<&[Scope]>) -> Effective<'a> {
        let Some(owner) = owner else {
            return Effective { scopes: Cow::Borrowed(granted), truncated: false };
        };
        let within = |set: &[Scope], scope: &Scope| set.iter().any(|wide| covers(wide, scope));
        if granted.iter().all(|scope| within(owner, scope)) {
            return Effective { scopes: Cow::Borrowed(granted), truncated: false };
        }
        // What lies wholly within the credential's scopes stands for all that it has in common with any of them.
        let (inner, across): (Vec<&Scope>, Vec<&Scope>) =
            owner.iter().partition(|scope| within(granted, scope));
        let mut common = Common::default();
        for scope in granted {
            let whole = within(owner, scope);
            let parts =
                inner.iter().filter(|inner| !whole && covers(scope, inner)).map(|part| Some((*part).clone()));
            let overlaps = across.iter().filter(|_| !whole).map(|other| meet(scope, other));
            let found = whole.then(|| Some(scope.clone())).into_iter().chain(parts).chain(overlaps);
            if !found.flatten().all(|scope| common.take(scope)) {
                break;
            }
        }
        Effective { scopes: Cow::Owned(common.scopes), truncated: common.full }
    }
}

#[derive(Default)]
struct Common {
    scopes: Vec<Scope>,
    seen: BTreeSet<Scope>,
    full: bool,
}

impl Common {
    /// Whether there was room for it.
    fn take(&mut self, scope: Scope) -> bool {
        if self.seen.contains(&scope) {
            return true;
        }
        self.full = self.scopes.len() == limits::SCOPES;
        if !self.full {
            self.seen.insert(scope.clone());
            self.scopes.push(scope);
        }
        !self.full
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::testing::*;
    use proptest::prelude::*;

    fn effective(granted: &[&str], owner: &[&str]) -> Vec<String> {
        let (granted, owner) = (scopes(granted), scopes(owner));
        let found = Effective::of(&granted, Some(&owner));
        assert!(!found.truncated);
        found.scopes.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_credential_has_what_it_was_granted_as_far_as_its_owner_has_it() {
        let cases: [(&[&str], &[&str], &[&str]); 9] = [
            (&["logs:read", "billing.read"], &["*"], &["logs:read", "billing.read"]),
            (&["*"], &["logs:read", "billing.*"], &["logs:read", "billing.*"]),
            (&["logs:*"], &["logs:read", "billing.read"], &["logs:read"]),
            (&["logs:*", "logs:read"], &["logs:read"], &["logs:read"]),
            (&["a.*"], &["*.b"], &["a.b"]),
            (&["a.*"], &["*.b.*"], &["a.b.*"]),
            (&["a.*.c"], &["*.b.c", "a.x.d"], &["a.b.c"]),
            (&["a.b"], &["a:b"], &[]),
            (&["a"], &[], &[]),
        ];
        for (granted, owner, expected) in cases {
            assert_eq!(effective(granted, owner), expected, "{granted:?} within {owner:?}");
        }
    }

    #[test]
    fn without_an_owner_nothing_is_taken_away() {
        let granted = scopes(&["a", "a"]);
        let found = Effective::of(&granted, None);
        assert_eq!((&*found.scopes, found.truncated), (&*granted, false));
    }

    #[test]
    fn more_than_fit_are_cut_and_it_is_said() {
        let granted: Vec<Scope> = (0..20).flat_map(|n| scopes(&[&format!("*.g{n}")])).collect();
        let exactly: Vec<Scope> = (0..5).flat_map(|n| scopes(&[&format!("o{n}.*")])).collect();
        let found = Effective::of(&granted, Some(&exactly));
        assert_eq!((found.scopes.len(), found.truncated), (limits::SCOPES, false));
        let more: Vec<Scope> = (0..6).flat_map(|n| scopes(&[&format!("o{n}.*")])).collect();
        let cut = Effective::of(&granted, Some(&more));
        assert_eq!((cut.scopes.len(), cut.truncated), (limits::SCOPES, true));
    }

    fn patterns() -> impl Strategy<Value = Vec<Scope>> {
        let pattern = "([ab]|[*])([.:]([ab]|[*])){0,3}";
        proptest::collection::vec(pattern, 0..5)
            .prop_map(|texts| texts.iter().map(|text| Scope::parse(text).expect("a scope")).collect())
    }

    proptest! {
        #[test]
        fn exactly_what_both_admit_is_admitted(
            granted in patterns(), owner in patterns(), asked in "[ab]([.:][ab]){0,4}",
        ) {
            let asked = concrete(&asked);
            let admits = |scopes: &[Scope]| scopes.iter().any(|scope| scope.admits(&asked));
            let found = Effective::of(&granted, Some(&owner));
            prop_assert!(!found.truncated);
            prop_assert_eq!(admits(&found.scopes), admits(&granted) && admits(&owner), "{:?}", found.scopes);
        }
    }
}
