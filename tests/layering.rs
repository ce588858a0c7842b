//! Placeholder until the layering test lands.
