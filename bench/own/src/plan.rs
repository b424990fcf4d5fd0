//! The plan of a bench: who is measured, where, with how many bytes, how often.
//!
//! Lives here: `Plan`, `Entrant` (a kind and the binary that offers it), `Cell` (bytes and outstanding).
//! Holds: what a plan leaves out it says in words (`Plan::left_out`), once.

use crate::{
    place::Placement,
    process::{self, PairError},
    protocol::Kind,
};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// Which side an entrant is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// What the machine can do at all.
    Floor,
    /// What others offer.
    Rival,
    /// Windlass.
    Ours,
}

/// One contender of the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entrant {
    /// Its side.
    pub group: Group,
    /// The binary that offers it.
    pub program: PathBuf,
    /// What it offers.
    pub kind: Kind,
    /// How many clients ask its server at a time, each a process with one thread.
    pub clients: u32,
}

/// One cell of the table: what every entrant is asked in the same rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    /// Bytes of a request.
    pub bytes: u64,
    /// Requests outstanding.
    pub outstanding: u32,
}

/// Sizes of the call bench, in bytes.
pub const SIZES: [u64; 6] = [64, 1 << 10, 16 << 10, 256 << 10, 1 << 20, 8 << 20];

/// The cell of the rate target: 32 bytes, 128 outstanding.
pub const RATE: Cell = Cell { bytes: 32, outstanding: 128 };

/// Who is measured, where, with what, how often.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Contenders, floors first.
    pub entrants: Vec<Entrant>,
    /// Placements, in this order.
    pub placements: Vec<Placement>,
    /// Cells, in this order.
    pub cells: Vec<Cell>,
    /// How often each entrant's turn comes in each cell.
    pub rounds: u32,
    /// How long one measured run should last.
    pub run: Duration,
}

/// Asks every binary what it offers and keeps what `only` names; empty keeps all.
///
/// # Errors
/// A binary does not answer, or `only` has a name that none of them offers: in words.
pub fn entrants(programs: &[(Group, &Path)], only: &[String]) -> Result<Vec<Entrant>, String> {
    offered(programs, only, "kinds")
}

/// As [`entrants`], with those that only a bench of their own asks for.
///
/// # Errors
/// As [`entrants`].
pub fn entrants_and_probes(programs: &[(Group, &Path)], only: &[String]) -> Result<Vec<Entrant>, String> {
    offered(programs, only, "probes")
}

fn offered(programs: &[(Group, &Path)], only: &[String], word: &str) -> Result<Vec<Entrant>, String> {
    let mut entrants = Vec::new();
    for &(group, program) in programs {
        let kinds = process::kinds(program, word).map_err(|error: PairError| error.to_string())?;
        entrants.extend(kinds.into_iter().map(|kind| Entrant {
            group,
            program: program.to_owned(),
            kind,
            clients: 1,
        }));
    }
    let names: Vec<&str> = entrants.iter().map(|entrant| entrant.kind.name.as_str()).collect();
    if let Some(unknown) = only.iter().find(|name| !names.contains(&name.as_str())) {
        return Err(format!("there is no contender `{unknown}`; there are {}", names.join(", ")));
    }
    if let Some(twice) = names.iter().find(|name| names.iter().filter(|other| other == name).count() > 1) {
        return Err(format!("two binaries offer a contender `{twice}`"));
    }
    entrants.retain(|entrant| only.is_empty() || only.contains(&entrant.kind.name));
    Ok(entrants)
}

/// The cells of `sizes`: each with one outstanding and with sixteen; after them the rate cell, if asked for.
#[must_use]
pub fn cells(sizes: &[u64], outstanding: &[u32], rate: bool) -> Vec<Cell> {
    let cell = |&bytes| outstanding.iter().map(move |&outstanding| Cell { bytes, outstanding });
    let mut cells: Vec<Cell> = sizes.iter().flat_map(cell).collect();
    if rate && !cells.contains(&RATE) {
        cells.push(RATE);
    }
    cells
}

impl Plan {
    /// Whether `entrant` takes part under `placement`: those that spin need a core for each side.
    #[must_use]
    pub fn admits(entrant: &Entrant, placement: Placement) -> bool {
        !entrant.kind.spins || placement == Placement::TwoCores
    }

    /// Whether `entrant` has a row in `cell`: one that cannot pipeline has none beyond what it can have outstanding.
    #[must_use]
    pub fn asks(entrant: &Entrant, cell: Cell) -> bool {
        cell.outstanding <= entrant.kind.outstanding_max
    }

    /// What this plan does not ask, and why, in words.
    #[must_use]
    pub fn left_out(&self) -> Vec<String> {
        let mut words = Vec::new();
        let widest = self.cells.iter().map(|cell| cell.outstanding).max().unwrap_or(1);
        for Entrant { kind, .. } in &self.entrants {
            if kind.spins && self.placements.iter().any(|&placement| placement != Placement::TwoCores) {
                words.push(format!("{}: both sides spin, so it is measured on two cores only", kind.name));
            }
            if kind.outstanding_max < widest {
                words.push(format!("{}: at most {} outstanding; no rows beyond", kind.name, kind.outstanding_max));
            }
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entrant(spins: bool, outstanding_max: u32) -> Entrant {
        let kind = Kind { name: "fake".into(), about: "a test".into(), spins, bytes_max: 64, outstanding_max };
        Entrant { group: Group::Floor, program: PathBuf::from("fake"), kind, clients: 1 }
    }

    #[test]
    fn cells_go_by_size_and_the_rate_cell_comes_last_and_once() {
        let cells = cells(&[64, 1024], &[1, 16], true);
        let pairs: Vec<(u64, u32)> = cells.iter().map(|cell| (cell.bytes, cell.outstanding)).collect();
        assert_eq!(pairs, [(64, 1), (64, 16), (1024, 1), (1024, 16), (32, 128)]);
        assert_eq!(super::cells(&[32], &[128], true), [RATE]);
    }

    #[test]
    fn spinners_are_measured_on_two_cores_only_and_the_plan_says_so() {
        let plan = Plan {
            entrants: vec![entrant(true, 1), entrant(false, 128)],
            placements: Placement::ALL.to_vec(),
            cells: cells(&[64], &[1, 16], false),
            rounds: 1,
            run: Duration::from_millis(1),
        };
        let admitted = Placement::ALL.map(|placement| Plan::admits(&plan.entrants[0], placement));
        assert_eq!(admitted, [false, true, false]);
        assert!(!Plan::asks(&plan.entrants[0], plan.cells[1]));
        assert!(Plan::asks(&plan.entrants[1], plan.cells[1]));
        let words = plan.left_out();
        assert_eq!(words.len(), 2, "{words:?}");
        assert!(words[0].contains("two cores only"));
        assert!(words[1].contains("at most 1 outstanding"));
    }
}
