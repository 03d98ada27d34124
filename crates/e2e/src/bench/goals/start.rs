//! P10: from starting `teleport` (auth, proxy and web in one process) to the first `Ping` answered over mutual TLS, and
//! its memory at rest; with an empty store and with 100,000 requests in it.
//!
//! Compared with PostgreSQL's own start and memory where that is installed, and with a plain select of the whole store.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use transport::Address;
use transport::system::Stopwatch;

use super::{Bench, blocking};
use crate::bench::figure::{Bound, Figure};
use crate::bench::floors::postgres::Postgres;
use crate::bench::floors::{process, select};
use crate::bench::options::Goal;
use crate::bench::original;
use crate::bench::report::{Line, Section};
use crate::bench::rounds::{Finished, Measured, Rounds};
use crate::bench::trouble::{Outcome, Trouble, While as _};
use crate::bench::world::{CLUSTER, Parked, World, ask, fill};

const MANY: usize = 100_000;
/// The largest program wanted.
const PROGRAM_BYTES_MAX: f64 = 40e6;
/// How long a program is left alone before its memory counts as that of rest.
const REST: Duration = Duration::from_secs(3);
/// How long a start may take.
const START_MAX: Duration = Duration::from_secs(60);

/// A data directory with everything `teleport` needs to serve it.
struct Installation {
    home: TempDir,
    parked: Parked,
    auth: SocketAddr,
    web: SocketAddr,
}

impl Installation {
    /// A cluster with `requests` stored requests.
    async fn make(disk: &Path, requests: usize) -> Outcome<Self> {
        let world = World::start(disk).await?;
        if requests > 0 {
            let bob = world.person("bob", &["asks-two"]).await?;
            let pattern = ask(&bob, 1).await?.pop().to("make a request")?;
            fill(&world.auth, &pattern, requests, world.now()).await?;
        }
        let (home, parked) = world.park().await?;
        let made = Self {
            auth: free_address()?,
            web: free_address()?,
            home,
            parked,
        };
        std::fs::write(made.configuration(), made.configuration_text()).to("write a configuration")?;
        Ok(made)
    }

    fn configuration(&self) -> PathBuf {
        self.home.path().join("teleport.yaml")
    }

    fn configuration_text(&self) -> String {
        format!(
            "version: v3\n\
             teleport:\n  nodename: bench\n  data_dir: {data}\n  seal_key_file: {seal}\n\
             \x20 log: {{output: stderr, severity: ERROR}}\n\
             auth_service: {{enabled: yes, cluster_name: {CLUSTER}, listen_addr: '{auth}'}}\n\
             proxy_service: {{enabled: yes, web_listen_addr: '{web}', public_addr: 'localhost:{port}'}}\n\
             ssh_service: {{enabled: no}}\n",
            data = self.parked.data.display(),
            seal = self.parked.seal.display(),
            auth = self.auth,
            web = self.web,
            port = self.web.port(),
        )
    }

    /// Starts it; how long until a `Ping` is answered.
    async fn start(&self, program: &Path) -> Outcome<(Running, Duration)> {
        let log = std::fs::File::create(self.home.path().join("teleport.log")).to("write a log")?;
        let mut command = Command::new(program);
        command
            .args(["start", "-c"])
            .arg(self.configuration())
            .env_clear()
            .env("HOME", self.home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        let watch = Stopwatch::start();
        let mut running = Running(command.spawn().to("start teleport")?);
        loop {
            // Whoever dials before it listens would wait for a pause between attempts.
            if TcpStream::connect(self.auth).is_ok() {
                let answered = self.parked.ping(&Address::from(self.auth)).await;
                let took = watch.elapsed();
                if answered.is_ok() || took > START_MAX {
                    return answered.map(|()| (running, took));
                }
            }
            if let Some(ended) = running.0.try_wait().to("start teleport")? {
                let said = std::fs::read_to_string(self.home.path().join("teleport.log"));
                let said = said.unwrap_or_default();
                return Err(Trouble::new(format!(
                    "teleport ended at once ({ended}): {}",
                    said.trim()
                )));
            }
            if watch.elapsed() > START_MAX {
                return Err(Trouble::new("teleport did not begin to listen"));
            }
            tokio::time::sleep(process::POLL).await;
        }
    }
}

/// A running `teleport`; ended when dropped.
struct Running(Child);

impl Running {
    /// Its resident memory after a rest, in bytes.
    async fn memory_at_rest(&self) -> u64 {
        tokio::time::sleep(REST).await;
        process::resident_memory(self.0.id())
    }

    async fn stop(mut self) -> Outcome<()> {
        process::signal("TERM", &self.0)?;
        let ended = blocking(|| self.0.wait()).to("wait for teleport's end")?;
        if ended.success() {
            Ok(())
        } else {
            Err(Trouble::new(format!("teleport ended with {ended}")))
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Ended already if all went well.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(super) async fn measure(bench: &Bench) -> Outcome<Section> {
    let program = beside_this_one("teleport")?;
    bench
        .progress
        .preparing("two data directories, one with 100,000 requests");
    let empty = Installation::make(&bench.disk, 0).await?;
    let full = Installation::make(&bench.disk, MANY).await?;
    let postgres = match Postgres::find() {
        Some(found) => Some(blocking(|| Postgres::make(&found, &bench.disk))?),
        None => None,
    };

    let floor = if postgres.is_some() {
        "postgres_start"
    } else {
        "select"
    };
    let mut rounds = Rounds::new(bench.plan, floor, &bench.progress);
    let mut stored = 0;
    while rounds.next().is_some() {
        let mut measured = Measured::new();
        if let Some(postgres) = &postgres {
            let (running, took) = blocking(|| postgres.start())?;
            blocking(|| running.stop())?;
            measured.insert("postgres_start", took.as_secs_f64());
        }
        for (name, installation) in [("empty_start", &empty), ("full_start", &full)] {
            let (running, took) = installation.start(&program).await?;
            running.stop().await?;
            measured.insert(name, took.as_secs_f64());
        }
        let (took, count) = blocking(|| select::run(&full.parked.data))?;
        measured.insert("select", took.as_secs_f64());
        stored = count;
        rounds.add(measured);
    }
    let rounds = rounds.finish();

    bench.progress.preparing("memory at rest");
    let mut memory = Measured::new();
    for (name, installation) in [("empty", &empty), ("full", &full)] {
        let (running, _) = installation.start(&program).await?;
        memory.insert(name, bytes(running.memory_at_rest().await));
        running.stop().await?;
    }
    if let Some(postgres) = &postgres {
        let (running, _) = blocking(|| postgres.start())?;
        tokio::time::sleep(REST).await;
        memory.insert("postgres", bytes(running.memory()));
        blocking(|| running.stop())?;
    }
    let program = bytes(process::size(&program)?);
    Ok(section(rounds, &memory, program, stored))
}

fn section(rounds: Finished, memory: &Measured, program: f64, stored: usize) -> Section {
    let of = |name: &str| memory.get(name).copied().unwrap_or(f64::NAN);
    let start = Figure::seconds(rounds.median("empty_start"));
    let mut section = Section::new(Goal::P10);
    if memory.contains_key("postgres") {
        section.lines.push(Line {
            what: "start / PostgreSQL's".to_owned(),
            subject: start,
            floor: Figure::seconds(rounds.median("postgres_start")),
            ratio: rounds.ratio("empty_start", "postgres_start"),
            wanted: Bound::AtMost(0.6),
            stretch: Some(Bound::AtMost(0.3)),
        });
        section.lines.push(Line {
            what: "memory at rest / PostgreSQL's".to_owned(),
            subject: Figure::bytes(of("empty")),
            floor: Figure::bytes(of("postgres")),
            ratio: of("empty") / of("postgres"),
            wanted: Bound::AtMost(2.0),
            stretch: Some(Bound::AtMost(1.0)),
        });
    } else {
        section.notes.push(
            "PostgreSQL is not installed here, so start and memory have nothing beside them".to_owned(),
        );
    }
    section.lines.push(Line {
        what: "start with 100,000 / full select".to_owned(),
        subject: Figure::seconds(rounds.median("full_start")),
        floor: Figure::seconds(rounds.median("select")),
        ratio: rounds.ratio("full_start", "select"),
        wanted: Bound::AtMost(4.0),
        stretch: Some(Bound::AtMost(2.0)),
    });
    section.lines.push(Line {
        what: "size of the program / 40 MB".to_owned(),
        subject: Figure::bytes(program),
        floor: Figure::bytes(PROGRAM_BYTES_MAX),
        ratio: program / PROGRAM_BYTES_MAX,
        wanted: Bound::AtMost(1.0),
        stretch: None,
    });
    section.original = vec![
        Line {
            what: "start".to_owned(),
            subject: start,
            floor: Figure::seconds(original::START),
            ratio: start.value / original::START,
            wanted: Bound::AtMost(1.0 / 18.0),
            stretch: None,
        },
        Line {
            what: "memory at rest".to_owned(),
            subject: Figure::bytes(of("empty")),
            floor: Figure::bytes(original::MEMORY_AT_REST),
            ratio: of("empty") / original::MEMORY_AT_REST,
            wanted: Bound::AtMost(0.2),
            stretch: None,
        },
    ];
    section.notes.push(format!(
        "a second start, as the first makes keys; the full store holds {stored} items, with which memory at rest is {}",
        Figure::bytes(of("full"))
    ));
    section.keep("start", rounds);
    section
}

#[allow(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]
fn bytes(count: u64) -> f64 {
    count as f64
}

/// A program that was built together with this one.
fn beside_this_one(name: &str) -> Outcome<PathBuf> {
    let here = std::env::current_exe().to("find out where this program is")?;
    let program = here.with_file_name(name);
    if program.is_file() {
        Ok(program)
    } else {
        Err(Trouble::new(format!(
            "`{name}` is not beside this program; `cargo xtask bench` builds it"
        )))
    }
}

fn free_address() -> Outcome<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|socket| socket.local_addr())
        .to("find a free port")
}
