//! Compress: buffers made smaller and whole again, by lz4 or zstd. The first module that does real work.
//!
//! Holds: what `compress` gives, `decompress` of a pool with the same id gives back byte for byte.

use windlass::prelude::*;
use zstd::bulk::{Compressor, Decompressor};

/// A container's codec.
pub enum Compress {
    /// Id 0: fast.
    Lz4,
    /// Id 1: small. Both contexts are kept warm between calls.
    Zstd(Compressor<'static>, Decompressor<'static>),
}

/// Compresses and decompresses buffers: lz4 (id 0) or zstd (id 1), chosen when the pool is made.
#[module]
impl Compress {
    /// Chooses the codec: `compress_id` 0 is lz4, 1 is zstd at `level`. Errors: fault 1001 for other ids.
    #[create]
    fn create(#[arg(default = 0)] compress_id: u32, #[arg(default = 1)] level: i32) -> Result<Self, Fault> {
        let failed = |error: std::io::Error| Fault::module(2, format!("zstd at level {level}: {error}"));
        match compress_id {
            0 => Ok(Self::Lz4),
            1 => Ok(Self::Zstd(Compressor::new(level).map_err(failed)?, Decompressor::new().map_err(failed)?)),
            other => Err(Fault::module(1, format!("compress_id {other} is unknown; 0 is lz4, 1 is zstd"))),
        }
    }

    /// Compresses `data` into `out`, which should have `bound(data)` bytes of room. Errors: fault 1003 when it has too few.
    #[method(id = 10, idempotent)]
    fn compress(&mut self, data: In<Bytes>, mut out: Out<Bytes>) -> Result<(), Fault> {
        let used = match self {
            Self::Lz4 => lz4_flex::block::compress_into(&data, &mut out).map_err(|error| bad(3, &error))?,
            Self::Zstd(compressor, _) => {
                compressor.compress_to_buffer(&data, &mut *out).map_err(|error| bad(3, &error))?
            }
        };
        out.set_len(used);
        Ok(())
    }

    /// Decompresses `data` into `out`. Errors: fault 1004 when `data` is damaged or `out` has too little room.
    #[method(id = 11, idempotent)]
    fn decompress(&mut self, data: In<Bytes>, mut out: Out<Bytes>) -> Result<(), Fault> {
        let used = match self {
            Self::Lz4 => lz4_flex::block::decompress_into(&data, &mut out).map_err(|error| bad(4, &error))?,
            Self::Zstd(_, decompressor) => {
                decompressor.decompress_to_buffer(&data, &mut *out).map_err(|error| bad(4, &error))?
            }
        };
        out.set_len(used);
        Ok(())
    }

    /// The room that `compress` may need for so many bytes.
    #[method(id = 12, idempotent)]
    fn bound(&mut self, bytes: u64) -> u64 {
        let bytes = bytes as usize;
        lz4_flex::block::get_maximum_output_size(bytes).max(zstd::zstd_safe::compress_bound(bytes)) as u64
    }
}

fn bad(code: u16, error: &dyn std::fmt::Display) -> Fault {
    Fault::module(code, error.to_string())
}
