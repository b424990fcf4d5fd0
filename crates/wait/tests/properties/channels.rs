//! Two channels against their model, with sends, receives, tries, selects among both, and ends that go.
//!
//! The model knows one rule, applied until nothing changes: a value that is not promised is promised to who has waited longest;
//! a sender that waits puts its value in while there is room, or somebody to take it.

use super::waits::{Id, Waits};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::task::Poll;
use windlass_wait::{
    Operation, Receiver, Receiving, Select, Sender, Sending, TryRecvError, TrySendError, channel,
};

/// One operation of a wait: at which channel, and which way.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Arm {
    Send(usize),
    Recv(usize),
}

#[derive(Clone, Debug)]
enum Op {
    /// A wait for one of these; with one, a plain send or receive.
    Wait(Vec<Arm>),
    Try(Arm),
    Poll(u8),
    Cancel(u8),
    /// All ends of this kind go, at this channel.
    Close(Arm),
}

fn arm() -> impl Strategy<Value = Arm> {
    prop_oneof![(0..2usize).prop_map(Arm::Send), (0..2usize).prop_map(Arm::Recv)]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        20 => vec(arm(), 1..2).prop_map(Op::Wait),
        15 => vec(arm(), 2..4).prop_map(Op::Wait),
        10 => arm().prop_map(Op::Try),
        50 => any::<u8>().prop_map(Op::Poll),
        20 => any::<u8>().prop_map(Op::Cancel),
        1 => arm().prop_map(Op::Close),
    ]
}

/// What a wait ends with: which arm, and the value that it received, or `Err` and the value it has back.
type End = (usize, Result<Option<u32>, Option<u32>>);

/// Ends of both channels; those that are gone or not needed are not there.
#[derive(Clone, Default)]
struct Ends {
    senders: [Option<Sender<u32>>; 2],
    receivers: [Option<Receiver<u32>>; 2],
}

impl Ends {
    /// Clones of those that these arms need, if all are there.
    fn only(&self, arms: &[Arm]) -> Option<Self> {
        let mut ends = Self::default();
        for arm in arms {
            match *arm {
                Arm::Send(at) => ends.senders[at] = Some(self.senders[at].clone()?),
                Arm::Recv(at) => ends.receivers[at] = Some(self.receivers[at].clone()?),
            }
        }
        Some(ends)
    }

    fn part(&self, arm: Arm, value: u32) -> Part<'_> {
        match arm {
            Arm::Send(at) => Part::Send(self.senders[at].as_ref().expect("it is needed").send(value)),
            Arm::Recv(at) => Part::Recv(self.receivers[at].as_ref().expect("it is needed").recv()),
        }
    }
}

/// A real operation.
enum Part<'a> {
    Send(Sending<'a, u32>),
    Recv(Receiving<'a, u32>),
}

impl Part<'_> {
    async fn end(self) -> Result<Option<u32>, Option<u32>> {
        match self {
            Self::Send(send) => send.await.map(|()| None).map_err(|refused| Some(refused.into_inner())),
            Self::Recv(receive) => receive.await.map(Some).map_err(|_closed| None),
        }
    }
}

/// A real wait: plain if there is one arm, else a select and then its winner.
async fn wait(ends: &Ends, arms: &[Arm], value: u32) -> End {
    let mut parts: Vec<Part<'_>> = arms.iter().map(|arm| ends.part(*arm, value)).collect();
    let mut won = 0;
    if arms.len() > 1 {
        let operations = parts.iter_mut().map(|part| match part {
            Part::Send(send) => send as &mut dyn Operation,
            Part::Recv(receive) => receive,
        });
        let mut operations: Vec<&mut dyn Operation> = operations.collect();
        won = Select::new().first(&mut operations).await.expect("room to wait");
    }
    (won, parts.swap_remove(won).end().await)
}

#[derive(Default)]
struct Channel {
    capacity: usize,
    values: VecDeque<u32>,
    promised: usize,
    sending: Vec<(Id, usize)>,
    receiving: Vec<(Id, usize)>,
    no_senders: bool,
    no_receivers: bool,
}

impl Channel {
    /// Forgets what a wait does here.
    fn withdraw(&mut self, id: Id) {
        self.sending.retain(|(other, _)| *other != id);
        self.receiving.retain(|(other, _)| *other != id);
    }
}

#[derive(Default)]
struct Model {
    channels: [Channel; 2],
    /// Which arm each wait was served at that does not know yet, and whether by a closed end.
    served: BTreeMap<Id, (usize, bool)>,
    /// Of each wait by id: its arms and its value.
    waits: Vec<(Vec<Arm>, u32)>,
    /// Waits that have not ended: they hold the ends that they need.
    alive: BTreeSet<Id>,
    /// Ends that the test itself has dropped.
    dropped: Vec<Arm>,
}

impl Model {
    fn serve(&mut self, id: Id, arm: usize, closed: bool) {
        self.withdraw(id);
        self.served.insert(id, (arm, closed));
    }

    /// Applies the rule once; answers whether it changed anything.
    fn step(&mut self, at: usize) -> bool {
        let channel = &mut self.channels[at];
        let available = channel.values.len() - channel.promised;
        if available > 0
            && let Some(&(id, arm)) = channel.receiving.first()
        {
            channel.promised += 1;
            self.serve(id, arm, false);
            return true;
        }
        let sender = channel.sending.iter().copied().find(|(id, _)| {
            available < channel.capacity || channel.receiving.iter().any(|(other, _)| other != id)
        });
        if !channel.no_receivers
            && let Some((id, arm)) = sender
        {
            channel.values.push_back(self.waits[id].1);
            self.serve(id, arm, false);
            return true;
        }
        if channel.no_senders
            && channel.values.is_empty()
            && let Some(&(id, arm)) = channel.receiving.first()
        {
            self.serve(id, arm, true);
            return true;
        }
        if channel.no_receivers
            && let Some(&(id, arm)) = channel.sending.first()
        {
            self.serve(id, arm, true);
            return true;
        }
        false
    }

    fn settle(&mut self) {
        for at in 0..2 {
            let gone =
                |end| self.dropped.contains(&end) && !self.alive.iter().any(|id| self.waits[*id].0.contains(&end));
            let (no_senders, no_receivers) = (gone(Arm::Send(at)), gone(Arm::Recv(at)));
            let channel = &mut self.channels[at];
            (channel.no_senders, channel.no_receivers) = (no_senders, no_receivers);
            if no_receivers {
                channel.values.clear();
            }
        }
        while self.step(0) || self.step(1) {}
    }

    /// First what the wait did is over, then it drops its ends.
    fn ended(&mut self, id: Id) {
        self.settle();
        self.alive.remove(&id);
        self.settle();
    }

    fn is_known(&self, id: Id) -> bool {
        let entries = self.channels.iter().flat_map(|channel| channel.sending.iter().chain(&channel.receiving));
        self.served.contains_key(&id) || entries.into_iter().any(|(other, _)| *other == id)
    }

    /// One operation comes; answers whether it is served at once.
    fn come(&mut self, id: Id, index: usize, arm: Arm) -> bool {
        match arm {
            Arm::Send(at) => self.channels[at].sending.push((id, index)),
            Arm::Recv(at) => self.channels[at].receiving.push((id, index)),
        }
        self.settle();
        self.served.contains_key(&id)
    }

    fn poll(&mut self, id: Id) -> Option<End> {
        let (arms, value) = self.waits[id].clone();
        if !self.is_known(id) {
            // First each alone, then all together.
            for (index, arm) in arms.iter().enumerate() {
                if self.come(id, index, *arm) {
                    break;
                }
                self.withdraw(id);
            }
            if !self.served.contains_key(&id) {
                for (index, arm) in arms.iter().enumerate() {
                    assert!(!self.come(id, index, *arm), "alone it could not be done");
                }
            }
        }
        let (index, closed) = self.served.remove(&id)?;
        let end = match arms[index] {
            Arm::Send(_) if closed => Err(Some(value)),
            Arm::Send(_) => Ok(None),
            Arm::Recv(_) if closed => Err(None),
            Arm::Recv(at) => {
                let channel = &mut self.channels[at];
                channel.promised -= 1;
                Ok(channel.values.pop_front())
            }
        };
        self.ended(id);
        Some((index, end))
    }

    fn withdraw(&mut self, id: Id) {
        self.channels.iter_mut().for_each(|channel| channel.withdraw(id));
    }

    fn cancel(&mut self, id: Id) {
        self.withdraw(id);
        if let Some((index, closed)) = self.served.remove(&id)
            && let Arm::Recv(at) = self.waits[id].0[index]
            && !closed
        {
            self.channels[at].promised -= 1;
        }
        self.ended(id);
    }

    /// A try, as a wait that is withdrawn if it is not served.
    fn attempt(&mut self, arm: Arm, value: u32) -> Option<End> {
        let id = self.waits.len();
        self.waits.push((vec![arm], value));
        let end = self.poll(id);
        self.withdraw(id);
        self.waits.pop();
        end
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn volume_Y6_channels_and_selects_are_as_their_model_whoever_gives_up(
        capacities in [0..3usize, 0..3usize],
        ops in vec(op(), 0..160),
    ) {
        let mut ends = Ends::default();
        let mut model = Model::default();
        for (at, capacity) in capacities.into_iter().enumerate() {
            let (sender, receiver) = channel(capacity).expect("a channel");
            ends.senders[at] = Some(sender);
            ends.receivers[at] = Some(receiver);
            model.channels[at].capacity = capacity;
        }
        let mut waits = Waits::new();
        for (value, op) in (0..).zip(ops) {
            match op {
                Op::Wait(arms) => {
                    let Some(needed) = ends.only(&arms) else { continue };
                    let arms_held = arms.clone();
                    if let Some(id) = waits.add(async move { wait(&needed, &arms_held, value).await }) {
                        model.waits.push((arms, value));
                        model.alive.insert(id);
                    }
                }
                Op::Try(Arm::Send(at)) => {
                    let Some(sender) = &ends.senders[at] else { continue };
                    prop_assert_eq!(sender.try_send(value), match model.attempt(Arm::Send(at), value) {
                        Some((_, Ok(_))) => Ok(()),
                        Some((_, Err(_))) => Err(TrySendError::Closed(value)),
                        None => Err(TrySendError::Full(value)),
                    });
                    prop_assert_eq!(sender.is_closed(), model.channels[at].no_receivers);
                }
                Op::Try(Arm::Recv(at)) => {
                    let Some(receiver) = &ends.receivers[at] else { continue };
                    prop_assert_eq!(receiver.try_recv(), match model.attempt(Arm::Recv(at), value) {
                        Some((_, Ok(value))) => Ok(value.expect("a receive has a value")),
                        Some((_, Err(_))) => Err(TryRecvError::Closed),
                        None => Err(TryRecvError::Empty),
                    });
                }
                Op::Poll(random) => {
                    let Some(id) = waits.pick(random) else { continue };
                    let polled = waits.poll(id);
                    match model.poll(id) {
                        Some(end) => prop_assert_eq!(polled, Poll::Ready(end)),
                        None => prop_assert_eq!(polled, Poll::Pending),
                    }
                }
                Op::Cancel(random) => {
                    let Some(id) = waits.pick(random) else { continue };
                    waits.cancel(id);
                    model.cancel(id);
                }
                Op::Close(end) => {
                    match end {
                        Arm::Send(at) => ends.senders[at] = None,
                        Arm::Recv(at) => ends.receivers[at] = None,
                    }
                    model.dropped.push(end);
                    model.settle();
                }
            }
            for (channel, receiver) in model.channels.iter().zip(&ends.receivers) {
                if let Some(receiver) = receiver {
                    prop_assert_eq!(receiver.len(), channel.values.len());
                }
            }
            waits.check_woken(|id| model.served.contains_key(&id));
        }
    }
}
