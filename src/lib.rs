//! The map. Floors from the ground up; a file imports only from its own room or from a lower floor.
//!
//! ground: `limits` `clock` `vault` · `domain` (pure) · `db` · `ledger` (the only writer of truth) · `projections` (what is
//! derived) · `cluster` (leases) · `activity` (usage, and calls served) · `tokens` (access tokens) · `limiter` · `people`
//! (sign-in) · `scanners` (who looks for leaks, and signs) · `outbound` (the only room that makes HTTP requests) · `http` · `ops` ·
//! `cli`. The tidy test holds the order.

pub mod activity;
pub mod cli;
pub mod clock;
pub mod cluster;
pub mod db;
pub mod domain;
pub mod http;
pub mod ledger;
pub mod limiter;
pub mod limits;
pub mod ops;
pub mod outbound;
pub mod people;
pub mod projections;
pub mod scanners;
pub mod tokens;
pub mod vault;
