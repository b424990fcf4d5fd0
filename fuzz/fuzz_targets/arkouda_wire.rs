//! Fuzzes the greeting and the frames of Arkouda's clients. The assertions stand in `windlass_edge_arkouda::fuzz_wire`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    windlass_edge_arkouda::fuzz_wire(data);
});
