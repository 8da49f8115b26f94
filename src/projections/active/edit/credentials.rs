//! Steps on a credential's own record.

use super::super::layout::{Credential, Living, MOST_OWNER, MOST_VERSION, NameField, tag_of_id};
use super::super::slab::Full;
use super::super::store::only;
use super::{Edit, NewCredential, Why};
use crate::domain::ids::MemberId;
use crate::limits;

/// A version that a record has room for.
pub fn counted(version: u32) -> Result<u32, Why> {
    Some(version)
        .filter(|version| *version <= MOST_VERSION)
        .ok_or("its history is longer than the view counts")
}

impl Edit<'_> {
    pub fn credential(&self, ordinal: u32) -> Result<Credential, Why> {
        let words = self.store.credentials.read(ordinal).ok_or("a credential's record is missing")?;
        Ok(Credential::of(&words))
    }

    pub fn write_credential(&self, ordinal: u32, credential: &Credential) {
        self.store.credentials.write(ordinal, credential.words());
    }

    pub fn add_credential(&mut self, new: &NewCredential<'_>) -> Result<u32, Why> {
        if self.store.credential_ordinal(new.id.0).is_some() {
            return Err("the credential is there already");
        }
        let tenant = self.store.tenants.ordinal(new.tenant).ok_or("its tenant is unknown")?;
        let owner = self.owner(tenant, new.owner)?;
        let mut policy = self.store.policies.take(&mut self.books.policies, new.policy)?;
        if new.revoked {
            policy = self.end_policy(policy);
        }
        let ordinal = self.books.credentials.take(&self.store.credentials)?;
        let mut credential = Credential {
            id: new.id.0,
            expires_at: new.expires_at,
            name: NameField::default(),
            suspended: new.suspended,
            revoked: new.revoked,
            has_active: false,
            tenant,
            policy,
            expiring: 0,
            owner,
            version: counted(new.version)?,
            secret: Living::default(),
        };
        if owner > 0 && self.store.policies.at(policy).is_some_and(|policy| policy.client.is_some()) {
            self.books.endings.own(ordinal, 0, owner);
        }
        self.set_name(&mut credential, new.name)?;
        self.write_credential(ordinal, &credential);
        self.store.by_id.insert(&mut self.books.by_id, only(tag_of_id(new.id.0), ordinal))?;
        Ok(ordinal)
    }

    /// As a credential of this tenant holds it.
    pub fn owner(&self, tenant: u32, id: Option<MemberId>) -> Result<u32, Why> {
        let Some(id) = id else { return Ok(0) };
        let (ordinal, member) = self.store.members.find(id.0)?;
        if self.store.tenants.ordinal(member.tenant.0) != Some(tenant) {
            return Err("its owner is another tenant's");
        }
        Ok(Some(ordinal + 1).filter(|owner| *owner <= MOST_OWNER).ok_or(Full)?)
    }

    pub fn set_name(&mut self, credential: &mut Credential, name: Option<&str>) -> Result<(), Why> {
        let text = name.unwrap_or_default();
        if text.len() > limits::VIEW_NAME_BYTES {
            return Err("its name is longer than a name may be");
        }
        if let Some((place, bytes)) = credential.name.elsewhere() {
            self.store.texts.give_back(&mut self.books.texts, place, bytes);
        }
        let place = self.store.texts.put(&mut self.books.texts, NameField::tail(text))?;
        credential.name = NameField::new(name, place);
        Ok(())
    }

    fn end_policy(&mut self, policy: u32) -> u32 {
        let ended = self.store.policies.ended(policy);
        self.store.policies.give_back(&mut self.books.policies, policy);
        ended
    }

    pub fn revoke(&mut self, ordinal: u32, credential: &mut Credential) -> Result<(), Why> {
        credential.policy = self.end_policy(credential.policy);
        credential.revoked = true;
        self.books.active -= u64::from(credential.has_active);
        let expiring: Vec<_> = self.expiring_secrets(credential).collect();
        expiring.iter().try_for_each(|(place, secret)| self.bury(ordinal, credential, *place, secret, false))
    }
}
