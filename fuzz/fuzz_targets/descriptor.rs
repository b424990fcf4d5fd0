//! Fuzzes descriptors of modules. The assertions stand in `windlass_contract::fuzzing::descriptor`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    windlass_contract::fuzzing::descriptor(data);
});
