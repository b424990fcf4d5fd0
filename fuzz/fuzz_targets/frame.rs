//! Fuzzes the frames of a stream. The assertions stand in `windlass_contract::fuzzing::frame`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    windlass_contract::fuzzing::frame(data);
});
