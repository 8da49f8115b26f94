//! Steps on a credential's own record.

use super::super::layout::{Credential, Living, NameField, tag_of_id};
use super::super::policies::NO_POLICY;
use super::super::store::only;
use super::{Edit, NewCredential, Why};
use crate::limits;

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
        let policy = if new.revoked {
            NO_POLICY
        } else {
            self.store.policies.take(&mut self.books.policies, new.policy)?
        };
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
            version: new.version,
            secret: Living::default(),
        };
        self.set_name(&mut credential, new.name)?;
        self.write_credential(ordinal, &credential);
        self.store.by_id.insert(&mut self.books.by_id, only(tag_of_id(new.id.0), ordinal))?;
        Ok(ordinal)
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

    pub fn revoke(&mut self, ordinal: u32, credential: &mut Credential) -> Result<(), Why> {
        self.store.policies.give_back(&mut self.books.policies, credential.policy);
        credential.policy = NO_POLICY;
        credential.revoked = true;
        self.books.active -= u64::from(credential.has_active);
        let expiring: Vec<_> = self.expiring_secrets(credential).collect();
        expiring.iter().try_for_each(|(place, secret)| self.bury(ordinal, credential, *place, secret, false))
    }
}
