//! tctl

fn main() {}
