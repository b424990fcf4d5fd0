//! Module tables that a node refuses, one entry symbol for each way of not fitting, and one that fits.
//!
//! Compiled by `conformance/refusals.rs` with plain rustc, which says through the environment what would fit. `describe` is the
//! first code of a module that a node runs: it leaves a mark.

#[repr(C)]
pub struct Bytes {
    first: *const u8,
    len: usize,
}

type Describe = extern "C" fn() -> Bytes;

/// As `abi::ModuleTable`, with functions that nobody reaches behind the first.
#[repr(C)]
pub struct Table {
    size: u32,
    version: u32,
    contract: u64,
    target: u64,
    unwinds: u32,
    reserved: u32,
    describe: Describe,
    others: [extern "C" fn(); 6],
}

extern "C" fn never() {
    std::process::abort();
}

const fn number(text: &str) -> u64 {
    let (mut value, mut at) = (0, 0);
    while at < text.len() {
        value = value * 10 + (text.as_bytes()[at] - b'0') as u64;
        at += 1;
    }
    value
}

const fn fitting(describe: Describe) -> Table {
    Table {
        size: number(env!("TABLE_BYTES")) as u32,
        version: number(env!("TABLE_VERSION")) as u32,
        contract: number(env!("CONTRACT")),
        target: number(env!("TARGET")),
        unwinds: 1,
        reserved: 0,
        describe,
        others: [never; 6],
    }
}

macro_rules! module {
    ($name:ident, $symbol:literal, $($field:ident: $value:expr),*) => {
        pub mod $name {
            use super::*;
            extern "C" fn describe() -> Bytes {
                let mark = concat!(env!("MARKS"), "/", stringify!($name), ".ran");
                std::fs::write(mark, "").expect("a mark can be left");
                Bytes { first: std::ptr::null(), len: 0 }
            }
            static TABLE: Table = Table { $($field: $value,)* ..fitting(describe) };
            #[export_name = $symbol]
            pub extern "C" fn entry() -> *const Table {
                &TABLE
            }
        }
    };
}

module!(fits, "windlass_module_fits",);
module!(version, "windlass_module_version", version: number(env!("TABLE_VERSION")) as u32 + 1);
module!(short, "windlass_module_short", size: 16);
module!(contract, "windlass_module_contract", contract: 1);
module!(machine, "windlass_module_machine", target: number(env!("TARGET")) ^ (7 << 40));
module!(instructions, "windlass_module_instructions", target: number(env!("TARGET")) | 1 << 31);
module!(abort, "windlass_module_abort", unwinds: 0);

#[export_name = "windlass_module_nothing"]
pub extern "C" fn nothing() -> *const Table {
    std::ptr::null()
}
