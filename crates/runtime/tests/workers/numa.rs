//! Workers of NUMA nodes, and pools that are placed on one.

use crate::shard::{spread, stage, with};
use crate::stage::Stage;
use windlass::prelude::*;

fn homes(stage: &Stage, name: &str) -> Vec<u32> {
    let all = stage.admin().containers().unwrap();
    all.iter().filter(|one| one.pool == name).map(|one| one.worker).collect()
}

/// A node of the machine that has processors for us.
fn here() -> u16 {
    let nodes = windlass_driver::numa::nodes().unwrap();
    let usable = nodes.iter().find(|node| !windlass_driver::numa::granted(&node.processors).is_empty());
    usable.unwrap().id
}

#[test]
fn a_pool_on_a_numa_node_has_its_containers_on_the_workers_that_keep_to_it() {
    let node = here();
    let stage = with(|config| config.numa = vec![node]);
    let shards = spread(&stage, "near", 6, &format!("numa:{node}")).unwrap();
    let mut near = homes(&stage, "near");
    near.sort_unstable();
    assert_eq!(near, [0, 0, 1, 1, 2, 2], "all workers keep to it, one after another");
    assert_eq!(shards.toward(Query::Broadcast).count().unwrap(), 0);
}

#[test]
fn a_numa_node_that_does_not_exist_is_refused_and_those_that_do_are_named() {
    let stage = stage();
    let fault = spread(&stage, "far", 1, "numa:777").unwrap_err();
    assert!(fault.is(Code::BadArguments), "{fault:?}");
    let there =
        format!("no NUMA node 777 on this machine; there is {}", windlass_driver::numa::nodes().unwrap()[0].id);
    assert!(fault.message.contains(&there), "{fault:?}");
    assert!(stage.admin().find_pool("far").unwrap_err().is(Code::UnknownPool));
    let refused = Stage::try_with(|config| config.numa = vec![777]).map(drop).unwrap_err();
    assert!(refused.is(Code::BadConfig) && refused.message.contains(&there), "{refused:?}");
}
