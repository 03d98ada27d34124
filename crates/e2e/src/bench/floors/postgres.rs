//! A database server of the system's own, as a measure of what it means to start and to rest.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use transport::system::Stopwatch;

use crate::bench::floors::process;
use crate::bench::trouble::{Outcome, Trouble, While as _};

/// Where Debian puts its versions.
const VERSIONS: &str = "/usr/lib/postgresql";
/// How long a start may take.
const START_MAX: Duration = Duration::from_secs(30);

/// An empty database cluster that can be started.
pub struct Postgres {
    programs: PathBuf,
    home: TempDir,
    /// It refuses to run as root; then it runs as its own user.
    other_user: Option<(u32, u32)>,
}

impl Postgres {
    /// The programs of the newest version installed.
    pub fn find() -> Option<PathBuf> {
        let versions = fs::read_dir(VERSIONS).ok()?.filter_map(Result::ok);
        let mut found: Vec<(u32, PathBuf)> = versions
            .filter_map(|entry| {
                let version = entry.file_name().to_str()?.parse().ok()?;
                let programs = entry.path().join("bin");
                programs.join("postgres").is_file().then_some((version, programs))
            })
            .collect();
        found.sort();
        found.pop().map(|(_, programs)| programs)
    }

    /// Makes one on the disk that is measured.
    pub fn make(programs: &Path, disk: &Path) -> Outcome<Self> {
        let home = tempfile::Builder::new()
            .prefix("bench-postgres-")
            .tempdir_in(disk)
            .to("make a directory for PostgreSQL")?;
        let mut other_user = None;
        if fs::metadata("/proc/self").to("find out who runs this")?.uid() == 0 {
            let (user, group) = user("postgres").to("run PostgreSQL as its own user")?;
            fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755))
                .and_then(|()| chown(home.path(), Some(user), Some(group)))
                .to("give PostgreSQL its directory")?;
            other_user = Some((user, group));
        }
        // An absolute path, as it changes its working directory.
        let made = Self {
            programs: programs.to_owned(),
            home,
            other_user,
        };
        let output = made
            .command("initdb")
            .args(["--auth=trust", "--pgdata"])
            .arg(made.data()?)
            .stdin(Stdio::null())
            .output()
            .to("run initdb")?;
        if output.status.success() {
            Ok(made)
        } else {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            Err(Trouble::new(format!("initdb failed: {said}")))
        }
    }

    /// Starts it; how long that took until it says it is ready.
    pub fn start(&self) -> Outcome<(Running, Duration)> {
        let data = self.data()?;
        let status = data.join("postmaster.pid");
        let watch = Stopwatch::start();
        let child = self
            .command("postgres")
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(&data)
            .args(["-h", ""])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .to("start PostgreSQL")?;
        let mut running = Running(child);
        loop {
            // The eighth line of its status file.
            let text = fs::read_to_string(&status).unwrap_or_default();
            if text.lines().nth(7).is_some_and(|line| line.trim() == "ready") {
                return Ok((running, watch.elapsed()));
            }
            if let Some(ended) = running.0.try_wait().to("start PostgreSQL")? {
                return Err(Trouble::new(format!("PostgreSQL ended at once: {ended}")));
            }
            if watch.elapsed() > START_MAX {
                return Err(Trouble::new("PostgreSQL did not become ready"));
            }
            std::thread::sleep(process::POLL);
        }
    }

    fn data(&self) -> Outcome<PathBuf> {
        let home = self.home.path().canonicalize();
        Ok(home.to("find PostgreSQL's directory")?.join("data"))
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command
            .current_dir(self.home.path())
            .env_clear()
            .env("LC_ALL", "C");
        if let Some((user, group)) = self.other_user {
            command.uid(user).gid(group);
        }
        command
    }
}

/// A running PostgreSQL; ended when dropped.
pub struct Running(Child);

impl Running {
    /// Its memory in bytes: of every process its own, and its share of what they hold in common.
    pub fn memory(&self) -> u64 {
        process::family_memory(self.0.id())
    }

    /// Ends it in order.
    pub fn stop(mut self) -> Outcome<()> {
        process::signal("INT", &self.0)?;
        self.0.wait().to("wait for PostgreSQL's end")?;
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Ended already if all went well.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Number and group of a user of this system.
fn user(name: &str) -> Option<(u32, u32)> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    numbers(&users, name)
}

fn numbers(users: &str, name: &str) -> Option<(u32, u32)> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then_some(())?;
        let mut numbers = fields.skip(1).map(str::parse);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_their_whole_name() {
        let users = "root:x:0:0:root:/root:/bin/sh\npostgres2:x:7:7::/:/bin/sh\npostgres:x:101:102:,,,:/var:/bin/sh\n";
        assert_eq!(numbers(users, "postgres"), Some((101, 102)));
        assert_eq!(numbers(users, "nobody"), None);
    }
}
