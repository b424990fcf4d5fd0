//! The operations under way of one driver.
//!
//! Lives here: `Table`, `Running` (one operation, its buffer included), `Stage` (who has it).
//! From: `RealDriver` inserts what was started. To: whoever learns that it has ended takes it out, once.
//! Holds: an `OpId` names one operation for ever; a buffer stays in its place in the process's memory while its
//! operation stands here, wherever the table itself moves.

use super::descriptor::SocketAddress;
use crate::operation::{Direction, Handle, OpId, Operation, Tag};
use rustix::fd::OwnedFd;
use std::sync::Arc;

/// Who has an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Not handed over yet.
    Queued,
    /// The kernel, by the ring.
    Ring,
    /// A helper thread, or the queue before it.
    Helper,
    /// It waits until its descriptor is ready.
    Waiting,
}

/// How an operation was asked to end early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Cancelled,
    Closed,
}

/// A connection that is being made.
pub(super) struct Connecting {
    pub socket: Arc<OwnedFd>,
    /// In a box: the kernel reads it when the request is handed over.
    pub address: Box<SocketAddress>,
}

/// One operation under way.
pub(super) struct Running {
    pub tag: Tag,
    pub operation: Operation,
    pub stage: Stage,
    pub ending: Option<Ending>,
    /// How often it was handed over again, because the kernel asked for that.
    pub tries: u8,
    pub connecting: Option<Connecting>,
}

impl Running {
    pub fn handle(&self) -> Option<Handle> {
        self.operation.handle()
    }

    /// Whether it waits for a medium and not for a peer.
    pub fn is_prompt(&self) -> bool {
        matches!(self.operation, Operation::ReadAt { .. } | Operation::WriteAt { .. } | Operation::Sync { .. })
    }

    pub fn direction(&self) -> Option<Direction> {
        self.operation.direction()
    }
}

struct Slot {
    generation: u32,
    running: Option<Running>,
}

/// The operations under way.
#[derive(Default)]
pub(super) struct Table {
    slots: Vec<Slot>,
    free: Vec<u32>,
    count: usize,
}

impl Table {
    /// Takes an operation in; gives it back when there is no memory for it.
    pub fn insert(&mut self, operation: Operation, tag: Tag) -> Result<OpId, Operation> {
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                // Room to give every slot back, so that ending an operation never allocates.
                let room = self.slots.try_reserve(1).and_then(|()| self.free.try_reserve(self.slots.len() + 1));
                if room.is_err() {
                    return Err(operation);
                }
                self.slots.push(Slot { generation: 0, running: None });
                self.slots.len() as u32 - 1
            }
        };
        let slot = &mut self.slots[index as usize];
        slot.generation = slot.generation.wrapping_add(1).max(1);
        let fresh = Running { tag, operation, stage: Stage::Queued, ending: None, tries: 0, connecting: None };
        slot.running = Some(fresh);
        self.count += 1;
        Ok(OpId(u64::from(slot.generation) << 32 | u64::from(index)))
    }

    pub fn get_mut(&mut self, id: OpId) -> Option<&mut Running> {
        let slot = self.slots.get_mut(id.0 as u32 as usize)?;
        let generation = slot.generation;
        slot.running.as_mut().filter(|_| u64::from(generation) == id.0 >> 32)
    }

    /// Takes an operation out.
    pub fn remove(&mut self, id: OpId) -> Option<Running> {
        let index = id.0 as u32;
        let slot = self.slots.get_mut(index as usize)?;
        if u64::from(slot.generation) != id.0 >> 32 {
            return None;
        }
        let running = slot.running.take()?;
        self.free.push(index);
        self.count -= 1;
        Some(running)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// All, in order of their places.
    pub fn iter(&self) -> impl Iterator<Item = (OpId, &Running)> {
        self.slots.iter().enumerate().filter_map(|(index, slot)| {
            let running = slot.running.as_ref()?;
            Some((OpId(u64::from(slot.generation) << 32 | index as u64), running))
        })
    }
}
