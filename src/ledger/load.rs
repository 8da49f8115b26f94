//! What a decision reads: the folds of its own stream, its tenant's, its operator's, of the account that it gives a credential
//! to, and of the plan that bounds it. The database shows a decision the rows of its tenant and the platform's, and no other
//! tenant's.

use super::execute::{ExecuteError, Ledger, Order};
use super::held::HeldAt;
use super::read::Loaded;
use crate::db::{Errand, Sight};
use crate::domain::ids::{CredentialId, ErasureId, MemberId, OperatorId, PlanId, StreamId, TenantId};
use crate::domain::operator::Operator;
use crate::domain::signing_keys;

pub(super) struct LoadedStreams {
    /// how many events were applied here before anything was read: what was erased among them is in none of it
    pub seen: u64,
    pub subject: Loaded,
    pub tenant: Option<Loaded>,
    tenant_stream: Option<StreamId>,
    pub operator: Option<Loaded>,
    operator_stream: Option<StreamId>,
    /// the account that a credential is given to
    pub owner: Option<Loaded>,
    owner_stream: Option<StreamId>,
    /// the plan that bounds it
    pub plan: Option<Loaded>,
    plan_stream: Option<StreamId>,
    /// the active root that a decision which may end one stands on
    pub other_root: Option<Loaded>,
    /// what is erased of
    pub held: Option<HeldAt>,
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
        let plan = version(self.plan_stream, &self.plan);
        let root = self.other_root.as_ref();
        let root = root.and_then(|root| Some((root.state.operator()?.id.into(), root.state.version())));
        // An operator who erases of itself is read twice, and at one version.
        let held = self.held.as_ref().map(<(StreamId, u32)>::from).filter(|_| !writes_nothing);
        [subject, tenant, operator, owner, plan, root, held].into_iter().flatten().collect()
    }
}

impl Ledger {
    pub(super) async fn load(&self, order: &Order, fresh: bool) -> Result<LoadedStreams, ExecuteError> {
        let seen = self.progress().applied;
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
        let tenant_stream = tenant;
        let tenant = tenant.map(found);
        let plan_stream = self.plan_of(order, tenant.as_ref());
        let plan = match plan_stream {
            Some(plan) => self.read(Errand::Command, sight, &[plan], fresh, false).await?.pop(),
            None => None,
        };
        let held = self.held(order).await?;
        let mut subject = found(order.stream);
        // Where there is nothing left to erase, the answer tells where the last event of it stands.
        subject.position = subject.position.or(held.as_ref().and_then(|held| held.position));
        Ok(LoadedStreams {
            seen,
            subject,
            tenant,
            plan,
            plan_stream,
            operator: operator.map(found),
            operator_stream: operator,
            owner: owner.map(found),
            owner_stream: owner,
            tenant_stream,
            other_root: self.other_root(order, fresh).await?,
            held,
        })
    }

    fn plan_of(&self, order: &Order, tenant: Option<&Loaded>) -> Option<StreamId> {
        let tenant = tenant.and_then(|loaded| loaded.state.tenant());
        order.command.reads_plan(tenant).map(|plan| StreamId::from(plan.id()))
    }

    /// What commands of nobody on some credentials of one tenant are decided on, with one query.
    pub(super) async fn load_together(
        &self,
        tenant: TenantId,
        credentials: &[CredentialId],
    ) -> Result<Vec<LoadedStreams>, ExecuteError> {
        let seen = self.progress().applied;
        let tenant_stream = StreamId::from(tenant);
        let subjects = credentials.iter().map(|credential| StreamId::from(*credential));
        let wanted: Vec<StreamId> = std::iter::once(tenant_stream).chain(subjects).collect();
        let sight = Sight::Decision(Some(tenant.0));
        let mut streams = self.read(Errand::Command, sight, &wanted, true, false).await?.into_iter();
        let tenant = streams.next();
        let loaded = streams.map(|subject| LoadedStreams {
            seen,
            held: None,
            subject,
            tenant: tenant.clone(),
            tenant_stream: Some(tenant_stream),
            operator: None,
            operator_stream: None,
            owner: None,
            owner_stream: None,
            plan: None,
            plan_stream: None,
            other_root: None,
        });
        Ok(loaded.collect())
    }

    /// What imports by one operator into one tenant are decided on, with one query, and one more for the plan.
    pub(super) async fn load_imports(
        &self,
        tenant: TenantId,
        orders: &[Order],
    ) -> Result<Vec<LoadedStreams>, ExecuteError> {
        let seen = self.progress().applied;
        let tenant_stream = StreamId::from(tenant);
        let operator_stream =
            orders.first().and_then(|order| order.caller.actor.operator()).map(StreamId::from);
        let owners = orders.iter().filter_map(|order| order.command.owner()).map(StreamId::from);
        let mut wanted: Vec<StreamId> = owners.chain(orders.iter().map(|order| order.stream)).collect();
        wanted.extend([Some(tenant_stream), operator_stream].into_iter().flatten());
        wanted.sort_unstable();
        wanted.dedup();
        let sight = Sight::Decision(Some(tenant.0));
        let read = self.read(Errand::Command, sight, &wanted, true, false).await?;
        let found = |stream: StreamId| {
            wanted.binary_search(&stream).map_or_else(|_| Loaded::default(), |place| read[place].clone())
        };
        let of_tenant = found(tenant_stream);
        let plan_stream = orders.first().and_then(|order| self.plan_of(order, Some(&of_tenant)));
        let plan = match plan_stream {
            Some(plan) => self.read(Errand::Command, sight, &[plan], true, false).await?.pop(),
            None => None,
        };
        let loaded = orders.iter().map(|order| {
            let owner_stream = order.command.owner().map(StreamId::from);
            LoadedStreams {
                seen,
                held: None,
                subject: found(order.stream),
                tenant: Some(of_tenant.clone()),
                tenant_stream: Some(tenant_stream),
                operator: operator_stream.map(found),
                operator_stream,
                owner: owner_stream.map(found),
                owner_stream,
                plan: plan.clone(),
                plan_stream,
                other_root: None,
            }
        });
        Ok(loaded.collect())
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
        let seen = self.progress().applied;
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
                self.streams.keep(*stream, loaded, seen);
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

    /// A plan's state as the database has it now.
    pub async fn plan_now(&self, plan: PlanId) -> Result<Loaded, ExecuteError> {
        self.one(Errand::Reading, Sight::Decision(None), plan.into(), true).await
    }

    /// An erasure's state as the database has it now; one of another tenant is not seen.
    pub async fn erasure_now(
        &self,
        tenant: Option<TenantId>,
        erasure: ErasureId,
    ) -> Result<Loaded, ExecuteError> {
        let sight = tenant.map_or(Sight::Decision(None), |tenant| Sight::Tenant(tenant.0));
        self.one(Errand::Reading, sight, erasure.into(), true).await
    }

    /// The signing keys' state as the database has it now.
    pub async fn signing_keys_now(&self) -> Result<Loaded, ExecuteError> {
        self.one(Errand::Reading, Sight::Decision(None), signing_keys::stream(), true).await
    }

    /// A stream of the calls that were served.
    pub async fn activity_log_now(&self, stream: StreamId) -> Result<Loaded, ExecuteError> {
        self.one(Errand::Reading, Sight::Decision(None), stream, true).await
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
