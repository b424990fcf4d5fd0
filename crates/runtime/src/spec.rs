//! Spec: a pool that a node is to have from the start.
//!
//! Lives here: `PoolSpec`.
//! From: the configuration. To: `node`, which has the first worker make it before any client is heard.
//! Holds: what is not said is as usual: one container, in turn, shared.
//! Not here: how a pool is made (`admin`).

use crate::place::mode::{Mode, Spread};
use crate::place::policy::Placement;

/// A pool to be made before the node is ready.
#[derive(Clone, Debug, PartialEq)]
pub struct PoolSpec {
    /// Its name.
    pub name: String,
    /// Its module.
    pub module: String,
    /// Its create parameters, by name, as text (`contract::schema::parse_text`).
    pub parameters: Vec<(String, String)>,
    /// How many containers it has: 1 to `limits::CONTAINERS_MAX`.
    pub containers: u32,
    /// Which workers they get.
    pub placement: Placement,
    /// With whom they share them; nothing: as is usual for the placement.
    pub mode: Option<Mode>,
}

impl PoolSpec {
    /// A pool of one container with default parameters.
    pub fn new(name: impl Into<String>, module: impl Into<String>) -> Self {
        let (name, module) = (name.into(), module.into());
        Self { name, module, parameters: Vec::new(), containers: 1, placement: Placement::default(), mode: None }
    }

    /// How it is spread.
    pub(crate) fn spread(&self) -> Spread {
        let mode = self.mode.unwrap_or_else(|| Mode::usual(self.placement));
        Spread { placement: self.placement, mode }
    }

    /// Whether it has workers to itself.
    pub(crate) fn is_apart(&self) -> bool {
        self.spread().mode == Mode::Dedicated
    }
}
