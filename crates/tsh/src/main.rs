//! tsh

fn main() {}
