//! A module with a method of every kind of buffer.

use windlass::prelude::*;
use xxhash_rust::xxh3::xxh3_64;

/// Looks at bytes and turns them over.
#[derive(Default)]
pub struct Mirror;

#[module(export = false)]
impl Mirror {
    #[create]
    fn create() -> Self {
        Self
    }
    /// The hash of the caller's own memory.
    #[method]
    fn look(&self, data: In<SharedBytes>) -> u64 {
        xxh3_64(&data.to_vec())
    }
    /// Turns every bit of the caller's own memory over, in place; all but the last `keep` bytes are told as used.
    #[method]
    fn turn(&self, mut data: InOut<SharedBytes>, keep: u64) {
        let turned: Vec<u8> = data.to_vec().iter().map(|byte| !byte).collect();
        data.write_at(0, &turned);
        data.set_len(turned.len() - keep as usize);
    }
    /// One of each: answers the hashes of what came in, turns `both` around, and writes `byte` into both rooms.
    #[method]
    fn all(
        &self,
        byte: u8,
        plain: In<Bytes>,
        mut both: InOut<Bytes>,
        mut room: Out<Bytes>,
        mut own: Out<SharedBytes>,
    ) -> (u64, u64) {
        let hashes = (xxh3_64(&plain), xxh3_64(&both));
        both.reverse();
        let half = room.len() / 2;
        room[..half].fill(byte);
        room.set_len(half);
        let whole = vec![byte; own.len()];
        own.write_at(0, &whole);
        own.set_len(whole.len());
        hashes
    }
}
