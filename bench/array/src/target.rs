//! Targets: what is wanted of our figures, beside those of the same run.
//!
//! Lives here: `Verdict`, `of` (one operation at one size), `of_small`.
//! Holds: a target whose other side was not measured is not there, and neither met nor missed.

use crate::operation::Operation;
use crate::rounds::{Cell, Who};
use crate::size::Size;
use crate::small::Small;
use crate::worker::Contender;
use windlass_bench::place::Placement;

/// Of the floor's bandwidth, warm.
pub const WARM_SHARE: f64 = 0.6;
/// Of the floor of fresh shared memory, cold.
pub const COLD_SHARE: f64 = 0.9;
/// `a + 1` of a thousand elements, microseconds.
pub const SMALL_US: f64 = 20.0;

/// One target and how we stand to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// What was measured: `argsort 1e7`.
    pub what: String,
    /// What is wanted.
    pub wanted: String,
    /// What there is.
    pub found: String,
    /// Whether that is enough.
    pub met: bool,
}

fn us(cells: &[Cell], who: Who) -> Option<f64> {
    cells.iter().find(|cell| cell.who == who)?.figures.as_ref().ok().map(|figures| figures.us.p50)
}

/// The targets of one operation: its warm cells, and its cold ones if there are any.
#[must_use]
pub fn of(operation: Operation, size: Size, warm: &[Cell], cold: &[Cell]) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    if let Some(ours) = us(warm, Who::Warm(Contender::Ours)) {
        for rival in ahead_of(operation) {
            let Some(theirs) = us(warm, Who::Warm(*rival)) else { continue };
            verdicts.push(Verdict {
                what: format!("{operation} {size}"),
                wanted: format!("ahead of {rival}"),
                found: format!("{:.2}x its speed", theirs / ours),
                met: ours < theirs,
            });
        }
        // Of short arrays, and beside other work, one core alone may be the faster.
        let floors = [Who::Bandwidth, Who::BandwidthAlone].into_iter().filter_map(|who| us(warm, who));
        if let Some(floor) = floors.reduce(f64::min) {
            verdicts.push(share(format!("{operation} {size}, warm"), "bandwidth", floor / ours, WARM_SHARE));
        }
    }
    // Only an operation that writes an answer touches pages first.
    let writes = operation.bytes_per_element().1 > 0;
    if let (true, Some(ours), Some(floor)) =
        (writes, us(cold, Who::Cold(Contender::Ours)), us(cold, Who::FreshShared))
    {
        let what = format!("{operation} {size}, cold");
        verdicts.push(share(what, "the first touch of shared memory", floor / ours, COLD_SHARE));
    }
    verdicts
}

/// The targets of small calls.
#[must_use]
pub fn of_small(found: &[Small]) -> Vec<Verdict> {
    let pinned = found.iter().filter(|one| one.name == "ours-add" && one.placement != Placement::Unpinned);
    pinned
        .map(|one| Verdict {
            what: format!("a + 1 of 1,000 elements, {}", one.placement),
            wanted: format!("at most {SMALL_US} us"),
            found: format!("{:.1} us", one.p50_us.p50),
            met: one.p50_us.p50 <= SMALL_US,
        })
        .collect()
}

/// Who has to be slower.
fn ahead_of(operation: Operation) -> &'static [Contender] {
    match operation {
        Operation::Argsort | Operation::Groupby | Operation::Gather => {
            &[Contender::Numpy, Contender::Pandas, Contender::Polars]
        }
        _ => &[Contender::Numpy],
    }
}

fn share(what: String, of: &str, found: f64, wanted: f64) -> Verdict {
    Verdict {
        what,
        wanted: format!("at least {:.0} % of {of}", wanted * 100.0),
        found: format!("{:.0} %", found * 100.0),
        met: found >= wanted,
    }
}
