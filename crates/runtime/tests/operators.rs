//! What an operator, a tool or a binding of another language has of a node: its admin, by schema alone.
#![allow(non_snake_case, reason = "tests carry the names of requirement rows")]

mod stage;

use stage::{Stage, pool};
use std::collections::BTreeSet;
use windlass_client::dynamic::{DynamicPool, DynamicReply, Supply};
use windlass_contract::{Code, Fault, MethodId, admin};
use windlass_echo::Echo;
use windlass_runtime::NodeEnd;

fn call(
    pool: &DynamicPool,
    method: &str,
    given: &[(&str, &str)],
    buffers: &[(&str, Supply<'_>)],
) -> Result<DynamicReply, Fault> {
    let given: Vec<_> = given.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    let buffers: Vec<_> = buffers.iter().map(|(name, supply)| ((*name).to_owned(), supply.clone())).collect();
    pool.call(method, &given, &buffers)
}

fn stage_with_echo() -> Stage {
    Stage::with(|config| {
        config.modules.push(Echo::TABLE);
        config.pools.push(pool("echo", "echo", &[("limit", "100")]));
    })
}

#[test]
fn tasks_K44_everything_that_is_asked_and_ordered_of_a_node_is_a_method_of_its_admin() {
    let stage = stage_with_echo();
    let admin = DynamicPool::open(&stage.client(), "admin").unwrap();
    let methods = || admin.module().methods.iter().filter(|method| !method.id.is_inherited());
    let names: BTreeSet<&str> = methods().map(|method| method.name.as_str()).collect();
    for name in [
        "find_pool",
        "describe",
        "create_pool",
        "create_spread",
        "destroy_pool",
        "provide_pool",
        "pools",
        "modules",
        "sessions",
        "workers",
        "containers",
        "lanes",
        "tasks",
        "methods",
        "samples",
        "node",
        "stages",
        "refused",
        "events",
        "log",
        "latency",
        "load",
        "flush",
        "stop",
    ] {
        assert!(names.contains(name), "{name} is missing among {names:?}");
    }
    assert!(methods().all(|method| !method.docs.is_empty()), "each says what it does");
    // What only asks and takes nothing answers; stamps are off, which is told.
    let mut asked = 0;
    for method in methods().filter(|method| method.flags.idempotent && method.parameters.is_empty()) {
        match call(&admin, &method.name, &[], &[]) {
            Ok(_) => asked += 1,
            Err(fault) => {
                assert!(method.name == "stages" && fault.is(Code::Unsupported), "{}: {fault:?}", method.name)
            }
        }
    }
    assert!(asked >= 9, "{asked}");
    let fault =
        call(&admin, "create_pool", &[("name", "x"), ("module", "ekho"), ("parameters", "")], &[]).unwrap_err();
    assert!(fault.is(Code::UnknownModule) && fault.message.contains("echo"), "{fault:?}");
    let fault = call(&admin, "migrate_containers", &[], &[]).unwrap_err();
    assert!(fault.is(Code::UnknownMethod), "what needs a cluster is not there, and is not pretended: {fault:?}");
}

#[test]
fn tasks_K63_a_binding_needs_no_generated_code_to_call_watch_and_stop_a_node_and_hears_every_error() {
    let stage = stage_with_echo();
    let client = stage.client();
    let echo = DynamicPool::open(&client, "echo").unwrap();
    assert_eq!(call(&echo, "ping", &[("value", "7")], &[]).unwrap().value, 7);
    let copied = call(&echo, "copy", &[], &[("data", Supply::Bytes(b"rope")), ("out", Supply::Room(8))]).unwrap();
    assert_eq!((copied.value.as_u64(), &copied.buffers[0].1[..]), (Some(4), &b"rope"[..]));
    // Watch: the module's own words, and the node's counters.
    let asked = echo.pool().call(admin::monitor()).argument("");
    let said: String = asked.wait().unwrap().value().unwrap();
    assert!(said.starts_with('{'), "JSON: {said}");
    let admin = DynamicPool::open(&client, "admin").unwrap();
    let facts = call(&admin, "node", &[], &[]).unwrap().value;
    assert!(facts["calls"].as_u64().unwrap() >= 2, "{facts}");
    // Errors are told: the name, what is wrong, what exists.
    let fault = call(&echo, "add", &[("name", "cats"), ("by", "101")], &[]).unwrap_err();
    assert!(fault.message.contains("100"), "{fault:?}");
    let fault = call(&echo, "pong", &[], &[]).unwrap_err();
    assert!(fault.is(Code::UnknownMethod) && fault.message.contains("ping"), "{fault:?}");
    let fault = call(&echo, "ping", &[("value", "many")], &[]).unwrap_err();
    assert!(fault.is(Code::BadArguments) && fault.message.contains("value"), "{fault:?}");
    assert!(admin.module().methods.iter().any(|method| method.id == MethodId(10)));
    // Stop.
    call(&admin, "stop", &[("deadline_ms", "1000")], &[]).unwrap();
    assert_eq!(stage.ended(), NodeEnd::Stopped);
}
