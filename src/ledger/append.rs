//! A batch of proposals as the arguments of the one server-side function that appends, and its answer.

use std::sync::Arc;

use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::entry::{self, TooLarge};
use super::proposal::{Proposal, Quota, StoredAnswer};
use super::{Inline, InlineRow};
use crate::clock::Timestamp;
use crate::domain::erasure::SubjectErased;
use crate::domain::event::Recorded;
use crate::domain::ids::StreamId;
use crate::domain::stream::{Lifecycle, StreamState};
use crate::vault::{MAC_BYTES, Purpose, Vault};

pub const APPEND: &str = "select outcome, last_at_ms, first_position, verdicts, positions from credledger.append(\
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, \
    $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38, $39, $40, $41, $42, $43, $44, $45, $46, $47, $48, $49, $50, \
    $51, $52, $53)";

/// One proposal with its events encoded, but for their time. Whoever submits it makes it, so that the one sequencer has
/// only the rest to do.
pub struct Draft {
    proposal: Proposal,
    events: Vec<EventRow>,
}

/// A draft with a time: its events stamped, hashed, macked and folded.
pub struct Prepared {
    draft: Draft,
    pub after: Vec<Arc<StreamState>>,
    pub recorded: Vec<Arc<Recorded>>,
    rows: Vec<Row>,
    answer: Option<StoredAnswer>,
}

struct EventRow {
    stream: StreamId,
    version: i32,
    tenant: Option<Uuid>,
    kind: &'static str,
    entry: Vec<u8>,
    mac: [u8; MAC_BYTES],
    leaf: [u8; 32],
    slots: Option<String>,
}

/// A row of an inline projection.
struct Row {
    row: InlineRow,
    mac: Vec<u8>,
    facts: String,
}

/// Everything that preparing needs and that stays the same from batch to batch.
pub struct Press {
    pub ledger: i32,
    pub vault: Arc<Vault>,
    pub inline: Arc<dyn Inline>,
}

impl Press {
    /// Encodes one proposal, but for the time.
    pub fn draft(&self, proposal: Proposal) -> Result<Draft, TooLarge> {
        let events = proposal.writes.iter().flat_map(|write| &write.events);
        let events = events.map(|event| self.event_row(event)).collect::<Result<_, _>>()?;
        Ok(Draft { proposal, events })
    }

    fn event_row(&self, event: &Recorded) -> Result<EventRow, TooLarge> {
        let mut salts = Salts { vault: &self.vault, drawn: [[0; entry::SALT_BYTES]; SALTS], left: 0 };
        let encoded = entry::encode(self.ledger, event, &mut || salts.next())?;
        Ok(EventRow {
            stream: event.stream,
            version: event.version.cast_signed(),
            tenant: event.tenant.map(|tenant| tenant.0),
            kind: event.event.kind().name,
            entry: encoded.entry,
            mac: [0; MAC_BYTES],
            leaf: [0; 32],
            slots: (!encoded.slots.is_empty()).then(|| encoded.slots.to_text()),
        })
    }

    /// Stamps, hashes, macs and folds a draft.
    pub fn prepare(&self, mut draft: Draft, at: Timestamp) -> Prepared {
        for event in &mut draft.events {
            entry::stamp(&mut event.entry, at);
            event.mac = self.vault.mac(Purpose::Event, &[&event.entry]);
            event.leaf = entry::leaf_hash(&event.entry);
        }
        let (mut after, mut recorded, mut rows) = (Vec::new(), Vec::new(), Vec::new());
        for write in &draft.proposal.writes {
            let stamped = write.events.iter().map(|event| Recorded { at, ..event.clone() });
            let first = recorded.len();
            recorded.extend(stamped.map(Arc::new));
            let events = recorded[first..].iter().map(|event| Recorded::clone(event)).collect();
            let state = Lifecycle::after_decided((*write.before).clone(), events);
            let changed = self.inline.rows(&state, write.before.version());
            rows.extend(changed.into_iter().map(|row| self.row(row)));
            after.push(Arc::new(state));
        }
        let answer = draft.proposal.answer.as_ref().map(|answer| {
            let unchanged = StreamState::Empty;
            (answer.render)(after.first().map_or(&unchanged, |state| &**state))
        });
        Prepared { draft, after, recorded, rows, answer }
    }

    fn row(&self, row: InlineRow) -> Row {
        Row { mac: row.mac(&self.vault), facts: row.facts_text(), row }
    }
}

/// Salts, drawn several at once: asking for randomness costs more than having it.
struct Salts<'a> {
    vault: &'a Vault,
    drawn: [[u8; entry::SALT_BYTES]; SALTS],
    left: usize,
}

/// As many as most events need.
const SALTS: usize = 4;

impl Salts<'_> {
    /// Each is given once.
    fn next(&mut self) -> [u8; entry::SALT_BYTES] {
        if self.left == 0 {
            let drawn = self.vault.bytes::<{ SALTS * entry::SALT_BYTES }>();
            for (salt, drawn) in self.drawn.iter_mut().zip(drawn.chunks(entry::SALT_BYTES)) {
                salt.copy_from_slice(drawn);
            }
            self.left = SALTS;
        }
        self.left -= 1;
        std::mem::take(&mut self.drawn[self.left])
    }
}

impl Prepared {
    /// To be prepared again, with another time.
    pub fn unstamped(self) -> Draft {
        self.draft
    }
}

/// The columns of a batch, in the order of the function's parameters.
#[derive(Default)]
pub struct Columns<'a> {
    guard_command: Vec<i32>,
    guard_stream: Vec<Uuid>,
    guard_version: Vec<i32>,
    event_command: Vec<i32>,
    event_stream: Vec<Uuid>,
    event_version: Vec<i32>,
    event_tenant: Vec<Option<Uuid>>,
    event_type: Vec<&'static str>,
    event_entry: Vec<&'a [u8]>,
    event_mac: Vec<&'a [u8]>,
    event_leaf: Vec<&'a [u8]>,
    personal_command: Vec<i32>,
    personal_stream: Vec<Uuid>,
    personal_version: Vec<i32>,
    personal_tenant: Vec<Option<Uuid>>,
    personal_subject: Vec<Uuid>,
    personal_slots: Vec<&'a str>,
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
    answer_key: Vec<&'a [u8]>,
    answer_request: Vec<&'a [u8]>,
    answer_status: Vec<i16>,
    answer_body: Vec<&'a [u8]>,
    row_command: Vec<i32>,
    row_projection: Vec<&'static str>,
    row_id: Vec<Uuid>,
    row_tenant: Vec<Option<Uuid>>,
    row_version: Vec<i32>,
    row_record: Vec<&'a [u8]>,
    row_mac: Vec<&'a [u8]>,
    row_facts: Vec<&'a str>,
    seen: Vec<i64>,
    erasure_command: Vec<i32>,
    erasure_stream: Vec<Uuid>,
    erasure_first: Vec<i32>,
    erasure_last: Vec<i32>,
    /// as PostgreSQL reads an array; none: every member
    erasure_members: Vec<Option<String>>,
    erasure_values: Vec<i64>,
}

impl<'a> Columns<'a> {
    pub fn of(batch: &'a [Prepared]) -> Self {
        let mut columns = Columns::default();
        for (command, prepared) in (0..).zip(batch) {
            columns.push(command, prepared);
        }
        let rows = (0..)
            .zip(batch)
            .flat_map(|(command, prepared)| prepared.rows.iter().map(move |row| (command, row)));
        let mut rows: Vec<_> = rows.collect();
        rows.sort_by_key(|(_, row)| row.row.projection);
        for (command, row) in rows {
            columns.push_row(command, row);
        }
        columns
    }

    fn push(&mut self, command: i32, prepared: &'a Prepared) {
        let Draft { proposal, events } = &prepared.draft;
        let written = proposal.writes.iter().map(|write| (write.stream, write.before.version()));
        for (stream, version) in written.chain(proposal.guards.iter().copied()) {
            self.guard_command.push(command);
            self.guard_stream.push(stream.0);
            self.guard_version.push(version.cast_signed());
        }
        self.seen.push(proposal.seen.cast_signed());
        for event in events {
            self.push_event(command, event);
        }
        for erased in proposal.erasures() {
            self.push_erasure(command, erased);
        }
        for (stream, kind, key) in proposal.claims() {
            self.claim_command.push(command);
            self.claim_kind.push(kind as i16);
            self.claim_key.push(key.into_bytes());
            self.claim_stream.push(stream.0);
        }
        for quota in &proposal.quotas {
            self.push_quota(command, quota);
        }
        if let (Some(draft), Some(stored)) = (&proposal.answer, &prepared.answer) {
            self.answer_command.push(command);
            self.answer_operator.push(draft.operator.0);
            self.answer_key.push(&draft.key_digest);
            self.answer_request.push(&draft.request_digest);
            self.answer_status.push(stored.status);
            self.answer_body.push(&stored.sealed);
        }
    }

    fn push_event(&mut self, command: i32, event: &'a EventRow) {
        self.event_command.push(command);
        self.event_stream.push(event.stream.0);
        self.event_version.push(event.version);
        self.event_tenant.push(event.tenant);
        self.event_type.push(event.kind);
        self.event_entry.push(&event.entry);
        self.event_mac.push(&event.mac);
        self.event_leaf.push(&event.leaf);
        if let Some(slots) = &event.slots {
            self.personal_command.push(command);
            self.personal_stream.push(event.stream.0);
            self.personal_version.push(event.version);
            self.personal_tenant.push(event.tenant);
            self.personal_subject.push(event.stream.0);
            self.personal_slots.push(slots);
        }
    }

    fn push_erasure(&mut self, command: i32, erased: &SubjectErased) {
        self.erasure_command.push(command);
        self.erasure_stream.push(erased.subject.id);
        self.erasure_first.push(erased.first_version.cast_signed());
        self.erasure_last.push(erased.last_version.cast_signed());
        // The names of members are ours: plain words.
        let members = erased.members.as_ref().map(|members| format!("{{{}}}", members.join(",")));
        self.erasure_members.push(members);
        self.erasure_values.push(erased.values.into());
    }

    fn push_quota(&mut self, command: i32, quota: &Quota) {
        self.quota_command.push(command);
        self.quota_subject.push(quota.subject);
        self.quota_name.push(quota.name);
        self.quota_delta.push(quota.delta);
        self.quota_limit.push(quota.limit);
    }

    fn push_row(&mut self, command: i32, Row { row, mac, facts }: &'a Row) {
        self.row_command.push(command);
        self.row_projection.push(row.projection);
        self.row_id.push(row.id);
        self.row_tenant.push(row.tenant.map(|tenant| tenant.0));
        self.row_version.push(row.version.cast_signed());
        self.row_record.push(&row.record);
        self.row_mac.push(mac);
        self.row_facts.push(facts);
    }

    /// The parameters after the batch's own six.
    pub fn parameters(&self) -> [&(dyn ToSql + Sync); 47] {
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
            &self.seen,
            &self.erasure_command,
            &self.erasure_stream,
            &self.erasure_first,
            &self.erasure_last,
            &self.erasure_members,
            &self.erasure_values,
        ]
    }
}
