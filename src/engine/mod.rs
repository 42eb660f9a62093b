//! The core that decides: sans-IO, no clock, no async. A shard takes events and the passage of time and answers with a
//! turn: notices, changed records (DESIGN §1, §2, §4).
