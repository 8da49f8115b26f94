//! Ground: every bound, named, in one file. A limit that a user meets is told in the API document under the same name.

use std::ops::RangeInclusive;
use std::time::Duration;

// ---- what a caller may send ----
pub const BODY_BYTES: usize = 1024 * 1024;
pub const JSON_DEPTH: usize = 32;
pub const HEAD_BYTES: usize = 16 * 1024;
pub const URL_BYTES: usize = 8 * 1024;
pub const REQUEST_ID_CHARS: usize = 128;
pub const IDEMPOTENCY_KEY_CHARS: usize = 128;
pub const PAGE_DEFAULT: u32 = 50;
pub const PAGE_MAX: u32 = 500;
pub const VERIFY_BATCH: usize = 100;
/// How many hops of X-Forwarded-For are walked; behind more than these the client's address is unknown.
pub const FORWARDED_HOPS: usize = 64;

// ---- what a credential may hold ----
pub const NAME_CHARS: usize = 100;
pub const DESCRIPTION_CHARS: usize = 1000;
pub const NOTE_CHARS: usize = 1000;
pub const METADATA_BYTES: usize = 16 * 1024;
pub const SCOPES: usize = 100;
pub const SCOPE_CHARS: usize = 200;
pub const IP_ENTRIES: usize = 200;
pub const LIVING_SECRETS: usize = 5;
pub const OPERATION_CHARS: usize = 200;
pub const OPERATIONS: usize = 500;
pub const SLUG_CHARS: usize = 63;

// ---- the text of a key ----
pub const KEY_PREFIX_CHARS: RangeInclusive<usize> = 2..=24;
pub const KEY_PUBLIC_CHARS: RangeInclusive<u8> = 6..=12;
/// From 131 bits upwards.
pub const KEY_SECRET_CHARS: RangeInclusive<u8> = 22..=64;

// ---- an event ----
pub const ENTRY_BYTES: usize = 48 * 1024;

// ---- the sequencer ----
pub const BATCH_COMMANDS: usize = 256;
pub const HOUSEKEEPING_PER_BATCH: usize = 64;
pub const HOUSEKEEPING_PER_SECOND: u32 = 2000;
pub const COMMAND_QUEUE: usize = 4096;
pub const HOUSEKEEPING_QUEUE: usize = 256;
/// How often a command is decided again when a stream it read has moved.
pub const DECISION_ATTEMPTS: usize = 64;
/// How often a batch is stamped again because the head is ahead of this node's clock.
pub const STAMP_ATTEMPTS: usize = 8;
/// A database clock further behind the last event than this stops writes (503).
pub const CLOCK_BEHIND: Duration = Duration::from_secs(5);
pub const SETTLE_ATTEMPTS: usize = 5;

// ---- following, leases ----
pub const POLL: Duration = Duration::from_millis(40);
pub const DOORBELL_EVERY: Duration = Duration::from_millis(5);
pub const FOLLOW_PAGE: i64 = 1000;
pub const LEASE: Duration = Duration::from_secs(2);
pub const LEASE_MARGIN: Duration = Duration::from_millis(200);
pub const LEASE_RENEWALS: u32 = 3;
/// How long a verdict waits for a lapsed lease, or a read for `min_position`.
pub const CATCH_UP_WAIT: Duration = Duration::from_secs(1);
/// How many verdicts may wait for a lapsed lease at once.
pub const CATCH_UP_QUEUE: usize = 1024;
/// How long a write waits until its own node's view has reached it.
pub const ENFORCE_WAIT: Duration = Duration::from_secs(2);

// ---- answers kept for retries ----
pub const IDEMPOTENCY_KEPT: Duration = Duration::from_secs(24 * 60 * 60);

// ---- the active view ----
/// Chunks of one kind of record. With [`VIEW_CHUNK`] records each: 134 million.
pub const VIEW_CHUNKS: usize = 1 << 18;
pub const VIEW_CHUNK: usize = 1 << 9;
/// Words (8 bytes) of names in one chunk; 16 GiB of names in all.
pub const VIEW_TEXT_CHUNK: usize = 1 << 13;
pub const VIEW_NAME_BYTES: usize = 511;
/// Lines of 8 entries that one bucket of an index may run over into; digests and ids being random, it has one or two.
pub const VIEW_CHAIN: usize = 64;
/// How often a reader looks again because the writer was at work; a write takes a few microseconds.
pub const VIEW_READS: u32 = 1_000_000;
/// After so many looks the reader lets others run between two.
pub const VIEW_SPINS: u32 = 64;
