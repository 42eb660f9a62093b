//! The agreement in writing: TOML files -> checked types, matching, versions (SEMANTICS §8, INTERFACE "The policy file").

mod agreement;

pub use agreement::*;
