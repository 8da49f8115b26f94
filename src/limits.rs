//! Ground: every bound, named, in one file. A limit that a user meets is told in the API document under the same name.

use std::ops::RangeInclusive;
use std::time::Duration;

// ---- what a caller may send ----
pub const BODY_BYTES: usize = 1024 * 1024;
pub const JSON_DEPTH: usize = 32;
pub const HEAD_BYTES: usize = 16 * 1024;
pub const URL_BYTES: usize = 8 * 1024;
/// How long a body may take to arrive once its route wants it; the head has the server's own time-out.
pub const BODY_WAIT: Duration = Duration::from_secs(30);
/// How many values (members and elements) one body may hold: what bounds the memory that its tree takes.
pub const JSON_VALUES: usize = 50_000;
/// How many errors of one request are listed.
pub const LISTED_ERRORS: usize = 20;
/// How much of the caller's own member names an answer repeats, for each error.
pub const POINTER_BYTES: usize = 512;
pub const CURSOR_BYTES: usize = 512;
pub const REQUEST_ID_CHARS: usize = 128;
pub const IDEMPOTENCY_KEY_CHARS: usize = 128;
/// How long a caller is asked to wait before it tries again.
pub const RETRY_AFTER_SECONDS: u32 = 1;
pub const OPERATOR_TENANTS: usize = 1000;
/// How long an operator token lives when nothing else is asked: 90 days.
pub const OPERATOR_TOKEN_SECONDS: u32 = 90 * 24 * 60 * 60;
pub const PAGE_DEFAULT: u32 = 50;
/// Of a text that a list is filtered by.
pub const FILTER_CHARS: usize = 100;
pub const PAGE_MAX: u32 = 500;
pub const VERIFY_BATCH: usize = 100;
/// By how much an instant that this node or another told may lie ahead of this one's clock, which is set by the database's anew
/// at each renewal of the lease.
pub const TOLD_AHEAD_SECONDS: u32 = 1;
/// How many secrets of one beginning are looked for where one is meant: two are one too many.
pub const PREFIX_TWINS: i64 = 2;
/// Of the name of a method that a gateway tells.
pub const METHOD_CHARS: usize = 32;
/// How many hops of X-Forwarded-For are walked; behind more than these the client's address is unknown.
pub const FORWARDED_HOPS: usize = 64;

// ---- how often ----
pub const RATE_REQUESTS: u32 = 1_000_000;
pub const RATE_SECONDS: u32 = 24 * 60 * 60;
/// Access tokens that one client may give back. Each is an event that stays.
pub const TOKENS_GIVEN_BACK_A_MINUTE: u32 = 600;
/// How often one address may present what is no credential, before it is told to wait.
pub const FAILED_AUTHENTICATIONS_A_MINUTE: u32 = 100;
/// How often browsers of one address may come back from the identity provider: each time that is asked, and the database.
pub const SIGN_INS_A_MINUTE: u32 = 100;
/// Of how many addresses that is counted at once.
pub const LIMITED_ADDRESSES: usize = 100_000;

// ---- what a credential may hold ----
pub const NAME_CHARS: usize = 100;
/// Of an e-mail address: as long as one may be.
pub const EMAIL_CHARS: usize = 254;
pub const DESCRIPTION_CHARS: usize = 1000;
pub const NOTE_CHARS: usize = 1000;
pub const METADATA_BYTES: usize = 16 * 1024;
pub const SCOPES: usize = 100;
pub const SCOPE_CHARS: usize = 200;
/// Of scopes that are held against each other to tell what a credential has in common with its owner. Two lists of a hundred
/// such as people write take less; lists made to be compared slowly would take ten times as long for each call.
pub const EFFECTIVE_BYTES: usize = 128 * 1024;
pub const IP_ENTRIES: usize = 200;
pub const LIVING_SECRETS: usize = 5;
/// The longest grace window that a tenant may allow: a year.
pub const GRACE_SECONDS: u32 = 365 * 24 * 60 * 60;
/// For how long a former secret has to be quiet before its window is closed early, or is told to be safe to close, may be asked
/// for: as long as a window may be.
pub const QUIET_SECONDS: RangeInclusive<u32> = 1..=GRACE_SECONDS;
/// What a question goes by that does not say: long enough for what calls once a day.
pub const QUIET_SECONDS_ASKED: u32 = 24 * 60 * 60;
pub const OPERATION_CHARS: usize = 200;
pub const OPERATIONS: usize = 500;
pub const SLUG_CHARS: usize = 63;
/// Characters of its id in the slug of a tenant whose name gives none: 48 random bits.
pub const SLUG_ID_CHARS: usize = 12;

// ---- the text of a key ----
pub const KEY_PREFIX_CHARS: RangeInclusive<usize> = 2..=24;
pub const KEY_PUBLIC_CHARS: RangeInclusive<u8> = 6..=12;
/// From 131 bits upwards.
pub const KEY_SECRET_CHARS: RangeInclusive<u8> = 22..=64;
/// Random characters of a client's id.
pub const CLIENT_ID_CHARS: RangeInclusive<u8> = 12..=32;
/// Characters of a client's secret that are told, where it has so many to spare.
pub const CLIENT_SECRET_TOLD_CHARS: u8 = 8;
/// Resources that the tokens of one client may be for, and the length of each.
pub const CLIENT_RESOURCES: usize = 20;
pub const RESOURCE_CHARS: usize = 500;
/// How long whoever asks for the metadata may keep it.
pub const METADATA_KEPT_SECONDS: u32 = 300;
/// How long a tenant may have access tokens live.
pub const TOKEN_LIFETIME_SECONDS: RangeInclusive<u32> = 60..=86_400;

// ---- keys from elsewhere ----
pub const FOREIGN_PREFIX_CHARS: usize = 32;
/// Of a whole key.
pub const FOREIGN_KEY_CHARS: u8 = 200;
/// So many characters of a key are never known to anybody: 64 bits of a hexadecimal one.
pub const FOREIGN_SECRET_CHARS: usize = 16;
/// How long keys without any prefix have to be.
pub const FOREIGN_BARE_CHARS: u8 = 32;
/// Prefixes of imported keys that an installation knows, and how many of them one tenant may name.
pub const FOREIGN_PREFIXES: usize = 64;
pub const FOREIGN_PREFIXES_A_TENANT: usize = 16;
/// Pairs of alphabet and length of one prefix.
pub const FOREIGN_SHAPES: usize = 8;
/// Ways in which the digest of one text may have been made: each is tried when it is not one of our own.
pub const FOREIGN_SCHEMES: usize = 4;
/// Salted keys that begin alike: for each the text is hashed.
pub const SALTED_A_START: usize = 4;
pub const SALT_BYTES: RangeInclusive<usize> = 1..=64;
pub const HMAC_KEY_BYTES: RangeInclusive<usize> = 1..=256;
pub const OLD_ID_CHARS: usize = 200;
/// An import's whole body, and one line of it.
pub const IMPORT_BYTES: usize = 64 * 1024 * 1024;
pub const IMPORT_LINE_BYTES: usize = 64 * 1024;
/// Lines that are decided together, and what their texts may come to.
pub const IMPORT_BATCH: usize = 256;
pub const IMPORT_BATCH_BYTES: usize = 1024 * 1024;
/// How many such batches of one import are under way at once.
pub const IMPORT_AHEAD: usize = 2;
pub const IMPORTS_AT_ONCE: usize = 4;
/// How long an import whose caller neither sends nor reads keeps its place.
pub const IMPORT_STALL: Duration = Duration::from_secs(60);

// ---- a stream ----
/// Events of one credential, tenant, operator, member or plan that people may add; it can always be suspended, disabled and revoked.
pub const STREAM_EVENTS: u32 = 10_000;
/// What all their members may come to; the event that passes it is the last. Whoever decides on a stream reads all of it.
pub const STREAM_BYTES: u64 = 4 * 1024 * 1024;
/// Events beyond [`STREAM_EVENTS`] until which what was suspended may be resumed.
pub const STREAM_RESERVE: u32 = 1000;
/// Of these, up to where a client's tokens may be ended all together, which may be said any number of times: what is left beyond is
/// for going on alone.
pub const STREAM_RESERVE_FOR_CUT_OFFS: u32 = 500;
/// Reports of a leak that are written down of one secret: beyond them nobody learns anything new.
pub const LEAK_REPORTS_A_SECRET: usize = 8;
/// Where a leak was found, in a word or a few.
pub const LEAK_SOURCE_CHARS: usize = 100;
/// The page that it was found on.
pub const LEAK_URL_CHARS: usize = 2048;
/// Of the events of whoever held a credential, those that a blast radius tells itself.
pub const HOLDER_CHANGES_TOLD: usize = 100;
/// Lines of one report that can't be taken, told one by one; whoever sends more of them is mistaken in all.
pub const ACTIVITY_REJECTED: usize = 1000;
/// Of what an operator asked for who read what was, as its row in the activity log tells it.
pub const ACTIVITY_ASKED_CHARS: usize = 1000;
/// Clients' secrets of one beginning that a reported one is held against, the newest: more than there ever are where 4 characters
/// or more of a secret may be told.
pub const LEAK_CANDIDATES: i64 = 1000;
/// Reports of leaks from one address.
pub const LEAK_REPORTS_A_MINUTE: u32 = 30;
/// Messages of a secret scanner from one address; each may hold many findings.
pub const SCANNER_MESSAGES_A_MINUTE: u32 = 300;
/// Reports and messages in hand at once; more are told to come again.
pub const LEAK_REPORTS_AT_ONCE: usize = 256;
/// When a report is answered at the earliest, whatever it was about: longer than it takes to write down one that was true.
pub const LEAK_ANSWER_AFTER: Duration = Duration::from_millis(250);
/// Findings in one message of a secret scanner.
pub const SCANNER_ITEMS: usize = 5000;
/// Of them, how many are looked after at once.
pub const SCANNER_ITEMS_AT_ONCE: usize = 16;
/// Public keys of one secret scanner.
pub const SCANNER_KEYS: usize = 64;
/// How long they are used before they are asked for again.
pub const SCANNER_KEYS_KEPT: Duration = Duration::from_secs(60 * 60);
/// How long they are used while they can't be had.
pub const SCANNER_KEYS_KEPT_WHILE_AWAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How often they are asked for at most, whatever keys messages name.
pub const SCANNER_KEYS_ASKED_EVERY: Duration = Duration::from_secs(60);
/// Tokens of one operator that work.
pub const OPERATOR_TOKENS: usize = 100;
/// Other roots that one who gives up being root looks at, to find one that stays. Those that are known to have ended don't
/// count: with so many, only all of them ending in the same moment would hide that there is yet another.
pub const OTHER_ROOTS: usize = 64;

// ---- an event ----
pub const ENTRY_BYTES: usize = 48 * 1024;

// ---- the master key ----
/// How many keys its file may hold: each is tried on a secret that is looked up.
pub const MASTER_KEYS: usize = 100;
/// How many stored answers a rotation seals anew at once, and how many names it reads.
pub const RESEAL_PAGE: i32 = 500;

// ---- the sequencer ----
pub const BATCH_COMMANDS: usize = 256;
/// With so many waiting, the next batch is closed and made ready while the one before is under way.
pub const BATCH_AHEAD: usize = 128;
/// How old the time of a batch that was closed ahead may be when it is sent; an older batch is stamped again.
pub const STAMP_KEPT: Duration = Duration::from_millis(100);
/// Few, so that whoever comes next waits for a short batch.
pub const HOUSEKEEPING_PER_BATCH: usize = 4;
/// In a batch of its own, once people are away.
pub const HOUSEKEEPING_ALONE: usize = 64;
/// How long after a command of people housekeeping may have a batch of its own; before, it only rides along with theirs.
pub const PEOPLE_REST: Duration = Duration::from_millis(10);
/// How long after their last command people are away: housekeeping takes its full pace, and batches of its own.
pub const PEOPLE_AWAY: Duration = Duration::from_secs(1);
pub const HOUSEKEEPING_PER_SECOND: u32 = 2000;
/// Its pace while people are there: slow, so that they hardly feel it, and never nothing.
pub const HOUSEKEEPING_BESIDE_PER_SECOND: u32 = 200;
/// So many verdicts a second are a crowd of callers, and housekeeping takes the pace that it has beside people.
pub const CROWD_PER_SECOND: u64 = 2000;
pub const CROWD_LOOK: Duration = Duration::from_millis(20);
pub const COMMAND_QUEUE: usize = 4096;
pub const HOUSEKEEPING_QUEUE: usize = 256;
pub const IMPORT_QUEUE: usize = 512;
/// Committed batches on their way to the applier. What finds no room is read from the ledger.
pub const BATCHES_HANDED_ON: usize = 64;
/// Imported keys in one batch with people's commands; in one without, soon after people came; once they are away it is a whole batch.
pub const IMPORTS_BESIDE: usize = 16;
pub const IMPORTS_ALONE: usize = 64;
/// Bounds by which batches are counted: commands in one, and microseconds that its append took.
pub const BATCH_COMMANDS_BUCKETS: [u64; 9] = [1, 2, 4, 8, 16, 32, 64, 128, 256];
pub const APPEND_MICROS_BUCKETS: [u64; 12] =
    [500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 5_000_000];
/// How often a command is decided again when a stream it read has moved.
pub const DECISION_ATTEMPTS: usize = 64;
/// How often a batch is stamped again because the head is ahead of this node's clock.
pub const STAMP_ATTEMPTS: usize = 8;
/// A database clock further behind the last event than this stops writes (503).
pub const CLOCK_BEHIND: Duration = Duration::from_secs(5);
pub const SETTLE_ATTEMPTS: usize = 20;
pub const SETTLE_PAUSE: Duration = Duration::from_millis(250);
/// How long the one writer waits for the server on one connection before it takes that connection for dead and asks on
/// another. The server may still be at work then: asking waits for it, and cancels nothing.
pub const WRITER_WAIT: Duration = Duration::from_secs(5);
/// How long the outcome of a batch is asked for before its callers are told that it is unknown.
pub const SETTLE_WAIT: Duration = Duration::from_secs(10);

// ---- what is claimed once ----
/// Claims that wait to be written; more are told to come again.
pub const CLAIM_QUEUE: usize = 4096;
/// Claims that are written together.
pub const CLAIM_BATCH: usize = 256;
/// How long a claim is waited for. A proxy's question has a second in all.
pub const CLAIM_WAIT: Duration = Duration::from_millis(800);
/// How often a batch of claims is sent whose outcome a lost connection hides.
pub const CLAIM_ATTEMPTS: usize = 3;
/// How much longer it is remembered than what was claimed is taken: more than clocks of nodes and of the database may be apart.
pub const CLAIM_KEPT_BEYOND_SECONDS: u32 = 30;
/// For how long after that its row stays all the same: so far the database's clock may be set back.
pub const CLAIM_FORGOTTEN_AFTER: Duration = Duration::from_secs(10 * 60);
/// How many claims that are over are deleted at a time.
pub const CLAIM_FORGET_PAGE: i32 = 1000;

// ---- following, leases ----
pub const POLL: Duration = Duration::from_millis(40);
pub const DOORBELL_EVERY: Duration = Duration::from_millis(5);
/// How soon a doorbell that lost its connection looks for another one.
pub const DOORBELL_RETRY: Duration = Duration::from_secs(1);
pub const FOLLOW_PAGE: i64 = 1000;
pub const LEASE: Duration = Duration::from_secs(2);
pub const LEASE_MARGIN: Duration = Duration::from_millis(200);
pub const LEASE_RENEWALS: u32 = 3;
/// Readings of the database's clock that took no longer are taken as they are: wrong by half of it at most. Wider ones only
/// say how wrong the node's clock may be.
pub const CLOCK_NARROW: Duration = Duration::from_millis(5);
/// How often a start reads the database's clock, until a reading is narrow.
pub const CLOCK_READINGS: u32 = 10;
/// How soon a lapsed lease is asked for again while requests wait for it.
pub const LEASE_RETRY: Duration = Duration::from_millis(50);
/// How long a verdict waits for a lapsed lease, or a read for `min_position`.
pub const CATCH_UP_WAIT: Duration = Duration::from_secs(1);
/// How many verdicts may wait for a lapsed lease at once.
pub const CATCH_UP_QUEUE: usize = 1024;
/// How long a write waits until its own node's view has reached it.
pub const ENFORCE_WAIT: Duration = Duration::from_secs(2);

/// Folded states of tenants, operators, members and plans that are kept between commands.
pub const STREAMS_KEPT: usize = 10_000;
/// Of a member whose scopes come to more, none is kept: any tenant may have many of these.
pub const KEPT_SCOPES_BYTES: usize = 2 * 1024;

// ---- answers kept for retries ----
pub const IDEMPOTENCY_KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// How many rows a rebuild writes at once.
pub const REBUILD_ROWS: usize = 1000;

// ---- the database ----
pub const POOL_SYSTEM: usize = 6;
/// Connections for what commands decide on. Nobody who only reads gets one, so that no reader keeps a revoke waiting.
pub const POOL_ASKS: usize = 8;
/// Connections for reading one resource or its history.
pub const POOL_READS: usize = 8;
/// Connections for lists.
pub const POOL_SCOPES: usize = 16;
/// How long a request waits for a connection of a pool.
pub const POOL_WAIT: Duration = Duration::from_secs(2);
/// How long a read waits for the database's answer.
pub const READ_WAIT: Duration = Duration::from_secs(10);
pub const CONNECT_WAIT: Duration = Duration::from_secs(5);
/// A statement that runs longer is ended by the server, before its commit and never during it.
pub const STATEMENT_WAIT: Duration = Duration::from_secs(30);
pub const IDLE_IN_TRANSACTION: Duration = Duration::from_secs(10);
pub const KEEPALIVE_IDLE: Duration = Duration::from_secs(10);
/// How long a start waits for another node that is migrating, and a migration for a lock.
pub const MIGRATION_WAIT: Duration = Duration::from_secs(60);
/// The longest row that a COPY may carry: an entry and what stands beside it.
pub const COPY_ROW_BYTES: usize = 1024 * 1024;
// ---- starting and stopping ----
pub const CONFIG_FILE_BYTES: u64 = 1024 * 1024;
pub const WORKERS: usize = 1024;
/// How long a command on the machine waits for another one, and for a service that starts or stops.
pub const COMMAND_WAIT: Duration = Duration::from_secs(15);
pub const COMMAND_POLL: Duration = Duration::from_millis(50);
/// How long the helper that writes the ready file listens for its content.
pub const READY_FILE_BYTES: u64 = 64 * 1024;

// ---- the private PostgreSQL ----
/// `sun_path` of a Unix socket, less its final zero.
pub const SOCKET_PATH_BYTES: usize = 107;
pub const POSTGRES_OLDEST_MAJOR: u32 = 15;
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
// ---- the active view ----
/// Chunks of one kind of record. With [`VIEW_CHUNK`] records each: 134 million.
pub const VIEW_CHUNKS: usize = 1 << 16;
pub const VIEW_CHUNK: usize = 1 << 11;
/// Words (8 bytes) of names in one chunk; 16 GiB of names in all.
pub const VIEW_TEXT_CHUNK: usize = 1 << 15;
pub const VIEW_NAME_BYTES: usize = 511;
/// Lines of 8 entries that one bucket of an index may run over into; digests and ids being random, it has one or two.
pub const VIEW_CHAIN: usize = 64;
/// How often a reader looks again because the writer was at work; a write takes a few microseconds.
pub const VIEW_READS: u32 = 1_000_000;
/// After so many looks the reader lets others run between two.
pub const VIEW_SPINS: u32 = 64;

// ---- answering ----
/// How much of a credential's scopes /api/v1/authorize tells in its header: what a proxy takes as a head without being told
/// to is 4 KiB in all, of which the name may be 1.2.
pub const SCOPES_HEADER_BYTES: usize = 2 * 1024;
/// How often one question looks at the view: once without a lease, once after it was renewed, and once more.
pub const LEASED_LOOKS: u32 = 3;
/// How much of what a credential lacks the challenge of a 403 names, for the same reason; the body names it all.
pub const CHALLENGE_SCOPES_BYTES: usize = 2 * 1024;
pub const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long the head of a request may take to arrive.
pub const HEAD_WAIT: Duration = Duration::from_secs(10);
/// How long a stop waits for requests that have begun.
pub const STOP_WAIT: Duration = Duration::from_secs(20);
/// How long a stop then waits for the rooms to finish what was submitted; longer only if the database does not answer.
pub const CLOSE_WAIT: Duration = Duration::from_secs(10);
/// Threads beside the HTTP workers: the sequencer, following, the lease, housekeeping.
pub const ROOM_THREADS: usize = 2;

// ---- tokens ----
/// Of a `kid`, a `typ` and an `alg`.
pub const JOSE_NAME_BYTES: usize = 255;
/// Of an RSA key that signatures are held against.
pub const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;
pub const RSA_EXPONENT_BYTES: usize = 4;
/// How long a token lives at most: a day.
pub const ACCESS_TOKEN_SECONDS: u32 = 86_400;
/// Public keys of a client that shows assertions: one in use, one that takes its place, and room.
pub const CLIENT_KEYS: usize = 8;
/// All of them, as they are stored. The registration goes whole into an entry ([`ENTRY_BYTES`]).
pub const CLIENT_KEYS_BYTES: usize = 8 * 1024;
/// Of a client's assertion, as it is sent.
pub const ASSERTION_BYTES: usize = 8 * 1024;
/// How far ahead an assertion may end. Until then, and [`ASSERTION_LEEWAY_SECONDS`] longer, its `jti` is kept.
pub const ASSERTION_SECONDS: i64 = 300;
/// How far the clock of a client may be from ours.
pub const ASSERTION_LEEWAY_SECONDS: i64 = 30;
/// Of an assertion's `jti`.
pub const ASSERTION_ID_BYTES: usize = 255;
/// How far past its end whoever checks it may take a token for one that lives.
pub const TOKEN_LEEWAY_SECONDS: u32 = 60;
/// How long a key is published before it signs. A little longer than the keys may be kept by whoever reads them
/// ([`SIGNING_KEYS_KEPT_SECONDS`]), for the way of the event into the ledger.
pub const SIGNING_KEY_LEAD_SECONDS: u32 = 6;
/// `max-age` of the published keys.
pub const SIGNING_KEYS_KEPT_SECONDS: u32 = 4;
/// How many may be published at once.
pub const SIGNING_KEYS: usize = 32;
/// For how long a list of revocations may be gone by: what ended since is refused offline after that time at the latest.
pub const REVOCATION_LIST_SECONDS: u32 = 60;
/// For how long whoever was given a list may keep it before it asks again, and how old one may be that is handed out.
pub const REVOCATION_LIST_KEPT_SECONDS: u32 = 5;
/// How many tokens, secrets, clients and tenants a list names in all; some 52 bytes each in the signed text.
pub const REVOCATION_LIST_ENTRIES: usize = 50_000;
/// A client that gave back more living tokens than this is asked about online, so that it can't fill everybody's list.
pub const REVOCATION_LIST_TOKENS_OF_A_CLIENT: usize = 1_000;
/// How much a node keeps of the lists that it signed, so that who asks again is answered at once.
pub const REVOCATION_LISTS_BYTES: usize = 16 * 1024 * 1024;
/// How often what ended tokens is looked through for what ended no living one.
pub const ENDINGS_SWEEP_SECONDS: u32 = 60 * 60;
/// Rows of private halves, those among them that no event names.
pub const SEALED_KEYS: i32 = 1000;
pub const SEALED_KEYS_PAGE: i32 = 100;
/// How long a private half is kept that no event names: longer than any command is on its way.
pub const SEALED_KEY_UNNAMED: Duration = Duration::from_secs(60 * 60);
/// Of a token, as it is sent: what fits into every proxy's head beside other headers.
pub const ACCESS_TOKEN_BYTES: usize = 6 * 1024;
/// How far in the future a token of ours may have been issued: what rounding and two nodes' clocks come to.
pub const TOKEN_AHEAD_SECONDS: i64 = 1;
/// Of one claim of a token: an address, a client's name.
pub const CLAIM_BYTES: usize = 2048;
/// Of resources that one token is for.
pub const AUDIENCES: usize = 16;
/// Of a DPoP proof, as it is sent: one of the largest RSA key fits.
pub const DPOP_PROOF_BYTES: usize = 4 * 1024;
/// Of its `jti`.
pub const DPOP_ID_BYTES: usize = 255;
/// How long ago a proof may have been made, and how far ahead the clock of whoever made it may be.
pub const DPOP_SECONDS: i64 = 60;
pub const DPOP_AHEAD_SECONDS: i64 = 60;
/// How long the nonce may be used that proofs for the token endpoint repeat, and how often there is another one.
pub const DPOP_NONCE_SECONDS: i64 = 300;
pub const DPOP_NONCE_STEP_SECONDS: i64 = 10;
/// How long whoever shows a proof waits for a verdict, the claim of the proof and all.
pub const PROVEN_WAIT: Duration = Duration::from_secs(1);
/// Of a private key that is brought, as PEM.
pub const PRIVATE_KEY_BYTES: usize = 16 * 1024;
/// How long a key signs before another takes its place by schedule, in days, and how long it may be set to.
pub const SIGNING_KEY_ROTATION_DAYS: u32 = 90;
pub const SIGNING_KEY_ROTATION_DAYS_MOST: u32 = 3650;
/// How often it is said that a key is overdue which can't be made here.
pub const OVERDUE_TOLD_EVERY: Duration = Duration::from_secs(60 * 60);

// ---- calls served ----
/// Calls of one report.
pub const ACTIVITY_CALLS: usize = 1000;
/// Of a provider, and of a model.
pub const ACTIVITY_NAME_CHARS: usize = 100;
/// Of an error that a call ended with.
pub const ACTIVITY_ERROR_CHARS: usize = 1000;
/// How long ago a call may have been that is reported, and how far ahead the clock of whoever reports it may be.
pub const ACTIVITY_LATE: Duration = Duration::from_secs(48 * 60 * 60);
pub const ACTIVITY_AHEAD: Duration = Duration::from_secs(5 * 60);
/// Reported calls that wait to be written, and what they may hold; more are told to come again.
pub const ACTIVITY_WAITING: usize = 32_768;
pub const ACTIVITY_WAITING_BYTES: usize = 32 * 1024 * 1024;
/// Reports that wait.
pub const ACTIVITY_REPORTS: usize = 1024;
/// Calls that verdicts left and that wait; more are dropped, and that is recorded.
pub const ACTIVITY_RECORDS: usize = 16_384;
/// Rows that are written together: one report more may come on top.
pub const ACTIVITY_BATCH: usize = 8192;
/// How long what a verdict left waits for others, while nothing is reported.
pub const ACTIVITY_FLUSH: Duration = Duration::from_millis(250);
/// How long a report waits until it is on disk.
pub const ACTIVITY_WAIT: Duration = Duration::from_secs(10);
/// How soon a batch is tried again whose outcome is not known yet.
pub const ACTIVITY_RETRY: Duration = Duration::from_millis(500);
/// Credentials and secrets whose tenant is remembered.
pub const ACTIVITY_LOCATED: usize = 100_000;
/// Of batches that wait on disk while the database is away.
pub const ACTIVITY_SPOOL_BYTES: u64 = 256 * 1024 * 1024;
/// Batches that the database refused for good, each in a file of its own; of more than these nothing but their number is kept.
pub const ACTIVITY_REFUSED_FILES: usize = 100;
/// How long the database may take for one batch, before that waits on disk.
pub const ACTIVITY_WRITE_WAIT: Duration = Duration::from_secs(4);
/// How often a node seals what it wrote, and after how many rows it does so sooner.
pub const ACTIVITY_SEAL_EVERY: Duration = Duration::from_secs(60);
pub const ACTIVITY_SEAL_ROWS: u64 = 1_000_000;
/// Rows that are read at once to be sealed, or held against their seal.
pub const ACTIVITY_ROWS_READ: u64 = 5000;
/// Missing and doubled rows that a check names.
pub const ACTIVITY_ROWS_NAMED: usize = 100;
/// How many days calls may be kept. Those before the least of them stay, whoever asks (schema/functions/drop_activity_day.sql).
pub const ACTIVITY_RETENTION_DAYS: RangeInclusive<u32> = 7..=3650;
pub const ACTIVITY_RETENTION_DAYS_DEFAULT: u32 = 90;
/// Days that go on one turn of housekeeping.
pub const ACTIVITY_DAYS_DROPPED: usize = 8;
/// Days whose partitions are made ahead, and those before today that late calls may belong to.
pub const ACTIVITY_DAYS_AHEAD: i32 = 7;
pub const ACTIVITY_DAYS_BACK: i32 = 3;
/// Rows that a page with several filters looks at: one that finds few of them is short, and says where the next one begins.
pub const ACTIVITY_LOOKED_AT: usize = 10_000;
/// Days that are looked through with one question.
pub const ACTIVITY_DAYS_AT_ONCE: i64 = 128;

// ---- people ----
/// Of an ID token, as it is sent.
pub const ID_TOKEN_BYTES: usize = 16 * 1024;
/// Of a subject: OpenID Connect allows 255.
pub const SUBJECT_BYTES: usize = 255;
/// How many keys the provider may publish.
pub const PROVIDER_KEYS: usize = 64;
/// How far the provider's clock may be from the database's.
pub const PROVIDER_LEEWAY: Duration = Duration::from_secs(60);
/// How long a person may take to sign in, from the first page to the last.
pub const SIGN_IN_LIFE: Duration = Duration::from_secs(10 * 60);
/// How long what the provider says of itself, and its keys, are used before they are asked for again.
pub const PROVIDER_KEPT: Duration = Duration::from_secs(60 * 60);
/// How long they are used while it does not answer. A key that it has withdrawn is accepted no longer than that.
pub const PROVIDER_KEPT_WHILE_AWAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How often its keys are asked for at most, whatever keys tokens name; and how soon it is asked again after it failed.
pub const PROVIDER_ASKED_EVERY: Duration = Duration::from_secs(5);
/// Of what the provider answers.
pub const PROVIDER_ANSWER_BYTES: usize = 256 * 1024;
/// From looking up its name to the last byte of its answer.
pub const PROVIDER_WAIT: Duration = Duration::from_secs(10);
/// How many requests to it may be under way at once; more wait, within the same time.
pub const PROVIDER_REQUESTS: usize = 8;
/// Addresses of one name that are tried.
pub const ADDRESSES_TRIED: usize = 4;
pub const ADDRESS_WAIT: Duration = Duration::from_secs(2);
/// How many entries the mapping of claims may have.
pub const ROLE_MAPPINGS: usize = 200;
/// Of values that one claim gives, all others are passed over.
pub const CLAIM_VALUES: usize = 1000;
/// Of where a person goes after the sign-in.
pub const RETURN_TO_BYTES: usize = 1024;
/// Open invitations to one address that a sign-in looks at, those that reach furthest and the newest first.
pub const INVITATIONS_TRIED: i64 = 64;
/// One person's sessions at a time; one more ends the oldest.
pub const SESSIONS: i32 = 20;
/// How exactly a session knows when it was last used: what it costs is a write so often.
pub const SESSION_SEEN_EVERY: Duration = Duration::from_secs(30);
/// A session's life may be set to this at most, 30 days, and so may how long it may lie idle.
pub const SESSION_SECONDS: u32 = 30 * 24 * 60 * 60;
/// An invitation's, 90 days.
pub const INVITATION_SECONDS: u32 = 90 * 24 * 60 * 60;
/// Connections for sessions.
pub const POOL_PEOPLE: usize = 4;

// ---- what follows behind the ledger ----
/// Events that a projection takes in at once, and rows that they may come to before the rest of them waits.
pub const BEHIND_PAGE: i64 = 1000;
pub const BEHIND_ROWS: usize = 4000;
/// Earlier events of their streams that have to be read for that, unless one event has more by itself.
pub const BEHIND_EARLIER_EVENTS: u64 = 10_000;
/// How long it rests after each page, so that many come together and people's writes go before.
pub const BEHIND_REST: Duration = Duration::from_millis(20);
/// How often it looks by itself whether the ledger has grown.
pub const BEHIND_POLL: Duration = Duration::from_millis(500);
/// How long one page may take before its connection is taken for dead.
pub const BEHIND_TURN_WAIT: Duration = Duration::from_secs(30);
/// What folds of streams that are kept from page to page may come to, and what each takes beside its events.
pub const BEHIND_KEPT_BYTES: u64 = 8 * 1024 * 1024;
pub const BEHIND_FOLD_BYTES: u64 = 2048;

// ---- the trail ----
/// Rows that one page looks at where one index does not say all that is asked for.
pub const TRAIL_SCAN: i64 = 2000;
/// Types that may be asked for together.
pub const TRAIL_TYPES: usize = 20;

// ---- what credentials were ----
/// Credentials that one look of a page goes by, where few of them are what is asked for.
pub const VALIDITY_SCAN: i64 = 2000;
/// Streams that one page folds, where only a fold says whether something is what is asked for.
pub const VALIDITY_FOLDS: usize = 1000;
/// Rows that a page goes on by, where what it has looked at so far was mostly not what is asked for.
pub const VALIDITY_LOOK: usize = 100;
/// Credentials that are looked at by themselves where the beginning of a prefix says which; where it says more, it narrows nothing.
pub const VALIDITY_PREFIXED: i64 = 1000;

// ---- exports ----
/// How many exports are read at once.
pub const EXPORTS_AT_ONCE: usize = 8;
/// Rows of one page of them.
pub const EXPORT_PAGE: usize = 250;
/// Pages that are written down before their reader has taken them.
pub const EXPORT_PAGES_AHEAD: usize = 2;
/// How many follow the ledger at once, and how often each is told that its connection lives.
pub const FOLLOWERS_AT_ONCE: usize = 32;
pub const FOLLOW_HEARTBEAT: Duration = Duration::from_secs(15);
/// How long the reader of an export may take nothing before it is cut off.
pub const EXPORT_STALL: Duration = Duration::from_secs(30);

// ---- commands that ask a service ----
/// How long neither side may be silent, unless it is told otherwise: beyond what the service waits for its database.
pub const ASK_SILENCE: Duration = Duration::from_secs(120);
/// How often a question is asked that the service is too busy for, and how long it may have itself waited for.
pub const ASK_ATTEMPTS: u32 = 6;
pub const ASK_AGAIN_WAIT: Duration = Duration::from_secs(60);
/// Of one document: a page of events, each with what it changed.
pub const ASK_DOCUMENT_BYTES: u64 = 64 * 1024 * 1024;
/// Rows of a page that a command asks for, and rows that settle how wide a table's columns are.
pub const ASK_PAGE: u64 = 200;
/// Candidates that are named where a prefix is several credentials'.
pub const ASK_CANDIDATES: u64 = 6;
/// How long the ledger's feed may be silent, in which a sign of life comes with each heartbeat; and how often in a row it is taken
/// up again when it broke off.
pub const FOLLOW_SILENCE: Duration = FOLLOW_HEARTBEAT.saturating_mul(3);
pub const FOLLOW_ATTEMPTS: u32 = 10;
/// The longest line of the feed: an event.
pub const FOLLOW_LINE_BYTES: u64 = 4 * 1024 * 1024;
/// How often a progress line is written anew.
pub const PROGRESS_EVERY: Duration = Duration::from_millis(200);

// ---- housekeeping ----
pub const HOUSEKEEPING_PAUSE: Duration = Duration::from_millis(500);
/// How many credentials that are over by time are recorded as such for one who meets a full plan.
pub const ENDED_AT_ONCE: i64 = 8;
/// How often a command that meets a full plan is tried anew while credentials of the tenant are over and count still.
pub const QUOTA_ATTEMPTS: usize = 32;
pub const HOUSEKEEPING_PAGE: i64 = 500;
/// How many of housekeeping's commands are under way at once while people are there; while they are away, as many as a batch
/// of its own takes.
pub const HOUSEKEEPING_BESIDE: usize = 8;
/// How many events their histories may come to (but for one history that is longer by itself): 256 hold 12 MiB at most.
pub const HOUSEKEEPING_EVENTS: u32 = 256;
/// How many tenants' credentials it reads at once: half of [`POOL_ASKS`] is always people's.
pub const HOUSEKEEPING_READS: usize = 4;
/// How many tenants' windows it looks at on a turn; the rest come on the next ones.
pub const WARNED_TENANTS_PAGE: i64 = 500;
/// How often a warning is tried on a turn while something else changes its credential.
pub const WARNING_ATTEMPTS: u32 = 4;
/// How many warnings are tried anew on the next turn, because something else changed their credentials; what is beyond that waits
/// for the next walk over all.
pub const WARNINGS_AGAIN: usize = 1000;
/// How much earlier than where the last one ended a walk begins: what is dated earlier, and was not there to be read then, is met.
pub const WARNINGS_OVERLAP: Duration = Duration::from_secs(10);
/// How often all that may be due is walked over.
pub const WARNINGS_ALL_PAUSE: Duration = Duration::from_secs(60 * 60);
/// How often answers that are too old to be repeated are forgotten, and how many at a time.
pub const FORGET_PAUSE: Duration = Duration::from_secs(60);
pub const FORGET_PAGE: i32 = 10_000;
// ---- erasing ----
/// The highest position that may be named: numbers in JSON are exact up to here.
pub const POSITION_MOST: i64 = (1 << 53) - 1;
/// How many members of an event an erasure may name. No event has as many that are personal.
pub const ERASED_MEMBERS: usize = 16;

/// The first operator's token lives for 7 days.
pub const FIRST_TOKEN_SECONDS: u32 = 7 * 24 * 60 * 60;

// ---- usage ----
/// How often what was counted is brought to the database, in seconds, and how often it may be set to.
pub const USAGE_FLUSH_SECONDS: u32 = 10;
pub const USAGE_FLUSH_SECONDS_BOUNDS: RangeInclusive<u32> = 1..=60;
/// With more rows than these waiting, those of one secret go out once in [`USAGE_SECRET_EVERY`].
pub const USAGE_FLUSH_ROWS: u64 = 10_000;
pub const USAGE_SECRET_EVERY: Duration = Duration::from_secs(60);
/// Rows that a node counts in memory, some 110 bytes each, beside those that it has taken out to bring them. What finds no room is
/// missing, and that is recorded.
pub const USAGE_PENDING_ROWS: usize = 1_500_000;
/// How many parts memory is counted in, each behind a lock of its own.
pub const USAGE_SHARDS: usize = 240;
/// How many rows are brought at once, about.
pub const USAGE_PARCEL_ROWS: usize = 5000;
/// Rows of one secret that are counted by address; with twice as many, operations are not told apart either.
pub const USAGE_ROWS_OF_A_SECRET: usize = 64;
/// Operations that are counted by name in a day: of one tenant, and of all.
pub const USAGE_OPERATIONS_OF_A_TENANT: usize = 500;
pub const USAGE_OPERATIONS: usize = 20_000;
/// Rows of calls with unknown credentials that name a tenant; of more tenants they are counted together.
pub const USAGE_UNKNOWN_ROWS: usize = 10_000;
/// Tenants whose missing calls are told apart between two flushes.
pub const USAGE_GAPS: usize = 1000;
/// How often one answer reads usage anew, because it was on its way to the database.
pub const USAGE_READS: u32 = 4;
/// Different counts that one answer adds up.
pub const USAGE_TOLD_ROWS: i32 = 20_000;
/// Rows of a credential's days that are looked at for what one of its secrets was used for: a hundred a day for three years.
pub const USAGE_LOOKED_ROWS: i32 = 100_000;
pub const USAGE_TOLD_ADDRESSES: i32 = 100;
pub const USAGE_TOLD_GAPS: i32 = 100;
/// How long a range of hours, and of days, may be asked for.
pub const USAGE_HOURS: i64 = 31 * 24;
pub const USAGE_DAYS: i64 = 400;
/// Addresses of one secret that are kept.
pub const USAGE_ADDRESSES: i32 = 100;
/// How many deltas are added up at once.
pub const USAGE_ROLLED_AT_ONCE: i32 = 2000;
/// How long a round of adding up may take beside people and callers before it goes on at its full pace.
pub const USAGE_ROUND_BESIDE: Duration = Duration::from_secs(5 * 60);
/// How much longer it rests than it works: beside people and callers, and while it is behind.
pub const USAGE_REST_BESIDE: u32 = 3;
pub const USAGE_REST_BEHIND: u32 = 1;
/// Calls are counted this soon after they were judged, so those judged so long before memory was emptied have been in it.
pub const USAGE_LATE: Duration = Duration::from_secs(5);
/// A stop of the service, or of its database, that is no longer than this is no gap in what is known of use: whoever was turned away has come again.
pub const USAGE_PAUSE: Duration = Duration::from_secs(5 * 60);
/// Of so many processes it is looked at from when to when they counted, and for so long that is kept: longer than any window.
pub const USAGE_SPANS_READ: i32 = 1000;
pub const USAGE_SPANS_KEPT: Duration = Duration::from_secs(400 * 24 * 60 * 60);
/// Addresses of all secrets of one credential that are told apart by secret.
pub const USAGE_TOLD_SECRET_ADDRESSES: i32 = 600;
/// Windows that were not quiet when they were last looked at, and need not be again for a while: so many are remembered.
pub const QUIET_REMEMBERED: usize = 100_000;
/// How long the id of a flush is kept: longer than any node brings the same again.
pub const USAGE_FLUSH_KEPT: Duration = Duration::from_secs(24 * 60 * 60);
