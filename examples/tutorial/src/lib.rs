//! Tutorial: the modules that docs/tutorial builds, chapter by chapter.
//!
//! Lives here: `Compressor` (chapters 1 to 4: plain functions, state of its own), `Shelf` (`store`, chapters 5 and 6:
//! futures, keys, hooks), `Diary` (`pages`, chapter 7: files, sockets, tasks). A test holds each block of the chapters to these files.
//! Not here: the compressor that every node has linked in (`modules/compress`).

mod pages;
mod store;

pub use pages::{Diary, diary};
pub use store::{Shelf, shelf};

use windlass::prelude::*;

/// State of a container: how it packs, and what it has packed.
pub struct Compressor {
    codec: Codec,
    totals: Totals,
}

enum Codec {
    Lz4,
    Zstd,
}

/// What a container did so far.
#[data]
#[derive(Copy, Default)]
pub struct Totals {
    /// Buffers packed.
    pub packed: u64,
    /// Bytes that came in.
    pub bytes_in: u64,
    /// Bytes that went out.
    pub bytes_out: u64,
}

/// Packs buffers and unpacks them.
#[module(version = "0.1.0")]
impl Compressor {
    /// Chooses the codec: 0 is lz4, 1 is zstd. Errors: fault 1001 for another number.
    #[create]
    fn create(cx: &Context, #[arg(default = 0)] compress_id: u32) -> Result<Self, Fault> {
        let codec = match compress_id {
            0 => Codec::Lz4,
            1 => Codec::Zstd,
            other => return Err(Fault::module(1, format!("compress_id {other}: 0 is lz4, 1 is zstd"))),
        };
        cx.log(Level::Info, "a compressor begins");
        Ok(Self { codec, totals: Totals::default() })
    }

    /// Packs `data` into `out`. Errors: fault 1002 when the room is too small; `bound` says how much is enough.
    #[method(id = 10)]
    fn compress(&mut self, data: In<Bytes>, mut out: Out<Bytes>) -> Result<(), Fault> {
        let used = match self.codec {
            Codec::Lz4 => lz4_flex::block::compress_into(&data, &mut out).map_err(|error| bad(2, &error))?,
            Codec::Zstd => zstd::bulk::compress_to_buffer(&data, &mut out, 1).map_err(|error| bad(2, &error))?,
        };
        out.set_len(used);
        self.totals.packed += 1;
        self.totals.bytes_in += data.len() as u64;
        self.totals.bytes_out += used as u64;
        Ok(())
    }

    /// Unpacks `data` into `out`. Errors: fault 1003 when `data` is damaged or the room is too small.
    #[method(id = 11, idempotent)]
    fn decompress(&mut self, data: In<Bytes>, mut out: Out<Bytes>) -> Result<(), Fault> {
        let used = match self.codec {
            Codec::Lz4 => lz4_flex::block::decompress_into(&data, &mut out).map_err(|error| bad(3, &error))?,
            Codec::Zstd => zstd::bulk::decompress_to_buffer(&data, &mut out).map_err(|error| bad(3, &error))?,
        };
        out.set_len(used);
        Ok(())
    }

    /// Replaces each byte by what it differs from the one before: columns of slowly growing numbers pack better so.
    #[method(id = 12)]
    fn difference(&mut self, mut data: InOut<Bytes>) {
        let mut before = 0;
        for byte in data.iter_mut() {
            (*byte, before) = (byte.wrapping_sub(before), *byte);
        }
    }

    /// The room that `compress` may need for so many bytes, sent in so many pieces.
    #[method(id = 13, idempotent)]
    fn bound(&mut self, bytes: u64, #[arg(since, default = 1)] pieces: u64) -> u64 {
        let whole = match self.codec {
            Codec::Lz4 => lz4_flex::block::get_maximum_output_size(bytes as usize),
            Codec::Zstd => zstd::zstd_safe::compress_bound(bytes as usize),
        };
        (whole as u64).saturating_add(pieces.saturating_sub(1).saturating_mul(64))
    }

    /// What this container did so far.
    #[method(id = 14, idempotent)]
    fn totals(&mut self) -> Totals {
        self.totals
    }
}

fn bad(code: u16, error: &dyn std::fmt::Display) -> Fault {
    Fault::module(code, error.to_string())
}
