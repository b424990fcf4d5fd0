//! The table of Faults: its page, and what follows from a code.
#![allow(non_snake_case, reason = "requirement rows stand in names as they are written")]

use windlass_contract::fault::{MODULE_FIRST, TABLE, markdown};
use windlass_contract::{Code, Fault, Outcome, Retry};

/// docs/errors/README.md. `WINDLASS_BLESS=1` writes it.
#[test]
#[allow(clippy::disallowed_methods, reason = "a test reads and writes a page of the repository")]
fn the_page_of_faults_is_written_from_the_table() {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors/README.md");
    if std::env::var("WINDLASS_BLESS").is_ok_and(|value| value == "1") {
        std::fs::create_dir_all(page.parent().expect("it stands in a folder")).expect("the folder can be made");
        std::fs::write(&page, markdown()).expect("the page can be written");
    }
    let text = std::fs::read_to_string(&page).expect("the page is there (WINDLASS_BLESS=1 writes it)");
    assert!(text == markdown(), "{} is not what the table says; WINDLASS_BLESS=1 writes it", page.display());
}

/// A number that once had a name keeps it: what is here is never edited, only appended to.
const RELEASED: [(u16, &str); 53] = [
    (1, "Lost"),
    (2, "NodeGone"),
    (3, "Forked"),
    (4, "Cancelled"),
    (5, "DeadlineExceeded"),
    (6, "Panicked"),
    (7, "NoCredit"),
    (8, "NoMemory"),
    (9, "QueueFull"),
    (10, "UnknownPool"),
    (11, "UnknownMethod"),
    (12, "UnknownKind"),
    (13, "SchemaMismatch"),
    (14, "BadArguments"),
    (15, "BadBuffer"),
    (16, "BadFrozen"),
    (17, "TooLarge"),
    (18, "Unsupported"),
    (19, "PoolExists"),
    (20, "UnknownModule"),
    (21, "ModuleRefused"),
    (22, "Denied"),
    (23, "WouldDeadlock"),
    (24, "TooDeep"),
    (25, "Draining"),
    (26, "SessionEnded"),
    (27, "BadHello"),
    (28, "VersionMismatch"),
    (29, "Replaced"),
    (30, "Internal"),
    (31, "BadReply"),
    (32, "UnknownContainer"),
    (33, "NodeRunning"),
    (34, "CreateFailed"),
    (35, "Io"),
    (36, "NotConnected"),
    (37, "BadConfig"),
    (38, "LeaseLimit"),
    (39, "NotRegistered"),
    (40, "Busy"),
    (41, "Closed"),
    (42, "NoSpace"),
    (43, "InUse"),
    (44, "NotFound"),
    (45, "Exists"),
    (46, "Ended"),
    (47, "Disconnected"),
    (48, "TimedOut"),
    (49, "HandleLimit"),
    (50, "UnknownSymbol"),
    (51, "UnknownCommand"),
    (52, "NoInstance"),
    (53, "NotRestored"),
];

#[test]
fn numbers_of_faults_never_change_their_meaning() {
    for (number, name) in RELEASED {
        let code = Code::from_number(number).expect("a code in disuse stays in the table");
        assert_eq!(code.info().name, name);
    }
    assert_eq!(TABLE.len(), RELEASED.len(), "a new code is appended to this list");
}

#[test]
fn tasks_K22_a_fault_of_a_module_is_told_from_ours_and_says_that_the_call_ran() {
    let own = Fault::module(1, "full");
    assert_eq!((own.code, own.outcome, own.retry), (MODULE_FIRST + 1, Outcome::Ended, Retry::Never));
    assert_eq!(Fault::module(1001, "full").code, own.code, "a code is either from 0 or from 1000");
    assert_eq!((own.known(), own.to_string()), (None, "module fault 1001: full".to_owned()));
    assert_eq!(own.exit_code(), Fault::module(2, "other").exit_code(), "a command has one exit code for them");
    assert!(TABLE.iter().all(|info| (info.code as u16) < MODULE_FIRST), "ours end where a module's begin");
}

#[test]
fn a_fault_takes_outcome_and_advice_from_the_table_unless_told_otherwise() {
    let fault = Fault::new(Code::NoMemory, "the session holds 1 GiB of 1 GiB");
    assert!(fault.is(Code::NoMemory) && !fault.is(Code::QueueFull));
    assert_eq!((fault.outcome, fault.retry), (Outcome::NotStarted, Retry::After(100)));
    let told = fault.clone().with_outcome(Outcome::Ended).with_retry(Retry::Elsewhere).with_details("limit=1");
    assert_eq!((told.outcome, told.retry, told.details.as_str()), (Outcome::Ended, Retry::Elsewhere, "limit=1"));
    assert_eq!(format!("{told:?}"), "NoMemory [8 Ended Elsewhere]: the session holds 1 GiB of 1 GiB (limit=1)");
}

#[test]
fn every_fault_says_what_to_do_and_no_success_code_is_among_them() {
    for info in TABLE {
        assert!(info.meaning.ends_with('.') && info.meaning.len() > 20, "{} is explained", info.name);
        assert!(info.exit != 0 && info.http >= 400, "{} is no success anywhere", info.name);
        assert!(
            info.outcome != Outcome::Unknown || info.retry != Retry::Same,
            "{}: a call that may have run is not sent again blindly",
            info.name
        );
    }
}
