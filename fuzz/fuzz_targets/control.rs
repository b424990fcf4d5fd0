//! Fuzzes control messages. The assertions stand in `windlass_contract::fuzzing::control`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    windlass_contract::fuzzing::control(data);
});
