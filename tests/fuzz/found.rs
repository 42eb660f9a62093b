//! What the search found, kept by name.
