//! How texts may be written: our own keys' formats, and what was declared of keys from elsewhere.

use std::cell::RefCell;
use std::sync::Arc;

use arc_swap::{ArcSwap, Cache};

use super::foreign::Foreign;
use crate::domain::formats::{Formats, Misfit};
use crate::domain::leak_rules::{LeakRules, Tail, What};

/// Of one moment, and replaced whole.
#[derive(Default)]
pub struct Forms {
    pub own: Formats,
    /// nothing is found by these
    pub client_secrets: Formats,
    pub foreign: Arc<Foreign>,
}

/// As what a text is written.
pub enum Form {
    Own,
    Foreign,
    None(Misfit),
}

impl Forms {
    #[inline]
    pub fn of(&self, text: &str) -> Form {
        match self.own.fits(text) {
            true => Form::Own,
            false if self.foreign.fits(text) => Form::Foreign,
            false => Form::None(self.own.misfit(text)),
        }
    }
}

impl Forms {
    pub fn leak_rules(&self) -> LeakRules {
        let mut rules = LeakRules::default();
        let own = [(What::Key, &self.own), (What::ClientSecret, &self.client_secrets)];
        for (what, formats) in own {
            formats.each().for_each(|(prefix, chars)| rules.add(what, prefix, Tail::base62(chars)));
        }
        for known in self.foreign.prefixes() {
            for shape in &known.shapes {
                let tail = |whole: u8| usize::from(whole).saturating_sub(known.prefix.len());
                let (shortest, longest) = (tail(shape.shortest), tail(shape.longest));
                rules.add(
                    What::ImportedKey,
                    &known.prefix,
                    Tail { alphabet: shape.alphabet, shortest, longest },
                );
            }
        }
        rules
    }
}

/// The forms as they are now.
#[derive(Default)]
pub struct CurrentForms(Arc<ArcSwap<Forms>>);

impl CurrentForms {
    /// Each thread keeps those that it asked last, and one look at the pointer tells whether they are still the ones: nothing is
    /// counted. Whoever has seen a position sees its forms, or later ones; a look through the view's lock sees those of its
    /// position. What is asked may not ask again.
    #[inline]
    pub fn ask<T>(&self, ask: impl FnOnce(&Forms) -> T) -> T {
        type Seen = Cache<Arc<ArcSwap<Forms>>, Arc<Forms>>;
        thread_local!(static SEEN: RefCell<Option<Seen>> = const { RefCell::new(None) });
        SEEN.with_borrow_mut(|seen| {
            let ours = |seen: &Seen| std::ptr::eq(seen.arc_swap(), &*self.0);
            if !seen.as_ref().is_some_and(ours) {
                *seen = None;
            }
            ask(seen.get_or_insert_with(|| Cache::new(self.0.clone())).load())
        })
    }

    pub fn foreign(&self) -> Arc<Foreign> {
        self.ask(|forms| forms.foreign.clone())
    }

    /// For the one writer.
    pub fn set_own(&self, own: Formats, client_secrets: Formats) {
        self.0.store(Arc::new(Forms { own, client_secrets, foreign: self.foreign() }));
    }

    /// For the one writer.
    pub fn set_foreign(&self, foreign: Foreign) {
        let (own, client_secrets) = self.ask(|forms| (forms.own.clone(), forms.client_secrets.clone()));
        self.0.store(Arc::new(Forms { own, client_secrets, foreign: Arc::new(foreign) }));
    }
}
