//! A secret's ways: active, in its grace window, dead; and where the index finds it meanwhile.

use std::sync::OnceLock;

use super::super::answer::Prefix;
use super::super::index::Entry;
use super::super::layout::{
    ACTIVE, Credential, DEAD, Dead, EXPIRING, EXPIRING_WORDS, Expiring, Living, Public, tag_of, tag_of_id,
    tag_of_public,
};
use super::super::slab::Full;
use super::super::store::PrefixOf;
use super::{Edit, NewSecret, Why};
use crate::clock::Timestamp;
use crate::domain::ids::SecretId;
use crate::limits;
use crate::projections::secrets::{ForeignRecord, Form};

impl Edit<'_> {
    fn living(&mut self, new: &NewSecret<'_>) -> Result<Living, Why> {
        let (prefix, public) = match &new.form {
            Form::Key => self.split_prefix(new.prefix, PrefixOf::Keys)?,
            Form::Foreign(foreign) => self.foreign_prefix(new.prefix, foreign)?,
            Form::Client => self.split_prefix(new.prefix, PrefixOf::Clients)?,
        };
        Ok(Living { digest: new.digest, id: new.id.0, prefix, public, ends_at: new.ends_at })
    }

    pub fn add_active(
        &mut self,
        ordinal: u32,
        credential: &mut Credential,
        new: &NewSecret<'_>,
    ) -> Result<(), Why> {
        let living = self.living(new)?;
        (credential.secret, credential.has_active) = (living, true);
        self.books.active += u64::from(!credential.revoked);
        self.point(&living, ACTIVE, ordinal)
    }

    pub fn add_expiring(
        &mut self,
        ordinal: u32,
        credential: &mut Credential,
        new: &NewSecret<'_>,
    ) -> Result<(), Why> {
        let living = self.living(new)?;
        let place = self.link_expiring(ordinal, credential, living)?;
        self.point(&living, EXPIRING, place)
    }

    pub fn add_dead(&mut self, ordinal: u32, new: &NewSecret<'_>, by_hand: bool) -> Result<(), Why> {
        let living = self.living(new)?;
        let place = self.write_dead(ordinal, &living, by_hand)?;
        self.point(&living, DEAD, place)
    }

    /// The active secret moves out of its credential's record, into its grace window.
    pub fn rotate_out(
        &mut self,
        ordinal: u32,
        credential: &mut Credential,
        ends_at: Timestamp,
    ) -> Result<(), Why> {
        if !credential.has_active {
            return Err("the credential has no active secret");
        }
        let living = Living { ends_at: Some(ends_at), ..credential.secret };
        credential.has_active = false;
        self.books.active -= 1;
        let place = self.link_expiring(ordinal, credential, living)?;
        self.repoint(&living, (ACTIVE, ordinal), (EXPIRING, place))
    }

    fn link_expiring(
        &mut self,
        ordinal: u32,
        credential: &mut Credential,
        secret: Living,
    ) -> Result<u32, Why> {
        let place = self.books.expiring.take(&self.store.expiring)?;
        let expiring = Expiring { secret, credential: ordinal, next: credential.expiring };
        self.store.expiring.write(place, expiring.words());
        credential.expiring = place + 1;
        Ok(place)
    }

    /// Those in a grace window, newest first, each with its place.
    pub fn expiring_secrets(
        &self,
        credential: &Credential,
    ) -> impl Iterator<Item = (u32, Expiring)> + use<'_> {
        let at = |link: u32| {
            let place = link.checked_sub(1)?;
            Some((place, Expiring::of(&self.store.expiring.read(place)?)))
        };
        std::iter::successors(at(credential.expiring), move |(_, expiring)| at(expiring.next))
    }

    pub fn find_expiring(&self, credential: &Credential, id: SecretId) -> Result<(u32, Expiring), Why> {
        let found = self.expiring_secrets(credential).find(|(_, expiring)| expiring.secret.id == id.0);
        found.ok_or("it names a secret that is in no grace window")
    }

    pub fn move_end(&self, place: u32, expiring: &Expiring, ends_at: Timestamp) {
        let secret = Living { ends_at: Some(ends_at), ..expiring.secret };
        self.store.expiring.write(place, Expiring { secret, ..*expiring }.words());
    }

    /// From its grace window into the smaller record that only says why it is refused.
    pub fn bury(
        &mut self,
        ordinal: u32,
        credential: &mut Credential,
        place: u32,
        expiring: &Expiring,
        by_hand: bool,
    ) -> Result<(), Why> {
        self.unlink(credential, place, expiring.next)?;
        let grave = self.write_dead(ordinal, &expiring.secret, by_hand)?;
        self.repoint(&expiring.secret, (EXPIRING, place), (DEAD, grave))?;
        self.store.expiring.write(place, [0; EXPIRING_WORDS]);
        self.books.expiring.give_back(place);
        Ok(())
    }

    /// A client's secret whose window was over before: its tokens lived on until now.
    pub fn end_dead_by_hand(&self, credential: u32, id: SecretId) -> Result<(), Why> {
        let found = self.store.secrets.find(tag_of_id(id.0), |entry| {
            let words = self.store.dead.read(entry.ordinal).filter(|_| entry.kind == DEAD)?;
            let dead = Dead::of(&words);
            (dead.id == id.0 && dead.credential == credential).then_some((entry.ordinal, dead, words))
        });
        let (place, dead, words) = found.ok_or("it names a secret that is not there")?;
        self.store.dead.write(place, Dead { by_hand: true, ..dead }.words_like(&words));
        Ok(())
    }

    fn unlink(&self, credential: &mut Credential, place: u32, next: u32) -> Result<(), Why> {
        if credential.expiring == place + 1 {
            credential.expiring = next;
            return Ok(());
        }
        let before = self.expiring_secrets(credential).find(|(_, before)| before.next == place + 1);
        let (at, before) = before.ok_or("a grace window is in no list")?;
        self.store.expiring.write(at, Expiring { next, ..before }.words());
        Ok(())
    }

    fn write_dead(&mut self, ordinal: u32, secret: &Living, by_hand: bool) -> Result<u32, Why> {
        let Living { id, prefix, public, .. } = *secret;
        let grave = self.books.dead.take(&self.store.dead)?;
        let dead = Dead { id, prefix, public, credential: ordinal, by_hand };
        self.store.dead.write(grave, dead.words(&secret.digest));
        Ok(grave)
    }

    /// Has the index lead to a new secret's record.
    fn point(&mut self, secret: &Living, kind: u8, ordinal: u32) -> Result<(), Why> {
        for tag in self.tags(secret)?.into_iter().flatten() {
            self.store.secrets.insert(&mut self.books.secrets, Entry { tag, kind, ordinal })?;
        }
        Ok(())
    }

    /// Has it lead to where the secret stands now. Each place is a kind of record and an ordinal.
    fn repoint(&mut self, secret: &Living, from: (u8, u32), to: (u8, u32)) -> Result<(), Why> {
        for tag in self.tags(secret)?.into_iter().flatten() {
            let entry = |(kind, ordinal)| Entry { tag, kind, ordinal };
            if !self.store.secrets.replace(entry(from), Some(entry(to)), &mut self.books.secrets) {
                return Err("a secret's index entry is missing");
            }
        }
        Ok(())
    }

    /// Where a secret stands in the index. That follows from its prefix, which its record holds.
    fn tags(&self, secret: &Living) -> Result<[Option<u32>; 2], Why> {
        Ok(match self.books.prefix_owners.get(secret.prefix as usize).ok_or("a prefix is nobody's")? {
            PrefixOf::Keys => [Some(self.tag_of_key(secret)?), None],
            PrefixOf::ForeignKeys => [Some(tag_of(&secret.digest)), None],
            PrefixOf::Clients => [Some(tag_of(&secret.digest)), Some(tag_of_id(secret.id))],
        })
    }

    fn tag_of_key(&self, secret: &Living) -> Result<u32, Why> {
        let mut prefix = Prefix::EMPTY;
        let shared = self.store.prefixes.get(secret.prefix).and_then(OnceLock::get);
        let whole =
            prefix.push(shared.ok_or("a prefix is missing")?.as_bytes()) && secret.public.unpack(&mut prefix);
        let tag = tag_of_public(self.store.seed, &prefix).filter(|_| whole);
        tag.map(|public| public.tag).ok_or("a secret's prefix is of no key format")
    }

    /// The part up to the last `_` is shared by many; what follows is packed.
    fn split_prefix(&mut self, text: &str, owner: PrefixOf) -> Result<(u32, Public), Why> {
        let (shared, public) = text.split_at(text.rfind('_').map_or(0, |place| place + 1));
        let fits = limits::KEY_PREFIX_CHARS.contains(&shared.len());
        let public = Public::pack(public).filter(|_| fits);
        Ok((self.intern_prefix(shared, owner)?, public.ok_or("a secret's prefix is of no key format")?))
    }

    /// There are few prefixes, and each was declared before.
    fn foreign_prefix(&mut self, text: &str, foreign: &ForeignRecord<'_>) -> Result<(u32, Public), Why> {
        let public = text.strip_prefix(foreign.format).and_then(Public::pack);
        let public = public.ok_or("an imported secret's prefix is not of its format")?;
        if let Some(salt) = &foreign.salt {
            self.store.salts.add(&mut self.books.salts, salt)?;
        }
        Ok((self.intern_prefix(foreign.format, PrefixOf::ForeignKeys)?, public))
    }

    fn intern_prefix(&mut self, shared: &str, owner: PrefixOf) -> Result<u32, Why> {
        if let Some(&ordinal) = self.books.prefixes[owner as usize].get(shared) {
            return Ok(ordinal);
        }
        let ordinal = self.books.prefix_ordinals.take(&self.store.prefixes)?;
        let cell: &OnceLock<Box<str>> = self.store.prefixes.get(ordinal).ok_or(Full)?;
        cell.set(shared.into()).map_err(|_| "a prefix's place was taken")?;
        if self.books.prefix_owners.len() != ordinal as usize {
            return Err("a prefix's place is not the next one");
        }
        self.books.prefix_owners.push(owner);
        self.books.prefixes[owner as usize].insert(shared.into(), ordinal);
        Ok(ordinal)
    }
}
