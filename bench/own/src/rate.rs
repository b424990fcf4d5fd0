//! Rate: calls a second, by how many are outstanding and how many clients ask, ours beside rivals.
//!
//! Lives here: `CONTENDERS` (who takes part), `plan`, `table` (a line for each contender, a column for each window and number of
//! clients), `targets`.
//! From: the command line. To: `drive`, whose rounds go over contenders and numbers of clients alike.
//! Holds: every contender has one server and the same clients, each a process with one thread; those with threads of their own may
//! use all cores, ours too.
//! Not here: rounds and checks (`drive`).

use crate::{
    drive::{Measured, label},
    place::Placement,
    plan::{Cell, Entrant, Group, Plan},
    table::align,
    targets::{Target, at_least},
};
use std::time::Duration;

/// Bytes of a request.
pub const BYTES: u64 = 32;

/// The window of the target.
pub const WINDOW: u32 = 128;

/// Who takes part: ours with one worker and with as many as there are cores, rivals with one thread and with as many.
pub const CONTENDERS: [&str; 7] = [
    "ours-wide",
    "ours-wide-workers",
    "tonic-unix",
    "tonic-unix-threads",
    "tarpc-unix",
    "tarpc-unix-threads",
    "zmq-router",
];

/// The plan: each entrant with each number of clients, turn by turn.
#[must_use]
pub fn plan(
    entrants: &[Entrant],
    placements: Vec<Placement>,
    windows: &[u32],
    clients: &[u32],
    (rounds, run): (u32, Duration),
) -> Plan {
    let with = |entrant: &Entrant| {
        let entrant = entrant.clone();
        clients.iter().map(move |&clients| Entrant { clients, ..entrant.clone() })
    };
    let cells = windows.iter().map(|&outstanding| Cell { bytes: BYTES, outstanding }).collect();
    Plan { entrants: entrants.iter().flat_map(with).collect(), placements, cells, rounds, run }
}

/// The rows of one run.
struct Run<'a>(&'a [Measured]);

impl Run<'_> {
    fn rate(&self, contender: &str, place: &str, window: u32) -> Option<f64> {
        let here = |one: &&Measured| {
            one.row.contender == contender
                && one.row.placement.as_deref() == Some(place)
                && one.row.outstanding == Some(window)
        };
        self.0.iter().find(here)?.row.ops_per_s
    }

    fn best(&self, of: impl Fn(&str) -> bool, place: &str, window: u32) -> Option<f64> {
        CONTENDERS
            .iter()
            .filter(|name| of(name))
            .filter_map(|name| self.rate(name, place, window))
            .reduce(f64::max)
    }
}

/// Thousands of calls a second: a block for each placement, a line for each contender, a column for each window and number of
/// clients.
#[must_use]
pub fn table(measured: &[Measured], plan: &Plan, clients: &[u32]) -> String {
    let run = Run(measured);
    let mut names: Vec<&str> = Vec::new();
    for entrant in &plan.entrants {
        if !names.contains(&entrant.kind.name.as_str()) {
            names.push(&entrant.kind.name);
        }
    }
    let mut text = String::new();
    for &placement in &plan.placements {
        let columns: Vec<(u32, u32)> = clients
            .iter()
            .flat_map(|&clients| plan.cells.iter().map(move |cell| (clients, cell.outstanding)))
            .collect();
        let mut head = vec![placement.to_string()];
        head.extend(columns.iter().map(|(clients, window)| format!("{clients} x {window}")));
        let mut lines = vec![head];
        for name in &names {
            let shown = |&(clients, window): &(u32, u32)| {
                let rate = run.rate(name, &label(placement, clients), window);
                rate.map_or_else(|| "-".to_owned(), |rate| format!("{:.0}", rate / 1e3))
            };
            let mut line = vec![(*name).to_owned()];
            line.extend(columns.iter().map(shown));
            lines.push(line);
        }
        text.push_str(&align(&lines, 1));
        text.push('\n');
    }
    text
}

/// What is promised of rates, by the better of each side's set-ups.
#[must_use]
pub fn targets(measured: &[Measured], plan: &Plan, clients: &[u32]) -> Vec<Target> {
    let run = Run(measured);
    let ours = |name: &str| name.starts_with("ours");
    let rivals = |of: &'static str| move |name: &str| name.starts_with(of);
    let mut targets = Vec::new();
    for &placement in &plan.placements {
        for &clients in clients {
            let place = label(placement, clients);
            let figure = run.best(ours, &place, WINDOW);
            let beside = |of, factor| run.best(rivals(of), &place, WINDOW).map(|rate| rate * factor);
            let what = |of: &str| format!("window {WINDOW}, {place}, beside {of}");
            targets.push(at_least(&what("tonic"), ">= 5x", figure, beside("tonic", 5.0), "/s"));
            targets.push(at_least(&what("tarpc"), "ahead", figure, beside("tarpc", 1.0), "/s"));
            targets.push(at_least(&what("ZeroMQ"), "ahead", figure, beside("zmq", 1.0), "/s"));
        }
        let (least, most) = (clients.iter().min(), clients.iter().max());
        if let (Some(&least), Some(&most)) = (least, most)
            && least < most
        {
            let of = |clients| run.best(ours, &label(placement, clients), WINDOW);
            let what = format!("window {WINDOW}, {placement}, from {least} to {most} clients");
            targets.push(at_least(&what, "grows", of(most), of(least), "/s"));
        }
    }
    targets
}

/// Which of `CONTENDERS` the binaries that are there can be asked for.
#[must_use]
pub fn offered(entrants: Vec<Entrant>) -> Vec<Entrant> {
    let place = |entrant: &Entrant| CONTENDERS.iter().position(|name| *name == entrant.kind.name);
    let mut taking_part: Vec<Entrant> =
        entrants.into_iter().filter(|entrant| entrant.group != Group::Floor && place(entrant).is_some()).collect();
    taking_part.sort_by_key(|entrant| place(entrant));
    taking_part
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{protocol::Kind, row::sample};
    use std::path::PathBuf;

    fn entrant(name: &str) -> Entrant {
        let kind =
            Kind { name: name.into(), about: "a test".into(), spins: false, bytes_max: 64, outstanding_max: 4096 };
        Entrant { group: Group::Rival, program: PathBuf::from("fake"), kind, clients: 1 }
    }

    fn measured(contender: &str, place: &str, window: u32, p50_us: f64) -> Measured {
        Measured { row: sample(contender, place, BYTES, window, p50_us), spread_us: None, reason: None }
    }

    #[test]
    fn those_that_take_part_stand_in_their_order_and_others_are_left_out() {
        let offered = offered(["zmq-router", "tonic-tcp", "ours-wide"].map(entrant).into());
        let names: Vec<&str> = offered.iter().map(|entrant| entrant.kind.name.as_str()).collect();
        assert_eq!(names, ["ours-wide", "zmq-router"]);
    }

    #[test]
    fn each_contender_is_asked_by_each_number_of_clients_for_each_window() {
        let plan = plan(
            &[entrant("ours-wide"), entrant("zmq-router")],
            vec![Placement::Unpinned],
            &[1, 128],
            &[1, 2],
            (3, Duration::ZERO),
        );
        let asked: Vec<(&str, u32)> =
            plan.entrants.iter().map(|entrant| (entrant.kind.name.as_str(), entrant.clients)).collect();
        assert_eq!(asked, [("ours-wide", 1), ("ours-wide", 2), ("zmq-router", 1), ("zmq-router", 2)]);
        assert_eq!(plan.cells, [1, 128].map(|outstanding| Cell { bytes: BYTES, outstanding }));
        let rows =
            [measured("ours-wide", "unpinned", 128, 1.0), measured("zmq-router", "unpinned, 2 clients", 128, 4.0)];
        let table = table(&rows, &plan, &[1, 2]);
        let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[1], ["ours-wide", "-", "1000", "-", "-"]);
        assert_eq!(lines[2], ["zmq-router", "-", "-", "-", "250"]);
    }

    #[test]
    fn the_better_set_up_of_each_side_counts() {
        let rows = [
            measured("ours-wide", "unpinned", 128, 1.0),
            measured("ours-wide-workers", "unpinned", 128, 2.0),
            measured("ours-wide", "unpinned, 2 clients", 128, 1.5),
            measured("ours-wide-workers", "unpinned, 2 clients", 128, 0.8),
            measured("tonic-unix", "unpinned", 128, 10.0),
            measured("tonic-unix-threads", "unpinned", 128, 4.0),
        ];
        let plan = plan(&[entrant("ours-wide")], vec![Placement::Unpinned], &[128], &[1, 2], (1, Duration::ZERO));
        let targets = targets(&rows, &plan, &[1, 2]);
        let of = |what: &str| targets.iter().find(|target| target.what == what).expect("it is there");
        let tonic = of("window 128, unpinned, beside tonic");
        assert_eq!((tonic.figure, tonic.bound, tonic.met), (Some(1e6), Some(1.25e6), Some(false)));
        assert_eq!(of("window 128, unpinned, beside ZeroMQ").met, None);
        assert_eq!(of("window 128, unpinned, from 1 to 2 clients").met, Some(true));
    }
}
