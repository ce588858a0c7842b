//! (to be written)

mod render;
