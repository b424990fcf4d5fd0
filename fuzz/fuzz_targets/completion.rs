//! Fuzzes completions and the texts of Faults. The assertions stand in `windlass_contract::fuzzing::completion`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    windlass_contract::fuzzing::completion(data);
});
