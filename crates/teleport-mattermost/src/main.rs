//! teleport-mattermost

fn main() {}
