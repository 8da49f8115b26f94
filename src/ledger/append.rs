//! A batch of proposals as the arguments of the one server-side function that appends, and its answer.

use std::sync::Arc;

use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::entry::{self, TooLarge};
use super::proposal::{Proposal, Quota, Write};
use super::{Inline, InlineRow};
use crate::clock::Timestamp;
use crate::domain::event::Recorded;
use crate::domain::ids::StreamId;
use crate::domain::stream::{Lifecycle, StreamState};
use crate::vault::{Purpose, Vault};

pub const APPEND: &str = "select outcome, last_at_ms, first_position, verdicts, positions from credledger.append(\
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, \
    $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38, $39, $40, $41, $42, $43, $44, $45, $46)";

/// One proposal with its events stamped, encoded, macked and folded.
pub struct Prepared {
    pub proposal: Proposal,
    pub after: Vec<Arc<StreamState>>,
    pub recorded: Vec<Arc<Recorded>>,
    events: Vec<EventRow>,
    rows: Vec<(InlineRow, Vec<u8>)>,
    answer: Option<(i16, Vec<u8>)>,
}

struct EventRow {
    stream: StreamId,
    version: i32,
    tenant: Option<Uuid>,
    kind: &'static str,
    entry: Vec<u8>,
    mac: Vec<u8>,
    leaf: Vec<u8>,
    subject: Uuid,
    slots: Option<String>,
}

/// Everything that preparing needs and that stays the same from batch to batch.
pub struct Press {
    pub ledger: i32,
    pub vault: Arc<Vault>,
    pub inline: Arc<dyn Inline>,
}

impl Press {
    /// Stamps, folds, encodes, hashes and macs one proposal.
    pub fn prepare(&self, proposal: Proposal, at: Timestamp) -> Result<Prepared, TooLarge> {
        let mut prepared = Prepared {
            after: Vec::with_capacity(proposal.writes.len()),
            recorded: Vec::new(),
            events: Vec::new(),
            rows: Vec::new(),
            answer: None,
            proposal,
        };
        self.fill(&mut prepared, at)?;
        Ok(prepared)
    }

    fn fill(&self, prepared: &mut Prepared, at: Timestamp) -> Result<(), TooLarge> {
        for write in &prepared.proposal.writes {
            let state = self.write(write, at, &mut prepared.events, &mut prepared.recorded)?;
            for row in self.inline.rows(&state, write.before.version()) {
                let mac = row.mac(&self.vault);
                prepared.rows.push((row, mac));
            }
            prepared.after.push(Arc::new(state));
        }
        prepared.answer = prepared.proposal.answer.as_ref().map(|draft| {
            let unchanged = StreamState::Empty;
            let state = prepared.after.first().map_or(&unchanged, |state| &**state);
            let stored = (draft.render)(state);
            (stored.status, stored.sealed)
        });
        Ok(())
    }

    fn write(
        &self,
        write: &Write,
        at: Timestamp,
        rows: &mut Vec<EventRow>,
        recorded: &mut Vec<Arc<Recorded>>,
    ) -> Result<StreamState, TooLarge> {
        let stamped: Vec<Recorded> =
            write.events.iter().map(|event| Recorded { at, ..event.clone() }).collect();
        for event in &stamped {
            rows.push(self.event_row(event)?);
            recorded.push(Arc::new(event.clone()));
        }
        Ok(Lifecycle::after_decided((*write.before).clone(), stamped))
    }

    fn event_row(&self, event: &Recorded) -> Result<EventRow, TooLarge> {
        let encoded = entry::encode(self.ledger, event, &mut || self.vault.bytes())?;
        Ok(EventRow {
            stream: event.stream,
            version: event.version.cast_signed(),
            tenant: event.tenant.map(|tenant| tenant.0),
            kind: event.event.kind().name,
            mac: self.vault.mac(Purpose::Event, &[&encoded.entry]).to_vec(),
            leaf: entry::leaf_hash(&encoded.entry).to_vec(),
            entry: encoded.entry,
            subject: event.stream.0,
            slots: (!encoded.slots.is_empty()).then(|| encoded.slots.to_json().to_string()),
        })
    }
}

/// The columns of a batch, in the order of the function's parameters.
#[derive(Default)]
pub struct Columns {
    guard_command: Vec<i32>,
    guard_stream: Vec<Uuid>,
    guard_version: Vec<i32>,
    event_command: Vec<i32>,
    event_stream: Vec<Uuid>,
    event_version: Vec<i32>,
    event_tenant: Vec<Option<Uuid>>,
    event_type: Vec<&'static str>,
    event_entry: Vec<Vec<u8>>,
    event_mac: Vec<Vec<u8>>,
    event_leaf: Vec<Vec<u8>>,
    personal_command: Vec<i32>,
    personal_stream: Vec<Uuid>,
    personal_version: Vec<i32>,
    personal_tenant: Vec<Option<Uuid>>,
    personal_subject: Vec<Uuid>,
    personal_slots: Vec<String>,
    claim_command: Vec<i32>,
    claim_kind: Vec<i16>,
    claim_key: Vec<Vec<u8>>,
    claim_stream: Vec<Uuid>,
    quota_command: Vec<i32>,
    quota_subject: Vec<Uuid>,
    quota_name: Vec<&'static str>,
    quota_delta: Vec<i64>,
    quota_limit: Vec<Option<i64>>,
    answer_command: Vec<i32>,
    answer_operator: Vec<Uuid>,
    answer_key: Vec<Vec<u8>>,
    answer_request: Vec<Vec<u8>>,
    answer_status: Vec<i16>,
    answer_body: Vec<Vec<u8>>,
    row_command: Vec<i32>,
    row_projection: Vec<&'static str>,
    row_id: Vec<Uuid>,
    row_tenant: Vec<Option<Uuid>>,
    row_version: Vec<i32>,
    row_record: Vec<Vec<u8>>,
    row_mac: Vec<Vec<u8>>,
    row_facts: Vec<String>,
}

impl Columns {
    pub fn of(batch: &[Prepared]) -> Self {
        let mut columns = Columns::default();
        for (command, prepared) in (0..).zip(batch) {
            columns.push(command, prepared);
        }
        columns
    }

    fn push(&mut self, command: i32, prepared: &Prepared) {
        let written = prepared.proposal.writes.iter().map(|write| (write.stream, write.before.version()));
        for (stream, version) in written.chain(prepared.proposal.guards.iter().copied()) {
            self.guard_command.push(command);
            self.guard_stream.push(stream.0);
            self.guard_version.push(version.cast_signed());
        }
        for event in &prepared.events {
            self.push_event(command, event);
        }
        for (stream, kind, key) in prepared.proposal.claims() {
            self.claim_command.push(command);
            self.claim_kind.push(kind as i16);
            self.claim_key.push(key.into_bytes());
            self.claim_stream.push(stream.0);
        }
        for quota in &prepared.proposal.quotas {
            self.push_quota(command, quota);
        }
        if let (Some(draft), Some((status, body))) = (&prepared.proposal.answer, &prepared.answer) {
            self.answer_command.push(command);
            self.answer_operator.push(draft.operator.0);
            self.answer_key.push(draft.key_digest.to_vec());
            self.answer_request.push(draft.request_digest.to_vec());
            self.answer_status.push(*status);
            self.answer_body.push(body.clone());
        }
        for (row, mac) in &prepared.rows {
            self.push_row(command, row, mac);
        }
    }

    fn push_event(&mut self, command: i32, event: &EventRow) {
        self.event_command.push(command);
        self.event_stream.push(event.stream.0);
        self.event_version.push(event.version);
        self.event_tenant.push(event.tenant);
        self.event_type.push(event.kind);
        self.event_entry.push(event.entry.clone());
        self.event_mac.push(event.mac.clone());
        self.event_leaf.push(event.leaf.clone());
        if let Some(slots) = &event.slots {
            self.personal_command.push(command);
            self.personal_stream.push(event.stream.0);
            self.personal_version.push(event.version);
            self.personal_tenant.push(event.tenant);
            self.personal_subject.push(event.subject);
            self.personal_slots.push(slots.clone());
        }
    }

    fn push_quota(&mut self, command: i32, quota: &Quota) {
        self.quota_command.push(command);
        self.quota_subject.push(quota.tenant.0);
        self.quota_name.push(quota.name);
        self.quota_delta.push(quota.delta);
        self.quota_limit.push(quota.limit);
    }

    fn push_row(&mut self, command: i32, row: &InlineRow, mac: &[u8]) {
        self.row_command.push(command);
        self.row_projection.push(row.projection);
        self.row_id.push(row.id);
        self.row_tenant.push(row.tenant.map(|tenant| tenant.0));
        self.row_version.push(row.version.cast_signed());
        self.row_record.push(row.record.clone());
        self.row_mac.push(mac.to_vec());
        self.row_facts.push(row.facts.to_string());
    }

    /// The parameters after the batch's own six.
    pub fn parameters(&self) -> [&(dyn ToSql + Sync); 40] {
        [
            &self.guard_command,
            &self.guard_stream,
            &self.guard_version,
            &self.event_command,
            &self.event_stream,
            &self.event_version,
            &self.event_tenant,
            &self.event_type,
            &self.event_entry,
            &self.event_mac,
            &self.event_leaf,
            &self.personal_command,
            &self.personal_stream,
            &self.personal_version,
            &self.personal_tenant,
            &self.personal_subject,
            &self.personal_slots,
            &self.claim_command,
            &self.claim_kind,
            &self.claim_key,
            &self.claim_stream,
            &self.quota_command,
            &self.quota_subject,
            &self.quota_name,
            &self.quota_delta,
            &self.quota_limit,
            &self.answer_command,
            &self.answer_operator,
            &self.answer_key,
            &self.answer_request,
            &self.answer_status,
            &self.answer_body,
            &self.row_command,
            &self.row_projection,
            &self.row_id,
            &self.row_tenant,
            &self.row_version,
            &self.row_record,
            &self.row_mac,
            &self.row_facts,
        ]
    }
}
