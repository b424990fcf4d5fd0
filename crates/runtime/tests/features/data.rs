//! Data: an author's own structs and enums as arguments and replies, typed and by schema.

use crate::stage::{Stage, block_on};
use std::collections::BTreeMap;
use windlass::prelude::*;

/// Where.
#[data]
#[derive(Copy, Eq, PartialOrd, Ord)]
pub struct Berth {
    /// The pier.
    pub pier: u16,
    /// Metres from its head.
    pub at: i32,
}

/// What is carried.
#[data]
pub enum Cargo {
    /// Nothing.
    Ballast,
    /// Goods by weight.
    Bulk(f64),
    /// Boxes.
    Boxes {
        /// How many of each length.
        lengths: BTreeMap<String, u32>,
        /// Kept cold.
        cold: Option<bool>,
    },
}

/// A ship.
#[data]
pub struct Ship {
    /// Its name.
    pub name: String,
    /// What it carries.
    pub cargo: Vec<Cargo>,
    /// Where it lies.
    pub berth: Option<Berth>,
    /// A pair of numbers and bytes.
    pub marks: (u8, [i64; 2], Vec<u8>),
}

/// Who lies where.
#[derive(Default)]
pub struct Harbour {
    ships: BTreeMap<Berth, Ship>,
}

#[module(export = false)]
impl Harbour {
    #[create]
    fn create() -> Self {
        Self::default()
    }
    /// Berths a ship and answers the one that lay there.
    #[method]
    fn berth(&mut self, mut ship: Ship, at: Berth) -> Option<Ship> {
        ship.berth = Some(at);
        self.ships.insert(at, ship)
    }
    /// All ships with any of these names, in order of their berths.
    #[method(idempotent)]
    fn find(&self, names: Vec<String>) -> Vec<(Berth, Ship)> {
        let wanted = |ship: &Ship| names.contains(&ship.name);
        self.ships.iter().filter(|(_, ship)| wanted(ship)).map(|(at, ship)| (*at, ship.clone())).collect()
    }
}

fn ship(name: &str) -> Ship {
    let lengths = BTreeMap::from([("20".to_owned(), 7), ("40".to_owned(), 2)]);
    let cargo = vec![Cargo::Ballast, Cargo::Bulk(-0.5), Cargo::Boxes { lengths, cold: Some(true) }];
    Ship { name: name.into(), cargo, berth: None, marks: (255, [i64::MIN, i64::MAX], vec![0, 1, 2]) }
}

#[test]
fn tasks_K7_structs_and_enums_of_the_author_cross_and_come_back() {
    let stage = Stage::of(&[Harbour::TABLE]);
    let harbour = harbour::Blocking::create(&stage.client(), "harbour").unwrap();
    let [near, far] = [Berth { pier: 1, at: -3 }, Berth { pier: 9, at: 40 }];
    assert_eq!(harbour.berth(ship("Anker"), far).unwrap(), None);
    assert_eq!(harbour.berth(ship("Boje"), near).unwrap(), None);
    let before = harbour.berth(ship("Clipper"), far).unwrap().expect("a ship lay there");
    assert_eq!(before, Ship { berth: Some(far), ..ship("Anker") });
    let names = ["Clipper".to_owned(), "Boje".to_owned()];
    let found = block_on(harbour::Client::on(harbour.pool().clone()).find(&names)).unwrap();
    let expected =
        [("Boje", near), ("Clipper", far)].map(|(name, at)| (at, Ship { berth: Some(at), ..ship(name) }));
    assert_eq!(found, expected);
}

#[test]
fn arguments_that_do_not_decode_to_the_type_are_named_and_run_nothing() {
    let stage = Stage::of(&[Harbour::TABLE]);
    let harbour = harbour::Blocking::create(&stage.client(), "harbour").unwrap();
    let call = |bytes: &[u8]| harbour.pool().call(harbour::methods::berth()).encoded(bytes).wait().unwrap_err();
    let fault = call(&[200]);
    assert!(fault.is(Code::BadArguments) && fault.message.contains("`ship`"), "{fault:?}");
    let whole = postcard::to_allocvec(&(ship("Anker"), Berth { pier: 1, at: 1 }, 7_u8)).unwrap();
    let fault = call(&whole);
    assert!(fault.is(Code::BadArguments) && fault.message.contains("1 bytes follow"), "{fault:?}");
    assert!(harbour.find(&["Anker".to_owned()]).unwrap().is_empty());
}
