//! What the kernel says of a process.

use std::fs;

use anyhow::{Context, Result};
use serde_json::{Value, json};

/// Microseconds in a tick of `/proc/<pid>/stat`: Linux shows it 100 to the second everywhere.
const TICK_MICROS: u64 = 10_000;

/// Reads a process's processor time and memory; of the process alone, without its children.
#[derive(Debug, Clone)]
pub(crate) struct Gauge {
    pid: u32,
}

/// A process's memory, in KiB.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    rss: u64,
    peak: u64,
    anonymous: u64,
    file: u64,
}

impl Memory {
    pub(crate) fn rss_mib(&self) -> f64 {
        mib(self.rss)
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "rss_mib": mib(self.rss), "peak_rss_mib": mib(self.peak),
            "of_which_anonymous_mib": mib(self.anonymous), "of_which_file_mib": mib(self.file),
        })
    }
}

fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

impl Gauge {
    pub(crate) fn of(pid: u32) -> Self {
        Self { pid }
    }

    fn read(&self, name: &str) -> Result<String> {
        let path = format!("/proc/{}/{name}", self.pid);
        fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))
    }

    /// Returns the processor time used so far, of users and of the kernel.
    fn cpu_micros(&self) -> Result<u64> {
        let stat = self.read("stat")?;
        // The second field is the program's name, in brackets; utime and stime are the 14th, 15th.
        let fields = stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace());
        let ticks: Option<u64> = fields.and_then(|fields| {
            fields.skip(11).take(2).map(|field| field.parse::<u64>().ok()).sum()
        });
        Ok(ticks.context("/proc/<pid>/stat reads otherwise")? * TICK_MICROS)
    }

    /// Returns how often its threads went to sleep so far.
    fn sleeps(&self) -> Result<u64> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.pid))?;
        let status =
            tasks.flatten().filter_map(|task| fs::read_to_string(task.path().join("status")).ok());
        Ok(status.filter_map(|status| number(&status, "voluntary_ctxt_switches:")).sum())
    }

    pub(crate) fn memory(&self) -> Result<Memory> {
        let status = self.read("status")?;
        let kib = |name| number(&status, name).with_context(|| format!("no {name} in /proc"));
        Ok(Memory {
            rss: kib("VmRSS:")?,
            peak: kib("VmHWM:")?,
            anonymous: kib("RssAnon:")?,
            file: kib("RssFile:")?,
        })
    }
}

fn number(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Measures from its start on.
#[derive(Debug)]
pub(crate) struct CpuClock {
    gauge: Gauge,
    micros: u64,
    sleeps: u64,
}

impl CpuClock {
    pub(crate) fn start(gauge: &Gauge) -> Result<Self> {
        Ok(Self { gauge: gauge.clone(), micros: gauge.cpu_micros()?, sleeps: gauge.sleeps()? })
    }

    /// Returns the processor time used since the start, in microseconds, by steps of 10,000.
    pub(crate) fn micros(&self) -> Result<u64> {
        Ok(self.gauge.cpu_micros()?.saturating_sub(self.micros))
    }

    /// Returns how often threads that live went to sleep since the start.
    pub(crate) fn sleeps(&self) -> Result<u64> {
        Ok(self.gauge.sleeps()?.saturating_sub(self.sleeps))
    }
}
