//! Facts: what a client reads once when it connects, and what it may ask of the machine.
//!
//! Lives here: `Facts` (the words of `getconfig` and `getRegistrationConfig`), `Memory` (the three commands about memory).
//! Holds: the version is the one whose commands are spoken, exactly, for the client compares it as text.

use crate::Options;
use serde_json::{Value, json};

/// The release of Arkouda whose client this edge speaks to.
pub const VERSION: &str = "v2026.07.15";
/// Most groups of a pattern that a match reports.
const REGEX_CAPTURES_MAX: u32 = 20;

/// The answers to `getconfig` and `getRegistrationConfig`.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// A JSON object.
    pub(crate) config: String,
    /// A JSON object.
    pub(crate) registration: String,
}

impl Facts {
    pub(crate) fn new(options: &Options, port: u16) -> Facts {
        let host = host_name();
        let processors = options.processors.max(1);
        let memory = physical_bytes();
        let config = json!({
            "arkoudaVersion": VERSION,
            "windlassVersion": env!("CARGO_PKG_VERSION"),
            "chplVersion": "none",
            "pythonVersion": "none",
            "ZMQVersion": "none",
            "HDF5Version": "none",
            "serverHostname": host,
            "ServerPort": port,
            "numLocales": 1,
            "numNodes": 1,
            "numPUs": processors,
            "maxTaskPar": processors,
            "physicalMemory": memory,
            "distributionType": "one node",
            "LocaleConfigs": [{
                "id": 0, "name": host, "numPUs": processors, "numColocales": 1, "maxTaskPar": processors,
                "physicalMemory": memory,
            }],
            "authenticate": options.token.is_some(),
            "logLevel": options.log_level,
            "logChannel": options.log_channel,
            "regexMaxCaptures": REGEX_CAPTURES_MAX,
            "byteorder": if cfg!(target_endian = "big") { "big" } else { "little" },
            "autoShutdown": options.auto_shutdown,
            "serverInfoNoSplash": options.no_splash,
        });
        Facts { config: config.to_string(), registration: registration(options).to_string() }
    }
}

/// The parameter classes: those that were given, or Arkouda's own, with the ranks that are announced.
fn registration(options: &Options) -> Value {
    let dtypes = |with_bytes: bool| {
        let all = ["int", "uint", "uint(8)", "real", "bool", "bigint"];
        Value::from_iter(all.into_iter().filter(|name| with_bytes || *name != "uint(8)"))
    };
    let mut classes = options.registration.clone().unwrap_or_else(|| {
        json!({ "parameter_classes": {
            "array": { "nd": [1], "dtype": dtypes(true) },
            "SparseSymEntry": {
                "etype": ["int"],
                "dimensions": [2],
                "matLayout": { "__enum__": "SparseMatrix.Layout", "__variants__": ["CSR", "CSC"] },
            },
            "binop": { "dtype": dtypes(false) },
            "scalar": { "dtype": dtypes(true) },
        }})
    });
    classes["parameter_classes"]["array"]["nd"] = json!(options.ranks);
    classes
}

/// Memory, as `getmemused` and its like tell it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    /// Bytes of symbols.
    pub(crate) used: u64,
    /// Bytes that symbols may have.
    pub(crate) limit: u64,
}

impl Memory {
    /// Bytes used, in units of `factor`, or in hundredths of the limit.
    pub(crate) fn used_text(self, factor: u64, percent: bool) -> String {
        if percent { self.percent().to_string() } else { rounded(self.used, factor).to_string() }
    }

    /// Bytes still to be had, likewise.
    pub(crate) fn left_text(self, factor: u64, percent: bool) -> String {
        if percent {
            100u64.saturating_sub(self.percent()).to_string()
        } else {
            rounded(self.limit.saturating_sub(self.used), factor).to_string()
        }
    }

    fn percent(self) -> u64 {
        (self.used as f64 / self.limit.max(1) as f64 * 100.0).round_ties_even() as u64
    }

    /// The list of `getmemstatus`: one locale.
    pub(crate) fn status_text(self) -> String {
        let total = physical_bytes();
        let free = free_bytes().min(total);
        json!([{
            "total_mem": total,
            "avail_mem": free,
            "pct_avail_mem": (free as f64 / total.max(1) as f64 * 100.0).round_ties_even() as u64,
            "arkouda_mem_alloc": self.limit,
            "mem_used": self.used,
            "locale_id": 0,
            "locale_hostname": host_name(),
        }])
        .to_string()
    }
}

/// As Python rounds, which is what the client compares with.
fn rounded(bytes: u64, factor: u64) -> u64 {
    (bytes as f64 / factor.max(1) as f64).round_ties_even() as u64
}

/// The machine's name.
pub(crate) fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Bytes of memory of the machine.
pub(crate) fn physical_bytes() -> u64 {
    let all = rustix::system::sysinfo();
    (all.totalram as u64).saturating_mul(u64::from(all.mem_unit.max(1)))
}

fn free_bytes() -> u64 {
    let all = rustix::system::sysinfo();
    (all.freeram as u64).saturating_add(all.bufferram as u64).saturating_mul(u64::from(all.mem_unit.max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ranks_that_are_announced_stand_in_the_parameter_classes() {
        let facts = Facts::new(&Options { ranks: vec![1, 2, 3], ..Options::default() }, 5555);
        let classes: Value = serde_json::from_str(&facts.registration).expect("JSON");
        assert_eq!(classes["parameter_classes"]["array"]["nd"], json!([1, 2, 3]));
        assert_eq!(
            classes["parameter_classes"]["binop"]["dtype"],
            json!(["int", "uint", "real", "bool", "bigint"])
        );
    }

    #[test]
    fn used_and_left_are_a_hundred_in_all() {
        for used in [0, 1, 49, 50, 51, 100] {
            let memory = Memory { used: used << 20, limit: 100 << 20 };
            let percent = |text: String| text.parse::<u64>().expect("a number");
            assert_eq!(percent(memory.used_text(1, true)) + percent(memory.left_text(1, true)), 100);
        }
        assert_eq!(Memory { used: 3 << 19, limit: 1 << 30 }.used_text(1 << 20, false), "2");
    }
}
