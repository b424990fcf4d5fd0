//! Fuzzes slots. The assertions stand in `windlass_contract::fuzzing::slot`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    windlass_contract::fuzzing::slot(data);
});
