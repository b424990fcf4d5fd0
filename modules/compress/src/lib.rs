//! Compress: buffers made smaller and whole again, by lz4 or zstd. The first module that does real work.
//!
//! Holds: what `compress` gives, `decompress` of a pool with the same id gives back byte for byte.

use windlass::prelude::*;
use zstd::{bulk::Compressor, bulk::Decompressor, zstd_safe::compress_bound};

/// A container's codec.
pub enum Compress {
    /// Id 0: fast.
    Lz4,
    /// Id 1: small. Both contexts are kept warm between calls.
    Zstd(Compressor<'static>, Decompressor<'static>),
}

/// Compresses and decompresses buffers: lz4 (id 0) or zstd (id 1), chosen when the pool is made.
#[module(stateless)]
impl Compress {
    /// Chooses the codec: `compress_id` 0 is lz4, 1 is zstd at `level`. Errors: fault 1001 for other ids.
    #[create]
    fn create(#[arg(default = 0)] compress_id: u32, #[arg(default = 1)] level: i32) -> Result<Self, Fault> {
        match compress_id {
            0 => Ok(Self::Lz4),
            1 => Ok(Self::Zstd(Compressor::new(level).map_err(bad(2))?, Decompressor::new().map_err(bad(2))?)),
            other => Err(Fault::module(1, format!("compress_id {other} is unknown; 0 is lz4, 1 is zstd"))),
        }
    }

    /// Compresses `data` into `out`, which should have `bound(data)` bytes of room. Errors: fault 1003 when it has too few.
    #[method(id = 10, idempotent)]
    fn compress(&mut self, data: In<Bytes>, mut out: Out<Bytes>) -> Result<(), Fault> {
        let used = match self {
            Self::Lz4 => lz4_flex::block::compress_into(&data, &mut out).map_err(bad(3)),
            Self::Zstd(zstd, _) => zstd.compress_to_buffer(&data, &mut *out).map_err(bad(3)),
        };
        used.map(|used| out.set_len(used))
    }

    /// Decompresses `data` into `out`. Errors: fault 1004 when `data` is damaged or `out` has too little room.
    #[method(id = 11, idempotent)]
    fn decompress(&mut self, data: In<Bytes>, mut out: Out<Bytes>) -> Result<(), Fault> {
        let used = match self {
            Self::Lz4 => lz4_flex::block::decompress_into(&data, &mut out).map_err(bad(4)),
            Self::Zstd(_, zstd) => zstd.decompress_to_buffer(&data, &mut *out).map_err(bad(4)),
        };
        used.map(|used| out.set_len(used))
    }

    /// The room that `compress` may need for so many bytes.
    #[method(id = 12, idempotent)]
    fn bound(&mut self, bytes: u64) -> u64 {
        lz4_flex::block::get_maximum_output_size(bytes as usize).max(compress_bound(bytes as usize)) as u64
    }
}

fn bad<E: std::fmt::Display>(code: u16) -> impl Fn(E) -> Fault {
    move |error| Fault::module(code, error.to_string())
}
