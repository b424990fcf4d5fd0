//! Fuzzes the heads of arguments and replies. The assertions stand in `windlass_contract::fuzzing::head`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    windlass_contract::fuzzing::head(data);
});
