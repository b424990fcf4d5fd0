//! Measure: a column through compress and decompress, owned and frozen, piece by piece, compared byte by byte.
//!
//! Holds: a time covers the calls alone, after one piece that is not counted (a node's first buffers are fresh memory); freezing is done before, once, as for data that is sent many times. Copied bytes are
//! those that client and node counted themselves.

use super::Interrupt;
use super::columns::Column;
use crate::admin;
use crate::trouble::Trouble;
use indicatif::ProgressBar;
use serde::Serialize;
use std::time::{Duration, Instant};
use windlass_client::{Client, Payload};
use windlass_compress::compress::Blocking;
use windlass_contract::{Code, Fault};

/// Bytes of a piece: large enough that bandwidth counts, small enough that a column is several.
const PIECE_BYTES: usize = 8 << 20;
/// Codecs: the name of the pool, and its id in the module.
const CODECS: &[(&str, u32)] = &[("lz4", 0), ("zstd", 1)];
/// Level of zstd.
const LEVEL: i32 = 1;

/// A pool for each codec.
pub struct Pools(Vec<(&'static str, Blocking)>);

impl Pools {
    /// Makes them.
    ///
    /// # Errors
    /// As `Blocking::create`.
    pub fn make(client: &Client) -> Result<Self, Fault> {
        let make = |&(name, id): &(&'static str, u32)| Ok((name, Blocking::create(client, name, id, LEVEL)?));
        CODECS.iter().map(make).collect::<Result<_, Fault>>().map(Self)
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

/// Sends the first piece of a column through every codec in both ways, so that what follows is not the first of its kind.
///
/// # Errors
/// As `column`.
pub fn warm(client: &Client, pools: &Pools, column: &Column, interrupt: &Interrupt) -> Result<(), Trouble> {
    let piece = &column.bytes[..column.bytes.len().min(PIECE_BYTES)];
    let piece = Column { name: column.name.clone(), bytes: piece.to_vec() };
    self::column(client, pools, &piece, &ProgressBar::hidden(), interrupt).map(drop)
}

/// One way of sending a column there and back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// As a slice, copied on the way.
    Owned,
    /// As sealed memory that the node reads in place.
    Frozen,
}

/// What one column through one codec in one way took.
#[derive(Clone, Debug, Serialize)]
pub struct Measured {
    /// The column.
    pub column: String,
    /// The codec.
    pub codec: &'static str,
    /// How it was sent.
    pub way: Way,
    /// Its bytes.
    pub bytes: u64,
    /// Bytes when compressed.
    pub packed_bytes: u64,
    /// Time of all compress calls, seconds.
    pub compress_s: f64,
    /// Time of all decompress calls, seconds.
    pub decompress_s: f64,
    /// Time of each piece there and back, seconds, sorted.
    pub pieces_s: Vec<f64>,
    /// Bulk bytes that the client copied into shared memory.
    pub client_copied_bytes: u64,
    /// Bulk bytes that the node copied out of it.
    pub node_copied_bytes: u64,
}

impl Measured {
    /// Bytes of the column over the time of both calls, 1e9 bytes per second.
    pub fn gb_per_s(&self) -> f64 {
        self.bytes as f64 / (self.compress_s + self.decompress_s) / 1e9
    }

    /// Half of the pieces took at most this long.
    pub fn p50(&self) -> Duration {
        let middle = self.pieces_s.len().saturating_sub(1) / 2;
        Duration::from_secs_f64(self.pieces_s.get(middle).copied().unwrap_or(0.0))
    }

    /// Bytes copied on either side.
    pub fn copied_bytes(&self) -> u64 {
        self.client_copied_bytes + self.node_copied_bytes
    }
}

/// Sends a column through every codec in both ways.
///
/// # Errors
/// The Faults of the calls; `Internal` names the first byte that came back different.
pub fn column(
    client: &Client,
    pools: &Pools,
    column: &Column,
    bar: &ProgressBar,
    interrupt: &Interrupt,
) -> Result<Vec<Measured>, Trouble> {
    let mut all = Vec::new();
    for (codec, pool) in &pools.0 {
        for way in [Way::Owned, Way::Frozen] {
            bar.set_message(format!("{} {codec}", column.name));
            all.push(one(client, codec, pool, way, column, bar, interrupt)?);
        }
    }
    Ok(all)
}

fn one(
    client: &Client,
    codec: &'static str,
    pool: &Blocking,
    way: Way,
    column: &Column,
    bar: &ProgressBar,
    interrupt: &Interrupt,
) -> Result<Measured, Trouble> {
    let room = usize::try_from(pool.bound(PIECE_BYTES as u64)?).unwrap_or(usize::MAX);
    let (node_before, client_before) = (admin::node(client)?.copied_bytes, client.counters().bytes_copied);
    let mut measured = Measured {
        column: column.name.clone(),
        codec,
        way,
        bytes: column.bytes.len() as u64,
        packed_bytes: 0,
        compress_s: 0.0,
        decompress_s: 0.0,
        pieces_s: Vec::new(),
        client_copied_bytes: 0,
        node_copied_bytes: 0,
    };
    for (at, piece) in column.bytes.chunks(PIECE_BYTES).enumerate() {
        interrupt.check()?;
        let (packed, there) = timed(client, way, piece, |payload| pool.compress(payload, room))?;
        let (whole, back) = timed(client, way, &packed, |payload| pool.decompress(payload, piece.len()))?;
        if let Some(first) = different(piece, &whole) {
            let text = format!(
                "{codec} gave back another byte {} of {}: the demo has found a fault of ours",
                at * PIECE_BYTES + first,
                column.name
            );
            return Err(Fault::new(Code::Internal, text).into());
        }
        measured.packed_bytes += packed.len() as u64;
        measured.compress_s += there.as_secs_f64();
        measured.decompress_s += back.as_secs_f64();
        measured.pieces_s.push((there + back).as_secs_f64());
        bar.inc(piece.len() as u64);
    }
    measured.pieces_s.sort_by(f64::total_cmp);
    measured.node_copied_bytes = admin::node(client)?.copied_bytes - node_before;
    measured.client_copied_bytes = client.counters().bytes_copied - client_before;
    Ok(measured)
}

/// Sends bytes in this way and times the call.
fn timed<T>(
    client: &Client,
    way: Way,
    bytes: &[u8],
    call: impl FnOnce(Payload<'_>) -> Result<T, Fault>,
) -> Result<(T, Duration), Fault> {
    let payload = match way {
        Way::Owned => Payload::from(bytes),
        Way::Frozen => Payload::from(client.freeze(bytes)?),
    };
    let began = Instant::now();
    let answer = call(payload)?;
    Ok((answer, began.elapsed()))
}

/// The first byte that differs, or where one of them ends early.
fn different(sent: &[u8], back: &[u8]) -> Option<usize> {
    if sent == back {
        return None;
    }
    let shared = sent.iter().zip(back).position(|(one, other)| one != other);
    Some(shared.unwrap_or(sent.len().min(back.len())))
}
