//! Mode: with whom the containers of a pool share their workers, while it runs.
//!
//! Lives here: `Mode`, `Spread` (how a pool is spread, as it is kept).
//! From: whoever makes a pool, and `admin.pool_mode` later. To: `policy`, when containers get their workers; `admin::modes`, which
//! moves those that are elsewhere.
//! Holds: a mode is no part of what makes two pools the same: it may be changed, so it may differ.
//! Not here: how a container moves (`admin::moves`).

use super::policy::Placement;
use std::fmt;
use std::str::FromStr;
use windlass_contract::{Code, Fault};

/// With whom the containers of a pool share their workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Mode {
    /// With any others.
    #[default]
    Shared,
    /// With none: containers of other pools are not placed on their workers, and those that are there and can, go.
    Dedicated,
    /// All on one worker, with those of all other bundled pools: calls among them never leave it.
    Bundled,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Shared => "shared",
            Self::Dedicated => "dedicated",
            Self::Bundled => "bundled",
        })
    }
}

impl FromStr for Mode {
    type Err = Fault;
    /// Reads what `Display` writes.
    fn from_str(text: &str) -> Result<Self, Fault> {
        match text {
            "shared" => Ok(Self::Shared),
            "dedicated" => Ok(Self::Dedicated),
            "bundled" => Ok(Self::Bundled),
            _ => {
                let text = format!("there is no mode {text:?}: it is shared, dedicated or bundled");
                Err(Fault::new(Code::BadArguments, text))
            }
        }
    }
}

impl Mode {
    /// The mode of a pool that says none: one whose containers get workers of their own keeps them to itself.
    pub(crate) fn usual(placement: Placement) -> Self {
        if placement == Placement::Dedicated { Self::Dedicated } else { Self::Shared }
    }
}

/// How a pool is spread, as it is kept: its placement and, if it is not the usual one of that, its mode behind a space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spread {
    pub(crate) placement: Placement,
    pub(crate) mode: Mode,
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.mode == Mode::usual(self.placement) {
            return self.placement.fmt(f);
        }
        write!(f, "{} {}", self.placement, self.mode)
    }
}

impl FromStr for Spread {
    type Err = Fault;
    fn from_str(text: &str) -> Result<Self, Fault> {
        let Some((placement, mode)) = text.split_once(' ') else {
            let placement = text.parse()?;
            return Ok(Self { placement, mode: Mode::usual(placement) });
        };
        Ok(Self { placement: placement.parse()?, mode: mode.parse()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_reads_as_it_is_written_and_one_of_an_older_node_has_the_usual_mode() {
        let placements = [Placement::RoundRobin, Placement::Dedicated, Placement::Pinned(3), Placement::Numa(1)];
        for placement in placements {
            for mode in [Mode::Shared, Mode::Dedicated, Mode::Bundled] {
                let spread = Spread { placement, mode };
                assert_eq!(spread.to_string().parse::<Spread>().expect("what was written"), spread);
            }
            let older: Spread = placement.to_string().parse().expect("a placement alone");
            assert_eq!((older.placement, older.mode), (placement, Mode::usual(placement)));
        }
        assert_eq!(Mode::usual(Placement::Dedicated), Mode::Dedicated);
        for wrong in ["round_robin alone", "dedicated  shared", "nowhere shared", " "] {
            assert!(wrong.parse::<Spread>().expect_err(wrong).is(Code::BadArguments));
        }
    }
}
