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
    /// there are more, or there may be: they were too many, or too much alike to find them all
    pub truncated: bool,
}

impl<'a> Effective<'a> {
    /// `owner` are the scopes of the account that it belongs to; none limits it when it belongs to none.
    pub fn of(granted: &'a [Scope], owner: Option<&[Scope]>) -> Effective<'a> {
        let whole = Effective { scopes: Cow::Borrowed(granted), truncated: false };
        let Some(owner) = owner else { return whole };
        let (of_key, of_owner, mut effort) = (Side::of(granted), Side::of(owner), Effort::default());
        if granted.iter().all(|scope| of_owner.covers(scope, &mut effort)) {
            return whole;
        }
        // What lies wholly within the credential's scopes stands for all that it has in common with any of them.
        let (inner, across): (Vec<&Scope>, Vec<&Scope>) =
            owner.iter().partition(|scope| of_key.covers(scope, &mut effort));
        let mut common = Common::default();
        for scope in granted {
            if common.full || effort.spent {
                break;
            }
            if of_owner.covers(scope, &mut effort) {
                common.take(scope.clone());
            } else if scope.is_pattern() {
                let parts = inner.iter().filter(|part| effort.covers(scope, part)).copied();
                parts.cloned().for_each(|part| common.take(part));
                let overlaps = across.iter().filter(|other| other.is_pattern());
                overlaps.filter_map(|other| effort.meet(scope, other)).for_each(|both| common.take(both));
            }
        }
        Effective { scopes: Cow::Owned(common.scopes), truncated: common.full || effort.spent }
    }
}

/// One of the two lists. Without a `*` a scope covers itself alone, and overlaps with nothing that does not cover it.
struct Side<'s> {
    all: &'s [Scope],
    patterns: Vec<&'s Scope>,
}

impl<'s> Side<'s> {
    fn of(all: &'s [Scope]) -> Self {
        Side { all, patterns: all.iter().filter(|scope| scope.is_pattern()).collect() }
    }

    fn covers(&self, scope: &Scope, effort: &mut Effort) -> bool {
        self.all.contains(scope) || self.patterns.iter().any(|wide| effort.covers(wide, scope))
    }
}

/// How much is compared for one answer: every accepted call is told this, and patterns may be as long and as alike as whoever
/// set them likes. When it is spent, nothing more is found.
struct Effort {
    left: usize,
    spent: bool,
}

impl Default for Effort {
    fn default() -> Self {
        Effort { left: limits::EFFECTIVE_BYTES, spent: false }
    }
}

impl Effort {
    fn covers(&mut self, wide: &Scope, scope: &Scope) -> bool {
        self.affords(wide, scope) && covers(wide, scope)
    }

    fn meet(&mut self, one: &Scope, other: &Scope) -> Option<Scope> {
        if self.affords(one, other) { meet(one, other) } else { None }
    }

    /// Two whose first letters keep them apart cost nothing.
    fn affords(&mut self, one: &Scope, other: &Scope) -> bool {
        let (one, other) = (one.as_str(), other.as_str());
        if one.bytes().zip(other.bytes()).next().is_some_and(|(a, b)| a != b && a != b'*' && b != b'*') {
            return false;
        }
        let left = self.left.checked_sub(one.len().min(other.len()));
        self.spent |= left.is_none();
        self.left = left.unwrap_or_default();
        !self.spent
    }
}

#[derive(Default)]
struct Common {
    scopes: Vec<Scope>,
    seen: BTreeSet<Scope>,
    full: bool,
}

impl Common {
    fn take(&mut self, scope: Scope) {
        if self.seen.contains(&scope) {
            return;
        }
        self.full |= self.scopes.len() == limits::SCOPES;
        if !self.full {
            self.seen.insert(scope.clone());
            self.scopes.push(scope);
        }
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

    #[test]
    fn scopes_that_take_too_long_to_compare_are_cut_and_those_that_people_write_are_not() {
        let many = |form: &dyn Fn(usize) -> String| -> Vec<Scope> {
            (0..limits::SCOPES / 2).flat_map(|n| scopes(&[&form(n)])).collect()
        };
        let alike = |one: &str, end: &str| format!("{}{end}", one.repeat(limits::SCOPE_CHARS / 4 - 2));
        let granted = many(&|n| alike("a.*.", &format!("g{n}")));
        let owner = many(&|n| alike("*.a.", &format!("o{n}")));
        assert!(Effective::of(&granted, Some(&owner)).truncated);
        let next = |n: usize| n + limits::SCOPES / 4;
        for (granted, owner) in [
            (many(&|n| format!("app.feature{n}")), many(&|n| format!("app.feature{}", next(n)))),
            (many(&|n| format!("service{n}.read")), many(&|n| format!("service{}.*", next(n)))),
            (many(&|n| format!("service{n}.*")), many(&|n| format!("service{}.list.read", next(n)))),
        ] {
            let found = Effective::of(&granted, Some(&owner));
            assert_eq!((found.scopes.len(), found.truncated), (limits::SCOPES / 4, false));
        }
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
