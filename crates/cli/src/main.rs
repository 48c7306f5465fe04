//! The overlord command.

fn main() {}
