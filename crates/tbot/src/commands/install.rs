//! `tbot install systemd`: a unit that starts tbot with the system and again after a failure.

use std::path::PathBuf;

use cli::Failure;
use client::files;

use crate::config;

/// Prepares tbot to be run by the system.
#[derive(Debug, clap::Subcommand)]
pub enum Install {
    /// A unit for systemd; printed, unless it is to be written
    Systemd(Systemd),
}

impl Install {
    /// Does it.
    pub fn run(self) -> Result<(), Failure> {
        match self {
            Self::Systemd(command) => command.run(),
        }
    }
}

/// A unit for systemd.
#[derive(Debug, clap::Args)]
pub struct Systemd {
    /// Write the unit instead of printing it
    #[arg(long)]
    write: bool,
    /// Write over a unit that is there
    #[arg(long)]
    force: bool,
    /// Name of the unit
    #[arg(long, value_name = "NAME", default_value = "tbot")]
    name: String,
    /// User that tbot runs as
    #[arg(long, value_name = "USER", default_value = "teleport")]
    user: String,
    /// Group that tbot runs as
    #[arg(long, value_name = "GROUP", default_value = "teleport")]
    group: String,
    /// Configuration file of tbot
    #[arg(short, long, value_name = "FILE", default_value = config::PATH_DEFAULT)]
    config: PathBuf,
    /// Where units live
    #[arg(long, value_name = "DIRECTORY", default_value = "/etc/systemd/system")]
    #[allow(clippy::struct_field_names, reason = "the flag is called so")]
    systemd_directory: PathBuf,
}

impl Systemd {
    fn run(self) -> Result<(), Failure> {
        for (what, text) in [("name", &self.name), ("user", &self.user), ("group", &self.group)] {
            let fits = text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_.@".contains(c));
            if text.is_empty() || !fits {
                return Err(Failure::new(format!("--{what}: {text:?} cannot stand in a unit")));
            }
        }
        let program = std::env::current_exe()
            .map_err(|error| Failure::new(format!("cannot tell where tbot is: {error}")))?;
        let text = unit(
            &program.display().to_string(),
            &self.config.display().to_string(),
            &self.user,
            &self.group,
        );
        if !self.write {
            return super::configure::print(&text);
        }
        let path = self.systemd_directory.join(format!("{}.service", self.name));
        let there = files::read_text(&path).map_err(|error| config::file_failure(&error))?;
        if there.is_some_and(|there| there != text) && !self.force {
            return Err(
                Failure::new(format!("`{}` is there already and differs", path.display()))
                    .hint("look at it, and use `--force` to write over it"),
            );
        }
        files::write_whole(&path, text.as_bytes(), 0o644).map_err(|error| config::file_failure(&error))?;
        eprintln!(
            "Wrote {}. Start it with:\n  systemctl daemon-reload && systemctl enable --now {}",
            path.display(),
            self.name
        );
        Ok(())
    }
}

fn unit(program: &str, config: &str, user: &str, group: &str) -> String {
    format!(
        "[Unit]\n\
         Description=Identity of this machine (tbot)\n\
         After=network.target\n\n\
         [Service]\n\
         Type=simple\n\
         User={user}\n\
         Group={group}\n\
         Restart=always\n\
         RestartSec=5\n\
         ExecStart={program} start -c {config}\n\
         NoNewPrivileges=yes\n\
         UMask=0077\n\n\
         [Install]\n\
         WantedBy=multi-user.target\n"
    )
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn the_unit_starts_tbot_again_after_a_failure() {
        expect![[r"
            [Unit]
            Description=Identity of this machine (tbot)
            After=network.target

            [Service]
            Type=simple
            User=teleport
            Group=teleport
            Restart=always
            RestartSec=5
            ExecStart=/usr/local/bin/tbot start -c /etc/tbot.yaml
            NoNewPrivileges=yes
            UMask=0077

            [Install]
            WantedBy=multi-user.target
        "]]
        .assert_eq(&unit(
            "/usr/local/bin/tbot",
            "/etc/tbot.yaml",
            "teleport",
            "teleport",
        ));
    }
}
