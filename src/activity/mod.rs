//! What callers did: kept apart from the ledger's events, because there is a hundred times more of it. It knows nothing of HTTP, and
//! no verdict waits for it.

pub mod calls;
