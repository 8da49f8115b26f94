//! What a node needs of the others: today its own lease, and that nobody else holds one.

pub mod lease;
