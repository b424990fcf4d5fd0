//! Fuzzes hello and welcome. The assertions stand in `windlass_contract::fuzzing::hello`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    windlass_contract::fuzzing::hello(data);
});
