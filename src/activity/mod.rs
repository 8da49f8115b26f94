//! What credentials are used for, and what callers did: kept apart from the ledger's events, because there is a hundred times more of
//! it. It knows nothing of HTTP, nothing of it is what a verdict reads, and no verdict waits for it.

pub mod calls;
pub mod usage;
