//! What was measured on: read from the system, so that a report can be compared with the right ones.

use std::fmt;
use std::path::Path;

use serde_json::{Value, json};

/// The facts that decide whether two reports may be compared.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Machine {
    /// The processor's name.
    pub processor: String,
    /// Processors that this process may use.
    pub cores: usize,
    /// Memory in bytes.
    pub memory: u64,
    /// Kernel release.
    pub kernel: String,
    /// Distribution.
    pub system: String,
    /// Device, file system and options of the disk that was measured on.
    pub disk: String,
    /// Runnable tasks over the last minute, before the measurement and after it.
    pub load: [f64; 2],
    /// When it was measured.
    pub at: String,
    /// Version of what was measured.
    pub version: String,
    /// Whether it was built to be quick.
    pub optimised: bool,
}

impl Machine {
    /// Looks at the machine; `disk` is a directory on the disk in question.
    pub fn look(disk: &Path, at: String) -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let real = disk.canonicalize().unwrap_or_else(|_| disk.to_owned());
        Self {
            processor: field(&read("/proc/cpuinfo"), "model name", ':').unwrap_or_default(),
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            memory: field(&read("/proc/meminfo"), "MemTotal", ':').map_or(0, |text| kilobytes(&text)),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            system: field(&read("/etc/os-release"), "PRETTY_NAME", '=')
                .unwrap_or_default()
                .trim_matches('"')
                .to_owned(),
            disk: mount(&read("/proc/mounts"), &real).unwrap_or_default(),
            load: [load(), 0.0],
            at,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            optimised: !cfg!(debug_assertions),
        }
    }

    /// Notes how busy it was at the end.
    pub fn look_again(&mut self) {
        self.load[1] = load();
    }

    /// For the report.
    pub fn to_json(&self) -> Value {
        json!({
            "processor": self.processor, "cores": self.cores, "memory_bytes": self.memory,
            "kernel": self.kernel, "system": self.system, "disk": self.disk,
            "load_before": self.load[0], "load_after": self.load[1],
            "at": self.at, "version": self.version, "optimised": self.optimised,
        })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "countersign {} on {} x {}, {} GiB, {}, kernel {}, disk {}, at {}",
            self.version,
            self.cores,
            self.processor,
            self.memory >> 30,
            self.system,
            self.kernel,
            self.disk,
            self.at
        )?;
        if !self.optimised {
            f.write_str("\nNot a release build: the subjects are many times slower than they would be.")?;
        }
        if self.load[0] > 0.5 {
            write!(
                f,
                "\nOther programs were busy (load {:.1} at the start): the ratios are noisier than they could be.",
                self.load[0]
            )?;
        }
        Ok(())
    }
}

/// The value of `name` in lines of `name SEPARATOR value`.
pub fn field(text: &str, name: &str, separator: char) -> Option<String> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(separator)?;
        (key.trim() == name).then(|| value.trim().to_owned())
    })
}

/// `123 kB` in bytes; 0 if it is something else.
pub fn kilobytes(text: &str) -> u64 {
    let number = text.trim().strip_suffix("kB").map(str::trim);
    number
        .and_then(|number| number.parse::<u64>().ok())
        .map_or(0, |kilobytes| kilobytes * 1024)
}

/// The line of the mount table that holds `path`, as `DEVICE FILESYSTEM OPTIONS`.
fn mount(table: &str, path: &Path) -> Option<String> {
    let mut best: Option<(usize, String)> = None;
    for line in table.lines() {
        let mut words = line.split(' ');
        let (Some(device), Some(place), Some(kind), Some(options)) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            continue;
        };
        // Of two mounts in the same place the later one is seen.
        if path.starts_with(place) && best.as_ref().is_none_or(|(length, _)| place.len() >= *length) {
            best = Some((place.len(), format!("{device} {kind} {options}")));
        }
    }
    best.map(|(_, text)| text)
}

fn load() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let first = text.split(' ').next();
    first.and_then(|number| number.parse().ok()).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_the_systems_files() {
        let text = "MemTotal:       24613144 kB\nMemFree: 1 kB\n";
        assert_eq!(
            field(text, "MemTotal", ':').map(|text| kilobytes(&text)),
            Some(24_613_144 * 1024)
        );
        assert_eq!(field(text, "Mem", ':'), None);
        assert_eq!(kilobytes("12 pages"), 0);
    }

    #[test]
    fn the_disk_is_that_of_the_innermost_mount() {
        let table = "/dev/vda1 / ext4 rw,relatime 0 0\ntmpfs /srv tmpfs rw 0 0\n/dev/vdb /srv ext4 rw 0 0\n";
        let disk = |path: &str| mount(table, Path::new(path)).unwrap_or_default();
        assert_eq!(disk("/srv/build"), "/dev/vdb ext4 rw");
        assert_eq!(disk("/srvshop"), "/dev/vda1 ext4 rw,relatime");
    }
}
