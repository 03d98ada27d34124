//! `tbot init`: makes the directories that outputs go to, before anything secret is in them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use cli::Failure;
use client::files;

use crate::arguments::Overrides;
use crate::config::{self, Place, Settings};

/// Makes the directories that outputs go to, for the owner alone.
#[derive(Debug, clap::Args)]
pub struct Init {
    /// This directory, instead of those of the configuration file
    #[arg(long, value_name = "DIRECTORY")]
    destination_dir: Option<PathBuf>,
    #[command(flatten)]
    overrides: Overrides,
}

impl Init {
    /// Makes them.
    pub fn run(self) -> Result<(), Failure> {
        let directories: Vec<PathBuf> = match self.destination_dir {
            Some(directory) => vec![directory],
            None => Settings::of(&self.overrides, None)?
                .outputs
                .into_iter()
                .filter_map(|output| match output.place {
                    Place::Directory(path) => Some(path),
                    Place::Memory => None,
                })
                .collect(),
        };
        if directories.is_empty() {
            return Err(Failure::new("there is no output to make a directory for")
                .hint("name a directory with `--destination-dir`, or a file with outputs with `--config`"));
        }
        for directory in directories {
            make(&directory)?;
            eprintln!(
                "Directory {} is ready; its owner alone can read it.",
                directory.display()
            );
        }
        Ok(())
    }
}

fn make(directory: &Path) -> Result<(), Failure> {
    files::create_private_directory(directory).map_err(|error| config::file_failure(&error))?;
    // It may have been there before, open to others.
    fs::set_permissions(directory, fs::Permissions::from_mode(0o700)).map_err(|error| {
        Failure::new(format!(
            "cannot close `{}` to others: {error}",
            directory.display()
        ))
        .hint("run this as the owner of the directory")
    })
}
