//! What has ended: the answers of helpers, of the kernel, and of descriptors that have become ready.
//!
//! From: `Driver::reap` and `Driver::park` look. To: `RealDriver::finish`, once for each operation.
//! Holds: what an operation opened is registered before its completion tells of it, or closed; an operation that the
//! kernel wants to be asked for again is, a bounded number of times.
//! Not here: the table and the completions (`mod.rs`).

use super::calls::Made;
use super::descriptor::{self, Descriptor, Lock};
use super::helpers::Answer;
use super::table::{self, Ending, Stage};
use super::{Backend, RealDriver};
use crate::handles::Kind;
use crate::limits::TRIES_MAX;
use crate::operation::{Handle, IoError, OpId, Operation, Value};
use rustix::fd::{AsFd as _, FromRawFd as _, OwnedFd};
use rustix::io::Errno;
use std::io;
use std::sync::Arc;

impl RealDriver {
    /// A helper has answered.
    pub(super) fn helped(&mut self, (id, result): Answer) {
        let result = result.and_then(|made| match made {
            Made::Nothing => Ok(Value::Nothing),
            Made::Bytes(count) => Ok(Value::Bytes(count)),
            Made::Length(bytes) => Ok(Value::Length(bytes)),
            Made::Addresses(addresses) => Ok(Value::Addresses(addresses)),
            Made::Descriptor { fd, kind, direct, locked } => {
                let fd = Arc::new(fd);
                let lock = locked.then(|| Lock(fd.clone()));
                self.adopt(kind, Descriptor { direct, lock, ..Descriptor::from_shared(fd) })
            }
        });
        self.finish(id, result);
    }

    /// The kernel has answered.
    pub(super) fn answered(&mut self, id: OpId, answer: i32) {
        let Some(running) = self.table.get_mut(id) else { return };
        if let Some(ring) = self.ring.as_mut().filter(|_| running.is_prompt()) {
            ring.prompt_ended();
        }
        if answer < 0 {
            let errno = Errno::from_raw_os_error(answer.saturating_neg());
            let error = match (running.ending, errno) {
                (Some(Ending::Closed), Errno::CANCELED | Errno::INTR) => IoError::Closed,
                (_, Errno::CANCELED) | (Some(Ending::Cancelled), Errno::INTR) => IoError::Cancelled,
                (None, Errno::INTR | Errno::AGAIN | Errno::CONNABORTED) if running.tries < TRIES_MAX => {
                    running.tries += 1;
                    running.stage = Stage::Queued;
                    self.queued.push_back(id);
                    return;
                }
                _ => descriptor::system(errno),
            };
            return self.finish(id, Err(error));
        }
        let result = match &running.operation {
            Operation::Sync { .. } => Ok(Value::Nothing),
            Operation::Accept { .. } => {
                // SAFETY: the kernel has just made this descriptor for this request, and nobody else knows it.
                let socket = unsafe { OwnedFd::from_raw_fd(answer) };
                self.accepted(socket)
            }
            Operation::Connect { .. } => self.connected(id),
            _ => Ok(Value::Bytes(answer as usize)),
        };
        self.finish(id, result);
    }

    pub(super) fn accepted(&mut self, socket: OwnedFd) -> Result<Value, IoError> {
        descriptor::no_delay(&socket).map_err(descriptor::system_error)?;
        self.adopt(Kind::Socket, Descriptor::new(socket))
    }

    pub(super) fn connected(&mut self, id: OpId) -> Result<Value, IoError> {
        let connecting = self.table.get_mut(id).and_then(|running| running.connecting.take());
        let Some(connecting) = connecting else { return Err(IoError::NotRegistered) };
        let watched = self.backend == Backend::Polling;
        if let (true, Some(polling)) = (watched, &self.polling) {
            // It was watched under the operation's name.
            polling.unwatch(connecting.socket.as_fd());
        }
        let descriptor = Descriptor::from_shared(connecting.socket);
        self.adopt(Kind::Socket, descriptor)
    }

    /// Takes what has completed, wherever.
    pub(super) fn collect(&mut self) -> io::Result<()> {
        self.helpers.take(&mut self.answers);
        self.resolvers.take(&mut self.answers);
        if !self.answers.is_empty() {
            for answer in std::mem::take(&mut self.answers) {
                self.helped(answer);
            }
        }
        if let Some(ring) = &mut self.ring
            && ring.in_flight() > 0
        {
            let mut taken = std::mem::take(&mut self.taken);
            let looked = ring.take(&mut taken);
            for (id, answer) in taken.drain(..) {
                self.answered(id, answer);
            }
            self.taken = taken;
            looked?;
        }
        if self.sleep.take_operations_ready() {
            self.try_ready()?;
        }
        Ok(())
    }

    /// Tries the operations whose descriptors have become ready.
    fn try_ready(&mut self) -> io::Result<()> {
        let mut names = Vec::new();
        if let Some(polling) = &mut self.polling {
            polling.ready(&mut names)?;
        }
        for name in names {
            let descriptor = self.handles.get_mut(Handle::from_bits(name));
            for id in descriptor.map(|descriptor| std::mem::take(&mut descriptor.waiting)).unwrap_or_default() {
                self.attempt(id);
            }
            let id = OpId(name);
            let connects = |running: &mut table::Running| running.connecting.is_some();
            if self.table.get_mut(id).is_some_and(connects) {
                self.look_at_connection(id);
            }
        }
        Ok(())
    }
}
