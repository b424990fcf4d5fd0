//! Fuzzes requests of Arkouda's clients. The assertions stand in `windlass_edge_arkouda::request::fuzz`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    windlass_edge_arkouda::request::fuzz(data);
});
