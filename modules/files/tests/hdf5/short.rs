//! Short: the commands for HDF5 in short, for tests with a `Set`.

use crate::set::{Set, Told};
use crate::stage::Stage;
use serde_json::Value;
use windlass_client::dynamic::commands::Commands;
use windlass_contract::Fault;

/// Arguments beside those that every object has.
pub type Pairs<'a> = &'a [(&'a str, &'a str)];

impl Set {
    /// Of a session that may have 64 MiB of symbols.
    pub fn small() -> Self {
        Self::with(64 << 20)
    }
    /// Writes what `given` names, into one file of a locale unless it says otherwise.
    pub fn write(&self, file: &str, name: &str, sort: &str, given: Pairs<'_>) -> Result<(), Fault> {
        write(&self.stage.commands, &self.path(file), name, sort, given)
    }
    pub fn keep(&self, file: &str, name: &str, sort: &str, given: Pairs<'_>) {
        self.write(file, name, sort, given).unwrap_or_else(|fault| panic!("{file} {name} {sort}: {fault:?}"));
    }
    pub fn read_with(
        &self,
        files: &[String],
        names: &[&str],
        more: Pairs<'_>,
    ) -> Result<(Vec<Told>, Value), Fault> {
        let (files, names) = (format!("{files:?}"), format!("{names:?}"));
        let mut given = vec![("filenames", files.as_str()), ("dsets", names.as_str())];
        for (key, usual) in [
            ("strict_types", "true"),
            ("allow_errors", "false"),
            ("calc_string_offsets", "false"),
            ("tag_data", "false"),
        ] {
            given.push((key, more.iter().find(|(other, _)| *other == key).map_or(usual, |(_, value)| value)));
        }
        self.told("readAllHdf", &given)
    }
    pub fn read(&self, files: &str, names: &[&str]) -> Result<Vec<Told>, Fault> {
        self.read_with(&[self.path(files)], names, &[]).map(|(told, _)| told)
    }
    /// The one object of this name.
    pub fn back(&self, files: &str, name: &str) -> Told {
        let told = self.read(files, &[name]).unwrap_or_else(|fault| panic!("{files} {name}: {fault:?}")).remove(0);
        assert_eq!(told.name, name);
        told
    }
    /// Big integers, by their limbs.
    pub fn big(&self, values: &[i128], max_bits: &str) -> String {
        let limb = |at: u32| -> Vec<u64> { values.iter().map(|value| (value >> (64 * at)) as u64).collect() };
        let (low, high) =
            (self.stage.array(&[values.len()], &limb(0)), self.stage.array(&[values.len()], &limb(1)));
        let (arrays, shape) = (format!("[\"{low}\",\"{high}\"]"), format!("[{}]", values.len()));
        let given = [
            ("arrays", arrays.as_str()),
            ("num_arrays", "2"),
            ("signed", "True"),
            ("shape", &shape),
            ("max_bits", max_bits),
        ];
        Stage::names(&self.stage.call("big_int_creation_multi_limb<uint64,1>", &given).to_string()).remove(0)
    }
    pub fn bigs(&self, name: &str, count: usize) -> Vec<String> {
        let one = |at: usize| {
            self.stage.call("[int]<bigint,1>", &[("array", name), ("idx", &at.to_string())]).to_string()
        };
        (0..count).map(|at| one(at).trim_start_matches("bigint ").to_owned()).collect()
    }
}

/// Writes an object; into a new file of a locale unless `given` says otherwise.
pub fn write(commands: &Commands, path: &str, name: &str, sort: &str, given: Pairs<'_>) -> Result<(), Fault> {
    let mut all = vec![("filename", path), ("dset", name), ("objType", sort)];
    for (key, usual) in [("write_mode", "0"), ("file_format", "1")] {
        if !given.iter().any(|(other, _)| *other == key) {
            all.push((key, usual));
        }
    }
    all.extend(given);
    let said = commands.call("tohdf", &all)?.to_string();
    assert_eq!(said, "Dataset written successfully!");
    Ok(())
}

/// Beside what is there.
pub const APPEND: (&str, &str) = ("write_mode", "1");
/// Into a file of its own name.
pub const SINGLE: (&str, &str) = ("file_format", "0");
