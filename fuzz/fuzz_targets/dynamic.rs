//! Fuzzes types, and values read by them. The assertions stand in `windlass_contract::fuzzing::dynamic`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    windlass_contract::fuzzing::dynamic(data);
});
