//! The contender protocol: what driver and contender say to each other, one line at a time.
//!
//! ```text
//! BIN kinds                    one JSON `Kind` a line, then ends
//! BIN probes                   the same, with those that only benches of their own ask for
//! BIN server KIND              prints `ready ADDRESS`, serves, ends when its standard input closes
//! BIN client KIND ADDRESS      for each line `run bytes=64 n=20000 outstanding=1 warm=1000` prints one JSON `Answer`,
//!                              ends when its standard input closes
//! ```
//! Lives here: `Ask` (a run line), `Answer` (`Report`, or a refusal in words), `Kind` (what a contender offers).
//! Holds: a line that is not understood is refused by name, never guessed at.
//! Not here: who starts whom (`process`), who measures (`meter`).

use crate::limits::{OPERATIONS_MAX, OUTSTANDING_MAX, REQUEST_BYTES_MAX, REQUEST_BYTES_MIN};
use crate::stages::Stages;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// What a contender offers, as `BIN kinds` prints it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kind {
    /// Its name in tables and on command lines: `unix`, `tonic-tcp`, `ours-frozen`.
    pub name: String,
    /// One line for a reader of the table.
    pub about: String,
    /// Both sides spin while they wait, so it means something on two cores only.
    pub spins: bool,
    /// Largest request it carries, in bytes; larger ones are printed as null.
    pub bytes_max: u64,
    /// Most requests it can have outstanding; 1 for those that cannot pipeline.
    pub outstanding_max: u32,
}

/// One measured run, as the driver asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// Bytes of each request.
    pub bytes: u64,
    /// Operations that count.
    pub n: u64,
    /// Requests kept outstanding.
    pub outstanding: u32,
    /// Operations performed first, and not counted.
    pub warm: u64,
}

/// Why a `run` line is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// The line is not a `run`.
    #[error("`{0}` is not understood; a line is `run bytes=64 n=20000 outstanding=1 warm=1000`")]
    NotARun(String),
    /// A word is not `key=value`, or its key is unknown or given twice.
    #[error("`{0}` is not one of bytes=, n=, outstanding=, warm= (each once)")]
    Word(String),
    /// A value is not a number.
    #[error("`{0}` needs a whole number")]
    Number(String),
    /// A key is missing.
    #[error("`{0}=` is missing")]
    Missing(&'static str),
    /// A value is outside its limits.
    #[error("{key}={value} is outside {least}..={most}")]
    Range {
        /// Which key.
        key: &'static str,
        /// What was asked.
        value: u64,
        /// Least allowed.
        least: u64,
        /// Most allowed.
        most: u64,
    },
}

impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bytes, n, outstanding, warm } = self;
        write!(f, "run bytes={bytes} n={n} outstanding={outstanding} warm={warm}")
    }
}

impl FromStr for Ask {
    type Err = AskError;

    fn from_str(line: &str) -> Result<Self, AskError> {
        let mut words = line.split_ascii_whitespace();
        if words.next() != Some("run") {
            return Err(AskError::NotARun(line.to_owned()));
        }
        let (mut bytes, mut n, mut outstanding, mut warm) = (None, None, None, None);
        for word in words {
            let (key, value) = word.split_once('=').ok_or_else(|| AskError::Word(word.to_owned()))?;
            let place = match key {
                "bytes" => &mut bytes,
                "n" => &mut n,
                "outstanding" => &mut outstanding,
                "warm" => &mut warm,
                _ => return Err(AskError::Word(word.to_owned())),
            };
            if place.is_some() {
                return Err(AskError::Word(word.to_owned()));
            }
            *place = Some(value.parse::<u64>().map_err(|_| AskError::Number(word.to_owned()))?);
        }
        let outstanding = within("outstanding", outstanding, 1, u64::from(OUTSTANDING_MAX))?;
        Ok(Self {
            bytes: within("bytes", bytes, REQUEST_BYTES_MIN, REQUEST_BYTES_MAX)?,
            n: within("n", n, 1, OPERATIONS_MAX)?,
            outstanding: u32::try_from(outstanding).unwrap_or(OUTSTANDING_MAX),
            warm: within("warm", warm, 0, OPERATIONS_MAX)?,
        })
    }
}

fn within(key: &'static str, value: Option<u64>, least: u64, most: u64) -> Result<u64, AskError> {
    let value = value.ok_or(AskError::Missing(key))?;
    if (least..=most).contains(&value) { Ok(value) } else { Err(AskError::Range { key, value, least, most }) }
}

/// What one run measured. Times in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// Median latency of one operation.
    pub p50_ns: u64,
    /// 99th percentile of the latency.
    pub p99_ns: u64,
    /// Mean latency.
    pub mean_ns: f64,
    /// Operations a second over `wall_ns`.
    pub ops_per_s: f64,
    /// From the first counted operation to the last answer.
    pub wall_ns: u64,
    /// Operations counted.
    pub n: u64,
    /// Operations whose answer was compared with the expected one, the warm ones included.
    pub checked: u64,
    /// Payload bytes copied for one operation, by any party, where the contender can count them.
    pub copied_bytes: Option<u64>,
    /// Where the time of these operations went, from a contender that was asked to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stages: Option<Stages>,
}

impl Report {
    /// What several clients measured at the same time, as one: operations add up, over the time of the slowest; latencies are
    /// those of the client that waited longest. `None` of none.
    #[must_use]
    pub fn together(reports: &[Self]) -> Option<Self> {
        let mut all = *reports.first()?;
        for one in &reports[1..] {
            all.p50_ns = all.p50_ns.max(one.p50_ns);
            all.p99_ns = all.p99_ns.max(one.p99_ns);
            all.mean_ns = all.mean_ns.max(one.mean_ns);
            all.wall_ns = all.wall_ns.max(one.wall_ns);
            all.n += one.n;
            all.checked += one.checked;
            // Stages are those of one client's operations.
            all.stages = None;
        }
        if reports.len() > 1 {
            all.ops_per_s = all.n as f64 / (all.wall_ns as f64 / 1e9);
        }
        Some(all)
    }
}

/// A client's answer to a `run` line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Answer {
    /// It ran.
    Report(Report),
    /// It did not run, and says why.
    Refused {
        /// The reason, for a person.
        refused: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_line_reads_back_as_it_was_written() {
        let ask = Ask { bytes: 64, n: 20_000, outstanding: 1, warm: 1000 };
        assert_eq!(ask.to_string(), "run bytes=64 n=20000 outstanding=1 warm=1000");
        assert_eq!(ask.to_string().parse(), Ok(ask));
        assert_eq!("run warm=1000 outstanding=1 n=20000 bytes=64".parse(), Ok(ask));
    }

    #[test]
    fn a_line_that_is_not_a_run_is_refused_by_name() {
        let refused = |line: &str| line.parse::<Ask>().expect_err("must be refused").to_string();
        assert!(refused("walk bytes=64").contains("`walk bytes=64`"));
        assert!(refused("run bytes=64 n=1 outstanding=1").contains("`warm=` is missing"));
        assert!(refused("run bytes=64 bytes=64 n=1 outstanding=1 warm=0").contains("each once"));
        assert!(refused("run size=64 n=1 outstanding=1 warm=0").contains("`size=64`"));
        assert!(refused("run bytes=many n=1 outstanding=1 warm=0").contains("whole number"));
        assert!(refused("run bytes=64 n=0 outstanding=1 warm=0").contains("n=0 is outside"));
        assert!(refused("run bytes=7 n=1 outstanding=1 warm=0").contains("bytes=7 is outside"));
        assert!(refused("run bytes=64 n=1 outstanding=5000 warm=0").contains("outstanding=5000"));
    }

    #[test]
    fn clients_that_ran_at_the_same_time_have_done_what_they_did_together_in_the_time_of_the_slowest() {
        let one = Report {
            p50_ns: 10,
            p99_ns: 40,
            mean_ns: 12.0,
            ops_per_s: 1e9,
            wall_ns: 100,
            n: 100,
            checked: 110,
            copied_bytes: Some(8),
            stages: None,
        };
        let slow = Report { p50_ns: 20, p99_ns: 30, mean_ns: 25.0, ops_per_s: 0.5e9, wall_ns: 200, ..one };
        let both = Report::together(&[one, slow]).expect("two");
        assert_eq!((both.n, both.checked, both.wall_ns, both.ops_per_s), (200, 220, 200, 1e9));
        assert_eq!((both.p50_ns, both.p99_ns, both.copied_bytes), (20, 40, Some(8)));
        assert_eq!(Report::together(&[one]), Some(one));
        assert_eq!(Report::together(&[]), None);
    }

    #[test]
    fn a_report_and_a_refusal_are_told_apart() {
        let line = r#"{"p50_ns":1,"p99_ns":2,"mean_ns":1.5,"ops_per_s":3.0,"wall_ns":4,"n":5,"checked":6,"copied_bytes":null}"#;
        let Ok(Answer::Report(report)) = serde_json::from_str(line) else { panic!("a report") };
        assert_eq!(serde_json::to_string(&report).expect("writes"), line);
        let refused = serde_json::from_str(r#"{"refused":"too long"}"#).expect("reads");
        assert_eq!(Answer::Refused { refused: "too long".into() }, refused);
        assert!(serde_json::from_str::<Answer>(r#"{"p50":1}"#).is_err());
    }
}
