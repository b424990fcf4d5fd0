//! Versions: a client and a node that were built against different releases of one module.

use crate::stage::Stage;
use windlass::prelude::*;

/// The first release.
pub mod first {
    use windlass::prelude::*;

    /// Its state.
    pub struct Signal;

    #[module(name = "signal", version = "1.0", export = false)]
    impl Signal {
        #[create]
        fn create() -> Self {
            Self
        }
        #[method(id = 10)]
        fn flash(&self, text: &str) -> String {
            text.to_owned()
        }
        #[method(id = 11)]
        fn dim(&self, by: u32) -> u32 {
            by
        }
    }
}

/// The second: `flash` has two more arguments, `dim` takes another type, `hoist` is new.
pub mod second {
    use windlass::prelude::*;

    /// Its state.
    pub struct Signal;

    #[module(name = "signal", version = "2.0", export = false)]
    impl Signal {
        #[create]
        fn create() -> Self {
            Self
        }
        #[method(id = 10)]
        fn flash(
            &self,
            text: &str,
            #[arg(since, default = 2)] times: u32,
            #[arg(since, default = "-")] between: String,
        ) -> String {
            vec![text; times as usize].join(&between)
        }
        #[method(id = 11)]
        fn dim(&self, by: u64) -> u64 {
            by
        }
        #[method(id = 12)]
        fn hoist(&self) -> u8 {
            3
        }
    }
}

#[test]
fn a_client_older_than_an_argument_is_served_and_the_default_stands_in() {
    let stage = Stage::of(&[second::Signal::TABLE]);
    let newer = second::signal::Blocking::create(&stage.client(), "signal").unwrap();
    let older = first::signal::Blocking::connect(&stage.address(), "signal").unwrap();
    assert_eq!(newer.flash("dot", 3, "/").unwrap(), "dot/dot/dot");
    assert_eq!(older.flash("dot").unwrap(), "dot-dot");
}

#[test]
fn what_changed_otherwise_is_refused_before_it_runs() {
    let stage = Stage::of(&[second::Signal::TABLE]);
    second::signal::Blocking::create(&stage.client(), "signal").unwrap();
    let older = first::signal::Blocking::connect(&stage.address(), "signal").unwrap();
    let fault = older.dim(1).unwrap_err();
    assert!(fault.is(Code::SchemaMismatch) && fault.message.contains("signal.dim"), "{fault:?}");
    assert_eq!(fault.outcome, Outcome::NotStarted);
}

#[test]
fn tasks_K7_a_client_newer_than_the_node_is_told_what_is_not_there() {
    let stage = Stage::of(&[first::Signal::TABLE]);
    first::signal::Blocking::create(&stage.client(), "signal").unwrap();
    let newer = second::signal::Blocking::connect(&stage.address(), "signal").unwrap();
    let missing = newer.hoist().unwrap_err();
    assert!(missing.is(Code::UnknownMethod) && missing.message.contains("10 flash, 11 dim"), "{missing:?}");
    let longer = newer.flash("dot", 1, "").unwrap_err();
    assert!(longer.is(Code::SchemaMismatch) && longer.message.contains("signal.flash"), "{longer:?}");
}

#[test]
fn tasks_K6_the_hash_of_what_did_not_change_is_the_same_in_both() {
    let [old, new] = [first::signal::methods::flash(), second::signal::methods::flash()];
    assert_eq!((old.id, old.name), (new.id, new.name));
    assert_ne!(old.schema, new.schema);
    let stage = Stage::of(&[second::Signal::TABLE]);
    let pool = second::signal::Blocking::create(&stage.client(), "signal").unwrap();
    let described = pool.pool().describe().unwrap();
    let hashes = &described.method("flash").expect("it is described").hashes;
    assert_eq!((hashes.len(), hashes[0], hashes[2]), (3, old.schema, new.schema));
}
