//! Stride: which lane is served next, and for how long.
//!
//! Lives here: `Stride` (all lanes of a worker, and the piece that runs now).
//! From: `Lanes`, with each reading of the clock. To: the piece that runs next.
//! Holds: among lanes of a class time goes by weight; a latency lane passes every background lane but for what that is
//! guaranteed; a guaranteed share is had, whatever the others do, as long as pieces end; one reading of the clock a piece.
//! Not here: tasks' own accounts (`cells`).

use crate::Name;
use crate::gate::Ready;
use crate::lane::{Class, Lane, LaneError, LaneFacts, LaneId, LaneOptions};
use crate::limits::{LANES_MAX, SHARES_MAX, SLICE_NS, WEIGHT_MAX};
use crate::overruns::Overruns;
use std::collections::BTreeMap;
use windlass_driver::Nanos;

/// Where virtual time turns back: far enough from its end that no piece reaches that.
const PASS_MAX: u64 = 1 << 61;

/// The lane that is served when none is.
const NOBODY: u16 = u16::MAX;
const _: () = assert!(LANES_MAX < NOBODY as usize, "no lane has the number of nobody");

pub(crate) struct Stride {
    lanes: Vec<Option<Lane>>,
    generations: Vec<u16>,
    /// Lanes with work; the one that is served stands here until the next piece is looked for, also if it gave its last.
    ready: Vec<u16>,
    /// Where each class is in virtual time.
    virtual_now: [u64; 2],
    /// How many pieces have run, and how long, all together.
    pub(crate) pieces: u64,
    busy: u64,
    /// The lane that is served, and until when on the clock of `busy`.
    serving: u16,
    until: u64,
    /// What of `pieces` and `busy` lanes have been charged for; the rest is owed by the one that is served.
    settled: (u64, u64),
    /// Whether a piece of it runs.
    running: bool,
    /// Lanes with a guaranteed share.
    guaranteed: Vec<u16>,
    /// The work that was begun last, for whoever asks why it takes so long.
    pub(crate) job: Name,
    /// When that was; the last reading of the clock.
    pub(crate) began: Nanos,
    pub(crate) overruns: Overruns,
}

impl Stride {
    pub(crate) fn new() -> Self {
        let lanes =
            vec![Some(Lane::new(LaneOptions::latency(), 0)), Some(Lane::new(LaneOptions::background(), 0))];
        Self {
            lanes,
            generations: vec![0, 0],
            ready: Vec::new(),
            virtual_now: [0; 2],
            pieces: 0,
            busy: 0,
            serving: NOBODY,
            until: 0,
            settled: (0, 0),
            running: false,
            guaranteed: vec![LaneId::BACKGROUND.index],
            job: Name::default(),
            began: 0,
            overruns: Overruns::default(),
        }
    }

    pub(crate) fn add(&mut self, options: LaneOptions) -> Result<LaneId, LaneError> {
        if options.weight == 0 || options.weight > WEIGHT_MAX {
            return Err(LaneError::BadWeight);
        }
        let guaranteed: u32 = self.lanes.iter().flatten().map(|lane| lane.options.share).sum();
        if guaranteed.saturating_add(options.share) > SHARES_MAX {
            return Err(LaneError::TooMuchGuaranteed);
        }
        let index = match self.lanes.iter().position(Option::is_none) {
            Some(index) => index,
            None if self.lanes.len() >= LANES_MAX => return Err(LaneError::TooMany),
            None => {
                self.lanes.push(None);
                self.generations.push(0);
                self.lanes.len() - 1
            }
        };
        self.generations[index] = self.generations[index].wrapping_add(1);
        let id = LaneId { index: index as u16, generation: self.generations[index] };
        if options.share > 0 {
            self.guaranteed.push(id.index);
        }
        self.lanes[index] = Some(Lane::new(options, id.generation));
        Ok(id)
    }

    /// With so many tasks alive on it.
    pub(crate) fn remove(&mut self, id: LaneId, tasks: usize) -> Result<(), LaneError> {
        let lane = self.lane(id).ok_or(LaneError::Unknown)?;
        if usize::from(id.index) < 2 || tasks > 0 || !lane.queue.is_empty() {
            return Err(LaneError::InUse);
        }
        self.guaranteed.retain(|index| *index != id.index);
        self.ready.retain(|index| *index != id.index);
        if self.serving == id.index {
            // What it owes goes with it.
            self.settle();
            (self.serving, self.until, self.running) = (NOBODY, 0, false);
        }
        self.lanes[usize::from(id.index)] = None;
        Ok(())
    }

    pub(crate) fn lane(&self, id: LaneId) -> Option<&Lane> {
        self.lanes.get(usize::from(id.index))?.as_ref().filter(|lane| lane.generation == id.generation)
    }

    pub(crate) fn lane_mut(&mut self, id: LaneId) -> Option<&mut Lane> {
        let lane = self.lanes.get_mut(usize::from(id.index))?.as_mut();
        lane.filter(|lane| lane.generation == id.generation)
    }

    /// Queues a piece, a task or the place of unstarted work, behind all that came before it in its lane; a lane that is
    /// gone gives it back.
    #[inline]
    pub(crate) fn queue(&mut self, index: u16, work: Option<Ready>) -> Option<Option<Ready>> {
        let Some(Some(lane)) = self.lanes.get_mut(usize::from(index)) else { return Some(work) };
        lane.queue.push_back((work, self.began));
        if !lane.listed {
            self.list(index);
        }
        None
    }

    /// A lane has work again.
    fn list(&mut self, index: u16) {
        self.settle();
        if let Some(Some(lane)) = self.lanes.get_mut(usize::from(index)) {
            lane.listed = true;
            lane.wakes(self.virtual_now[lane.options.class as usize], self.pieces, self.busy);
            self.ready.push(index);
        }
    }

    /// The lane that was served has none any more.
    fn unlist(&mut self, index: u16) {
        if let Some(Some(lane)) = self.lanes.get_mut(usize::from(index)) {
            lane.listed = false;
            self.ready.retain(|ready| *ready != index);
        }
    }

    /// The running piece has ended; answers how long it ran.
    #[inline]
    pub(crate) fn charge(&mut self, now: Nanos) -> Nanos {
        let ran = now.saturating_sub(self.began);
        self.began = now;
        if !std::mem::take(&mut self.running) {
            return 0;
        }
        self.pieces += 1;
        self.busy += ran;
        ran
    }

    /// Charges the lane that is served for all that it had since this was last done: before lanes are compared, and before
    /// another is served.
    fn settle(&mut self) {
        let (pieces, ran) = (self.pieces - self.settled.0, self.busy - self.settled.1);
        self.settled = (self.pieces, self.busy);
        if pieces > 0
            && let Some(Some(lane)) = self.lanes.get_mut(usize::from(self.serving))
        {
            lane.charge(pieces, ran, self.busy);
        }
    }

    /// Takes the next piece, with its lane and the time at which it was queued.
    #[inline]
    pub(crate) fn pick(&mut self) -> Option<(u16, Option<Ready>, Nanos)> {
        // Alone, it needs no comparing, and no charge before its slice is over.
        if self.busy >= self.until || self.ready[..] != [self.serving] {
            self.turn_to_next()?;
        }
        let lane = self.lanes.get_mut(usize::from(self.serving))?.as_mut()?;
        let Some((work, since)) = lane.queue.pop_front() else {
            self.unlist(self.serving);
            return None;
        };
        if work.is_none() {
            lane.waiting -= 1;
        }
        self.running = true;
        Some((self.serving, work, since))
    }

    /// The lane that is served.
    #[inline]
    pub(crate) fn serving(&self) -> u16 {
        self.serving
    }

    /// Finds which lane is served from now on; nothing if none has work.
    fn turn_to_next(&mut self) -> Option<()> {
        self.settle();
        let served = self.lanes.get(usize::from(self.serving)).and_then(Option::as_ref);
        if served.is_some_and(|lane| lane.listed && lane.queue.is_empty()) {
            self.unlist(self.serving);
        }
        if self.ready.is_empty() {
            return None;
        }
        if self.busy >= self.until || !self.goes_on(self.serving) || self.is_claimed(self.serving) {
            self.serving = self.choose()?;
            self.until = self.busy.saturating_add(SLICE_NS);
        }
        Some(())
    }

    /// Whether the lane that is served has more, and nothing that goes first has come.
    fn goes_on(&self, index: u16) -> bool {
        let Some(Some(lane)) = self.lanes.get(usize::from(index)) else { return false };
        if lane.queue.is_empty() {
            return false;
        }
        self.ready.len() == 1
            || lane.options.class == Class::Latency
            || lane.claims(self.pieces, self.busy).is_some()
            || !self.ready.iter().any(|ready| self.class(*ready) == Some(Class::Latency))
    }

    /// Whether another lane claims its guaranteed share.
    fn is_claimed(&self, index: u16) -> bool {
        self.ready.len() > 1
            && self.guaranteed.iter().any(|other| {
                let lane = self.lanes.get(usize::from(*other)).and_then(Option::as_ref);
                *other != index
                    && lane.is_some_and(|lane| {
                        !lane.queue.is_empty() && lane.claims(self.pieces, self.busy).is_some()
                    })
            })
    }

    fn class(&self, index: u16) -> Option<Class> {
        Some(self.lanes.get(usize::from(index))?.as_ref()?.options.class)
    }

    /// Who claims its guaranteed share, the longest overdue first; else by class, then by virtual time, then by age.
    fn choose(&mut self) -> Option<u16> {
        if let [only] = self.ready[..] {
            self.reach(only);
            return Some(only);
        }
        let mut claims: Option<(u64, u16)> = None;
        let mut first: Option<((Class, u64), u16)> = None;
        for index in &self.ready {
            let Some(Some(lane)) = self.lanes.get(usize::from(*index)) else { continue };
            if let Some(since) = lane.claims(self.pieces, self.busy)
                && claims.is_none_or(|(earliest, _)| since < earliest)
            {
                claims = Some((since, *index));
            }
            let order = (lane.options.class, lane.pass);
            if first.is_none_or(|(least, _)| order < least) {
                first = Some((order, *index));
            }
        }
        let chosen = claims.map(|(_, index)| index).or(first.map(|(_, index)| index))?;
        self.reach(chosen);
        Some(chosen)
    }

    /// A class is where the lane is that it serves.
    fn reach(&mut self, index: u16) {
        if let Some(Some(lane)) = self.lanes.get(usize::from(index)) {
            let virtual_now = &mut self.virtual_now[lane.options.class as usize];
            *virtual_now = lane.pass.max(*virtual_now);
        }
        if self.virtual_now.iter().any(|now| *now > PASS_MAX) {
            self.turn_back();
        }
    }

    /// Before virtual time ends, all of it goes back by as much; what is compared stays as it is.
    #[cold]
    fn turn_back(&mut self) {
        for now in &mut self.virtual_now {
            *now = now.saturating_sub(PASS_MAX);
        }
        for lane in self.lanes.iter_mut().flatten() {
            lane.pass = lane.pass.saturating_sub(PASS_MAX);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        let has_none = |index: &u16| {
            let lane = self.lanes.get(usize::from(*index)).and_then(Option::as_ref);
            lane.is_none_or(|lane| lane.queue.is_empty())
        };
        self.ready.iter().all(has_none)
    }

    /// The tasks that are queued, in order within their lane.
    pub(crate) fn queued(&self) -> impl Iterator<Item = &Ready> {
        self.lanes.iter().flatten().flat_map(|lane| lane.queue.iter().filter_map(|(work, _)| work.as_ref()))
    }

    /// Takes everything out; answers the tasks.
    pub(crate) fn drain(&mut self) -> Vec<Ready> {
        self.ready.clear();
        let mut all = Vec::new();
        for lane in self.lanes.iter_mut().flatten() {
            (lane.waiting, lane.listed) = (0, false);
            all.extend(lane.queue.drain(..).filter_map(|(work, _)| work));
        }
        all
    }

    /// With the tasks alive on each lane that has some.
    pub(crate) fn facts(&mut self, tasks: &BTreeMap<u16, usize>) -> Vec<LaneFacts> {
        self.settle();
        let lanes = self.lanes.iter().enumerate();
        let on = |index: u16| tasks.get(&index).copied().unwrap_or(0);
        lanes.filter_map(|(index, lane)| Some(lane.as_ref()?.facts(index as u16, on(index as u16)))).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(non_snake_case, reason = "tests carry the names of requirement rows")]
    use super::*;

    /// Runs pieces for `until` nanoseconds, each lane always having one more; answers each lane's time.
    fn contend(stride: &mut Stride, lanes: &[(LaneId, u64)], until: u64) -> Vec<u64> {
        let mut now = 0;
        stride.began = 0;
        let put = |stride: &mut Stride, lane: LaneId| {
            stride.lane_mut(lane).unwrap().waiting += 1;
            assert!(stride.queue(lane.index, None).is_none());
        };
        for (lane, _) in lanes {
            put(stride, *lane);
            put(stride, *lane);
        }
        stride.settle();
        let before: Vec<u64> = lanes.iter().map(|lane| stride.lane(lane.0).unwrap().ran_ns).collect();
        while now < until {
            let Some((index, None, _)) = stride.pick() else { panic!("no work") };
            let (lane, cost) = *lanes.iter().find(|lane| lane.0.index == index).unwrap();
            now += cost;
            stride.charge(now);
            put(stride, lane);
        }
        stride.settle();
        assert!(stride.drain().is_empty());
        lanes.iter().zip(before).map(|(lane, before)| stride.lane(lane.0).unwrap().ran_ns - before).collect()
    }

    fn share(times: &[u64], at: usize) -> f64 {
        times[at] as f64 / times.iter().sum::<u64>() as f64
    }

    #[test]
    fn tasks_K16_the_background_lane_keeps_its_share_under_load_and_no_more() {
        let mut stride = Stride::new();
        for costs in [(1_000, 1_000), (1_000, 200_000), (200_000, 1_000), (30, 30)] {
            let lanes = [(LaneId::LATENCY, costs.0), (LaneId::BACKGROUND, costs.1)];
            let times = contend(&mut stride, &lanes, 3000 * (costs.0 + costs.1));
            let share = share(&times, 1);
            assert!((0.11..0.14).contains(&share), "{costs:?}: {share}");
        }
    }

    #[test]
    fn lanes_divide_time_by_weight_whatever_their_pieces_cost() {
        let mut stride = Stride::new();
        let three = stride.add(LaneOptions { weight: 300, ..LaneOptions::new("three") }).unwrap();
        let one = stride.add(LaneOptions::new("one")).unwrap();
        for costs in [(1_000, 1_000), (500, 90_000), (90_000, 500), (400_000, 300_000)] {
            let times = contend(&mut stride, &[(three, costs.0), (one, costs.1)], 2_000_000_000);
            assert!((share(&times, 0) - 0.75).abs() < 0.02, "{costs:?}: {times:?}");
        }
    }

    #[test]
    fn a_lane_that_slept_has_saved_nothing_up() {
        let mut stride = Stride::new();
        let other = stride.add(LaneOptions::new("other")).unwrap();
        // The first lane alone for a second: then both.
        contend(&mut stride, &[(LaneId::LATENCY, 10_000)], 1_000_000_000);
        let times = contend(&mut stride, &[(LaneId::LATENCY, 10_000), (other, 10_000)], 10_000_000);
        assert!((share(&times, 1) - 0.5).abs() < 0.03, "{times:?}");
        // And the second class alone does not owe for what nobody else wanted.
        contend(&mut stride, &[(LaneId::BACKGROUND, 10_000)], 1_000_000_000);
        let times = contend(&mut stride, &[(LaneId::LATENCY, 10_000), (LaneId::BACKGROUND, 10_000)], 20_000_000);
        assert!((share(&times, 1) - 0.125).abs() < 0.05, "{times:?}");
    }

    #[test]
    fn a_guaranteed_share_is_had_against_any_number_of_heavy_lanes() {
        let mut stride = Stride::new();
        let poor = LaneOptions { weight: 1, share: 200, ..LaneOptions::new("poor") };
        let poor = stride.add(poor).unwrap();
        let mut lanes = vec![(poor, 5_000)];
        for _ in 0..5 {
            let rich = LaneOptions { weight: WEIGHT_MAX, ..LaneOptions::new("rich") };
            lanes.push((stride.add(rich).unwrap(), 7_000));
        }
        let times = contend(&mut stride, &lanes, 1_000_000_000);
        assert!((share(&times, 0) - 0.2).abs() < 0.02, "{times:?}");
    }

    #[test]
    fn a_lane_is_removed_when_it_is_empty_and_its_id_never_means_another() {
        let mut stride = Stride::new();
        assert_eq!(stride.add(LaneOptions { weight: 0, ..LaneOptions::new("x") }), Err(LaneError::BadWeight));
        assert_eq!(
            stride.add(LaneOptions { share: 800, ..LaneOptions::new("x") }),
            Err(LaneError::TooMuchGuaranteed)
        );
        let first = stride.add(LaneOptions::new("first")).unwrap();
        assert_eq!(stride.remove(LaneId::LATENCY, 0), Err(LaneError::InUse));
        assert!(stride.queue(first.index, None).is_none());
        assert_eq!(stride.remove(first, 0), Err(LaneError::InUse));
        stride.drain();
        stride.remove(first, 0).unwrap();
        assert_eq!(stride.remove(first, 0), Err(LaneError::Unknown));
        let second = stride.add(LaneOptions::new("second")).unwrap();
        assert_eq!(second.index, first.index);
        assert_ne!(second, first);
        assert!(stride.lane(first).is_none());
        assert_eq!(LaneId::from_bits(second.to_bits()), second);
        for _ in 3..LANES_MAX {
            stride.add(LaneOptions::new("more")).unwrap();
        }
        assert_eq!(stride.add(LaneOptions::new("more")), Err(LaneError::TooMany));
    }

    #[test]
    fn virtual_time_turns_back_and_nobody_is_served_less_for_it() {
        let mut stride = Stride::new();
        let three = stride.add(LaneOptions { weight: 300, ..LaneOptions::new("three") }).unwrap();
        stride.virtual_now = [PASS_MAX - 1_000; 2];
        let times = contend(&mut stride, &[(three, 10_000), (LaneId::LATENCY, 10_000)], 100_000_000);
        assert!((share(&times, 0) - 0.75).abs() < 0.02, "{times:?}");
        assert!(stride.virtual_now[0] < PASS_MAX);
    }
}
