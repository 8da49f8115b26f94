//! Ground: every bound, named, in one file. A limit that a user meets is told in the API document under the same name.

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

// ---- starting and stopping ----
pub const CONFIG_FILE_BYTES: u64 = 1024 * 1024;
pub const WORKERS: usize = 1024;
/// How long the helper that writes the ready file listens for its content.
pub const READY_FILE_BYTES: u64 = 64 * 1024;

// ---- the private PostgreSQL ----
/// `sun_path` of a Unix socket, less its final zero.
pub const SOCKET_PATH_BYTES: usize = 107;
pub const POSTGRES_OLDEST_MAJOR: u32 = 14;
pub const POSTGRES_CONNECTIONS: u32 = 100;
pub const POSTGRES_SHARED_BUFFERS_MB: u32 = 256;
/// Also bounds how much is replayed after a crash.
pub const POSTGRES_MAX_WAL_MB: u32 = 1024;
/// PostgreSQL's log is moved aside at this size; one older part is kept.
pub const POSTGRES_LOG_BYTES: u64 = 8 * 1024 * 1024;
/// How much of its log a failed start quotes.
pub const POSTGRES_LOG_TAIL_BYTES: u64 = 2048;
/// Recovery of all the WAL that may have gathered, on a slow disk.
pub const POSTGRES_READY_WAIT: Duration = Duration::from_secs(120);
pub const POSTGRES_FAST_STOP: Duration = Duration::from_secs(10);
pub const POSTGRES_IMMEDIATE_STOP: Duration = Duration::from_secs(6);
/// A server left by a killed service is asked to stop for this long, then told to.
pub const POSTGRES_LEFTOVER_FAST_STOP: Duration = Duration::from_secs(3);
pub const POSTGRES_TICK: Duration = Duration::from_millis(100);
pub const POSTGRES_POLL: Duration = Duration::from_millis(10);
pub const POSTGRES_BACKOFF_FIRST: Duration = Duration::from_millis(100);
pub const POSTGRES_BACKOFF_MOST: Duration = Duration::from_secs(5);
/// A server that ran for this long is healthy again: its next death is answered at once.
pub const POSTGRES_SETTLED: Duration = Duration::from_secs(60);
