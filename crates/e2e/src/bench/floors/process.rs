//! What the system says of running programs: memory, children, signals.

use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use crate::bench::machine::{field, kilobytes};
use crate::bench::trouble::{Outcome, Trouble, While as _};

/// How often somebody looks whether a program is ready.
pub const POLL: Duration = Duration::from_micros(500);

/// Resident memory of one process in bytes, shared parts included.
pub fn resident_memory(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    field(&status, "VmRSS", ':').map_or(0, |text| kilobytes(&text))
}

/// Memory of a process and its children in bytes: what they share is counted once.
pub fn family_memory(parent: u32) -> u64 {
    let children = std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let name = entry.ok()?.file_name();
            let process: u32 = name.to_str()?.parse().ok()?;
            let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
            (field(&status, "PPid", ':')? == parent.to_string()).then_some(process)
        });
    children.chain([parent]).map(proportional_memory).sum()
}

fn proportional_memory(process: u32) -> u64 {
    let rollup = std::fs::read_to_string(format!("/proc/{process}/smaps_rollup")).unwrap_or_default();
    field(&rollup, "Pss", ':').map_or(0, |text| kilobytes(&text))
}

/// Processor time that the threads of this process have used so far.
pub fn work() -> Duration {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten();
    let nanoseconds = threads.filter_map(|thread| {
        let times = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        times.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanoseconds.sum())
}

/// Sends a signal to a program that this one has started.
pub fn signal(name: &str, child: &Child) -> Outcome<()> {
    let sent = Command::new("kill")
        .args([format!("-{name}"), child.id().to_string()])
        .status()
        .to("send a signal")?;
    if sent.success() {
        Ok(())
    } else {
        Err(Trouble::new(format!(
            "could not send {name} to process {}",
            child.id()
        )))
    }
}

/// The size of a file in bytes.
pub fn size(file: &Path) -> Outcome<u64> {
    Ok(std::fs::metadata(file).to("look at a program's file")?.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory() {
        let own = std::process::id();
        assert!(resident_memory(own) > 1 << 20);
        assert!(family_memory(own) > 1 << 20);
        assert_eq!(resident_memory(u32::MAX), 0, "no such process, no memory");
    }

    #[test]
    fn work_is_counted() {
        let before = work();
        let mut sum = 0_u64;
        while work() == before {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(work() > before);
    }
}
