//! `cargo xtask pictures`: every page as a picture, light, dark and on a phone.
//!
//! A cluster with people and requests in it is opened by the tests of the Proxy Service; Chromium looks at it.

use std::path::PathBuf;

use clap::Args;

use crate::build::{self, Outcome};
use crate::packages;

#[derive(Args)]
pub struct Options {
    /// Where they go.
    #[arg(long, value_name = "FOLDER", default_value = "target/pictures")]
    to: PathBuf,
}

pub fn run(options: &Options) -> Outcome {
    packages::ensure()?;
    let folder = build::root().join(&options.to);
    build::run(
        build::cargo()
            .env("COUNTERSIGN_PICTURES", &folder)
            .args([
                "test",
                "--quiet",
                "--package",
                "proxy",
                "--test",
                "it",
                "--locked",
                "--",
            ])
            .args(["--exact", "screens::every_page_can_be_taken_a_picture_of"]),
    )?;
    println!("{}", folder.display());
    Ok(())
}
