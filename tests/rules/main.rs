//! The rules of the contract, each by a timeline and exactly what is told of it; and how it is explained.

#[path = "../schema_check/mod.rs"]
mod schema_check;
#[path = "../timeline/mod.rs"]
mod timeline;

mod explain;
mod instants;
mod ladder;
mod lives;
mod notices;
mod other_products;
mod pauses;
mod promises;
mod standing;
mod versions;
mod watch;
mod zones;
