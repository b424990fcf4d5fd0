//! Claims about how a module comes in: the same description, found by its name, and once.

use crate::{Road, library, on_every_road};
use windlass_contract::module::Module;
use windlass_contract::{Code, ModuleDescriptor};
use windlass_echo::{Echo, echo};

#[test]
fn tasks_K1_linked_and_loaded_describe_themselves_alike() {
    on_every_road(|set| {
        let linked: ModuleDescriptor = Echo::descriptor();
        assert_eq!(set.echo.pool().describe().unwrap(), linked);
        let bytes = set.stage.admin().describe("echo").unwrap();
        assert_eq!(bytes, Echo::descriptor_bytes(), "to the byte");
    });
}

#[test]
fn tasks_K3_a_module_is_found_by_its_name_and_says_where_it_came_from() {
    on_every_road(|set| {
        let modules = set.stage.admin().modules().unwrap();
        let found = modules.iter().find(|module| module.name == "echo").expect("it is there");
        let origin = if set.road == Road::Linked { "linked" } else { library::echo().to_str().unwrap() };
        assert_eq!((found.origin.as_str(), found.pools), (origin, 2));
        assert_eq!(found.methods.len(), Echo::descriptor().methods.len());
    });
}

#[test]
fn tasks_K3_loading_it_twice_is_refused_by_name_and_changes_nothing() {
    on_every_road(|set| {
        let admin = set.stage.admin();
        let before = admin.modules().unwrap();
        set.echo.add("kept", 5).unwrap();
        let fault = admin.load(library::echo().to_str().unwrap()).unwrap_err();
        assert!(fault.is(Code::ModuleRefused) && fault.message.contains("a module echo"), "{fault:?}");
        assert_eq!(admin.modules().unwrap(), before);
        assert_eq!(set.echo.add("kept", 1).unwrap(), 6);
    });
}

#[test]
fn pools_of_a_loaded_module_come_and_go_like_those_of_a_linked_one() {
    on_every_road(|set| {
        let admin = set.stage.admin();
        let third = echo::Blocking::create(&set.client, "third", 3).unwrap();
        assert_eq!(third.add("x", 3).unwrap(), 3);
        let waits = third.pool().call(echo::methods::pause()).argument(&10_000u64).send();
        assert_eq!(third.ping(1).unwrap(), 1);
        admin.destroy_pool("third").unwrap();
        assert!(third.ping(1).unwrap_err().is(Code::UnknownPool));
        waits.wait().expect("a call that was accepted ends as it would have");
        let again = echo::Blocking::create(&set.client, "third", 3).unwrap();
        assert_eq!(again.add("x", 1).unwrap(), 1, "it begins anew");
    });
}
