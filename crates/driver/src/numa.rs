//! NUMA: which processors of the machine are near which memory.
//!
//! Lives here: `NumaNode`, `nodes` (of this machine), `nodes_at` (of a tree like its `/sys/devices/system/node`), `granted`.
//! From: files that the kernel writes. To: whoever decides where workers run.
//! Holds: a machine that tells nothing of itself is one node, 0, of all its processors; a tree that cannot be read is an error.
//! Not here: binding a thread (`threads::pin`), and binding memory: memory is near the worker that touches it first.

use rustix::thread::CpuSet;
use std::io;
use std::path::Path;

/// Where the kernel tells of nodes.
const TREE: &str = "/sys/devices/system/node";

/// Processors that are near one memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumaNode {
    /// Its number.
    pub id: u16,
    /// Its processors, in order; a node of memory alone has none.
    pub processors: Vec<usize>,
}

/// The nodes of this machine, in order of their numbers; at least one.
///
/// # Errors
/// `InvalidData` for what is no list of processors; the system's, when a file cannot be read.
pub fn nodes() -> io::Result<Vec<NumaNode>> {
    nodes_at(Path::new(TREE))
}

/// The nodes that a tree like `/sys/devices/system/node` tells of.
///
/// # Errors
/// As `nodes`.
pub fn nodes_at(tree: &Path) -> io::Result<Vec<NumaNode>> {
    let entries = match std::fs::read_dir(tree) {
        Ok(entries) => entries,
        // A kernel without NUMA has no such folder.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![whole_machine()]),
        Err(error) => return Err(error),
    };
    let mut nodes = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let id = name.to_str().and_then(|name| name.strip_prefix("node")).and_then(|id| id.parse().ok());
        let Some(id) = id else { continue };
        let list = entry.path().join("cpulist");
        let text = std::fs::read_to_string(&list)?;
        let processors = processors_of(text.trim()).ok_or_else(|| {
            let text = format!("{}: {:?} is no list of processors", list.display(), text.trim());
            io::Error::new(io::ErrorKind::InvalidData, text)
        })?;
        nodes.push(NumaNode { id, processors });
    }
    if nodes.is_empty() {
        return Ok(vec![whole_machine()]);
    }
    nodes.sort_by_key(|node| node.id);
    Ok(nodes)
}

/// Of these processors those that this thread may run on; all of them when the system does not say.
pub fn granted(processors: &[usize]) -> Vec<usize> {
    let Ok(set) = rustix::thread::sched_getaffinity(None) else { return processors.to_vec() };
    processors.iter().copied().filter(|at| *at < CpuSet::MAX_CPU && set.is_set(*at)).collect()
}

fn whole_machine() -> NumaNode {
    NumaNode { id: 0, processors: granted(&(0..CpuSet::MAX_CPU).collect::<Vec<_>>()) }
}

/// Reads `0-3,8,10-11`; nothing is no processor.
fn processors_of(text: &str) -> Option<Vec<usize>> {
    let mut processors = Vec::new();
    for part in text.split(',').filter(|_| !text.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        if first > last || last >= CpuSet::MAX_CPU {
            return None;
        }
        processors.extend(first..=last);
    }
    Some(processors)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(nodes: &[(&str, &str)]) -> tempfile::TempDir {
        let tree = tempfile::tempdir().expect("a directory");
        for (name, list) in nodes {
            std::fs::create_dir(tree.path().join(name)).expect("a node");
            std::fs::write(tree.path().join(name).join("cpulist"), list).expect("its list");
        }
        // What stands beside the nodes is none.
        std::fs::write(tree.path().join("online"), "0-1\n").expect("a file");
        std::fs::create_dir(tree.path().join("power")).expect("a folder");
        tree
    }

    #[test]
    fn a_tree_of_several_nodes_is_read_in_order_of_their_numbers() {
        let tree = tree(&[("node10", "6\n"), ("node0", "0-2,8-9\n"), ("node1", "3,5\n"), ("node2", "\n")]);
        let nodes = nodes_at(tree.path()).expect("a good tree");
        let of = |id, processors: &[usize]| NumaNode { id, processors: processors.to_vec() };
        assert_eq!(nodes, [of(0, &[0, 1, 2, 8, 9]), of(1, &[3, 5]), of(2, &[]), of(10, &[6])]);
    }

    #[test]
    fn a_machine_that_tells_nothing_is_one_node_of_all_that_is_granted() {
        let nothing = tempfile::tempdir().expect("a directory");
        for path in [nothing.path().to_owned(), nothing.path().join("none")] {
            let nodes = nodes_at(&path).expect("a machine without NUMA");
            assert_eq!((nodes.len(), nodes[0].id), (1, 0));
            assert_eq!(nodes[0].processors.len(), crate::threads::processors());
        }
    }

    #[test]
    fn a_list_that_is_none_is_an_error_with_its_file() {
        for wrong in ["0-", "1-0", "x", "0,,1", "0-99999999"] {
            let tree = tree(&[("node0", wrong)]);
            let error = nodes_at(tree.path()).expect_err(wrong);
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
            assert!(error.to_string().contains("node0/cpulist"), "{error}");
        }
    }

    #[test]
    fn this_machine_has_a_node_and_its_processors_are_granted_to_some_extent() {
        let nodes = nodes().expect("this machine's nodes");
        let granted: usize = nodes.iter().map(|node| granted(&node.processors).len()).sum();
        assert_eq!(granted, crate::threads::processors());
    }
}
