//! A row: one figure of any bench, in the one format that tables, plots and checks read.
//!
//! Lives here: `Row`, reading and writing the JSON file.
//! Holds: the keys are these and stand in this order; what does not apply is null.

use serde::{Deserialize, Serialize};
use std::{fs, io, path::Path};

/// One figure. Every field that may not apply is an option and is written as null then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Which bench: `call`, `stages`, `idle`, `io-read`, `io-cached`, `io-write`.
    pub bench: String,
    /// Who: `ours-frozen`, `tonic-tcp`, `futex`; of `stages` the stage, of `idle` the figure.
    pub contender: String,
    /// Whether the contender is Windlass.
    pub ours: bool,
    /// `one-core`, `two-cores`, `unpinned`.
    pub placement: Option<String>,
    /// Bytes of one request.
    pub bytes: Option<u64>,
    /// Operations counted in one round; of `idle` what is counted otherwise: threads, descriptors.
    pub n: Option<u64>,
    /// Requests kept outstanding; of `idle` the clients that are connected.
    pub outstanding: Option<u32>,
    /// Median latency in microseconds, the median of the rounds; of `stages` the mean, since only means add up.
    pub p50_us: Option<f64>,
    /// 99th percentile of the latency in microseconds, the median of the rounds.
    pub p99_us: Option<f64>,
    /// CPU time of all processes for one operation, in microseconds, over all rounds; of `idle` the node's for one second.
    pub cpu_us_per_op: Option<f64>,
    /// Operations a second, the median of the rounds; of `idle` how often the node's threads woke in a second.
    pub ops_per_s: Option<f64>,
    /// Request bytes moved a second, in 10^9.
    pub gb_per_s: Option<f64>,
    /// Payload bytes copied for one operation, where it can be counted.
    pub copied_bytes: Option<u64>,
    /// Peak resident memory of all processes in 10^6 bytes, the median of the rounds.
    pub peak_mb: Option<f64>,
    /// Rounds measured.
    pub rounds: Option<u32>,
    /// Processor, cores, kernel.
    pub machine: String,
}

impl Row {
    /// A row of Windlass's own in which nothing is filled in yet.
    #[must_use]
    pub fn of_ours(bench: &str, contender: &str, machine: &str) -> Self {
        Self {
            bench: bench.to_owned(),
            contender: contender.to_owned(),
            ours: true,
            placement: None,
            bytes: None,
            n: None,
            outstanding: None,
            p50_us: None,
            p99_us: None,
            cpu_us_per_op: None,
            ops_per_s: None,
            gb_per_s: None,
            copied_bytes: None,
            peak_mb: None,
            rounds: None,
            machine: machine.to_owned(),
        }
    }
}

/// Why a result file cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RowsError {
    /// The file itself.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// Its content.
    #[error("{path} is not a list of rows: {source}")]
    Content {
        /// Which.
        path: String,
        /// Where it goes wrong.
        source: serde_json::Error,
    },
}

/// Writes rows as a JSON list, one row a line.
///
/// # Errors
/// The file cannot be written.
pub fn write(path: &Path, rows: &[Row]) -> Result<(), RowsError> {
    let content = |source| RowsError::Content { path: path.display().to_string(), source };
    let lines = rows.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>().map_err(content)?;
    let text = if lines.is_empty() { "[]\n".to_owned() } else { format!("[\n{}\n]\n", lines.join(",\n")) };
    fs::write(path, text).map_err(|source| RowsError::File { path: path.display().to_string(), source })
}

/// Reads what [`write`] wrote.
///
/// # Errors
/// The file cannot be read or holds something else.
pub fn read(path: &Path) -> Result<Vec<Row>, RowsError> {
    let name = || path.display().to_string();
    let text = fs::read_to_string(path).map_err(|source| RowsError::File { path: name(), source })?;
    serde_json::from_str(&text).map_err(|source| RowsError::Content { path: name(), source })
}

#[cfg(test)]
pub(crate) fn sample(contender: &str, placement: &str, bytes: u64, outstanding: u32, p50_us: f64) -> Row {
    Row {
        bench: "call".into(),
        contender: contender.into(),
        ours: contender.starts_with("ours"),
        placement: Some(placement.into()),
        bytes: Some(bytes),
        n: Some(1000),
        outstanding: Some(outstanding),
        p50_us: Some(p50_us),
        p99_us: Some(p50_us * 1.5),
        cpu_us_per_op: Some(p50_us),
        ops_per_s: Some(1e6 / p50_us),
        gb_per_s: Some(bytes as f64 / p50_us / 1e3),
        copied_bytes: None,
        peak_mb: Some(5.0),
        rounds: Some(7),
        machine: "a test, 2 cores".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: &str = "bench contender ours placement bytes n outstanding p50_us p99_us cpu_us_per_op ops_per_s \
                        gb_per_s copied_bytes peak_mb rounds machine";

    #[test]
    fn a_row_has_exactly_the_agreed_keys_in_their_order() {
        let text = serde_json::to_string(&sample("unix", "one-core", 64, 1, 3.0)).expect("writes");
        let keys: Vec<&str> =
            text.split('"').skip(1).step_by(2).filter(|word| KEYS.split(' ').any(|k| k == *word)).collect();
        assert_eq!(keys.join(" "), KEYS);
        let value: serde_json::Value = serde_json::from_str(&text).expect("reads");
        assert_eq!(value.as_object().expect("an object").len(), KEYS.split(' ').count());
        assert!(value["copied_bytes"].is_null());
    }

    #[test]
    fn rows_read_back_as_they_were_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("rows.json");
        for rows in
            [vec![], vec![sample("unix", "one-core", 64, 1, 3.0), sample("ours", "unpinned", 1024, 16, 9.25)]]
        {
            write(&path, &rows).expect("writes");
            assert_eq!(read(&path).expect("reads"), rows);
        }
        fs::write(&path, "{}").expect("writes");
        assert!(matches!(read(&path), Err(RowsError::Content { .. })));
    }
}
