//! Every method of `admin` against a node, and its door: no other pool may ask what it asks.
#![allow(non_snake_case, reason = "tests carry the names of requirement rows")]

#[path = "../../../crates/runtime/tests/conformance/library.rs"]
mod library;
#[path = "../../../crates/runtime/tests/stage/mod.rs"]
mod stage;

use stage::{Stage, pool};
use std::time::Duration;
use windlass::prelude::*;
use windlass_admin::Admin;
use windlass_contract::ModuleDescriptor;
use windlass_contract::admin::Request;
use windlass_contract::module::Module;
use windlass_echo::{Echo, echo};
use windlass_runtime::NodeEnd;

fn with_echo() -> (Stage, windlass_admin::admin::Blocking, echo::Blocking) {
    let stage = Stage::with(|config| {
        config.modules.push(Echo::TABLE);
        config.pools.push(pool("echo", "echo", &[]));
    });
    let (admin, client) = (stage.admin(), stage.client());
    (stage, admin, echo::Blocking::on(client.pool("echo").unwrap()))
}

#[test]
fn find_pool_knows_it_by_name_and_by_id_and_names_those_that_exist() {
    let (_stage, admin, echo) = with_echo();
    let found = admin.find_pool("echo").unwrap();
    assert_eq!((found.name.as_str(), found.module.as_str(), found.containers), ("echo", "echo", 1));
    assert_eq!(found.id, echo.pool().id().bits());
    assert_eq!(admin.find_pool(&echo.pool().id().to_string()).unwrap(), found);
    let fault = admin.find_pool("ecko").unwrap_err();
    assert!(fault.is(Code::UnknownPool) && fault.message.contains("admin, echo"), "{fault:?}");
}

#[test]
fn describe_gives_the_descriptor_of_a_pools_module_or_of_a_module() {
    let stage = Stage::with(|config| {
        config.modules.push(Echo::TABLE);
        config.pools.push(pool("loud", "echo", &[]));
    });
    let admin = stage.admin();
    for name in ["loud", "echo"] {
        assert_eq!(ModuleDescriptor::decode(&admin.describe(name).unwrap()).unwrap(), Echo::descriptor());
    }
    assert_eq!(ModuleDescriptor::decode(&admin.describe("admin").unwrap()).unwrap(), Admin::descriptor());
    assert!(admin.describe("nothing").unwrap_err().is(Code::UnknownPool));
}

#[test]
fn tasks_K26_create_pool_makes_it_once_and_says_what_cannot_be() {
    let (stage, admin, _) = with_echo();
    let limit = 9_u64;
    let parameters = [limit as u8];
    let made = admin.create_pool("small", "echo", &parameters).unwrap();
    assert_eq!((made.parameters.as_str(), made.calls), ("limit=9", 1), "its `create` is a call");
    assert_eq!(admin.create_pool("small", "echo", &parameters).unwrap().id, made.id);
    let small = echo::Blocking::on(stage.client().pool("small").unwrap());
    assert_eq!(small.add("x", 10).unwrap_err().code, 1001);
    let unknown = admin.create_pool("other", "ecko", &[]).unwrap_err();
    assert!(unknown.is(Code::UnknownModule) && unknown.message.contains("admin, echo"), "{unknown:?}");
    for name in ["", "with space", "a/b", "0.7", &"x".repeat(65)] {
        let fault = admin.create_pool(name, "echo", &[]).unwrap_err();
        assert!(fault.is(Code::BadArguments), "{name:?}: {fault:?}");
    }
}

#[test]
fn tasks_K27_create_pool_refuses_a_name_that_is_something_else() {
    let (_stage, admin, _) = with_echo();
    for (module, parameters) in [("echo", &[5][..]), ("admin", &[])] {
        let fault = admin.create_pool("echo", module, parameters).unwrap_err();
        assert!(fault.is(Code::PoolExists) && fault.message.contains("limit=18446744073709551615"), "{fault:?}");
    }
}

#[test]
fn destroy_pool_ends_a_pool_and_frees_its_name() {
    let (stage, admin, echo) = with_echo();
    assert_eq!(echo.add("x", 5).unwrap(), 5);
    admin.destroy_pool("echo").unwrap();
    assert!(echo.ping(1).unwrap_err().is(Code::UnknownPool));
    assert!(admin.destroy_pool("echo").unwrap_err().is(Code::UnknownPool));
    let fault = admin.destroy_pool("admin").unwrap_err();
    assert!(fault.is(Code::Denied) && fault.message.contains("admin"), "{fault:?}");
    let anew = echo::Blocking::create(&stage.client(), "echo", u64::MAX).unwrap();
    assert_ne!(anew.pool().id(), echo.pool().id(), "an id is not used again");
    assert_eq!(anew.add("x", 1).unwrap(), 1);
    assert!(echo.ping(1).unwrap_err().is(Code::UnknownPool), "the old one stays gone");
}

#[test]
fn pools_modules_and_methods_tell_what_is_there_and_what_was_done() {
    let (_stage, admin, echo) = with_echo();
    for value in 0..3 {
        echo.ping(value).unwrap();
    }
    echo.panic("once").unwrap_err();
    let pools = admin.pools().unwrap();
    let names: Vec<&str> = pools.iter().map(|pool| pool.name.as_str()).collect();
    assert_eq!(names, ["admin", "echo"]);
    assert_eq!(pools[1].calls, 5, "create, three pings and a panic");
    let modules = admin.modules().unwrap();
    let told: Vec<_> = modules.iter().map(|one| (one.name.as_str(), one.origin.as_str(), one.pools)).collect();
    assert_eq!(told, [("admin", "linked", 1), ("echo", "linked", 1)]);
    assert_eq!(modules[1].summary, "Says back what it hears, by every road there is.");
    let methods = admin.methods().unwrap();
    let of = |name: &str| methods.iter().find(|one| one.pool == "echo" && one.method == name).expect("it ran");
    assert_eq!((of("ping").calls, of("ping").faults), (3, 0));
    assert_eq!((of("panic").calls, of("panic").faults), (0, 1));
    assert!(of("ping").p50_us > 0.0 && of("ping").max_us >= of("ping").p50_us);
    assert!(!methods.iter().any(|one| one.method == "reverse"), "what was never called is not listed");
}

#[test]
fn sessions_and_node_tell_who_is_there_and_what_moved() {
    let (stage, admin, echo) = with_echo();
    let tester = Client::options().name("tester").calls(8).connect(&stage.address()).unwrap();
    let sessions = admin.sessions().unwrap();
    assert_eq!(sessions.len(), 3);
    assert!(sessions.is_sorted_by_key(|session| session.id));
    let found = sessions.iter().find(|session| session.name == "tester").expect("it is listed");
    assert_eq!((found.pid, found.calls_max, found.in_flight), (std::process::id(), 8, 0));
    assert!(found.segment_bytes > 0);
    let before = admin.node().unwrap();
    assert_eq!(
        (before.name.as_str(), before.pid, before.sessions, before.pools),
        ("test", std::process::id(), 3, 2)
    );
    let frozen = echo.pool().client().freeze(&[3; 10_000]).unwrap();
    echo.checksum(&[3; 20_000]).unwrap();
    echo.checksum(&frozen).unwrap();
    let after = admin.node().unwrap();
    assert_eq!(after.copied_bytes - before.copied_bytes, 20_000);
    assert_eq!(after.frozen_bytes - before.frozen_bytes, 10_000);
    assert_eq!(after.calls - before.calls, 3, "two checksums and the question before");
    drop(tester);
}

#[test]
fn flush_waits_until_what_was_accepted_before_it_has_ended() {
    let (_stage, admin, echo) = with_echo();
    let calls = || admin.find_pool("echo").unwrap().calls;
    let before = calls();
    let pending: Vec<_> = (0..4)
        .map(|at| echo.pool().call(echo::methods::pause()).argument(&(20_000 + at * 5_000_u64)).send())
        .collect();
    let spin = echo.pool().call(echo::methods::spin()).argument(&30_000u64).send();
    // A call of the same session that is answered tells that those before it have been accepted.
    echo.ping(1).unwrap();
    admin.flush().unwrap();
    assert_eq!(calls() - before, 6);
    pending.into_iter().for_each(|one| drop(one.wait().unwrap()));
    spin.wait().unwrap();
    admin.flush().expect("an idle node is flushed at once");
}

#[test]
fn stop_lets_calls_end_takes_no_new_ones_and_ends_the_node() {
    let (stage, admin, echo) = with_echo();
    let pool = echo.pool();
    let pause = |us: u64| pool.call(echo::methods::pause()).argument(&us).send();
    let lasting = pause(3_600_000_000);
    echo.ping(1).unwrap();
    admin.stop(60_000).unwrap();
    assert!(pause(0).wait().unwrap_err().is(Code::Draining));
    lasting.cancel();
    let fault = lasting.wait().unwrap_err();
    assert!(fault.is(Code::Cancelled), "it went on until its caller ended it: {fault:?}");
    assert_eq!(stage.ended(), NodeEnd::Stopped);
    let fault = echo.ping(2).unwrap_err();
    assert!(fault.is(Code::NodeGone), "{fault:?}");
}

#[test]
fn stop_with_no_time_left_answers_what_runs() {
    let (stage, admin, echo) = with_echo();
    let lasting = echo.pool().call(echo::methods::pause()).argument(&3_600_000_000u64).send();
    echo.ping(1).unwrap();
    admin.stop(0).unwrap();
    let fault = lasting.wait().unwrap_err();
    assert!(fault.is(Code::Draining), "{fault:?}");
    assert_eq!(stage.ended(), NodeEnd::Stopped);
}

#[test]
fn load_brings_a_module_in_while_the_node_runs() {
    let stage = Stage::of(&[]);
    let admin = stage.admin();
    assert!(admin.create_pool("echo", "echo", &[]).unwrap_err().is(Code::UnknownModule));
    let path = library::echo().to_str().expect("UTF-8");
    let loaded = admin.load(path).unwrap();
    assert_eq!((loaded.len(), loaded[0].name.as_str(), loaded[0].origin.as_str()), (1, "echo", path));
    admin.create_pool("echo", "echo", &[]).unwrap();
    let echo = echo::Blocking::connect(&stage.address(), "echo").unwrap();
    assert_eq!(echo.echo("loaded").unwrap(), "loaded");
    let fault = admin.load("/nowhere/libecho.so").unwrap_err();
    assert!(fault.is(Code::ModuleRefused) && fault.message.contains("/nowhere/libecho.so"), "{fault:?}");
}

/// A module that tries what only `admin` may.
pub struct Nosy;

#[module(export = false)]
impl Nosy {
    #[create]
    fn create() -> Self {
        Self
    }
    #[method]
    async fn ask(&self, cx: &Context<'_>, request: Vec<u8>) -> Result<Vec<u8>, Fault> {
        cx.control(request).await
    }
}

#[test]
fn no_other_pool_may_ask_the_node_whatever_its_name() {
    let stage = Stage::with(|config| {
        config.modules.push(Nosy::TABLE);
        config.pools.push(pool("admins", "nosy", &[]));
    });
    let nosy = nosy::Blocking::connect(&stage.address(), "admins").unwrap();
    for request in [Request::Node, Request::Stop(0), Request::Destroy("admins".into())] {
        let fault = nosy.ask(&postcard::to_allocvec(&request).unwrap()).unwrap_err();
        assert!(fault.is(Code::Denied) && fault.message.contains("pool 0"), "{fault:?}");
    }
    assert_eq!(stage.admin().pools().unwrap().len(), 2, "nothing happened");
    // Another `admin` pool beside pool 0 has no more rights than any.
    let second = stage.admin().create_pool("second", "admin", &[]).unwrap();
    let second = stage.client().pool_of(PoolId::from_bits(second.id));
    let fault = windlass_admin::admin::Blocking::on(second).node().unwrap_err();
    assert!(fault.is(Code::Denied), "{fault:?}");
}

#[test]
fn an_order_that_came_with_a_deadline_keeps_it() {
    let (_stage, admin, echo) = with_echo();
    let lasting = echo.pool().call(echo::methods::pause()).argument(&3_600_000_000u64).send();
    echo.ping(1).unwrap();
    let flush = windlass_admin::admin::methods::flush();
    let fault = admin.pool().call(flush).deadline(Duration::from_millis(5)).wait().unwrap_err();
    assert!(fault.is(Code::DeadlineExceeded), "{fault:?}");
    drop(lasting);
    admin.flush().expect("it was cancelled, so nothing is left to wait for");
}

#[test]
fn tasks_shows_what_lives_with_its_state_and_what_it_did() {
    let (_stage, admin, echo) = with_echo();
    let call = echo.pool().call(echo::methods::pause()).argument(&60_000_000u64).send();
    let paused = loop {
        let tasks = admin.tasks().unwrap();
        assert!(tasks.iter().any(|task| task.name == "admin.tasks" && task.state == "running"), "{tasks:?}");
        if let Some(task) = tasks.into_iter().find(|task| task.name == "echo.pause") {
            break task;
        }
    };
    assert_eq!((paused.lane.as_str(), paused.state.as_str(), paused.cancelled), ("latency", "waiting", false));
    assert!(paused.age_us > 0.0);
    call.cancel();
    assert!(call.wait().is_err_and(|fault| fault.is(Code::Cancelled)));
    assert!(admin.tasks().unwrap().iter().all(|task| task.name != "echo.pause"));
}
