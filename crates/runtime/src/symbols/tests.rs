//! Units of the symbol table: names, admission, owners, registrations.
#![allow(non_snake_case, reason = "rows of the requirements are named as they are")]

use super::*;
use windlass_contract::array::Dtype;

fn table() -> Arc<SymbolTable> {
    let table = SymbolTable::new(7, 1000, 1500);
    table.begin(1);
    table.begin(2);
    table
}

fn insert(table: &SymbolTable, session: u64, bytes: u64) -> Result<String, Fault> {
    let memory = table.reserve(session, bytes)?.freeze();
    let head = Head::Array { dtype: Dtype::UInt8, shape: vec![bytes], strides: vec![1], offset: 0 };
    table.insert(session, head, vec![memory])
}

#[test]
fn arrays_R13_names_are_never_given_twice_and_differ_from_one_node_to_the_next() {
    let (one, other) = (table(), SymbolTable::new(8, 1000, 1500));
    let first = insert(&one, 1, 10).unwrap();
    assert!(one.delete(1, &first).unwrap());
    let second = insert(&one, 1, 10).unwrap();
    assert!(first.starts_with("id_") && first.ends_with("_1") && second.ends_with("_2"));
    assert_eq!(first.split('_').nth(1).map(str::len), Some(8));
    assert_ne!(one.random, other.random);
    assert!(one.get(1, &first).unwrap_err().is(Code::UnknownSymbol));
}

#[test]
fn memory_is_admitted_by_its_exact_size_and_the_shortfall_is_named() {
    let table = table();
    let name = insert(&table, 1, 900).unwrap();
    let fault = table.reserve(1, 101).unwrap_err();
    assert!(fault.is(Code::NoMemory) && fault.message.contains("1 short"), "{fault}");
    assert!(table.reserve(1, 100).is_ok());
    let fault = table.reserve(2, 601).unwrap_err();
    assert!(fault.message.contains("the node") && fault.message.contains("1 short"), "{fault}");
    table.others(100);
    assert!(table.reserve(2, 501).unwrap_err().message.contains("1 short"));
    assert_eq!(table.usage(2).unwrap().session_used, 0, "what the node refused is not charged to the session");
    let (_, held) = table.get(1, &name).unwrap();
    assert!(table.delete(1, &name).unwrap());
    assert_eq!(table.used(), 900, "a reader holds it");
    drop(held);
    assert_eq!(table.used(), 0);
}

#[test]
fn a_session_sees_its_own_symbols_and_registered_ones_and_changes_its_own_only() {
    let table = table();
    let (mine, theirs) = (insert(&table, 1, 10).unwrap(), insert(&table, 2, 10).unwrap());
    assert!(table.get(1, &theirs).unwrap_err().is(Code::UnknownSymbol));
    table.register(2, &theirs, "shared").unwrap();
    assert!(table.get(1, &theirs).is_ok() && table.get(1, "shared").is_ok());
    assert!(table.delete(1, &theirs).unwrap_err().is(Code::Denied));
    assert!(table.unregister(1, "shared").unwrap_err().is(Code::Denied));
    assert!(table.register(1, &mine, "shared").unwrap_err().is(Code::Exists));
    assert!(!table.delete(2, &theirs).unwrap(), "a registered symbol is not deleted");
    let seen: Vec<_> = table.list(1).into_iter().map(|line| (line.own, line.registered)).collect();
    assert_eq!(seen, [(true, None), (false, Some("shared".into()))]);
}

#[test]
fn a_session_that_ends_drops_what_it_did_not_register_and_keeps_nothing_more() {
    let table = table();
    let (kept, _gone) = (insert(&table, 1, 10).unwrap(), insert(&table, 1, 20).unwrap());
    table.register(1, &kept, "kept").unwrap();
    let late = table.reserve(1, 5).unwrap();
    table.end(1);
    assert_eq!(table.used(), 15);
    drop(late);
    assert_eq!(table.used(), 10);
    assert!(insert(&table, 1, 1).unwrap_err().is(Code::SessionEnded));
    assert!(table.get(2, "kept").is_ok());
    table.unregister(2, "kept").unwrap();
    assert!(table.delete(2, &kept).unwrap());
    assert_eq!(table.used(), 0);
}

#[test]
fn a_symbol_that_is_being_changed_is_busy_until_its_next_version_stands() {
    let table = table();
    let name = insert(&table, 1, 10).unwrap();
    let (head, parts) = table.take(1, &name).unwrap();
    assert!(table.get(1, &name).unwrap_err().is(Code::Busy));
    assert!(table.take(1, &name).unwrap_err().is(Code::Busy));
    let parts: Vec<_> = parts.into_iter().map(|part| part.into_room().unwrap().freeze()).collect();
    table.put(1, &name, head, parts).unwrap();
    assert!(table.get(1, &name).is_ok());
}

#[test]
fn room_that_is_cleaned_late_says_what_another_session_has_left_in_it() {
    let table = SymbolTable::new(7, 64 << 20, 64 << 20);
    [1, 2].into_iter().for_each(|session| table.begin(session));
    let bytes = FILE_BYTES_MIN;
    let (mut room, soil) = table.reserve_late(1, bytes).unwrap();
    assert_eq!(soil, Soil::New);
    room.fill(7);
    drop(room.freeze());
    let (room, soil) = table.reserve_late(2, bytes).unwrap();
    assert_eq!(soil, Soil::Soiled);
    let memory = windlass_contract::array::LateRoom::new(room, soil).freeze();
    assert!(memory.iter().all(|byte| *byte == 0), "nobody sees it as it was");
    drop(memory);
    // Who asks for clean room gets it.
    let mut room = table.reserve(1, bytes).unwrap();
    room.fill(7);
    drop(room);
    assert!(table.reserve(2, bytes).unwrap().iter().all(|byte| *byte == 0));
    assert_eq!(table.reserve_late(2, 100).unwrap().1, Soil::Clean, "short room is clean already");
}

fn restore(table: &SymbolTable, session: u64, name: &str, registered: Option<&str>) -> Result<(), Fault> {
    let head = Head::Array { dtype: Dtype::UInt8, shape: vec![8], strides: vec![1], offset: 0 };
    table.restore(session, name, registered, head, vec![table.reserve(session, 8)?.freeze()])
}

#[test]
fn a_symbol_comes_back_under_its_name_and_takes_nobodys_place() {
    let table = table();
    restore(&table, 1, "id_of_old_1", None).unwrap();
    assert!(table.get(1, "id_of_old_1").is_ok() && table.get(2, "id_of_old_1").is_err());
    // The session's own is replaced, and the memory of the one before returns.
    restore(&table, 1, "id_of_old_1", Some("shared")).unwrap();
    assert_eq!(table.used(), 8);
    assert!(table.get(2, "shared").is_ok());
    assert!(restore(&table, 2, "id_of_old_1", None).unwrap_err().is(Code::Denied));
    assert!(restore(&table, 2, "id_of_old_2", Some("shared")).unwrap_err().is(Code::Exists));
    assert!(restore(&table, 2, "", None).unwrap_err().is(Code::BadArguments));
    table.end(1);
    // Its session has ended, so whoever loads it has it, still registered.
    restore(&table, 2, "id_of_old_1", None).unwrap();
    assert!(!table.delete(2, "id_of_old_1").unwrap(), "it is registered");
    table.unregister(2, "shared").unwrap();
    assert!(table.delete(2, "id_of_old_1").unwrap());
    assert_eq!(table.used(), 0);
}

#[test]
fn the_node_reads_all_and_puts_back_what_is_registered_for_anybody_to_take_over() {
    let table = table();
    let name = insert(&table, 1, 10).unwrap();
    assert!(table.get(NODE, &name).is_ok());
    assert!(table.delete(NODE, &name).unwrap_err().is(Code::Denied));
    assert_eq!(table.list_after(NODE, "").len(), 1);
    assert!(table.list_after(NODE, &name).is_empty());
    assert!(restore(&table, NODE, "id_of_old_1", None).unwrap_err().is(Code::BadArguments));
    restore(&table, NODE, "id_of_old_1", Some("kept")).unwrap();
    assert!(table.get(2, "kept").is_ok());
    table.unregister(2, "kept").unwrap();
    assert!(table.delete(2, "id_of_old_1").unwrap());
}

#[test]
fn changes_are_counted_and_reads_are_none() {
    let table = table();
    let mut last = table.changes();
    let mut changed = |table: &SymbolTable| std::mem::replace(&mut last, table.changes()) != table.changes();
    let name = insert(&table, 1, 10).unwrap();
    assert!(changed(&table));
    assert!(table.get(1, &name).is_ok() && !table.list(1).is_empty() && !changed(&table));
    table.register(1, &name, "kept").unwrap();
    assert!(changed(&table));
    table.unregister(1, "kept").unwrap();
    assert!(changed(&table));
    assert!(table.delete(1, &name).unwrap() && changed(&table));
    table.end(2);
    assert!(!changed(&table), "it had nothing");
}
