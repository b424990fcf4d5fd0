//! Shape: numbers, state, hooks and errors of a module in which every method is a plain `fn`.

use crate::stage::{Stage, block_on, pool};
use windlass::prelude::*;
use windlass_contract::{MethodId, admin};

/// A drum of rope: every method is plain, so they take `&mut self`.
pub struct Drum {
    turns: u64,
    most: u64,
    locked: bool,
}

/// The module's own error.
#[derive(Debug)]
pub enum Slip {
    /// So many turns are too many.
    Over(u64),
    /// There is nothing left.
    Empty,
}

impl From<Slip> for Fault {
    fn from(slip: Slip) -> Self {
        match slip {
            Slip::Over(turns) => Fault::module(1, format!("{turns} turns are too many")),
            Slip::Empty => Fault::module(2, "the drum is empty").with_details("wind first"),
        }
    }
}

/// Winds rope.
#[module(version = "2.3", export = false)]
impl Drum {
    /// A drum for `most` turns, of which some are on it.
    #[create]
    fn create(
        most: u64,
        #[arg(default = 2)] turns: u64,
        #[arg(default = "hemp")] rope: String,
    ) -> Result<Self, Slip> {
        if turns > most {
            return Err(Slip::Over(turns));
        }
        Ok(Self { turns, most, locked: rope == "chain" })
    }
    /// Winds, and answers how many turns there are.
    #[method(id = 30)]
    fn wind(&mut self, by: u64) -> Result<u64, Slip> {
        let turns = self.turns + by;
        self.turns = if turns <= self.most { turns } else { return Err(Slip::Over(turns)) };
        Ok(turns)
    }
    /// A number below the one before it.
    #[method(id = 12)]
    fn unwind(&mut self) -> Result<u64, Slip> {
        self.turns = self.turns.checked_sub(1).ok_or(Slip::Empty)?;
        Ok(self.turns)
    }
    /// The number after that.
    #[method]
    fn turns(&self) -> u64 {
        self.turns
    }
    /// A number far away from all others.
    #[method(id = 4_000_000_000)]
    fn lock(&mut self, locked: bool) -> bool {
        std::mem::replace(&mut self.locked, locked)
    }
    #[hook]
    fn destroy(&self, _cx: &Context<'_>) -> Result<(), Fault> {
        if self.locked { Err(Fault::module(9, "the drum is locked")) } else { Ok(()) }
    }
    #[hook]
    fn monitor(&self, _cx: &Context<'_>, question: &str) -> Result<String, Fault> {
        match question {
            "" => Ok(format!("{{\"turns\":{}}}", self.turns)),
            "most" => Ok(self.most.to_string()),
            other => Err(Fault::new(Code::Unsupported, format!("no answer to {other}"))),
        }
    }
}

/// The least module there is.
pub struct Bare;

#[module(export = false)]
impl Bare {
    #[create]
    fn create() -> Self {
        Self
    }
}

#[test]
fn tasks_K4_numbers_may_come_in_any_order_and_as_high_as_they_like() {
    let stage = Stage::of(&[Drum::TABLE]);
    let drum = drum::Blocking::create(&stage.client(), "drum", 5, 2, "hemp").unwrap();
    let methods = drum.pool().describe().unwrap().methods;
    let ids: Vec<(u32, &str)> = methods.iter().map(|one| (one.id.0, one.name.as_str())).collect();
    assert_eq!(ids, [(0, "create"), (30, "wind"), (12, "unwind"), (13, "turns"), (4_000_000_000, "lock")]);
    assert_eq!(drum.wind(3).unwrap(), 5);
    assert_eq!(drum.unwind().unwrap(), 4);
    assert_eq!(drum.turns().unwrap(), 4);
    assert!(!drum.lock(true).unwrap());
    assert!(drum.lock(false).unwrap());
}

#[test]
fn tasks_K4_only_create_is_required_and_what_a_module_lacks_is_said_to_be_missing() {
    let stage = Stage::of(&[Bare::TABLE]);
    let bare = bare::Blocking::create(&stage.client(), "bare").unwrap();
    let ask = |question: &str| bare.pool().call(admin::monitor()).argument(question).wait();
    assert_eq!(ask("").unwrap().value::<String>().unwrap(), "{}");
    assert!(ask("how").unwrap_err().is(Code::Unsupported));
    let call = |id: u32| {
        let method = windlass::MethodRef { id: MethodId(id), ..admin::monitor() };
        bare.pool().call(method).argument("").wait().unwrap_err()
    };
    for (id, name) in
        [(2, "node_failure"), (3, "recover"), (4, "migrate"), (5, "upgrade"), (6, "restart"), (7, "")]
    {
        let fault = call(id);
        assert!(fault.is(Code::Unsupported) && fault.message.contains(name), "{id}: {fault:?}");
    }
    assert!(call(8).is(Code::Unsupported));
    let own = call(10);
    assert!(own.is(Code::UnknownMethod) && own.message.contains("0 create"), "{own:?}");
    for id in [MethodId::CREATE, MethodId::DESTROY] {
        let fault = bare.pool().call(windlass::MethodRef { id, ..admin::monitor() }).wait().unwrap_err();
        assert!(fault.is(Code::Denied) && fault.message.contains("admin"), "{fault:?}");
    }
    stage.admin().destroy_pool("bare").expect("the default of `destroy` says yes");
}

#[test]
fn tasks_K4_monitor_questions_reach_the_container_by_number_9() {
    let stage = Stage::of(&[Drum::TABLE]);
    let drum = drum::Blocking::create(&stage.client(), "drum", 70, 2, "hemp").unwrap();
    let ask = |question: &str| drum.pool().call(admin::monitor()).argument(question).wait();
    assert_eq!(ask("").unwrap().value::<String>().unwrap(), "{\"turns\":2}");
    assert_eq!(ask("most").unwrap().value::<String>().unwrap(), "70");
    let fault = ask("least").unwrap_err();
    assert!(fault.is(Code::Unsupported) && fault.message.contains("least"), "{fault:?}");
    let wrong = windlass::MethodRef { schema: drum::methods::turns().schema, ..admin::monitor() };
    assert!(drum.pool().call(wrong).argument("").wait().unwrap_err().is(Code::SchemaMismatch));
}

#[test]
fn tasks_K8_state_stays_in_the_container_and_clients_share_it() {
    let stage = Stage::of(&[Drum::TABLE]);
    let one = drum::Blocking::create(&stage.client(), "drum", 10, 2, "hemp").unwrap();
    let two = drum::Blocking::connect(&stage.address(), "drum").unwrap();
    let three = block_on(drum::Client::connect(&stage.address(), "drum")).unwrap();
    assert_eq!(one.wind(1).unwrap(), 3);
    assert_eq!(two.wind(1).unwrap(), 4);
    assert_eq!(block_on(three.wind(1)).unwrap(), 5);
    assert_eq!(one.turns().unwrap(), 5);
    let other = drum::Blocking::create(&stage.client(), "other", 10, 2, "hemp").unwrap();
    assert_eq!(other.turns().unwrap(), 2, "another pool has its own");
}

#[test]
fn tasks_K9_create_parameters_are_typed_have_defaults_and_are_refused_by_name() {
    let stage = Stage::with(|config| {
        config.modules.push(Drum::TABLE);
        config.pools.push(pool("plain", "drum", &[("most", "8")]));
        config.pools.push(pool("full", "drum", &[("turns", "8"), ("most", "8"), ("rope", "wire")]));
    });
    let admin = stage.admin();
    assert_eq!(admin.find_pool("plain").unwrap().parameters, "most=8, turns=2, rope=\"hemp\"");
    assert_eq!(drum::Blocking::connect(&stage.address(), "full").unwrap().turns().unwrap(), 8);
    let typed = block_on(drum::create(&stage.client(), "typed", 3, 1, "hemp")).unwrap();
    assert_eq!(block_on(typed.turns()).unwrap(), 1);
    let fault = drum::Blocking::create(&stage.client(), "over", 3, 4, "hemp").unwrap_err();
    assert_eq!((fault.code, fault.message.as_str()), (1001, "over: 4 turns are too many"));
    let refused = |parameters: &[(&str, &str)]| {
        let started = Stage::try_with(|config| {
            config.modules.push(Drum::TABLE);
            config.pools.push(pool("drum", "drum", parameters));
        });
        let fault = started.err().expect("the node does not start");
        assert!(fault.is(Code::BadConfig), "{fault:?}");
        fault.message
    };
    let missing = refused(&[]);
    assert!(missing.contains("drum") && missing.contains("most"), "{missing}");
    let unknown = refused(&[("most", "1"), ("width", "2")]);
    assert!(unknown.contains("width") && unknown.contains("most, turns, rope"), "{unknown}");
    assert!(refused(&[("most", "many")]).contains("most"));
    let fault = admin.create_pool("none", "drum", &[]).unwrap_err();
    assert!(fault.is(Code::BadArguments) && fault.message.contains("most"), "{fault:?}");
    let fault = admin.create_pool("none", "drum", &[9, 1, 1, b'x', 7]).unwrap_err();
    assert!(fault.message.contains("1 bytes follow"), "{fault:?}");
}

#[test]
fn tasks_K22_a_modules_own_error_is_a_fault_with_its_number_words_and_details() {
    let stage = Stage::of(&[Drum::TABLE]);
    let drum = drum::Blocking::create(&stage.client(), "drum", 5, 1, "hemp").unwrap();
    let over = drum.wind(7).unwrap_err();
    assert_eq!((over.code, over.message.as_str(), over.outcome), (1001, "8 turns are too many", Outcome::Ended));
    assert_eq!(drum.unwind().unwrap(), 0);
    let empty = drum.unwind().unwrap_err();
    assert_eq!((empty.code, empty.details.as_str()), (1002, "wind first"));
    assert_eq!(drum.turns().unwrap(), 0, "what failed changed nothing");
}

#[test]
fn a_destroy_hook_that_says_no_keeps_the_pool_and_its_state() {
    let stage = Stage::of(&[Drum::TABLE]);
    let drum = drum::Blocking::create(&stage.client(), "drum", 5, 1, "chain").unwrap();
    let fault = stage.admin().destroy_pool("drum").unwrap_err();
    assert_eq!((fault.code, fault.message.as_str()), (1009, "the drum is locked"));
    assert_eq!(drum.turns().unwrap(), 1);
    assert!(drum.lock(false).unwrap());
    stage.admin().destroy_pool("drum").unwrap();
    assert!(drum.turns().unwrap_err().is(Code::UnknownPool));
}
