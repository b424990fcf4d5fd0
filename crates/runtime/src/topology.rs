//! Topology: which processors each worker keeps to, and which NUMA node that makes it one of.
//!
//! Lives here: `Topology`.
//! From: the configuration, and what the machine tells of itself through the driver. To: `node`, which binds threads;
//! `place::policy`, which puts containers on the workers of a node.
//! Holds: a worker is one of a NUMA node only if all it may run on is that node's; whoever names a node that does not exist is
//! told which do.
//! Not here: binding memory. What a worker touches first is near it.

use crate::node::{NodeConfig, io};
use crate::shared::WorkerId;
use windlass_contract::{Code, Fault};
use windlass_driver::numa::{self, NumaNode};

/// Where the workers of a node are.
#[derive(Debug)]
pub(crate) struct Topology {
    /// The machine's NUMA nodes, in order.
    nodes: Vec<u16>,
    workers: Vec<Spot>,
}

/// Where one worker is.
#[derive(Debug)]
struct Spot {
    /// What it keeps to; empty: any.
    processors: Vec<usize>,
    node: Option<u16>,
}

impl Topology {
    /// Of workers that are threads of this machine.
    ///
    /// # Errors
    /// `BadConfig` for NUMA nodes that the machine has not or this process may not use; `Io` when the machine cannot be asked.
    pub(crate) fn of_threads(config: &NodeConfig) -> Result<Self, Fault> {
        let mut nodes = match numa::nodes() {
            Ok(nodes) => nodes,
            // Only whoever names a node needs them.
            Err(error) if config.numa.is_empty() => {
                tracing::warn!(%error, "the machine's NUMA nodes are not known; no pool can be placed on one");
                Vec::new()
            }
            Err(error) => return Err(io("the machine's NUMA nodes")(error)),
        };
        nodes.iter_mut().for_each(|node| node.processors = numa::granted(&node.processors));
        Self::on(config, nodes)
    }

    /// Of workers that their caller turns: they keep to nothing, and the machine has the nodes that are configured.
    pub(crate) fn by_hand(config: &NodeConfig, workers: usize) -> Self {
        let mut nodes = config.numa.clone();
        nodes.sort_unstable();
        nodes.dedup();
        if nodes.is_empty() {
            nodes.push(0);
        }
        let node = |at: usize| config.numa.get(at % config.numa.len().max(1)).copied().unwrap_or(0);
        let workers = (0..workers).map(|at| Spot { processors: Vec::new(), node: Some(node(at)) }).collect();
        Self { nodes, workers }
    }

    /// Of the configured workers on a machine of these nodes.
    fn on(config: &NodeConfig, nodes: Vec<NumaNode>) -> Result<Self, Fault> {
        let bad = |text: String| Fault::new(Code::BadConfig, text);
        if !config.numa.is_empty() && !config.processors.is_empty() {
            return Err(bad("workers keep to processors (cpus) or to NUMA nodes (numa), not to both".to_owned()));
        }
        let mut workers = Vec::new();
        for at in 0..config.workers {
            let spot = match &config.numa[..] {
                [] => {
                    let processors = own_processors(config, at);
                    let node = node_of(&nodes, &processors);
                    Spot { processors, node }
                }
                wanted => {
                    let id = wanted[at % wanted.len()];
                    let node = nodes.iter().find(|node| node.id == id);
                    let node = node.ok_or_else(|| bad(unknown(id, nodes.iter().map(|node| node.id))))?;
                    if node.processors.is_empty() {
                        return Err(bad(format!("NUMA node {id} has no processor that this process may use")));
                    }
                    Spot { processors: node.processors.clone(), node: Some(id) }
                }
            };
            workers.push(spot);
        }
        Ok(Self { nodes: nodes.into_iter().map(|node| node.id).collect(), workers })
    }

    /// How many workers there are.
    pub(crate) fn workers(&self) -> usize {
        self.workers.len()
    }

    /// The processors that a worker keeps to; none: any.
    pub(crate) fn processors(&self, worker: WorkerId) -> &[usize] {
        self.workers.get(worker.index()).map_or(&[], |spot| &spot.processors)
    }

    /// The workers of a NUMA node; at least one.
    ///
    /// # Errors
    /// `BadArguments` for a node that the machine has not, with those that it has, and for one that no worker keeps to.
    pub(crate) fn of_node(&self, id: u16) -> Result<Vec<WorkerId>, Fault> {
        let bad = |text: String| Err(Fault::new(Code::BadArguments, text));
        if !self.nodes.contains(&id) {
            return bad(unknown(id, self.nodes.iter().copied()));
        }
        let of = |(at, spot): (usize, &Spot)| (spot.node == Some(id)).then_some(WorkerId(at as u16));
        let workers: Vec<WorkerId> = self.workers.iter().enumerate().filter_map(of).collect();
        if workers.is_empty() {
            let keeps = |(at, spot): (usize, &Spot)| match spot.node {
                Some(node) => format!("worker {at} to node {node}"),
                None => format!("worker {at} to none"),
            };
            let keeps: Vec<String> = self.workers.iter().enumerate().map(keeps).collect();
            return bad(format!(
                "no worker keeps to NUMA node {id} ({}); start the node with numa = [..] or cpus = [..]",
                keeps.join(", ")
            ));
        }
        Ok(workers)
    }
}

fn unknown(id: u16, there: impl Iterator<Item = u16>) -> String {
    let there: Vec<String> = there.map(|id| id.to_string()).collect();
    if there.is_empty() {
        return format!("there is no NUMA node {id}: the machine tells of none");
    }
    format!("there is no NUMA node {id} on this machine; there is {}", there.join(", "))
}

/// The node that all of these processors are of; of a worker that keeps to none, the only one.
fn node_of(nodes: &[NumaNode], processors: &[usize]) -> Option<u16> {
    let holds = |node: &&NumaNode| processors.iter().all(|at| node.processors.contains(at));
    match (nodes, processors) {
        ([only], _) => Some(only.id),
        (_, []) => None,
        _ => nodes.iter().find(holds).map(|node| node.id),
    }
}

/// The processors of one worker: all that are configured if there is one worker, else one each as far as they go.
fn own_processors(config: &NodeConfig, worker: usize) -> Vec<usize> {
    match &config.processors[..] {
        [] => Vec::new(),
        all if config.workers == 1 => all.to_vec(),
        all => vec![all[worker % all.len()]],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use windlass_admin::Admin;

    fn two_nodes() -> Vec<NumaNode> {
        vec![NumaNode { id: 0, processors: vec![0, 1] }, NumaNode { id: 2, processors: vec![4, 5] }]
    }

    fn config(workers: usize, processors: &[usize], numa: &[u16]) -> NodeConfig {
        let mut config = NodeConfig::new("test", Admin::TABLE);
        (config.workers, config.processors, config.numa) = (workers, processors.to_vec(), numa.to_vec());
        config
    }

    fn ids(workers: Result<Vec<WorkerId>, Fault>) -> Vec<u16> {
        workers.expect("workers of the node").into_iter().map(|worker| worker.0).collect()
    }

    #[test]
    fn workers_keep_to_the_processors_of_their_numa_nodes_one_node_each_in_turn() {
        let topology = Topology::on(&config(3, &[], &[2, 0]), two_nodes()).expect("both nodes exist");
        assert_eq!(topology.processors(WorkerId(0)), [4, 5]);
        assert_eq!(topology.processors(WorkerId(1)), [0, 1]);
        assert_eq!(topology.processors(WorkerId(2)), [4, 5]);
        assert_eq!((ids(topology.of_node(2)), ids(topology.of_node(0))), (vec![0, 2], vec![1]));
    }

    #[test]
    fn a_worker_that_is_bound_to_processors_is_one_of_the_node_that_has_them_all() {
        let topology = Topology::on(&config(3, &[5, 0, 9], &[]), two_nodes()).expect("a good configuration");
        assert_eq!((ids(topology.of_node(2)), ids(topology.of_node(0))), (vec![0], vec![1]));
        let across = Topology::on(&config(1, &[0, 4], &[]), two_nodes()).expect("a good configuration");
        let fault = across.of_node(0).expect_err("it may run on both");
        assert!(fault.is(Code::BadArguments) && fault.message.contains("worker 0 to none"), "{fault}");
    }

    #[test]
    fn on_a_machine_of_one_node_every_worker_is_one_of_it() {
        let one = vec![NumaNode { id: 0, processors: vec![0, 1] }];
        let topology = Topology::on(&config(3, &[], &[]), one).expect("a good configuration");
        assert_eq!(ids(topology.of_node(0)), [0, 1, 2]);
        assert!(topology.processors(WorkerId(1)).is_empty(), "it keeps to nothing");
    }

    #[test]
    fn a_numa_node_that_the_machine_has_not_is_refused_with_those_that_it_has() {
        let fault = Topology::on(&config(2, &[], &[0, 1]), two_nodes()).expect_err("there is no node 1");
        assert!(fault.is(Code::BadConfig), "{fault}");
        assert!(fault.message.contains("no NUMA node 1") && fault.message.contains("there is 0, 2"), "{fault}");
        let topology = Topology::on(&config(2, &[], &[0]), two_nodes()).expect("there is node 0");
        let fault = topology.of_node(1).expect_err("there is no node 1");
        assert!(fault.is(Code::BadArguments) && fault.message.contains("there is 0, 2"), "{fault}");
        let fault = topology.of_node(2).expect_err("nobody keeps to node 2");
        assert!(fault.message.contains("no worker keeps to NUMA node 2"), "{fault}");
    }

    #[test]
    fn memory_without_processors_and_two_ways_at_once_are_refused() {
        let memory = vec![NumaNode { id: 0, processors: vec![0] }, NumaNode { id: 1, processors: Vec::new() }];
        let fault = Topology::on(&config(2, &[], &[1]), memory).expect_err("nothing runs there");
        assert!(fault.is(Code::BadConfig) && fault.message.contains("no processor"), "{fault}");
        let fault = Topology::on(&config(2, &[0], &[0]), two_nodes()).expect_err("both are said");
        assert!(fault.is(Code::BadConfig) && fault.message.contains("not to both"), "{fault}");
    }
}
