//! The ancestor's list of modules: which groups of commands a server has.
//!
//! Lives here: `Chosen`: what a `ServerModules.cfg` (`ARKOUDA_CONFIG_FILE`) leaves of the linked modules, and what is to be said
//! about it.
//! From: the file's text. To: the program that is served.
//! Holds: a module of ours is left out when the list names none of the ancestor's modules that it holds; what the list names
//! and this server does not have is told by name, with what would bring it.
//! Not here: parameter classes (`files`), loading of libraries (`windlass_serve`).

use windlass_contract::ModuleDescriptor;
use windlass_contract::abi::ModuleTable;

/// The ancestor's modules, and ours that hold their commands.
const HELD_BY: &[(&str, &[&str])] = &[
    ("ArgSortMsg", &["array_sort", "array_group"]),
    ("ArraySetopsMsg", &["array_sets"]),
    ("BigIntMsg", &["array_bigint", "array_bigint_right", "array_bigint_picked"]),
    ("CSVMsg", &["files"]),
    ("CheckpointMsg", &["checkpoints"]),
    ("CastMsg", &["array_elementwise", "array_strings", "array_text"]),
    ("CommDiagnosticsMsg", &["array_traffic"]),
    ("ConcatenateMsg", &["array_shape", "array_strings"]),
    ("DataFrameIndexingMsg", &["array_tables"]),
    ("EfuncMsg", &["array_elementwise", "array_numeric", "array_hash"]),
    ("EncodingMsg", &["array_text"]),
    ("FlattenMsg", &["array_shape", "array_patterns"]),
    ("GBroadcastMsg", &["array_group"]),
    ("HashMsg", &["array_hash"]),
    ("HistogramMsg", &["array_stats"]),
    ("In1dMsg", &["array_sets", "array_group"]),
    ("IndexingMsg", &["array_index", "array_pick"]),
    ("JoinEqWithDTMsg", &["array_tables"]),
    ("KExtremeMsg", &["array_stats"]),
    ("LinalgMsg", &["array_linear"]),
    ("ManipulationMsg", &["array_shape", "array_pick"]),
    ("OperatorMsg", &["array_operators", "array_binary"]),
    ("ParquetMsg", &["files"]),
    ("RandMsg", &["array_random"]),
    ("ReductionMsg", &["array_reduce", "array_group", "array_by_key", "array_order"]),
    ("RegistrationMsg", &["array_registry"]),
    ("SegmentedMsg", &["array_strings", "array_text", "array_patterns"]),
    ("SequenceMsg", &["array_create"]),
    ("SetMsg", &["array_create"]),
    ("SortMsg", &["array_sort", "array_order"]),
    ("SparseMatrixMsg", &["array_tables", "array_sparse"]),
    ("SplitMix64RNG", &["array_random"]),
    ("StatsMsg", &["array_stats"]),
    ("TimeClassMsg", &["array_times"]),
    ("TransferMsg", &["transfer"]),
    ("UniqueMsg", &["array_sets", "array_group", "array_by_key"]),
    ("UtilMsg", &["array_shape", "array_binary"]),
];
/// The ancestor's modules that hold no command: parts of its build, or what the edge itself answers.
const SILENT: &[&str] = &["AryUtil", "LogMsg", "NumericUnicodes", "ReductionMsgFunctions"];
/// Ours that every server has: arrays are made, shown, moved and deleted by them.
const ALWAYS: &[&str] = &["array_create", "array_shown", "symbols", "transfer"];

/// What a list leaves.
#[derive(Debug)]
pub struct Chosen {
    /// The modules that are served.
    pub tables: Vec<&'static ModuleTable>,
    /// What is to be said to whoever started the server.
    pub notes: Vec<String>,
}

impl Chosen {
    /// Of these modules, those that the list leaves; modules that the ancestor has no counterpart of stay.
    pub fn of(list: &str, all: &[&'static ModuleTable]) -> Self {
        let listed: Vec<&str> = list
            .lines()
            .map(|line| line.split('#').next().unwrap_or_default().trim())
            .filter(|name| !name.is_empty())
            .collect();
        let held = |name: &str| HELD_BY.iter().find(|(ancestor, _)| *ancestor == name).map(|(_, ours)| *ours);
        let wanted: Vec<&str> = listed.iter().filter_map(|name| held(name)).flatten().copied().collect();
        let has_counterpart = |ours: &str| HELD_BY.iter().any(|(_, held)| held.contains(&ours));
        let stays = |ours: &str| ALWAYS.contains(&ours) || wanted.contains(&ours) || !has_counterpart(ours);
        let mut left_out = Vec::new();
        let tables = all.iter().filter(|table| {
            let name = name_of(table);
            let stays = name.as_deref().is_none_or(stays);
            left_out.extend(name.filter(|_| !stays));
            stays
        });
        let tables = tables.copied().collect();
        let mut notes = Vec::new();
        if !left_out.is_empty() {
            notes.push(format!("left out, as ARKOUDA_CONFIG_FILE names nothing of them: {}", left_out.join(", ")));
        }
        let unknown: Vec<&str> =
            listed.into_iter().filter(|name| held(name).is_none() && !SILENT.contains(name)).collect();
        if !unknown.is_empty() {
            notes.push(format!(
                "ARKOUDA_CONFIG_FILE names what this server has no commands of: {}; modules of your own are loaded as libraries \
                 (`windlass load`), not built in",
                unknown.join(", ")
            ));
        }
        Self { tables, notes }
    }
}

fn name_of(table: &'static ModuleTable) -> Option<String> {
    let table = windlass_serve::Table::linked(table).ok()?;
    ModuleDescriptor::decode(table.describe()).ok().map(|descriptor| descriptor.name)
}

#[cfg(test)]
mod tests {
    #![allow(non_snake_case, reason = "tests carry the names of requirement rows")]
    use super::*;

    fn left(list: &str) -> (Vec<String>, Vec<String>) {
        let chosen = Chosen::of(list, crate::MODULES);
        (chosen.tables.into_iter().filter_map(name_of).collect(), chosen.notes)
    }

    #[test]
    fn arrays_R14_every_module_of_the_table_is_one_that_is_linked() {
        let linked: Vec<String> = crate::MODULES.iter().filter_map(|table| name_of(table)).collect();
        let named = HELD_BY.iter().flat_map(|(_, ours)| ours.iter()).chain(ALWAYS);
        for ours in named {
            assert!(linked.iter().any(|name| name == ours), "{ours}");
        }
        let arrays = linked.iter().filter(|name| name.starts_with("array_"));
        for ours in arrays {
            let held = HELD_BY.iter().any(|(_, held)| held.contains(&ours.as_str()));
            assert!(held || ALWAYS.contains(&ours.as_str()), "{ours} can never be left out, nor asked for");
        }
    }

    #[test]
    fn arrays_R14_what_is_not_listed_is_left_out_and_what_is_not_there_is_told() {
        let (names, notes) =
            left("# all but the rest\nRandMsg\n  SortMsg   # both\nAryUtil\nZarrMsg\n#StatsMsg\n");
        for there in ["array_random", "array_sort", "array_order", "array_create", "symbols", "echo"] {
            assert!(names.iter().any(|name| name == there), "{there} of {names:?}");
        }
        for gone in ["array_stats", "array_sets", "files"] {
            assert!(!names.iter().any(|name| name == gone), "{gone} of {names:?}");
        }
        assert!(notes[0].contains("array_stats") && notes[1].contains("ZarrMsg"), "{notes:?}");
        assert!(!notes[1].contains("AryUtil"), "{notes:?}");
    }

    #[test]
    fn arrays_R14_the_whole_list_leaves_everything() {
        let list: Vec<&str> = HELD_BY.iter().map(|(ancestor, _)| *ancestor).collect();
        let (names, notes) = left(&list.join("\n"));
        assert_eq!((names.len(), notes.len()), (crate::MODULES.len(), 0), "{notes:?}");
    }
}
