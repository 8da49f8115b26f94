//! What the outside may rely on.

mod openapi;
