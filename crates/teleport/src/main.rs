//! teleport

fn main() {}
