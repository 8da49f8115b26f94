//! What a decision reads: the folds of its own stream, its tenant's, its operator's, and that of the account which it gives a
//! credential to. The database shows a decision the rows of its tenant and the platform's, and no other tenant's.

use super::execute::{ExecuteError, Ledger, Order};
use super::read::Loaded;
use crate::db::{Errand, Sight};
use crate::domain::ids::{MemberId, OperatorId, StreamId, TenantId};
use crate::domain::operator::Operator;

pub(super) struct LoadedStreams {
    pub subject: Loaded,
    pub tenant: Option<Loaded>,
    tenant_stream: Option<StreamId>,
    pub operator: Option<Loaded>,
    operator_stream: Option<StreamId>,
    /// the account that a credential is given to
    pub owner: Option<Loaded>,
    owner_stream: Option<StreamId>,
    /// the active root that a decision which may end one stands on
    pub other_root: Option<Loaded>,
}

impl LoadedStreams {
    /// Every stream that the decision read and does not write.
    pub fn guards(&self, order: &Order, writes_nothing: bool) -> Vec<(StreamId, u32)> {
        let subject = writes_nothing.then_some((order.stream, self.subject.state.version()));
        let version = |stream: Option<StreamId>, loaded: &Option<Loaded>| {
            let stream = stream.filter(|stream| *stream != order.stream)?;
            Some((stream, loaded.as_ref()?.state.version()))
        };
        let tenant = version(self.tenant_stream, &self.tenant);
        let operator = version(self.operator_stream, &self.operator);
        let owner = version(self.owner_stream, &self.owner);
        let root = self.other_root.as_ref();
        let root = root.and_then(|root| Some((root.state.operator()?.id.into(), root.state.version())));
        [subject, tenant, operator, owner, root].into_iter().flatten().collect()
    }
}

impl Ledger {
    pub(super) async fn load(&self, order: &Order, fresh: bool) -> Result<LoadedStreams, ExecuteError> {
        let tenant = order.command.reads_tenant().map(StreamId::from);
        let owner = order.command.owner().map(StreamId::from);
        let operator = order.caller.actor.operator().map(StreamId::from);
        let mut wanted: Vec<StreamId> =
            [Some(order.stream), tenant, operator, owner].into_iter().flatten().collect();
        wanted.dedup();
        let sight = Sight::Decision(order.command.tenant(order.stream).map(|tenant| tenant.0));
        let streams = self.read(Errand::Command, sight, &wanted, fresh, order.creates()).await?;
        let found = |stream: StreamId| {
            let index = wanted.iter().position(|wanted| *wanted == stream);
            index.map_or_else(Loaded::default, |index| streams[index].clone())
        };
        Ok(LoadedStreams {
            subject: found(order.stream),
            tenant: tenant.map(found),
            operator: operator.map(found),
            operator_stream: operator,
            owner: owner.map(found),
            owner_stream: owner,
            tenant_stream: tenant,
            other_root: self.other_root(order, fresh).await?,
        })
    }

    /// The first of those whom the command names that is an active root, other than who asks and whom it is about.
    async fn other_root(&self, order: &Order, fresh: bool) -> Result<Option<Loaded>, ExecuteError> {
        let asker = order.caller.actor.operator().map(StreamId::from);
        let named = order.command.other_roots().iter().map(|id| StreamId::from(*id));
        let named: Vec<StreamId> =
            named.filter(|stream| *stream != order.stream && Some(*stream) != asker).collect();
        if named.is_empty() {
            return Ok(None);
        }
        let roots = self.read(Errand::Command, Sight::Decision(None), &named, fresh, false).await?;
        let mut roots = roots.into_iter();
        Ok(roots.find(|root| root.state.operator().is_some_and(Operator::is_active_root)))
    }

    /// Kept states where there are any, the database for the rest. A stream with a fresh id has no events to read.
    async fn read(
        &self,
        errand: Errand,
        sight: Sight<'_>,
        wanted: &[StreamId],
        fresh: bool,
        creates: bool,
    ) -> Result<Vec<Loaded>, ExecuteError> {
        let kept: Vec<Option<Loaded>> = wanted
            .iter()
            .enumerate()
            .map(|(index, stream)| match (fresh, index) {
                (_, 0) if creates => Some(Loaded::default()),
                (true, _) => None,
                (false, _) => self.streams.get(*stream),
            })
            .collect();
        let missing: Vec<StreamId> =
            wanted.iter().zip(&kept).filter(|(_, kept)| kept.is_none()).map(|(stream, _)| *stream).collect();
        let mut read = Vec::new();
        if !missing.is_empty() {
            read = self.reader.streams(&self.database, errand, sight, &missing).await?;
            for (stream, loaded) in missing.iter().zip(&read) {
                self.streams.keep(*stream, loaded);
            }
        }
        let mut read = read.into_iter();
        Ok(kept.into_iter().map(|kept| kept.or_else(|| read.next()).unwrap_or_default()).collect())
    }

    /// A tenant's state as the last command or decision here knew it.
    pub async fn tenant_kept(&self, errand: Errand, tenant: TenantId) -> Result<Loaded, ExecuteError> {
        self.one(errand, Sight::Tenant(tenant.0), tenant.into(), false).await
    }

    /// A tenant's state as the database has it now.
    pub async fn tenant_now(&self, tenant: TenantId) -> Result<Loaded, ExecuteError> {
        self.one(Errand::Reading, Sight::Tenant(tenant.0), tenant.into(), true).await
    }

    /// An operator's state as the database has it now.
    pub async fn operator_now(&self, operator: OperatorId) -> Result<Loaded, ExecuteError> {
        self.one(Errand::Reading, Sight::Decision(None), operator.into(), true).await
    }

    /// A member's state as the database has it now; one of another tenant is not seen.
    pub async fn member_now(&self, tenant: TenantId, member: MemberId) -> Result<Loaded, ExecuteError> {
        self.one(Errand::Reading, Sight::Tenant(tenant.0), member.into(), true).await
    }

    async fn one(
        &self,
        errand: Errand,
        sight: Sight<'_>,
        stream: StreamId,
        fresh: bool,
    ) -> Result<Loaded, ExecuteError> {
        let loaded = self.read(errand, sight, &[stream], fresh, false).await?;
        Ok(loaded.into_iter().next().unwrap_or_default())
    }
}
