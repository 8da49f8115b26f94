//! One command of nobody's on many credentials of one tenant: what it is decided on is read with one query; then each
//! credential stands for itself.

use std::sync::Arc;

use futures::future::join_all;

use super::execute::{ExecuteError, Ledger, Order};
use super::proposal::CommitError;
use super::read::ReadError;
use crate::domain::Caller;
use crate::domain::command::Command;
use crate::domain::credential::CredentialCommand;
use crate::domain::event::Actor;
use crate::domain::ids::{CredentialId, TenantId};

impl Ledger {
    /// Why it failed, for each where it did. The caller bounds how many they are, and how much their histories come to.
    pub async fn housekeep(
        self: &Arc<Self>,
        tenant: TenantId,
        credentials: Vec<CredentialId>,
        command: CredentialCommand,
    ) -> Vec<ExecuteError> {
        let (ledger, count) = (self.clone(), credentials.len());
        let task = self.runtime.spawn(async move { ledger.each(tenant, &credentials, &command).await });
        task.await.unwrap_or_else(|_| {
            (0..count).map(|_| ExecuteError::Commit(CommitError::OutcomeUnknown)).collect()
        })
    }

    async fn each(
        &self,
        tenant: TenantId,
        credentials: &[CredentialId],
        command: &CredentialCommand,
    ) -> Vec<ExecuteError> {
        let mut read: Vec<_> = match self.load_together(tenant, credentials).await {
            Ok(loaded) => loaded.into_iter().map(Some).collect(),
            // One stream that can't be read stops only itself: each is read alone then.
            Err(ExecuteError::Read(
                ReadError::Forged { .. } | ReadError::Bad { .. } | ReadError::Unfoldable { .. },
            )) => Vec::new(),
            Err(cause) => return vec![cause],
        };
        read.resize_with(credentials.len(), || None);
        let outcomes = credentials.iter().zip(read).map(|(credential, read)| async move {
            let order = housekeeping(tenant, *credential, command.clone());
            self.carry_out(&order, None, read).await
        });
        join_all(outcomes).await.into_iter().filter_map(Result::err).collect()
    }
}

fn housekeeping(tenant: TenantId, credential: CredentialId, command: CredentialCommand) -> Order {
    let caller = Caller { actor: Actor::System, client_ip: None, request_id: "housekeeping".to_owned() };
    let command = Command::Credential(tenant, vec![command]);
    Order { housekeeping: true, wait: false, ..Order::of(credential.into(), command, caller) }
}
