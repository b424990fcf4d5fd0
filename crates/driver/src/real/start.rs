//! Beginning an operation: checks, and who does it.
//!
//! From: `Driver::start` checks, `Driver::flush` begins. To: the ring, the fallback, or a helper.
//! Holds: what is wrong with an operation is found before anybody else sees it; one that cannot begin ends with its error.

use super::calls::{Call, Place};
use super::descriptor::{self, SocketAddress};
use super::polling::{self, Polling, Tried};
use super::ring::Ring;
use super::table::{Connecting, Stage};
use super::{Backend, RealDriver};
use crate::operation::{IoError, OpId, Operation, Value};
use rustix::fd::AsFd as _;
use std::sync::Arc;

impl RealDriver {
    /// What can be said of an operation before it begins.
    pub(super) fn check(&self, operation: &Operation) -> Result<(), IoError> {
        let file = operation.handle();
        operation.check(file.and_then(|file| self.handles.get(file)).is_some_and(|descriptor| descriptor.direct))
    }

    /// Begins what was started. It may end at once.
    pub(super) fn begin(&mut self, id: OpId) {
        let Some(running) = self.table.get_mut(id).filter(|running| running.stage == Stage::Queued) else {
            return;
        };
        let blocking = self.backend == Backend::IoUring;
        let handle = running.operation.handle();
        let file = || handle.and_then(|handle| self.handles.get(handle)).map(|known| known.fd.clone());
        let call = match &mut running.operation {
            Operation::Open { path, how } => Call::Open { path: std::mem::take(path), how: *how },
            Operation::Remove { path } => Call::Remove { path: std::mem::take(path) },
            Operation::Rename { from, to } => Call::Rename { from: std::mem::take(from), to: std::mem::take(to) },
            Operation::Announce { at } => Call::Announce { at: at.clone(), blocking },
            Operation::Resolve { name } => {
                running.stage = Stage::Helper;
                return self.resolvers.push(id, Call::Resolve { name: std::mem::take(name) });
            }
            Operation::Length { .. } | Operation::SetLength { .. } | Operation::Reserve { .. } => {
                let Some(file) = file() else { return self.finish(id, Err(IoError::NotRegistered)) };
                match running.operation {
                    Operation::SetLength { bytes, .. } => Call::SetLength { file, bytes },
                    Operation::Reserve { bytes, .. } => Call::Reserve { file, bytes },
                    _ => Call::Length { file },
                }
            }
            Operation::Shutdown { .. } => {
                let result = file().map_or(Err(IoError::NotRegistered), |socket| {
                    let shut = rustix::net::shutdown(&*socket, rustix::net::Shutdown::Write);
                    shut.map(|()| Value::Nothing).map_err(descriptor::system)
                });
                return self.finish(id, result);
            }
            Operation::LocalAddress { .. } => {
                let result = file().map_or(Err(IoError::NotRegistered), |socket| {
                    descriptor::local_address(socket.as_fd()).map(Value::Address)
                });
                return self.finish(id, result);
            }
            Operation::Connect { to } => {
                let made = SocketAddress::new(to)
                    .and_then(|address| Ok((Arc::new(address.socket(blocking)?), Box::new(address))));
                match made {
                    Ok((socket, address)) => running.connecting = Some(Connecting { socket, address }),
                    Err(error) => return self.finish(id, Err(descriptor::system_error(error))),
                }
                return self.hand_over(id);
            }
            _ => return self.hand_over(id),
        };
        running.stage = Stage::Helper;
        self.helpers.push(id, call);
    }

    /// Hands an operation to the backend.
    fn hand_over(&mut self, id: OpId) {
        match self.backend {
            Backend::IoUring => self.by_ring(id),
            Backend::Polling => self.by_polling(id),
        }
    }

    fn by_ring(&mut self, id: OpId) {
        if self.ring.is_none() {
            match Ring::new(self.sleep.remote_fd()) {
                Ok(ring) => self.ring = Some(ring),
                Err(error) => return self.finish(id, Err(descriptor::system_error(error))),
            }
        }
        let (Some(ring), Some(running)) = (&mut self.ring, self.table.get_mut(id)) else { return };
        let descriptor = running.handle().and_then(|handle| self.handles.get(handle));
        running.stage = Stage::Ring;
        // SAFETY: the operation stays in the table, with its buffer and its boxed address, until `finish`, which is
        //   called for one in this stage only with the kernel's completion; dropping the driver waits for it. The
        //   descriptor stays registered as long as an operation of it is under way (`Handles::end`).
        let taken = unsafe { ring.begin(id, running, descriptor) };
        if !taken {
            self.finish(id, Err(IoError::System(std::io::ErrorKind::Unsupported.into())));
        }
    }

    fn by_polling(&mut self, id: OpId) {
        if self.polling.is_none() {
            let made = Polling::new().and_then(|polling| {
                self.sleep.watch_operations(polling.as_fd())?;
                Ok(polling)
            });
            match made {
                Ok(polling) => self.polling = Some(polling),
                Err(error) => return self.finish(id, Err(descriptor::system_error(error))),
            }
        }
        let Some(running) = self.table.get_mut(id) else { return };
        let file = running.operation.handle().and_then(|handle| self.handles.get(handle)).map(|known| &known.fd);
        let call = match (&mut running.operation, file) {
            (Operation::ReadAt { at, buffer, .. }, Some(file)) => {
                let into = Place { at: buffer.as_mut_ptr(), len: buffer.len() };
                Call::Read { file: file.clone(), at: *at, into }
            }
            (Operation::WriteAt { at, buffer, .. }, Some(file)) => {
                let from = Place { at: buffer.as_ptr().cast_mut(), len: buffer.len() };
                Call::Write { file: file.clone(), at: *at, from }
            }
            (Operation::Sync { data_only, .. }, Some(file)) => {
                Call::Sync { file: file.clone(), data_only: *data_only }
            }
            (Operation::Connect { .. }, _) => return self.begin_connection(id),
            _ => return self.attempt(id),
        };
        running.stage = Stage::Helper;
        self.helpers.push(id, call);
    }

    /// Tries an operation of a socket; it waits if it would block.
    pub(super) fn attempt(&mut self, id: OpId) {
        let Some(running) = self.table.get_mut(id) else { return };
        let Some(handle) = running.operation.handle() else { return };
        let Some(descriptor) = self.handles.get_mut(handle) else {
            return self.finish(id, Err(IoError::NotRegistered));
        };
        match polling::attempt(&mut running.operation, descriptor) {
            Tried::Done(result) => self.finish(id, result),
            Tried::Socket(socket) => {
                let result = self.accepted(socket);
                self.finish(id, result);
            }
            Tried::WouldBlock => {
                running.stage = Stage::Waiting;
                let watched = match (&self.polling, descriptor.watched) {
                    (Some(polling), false) => polling.watch(descriptor.fd.as_fd(), handle.to_bits()),
                    _ => Ok(()),
                };
                match watched {
                    Ok(()) => {
                        descriptor.watched = true;
                        descriptor.waiting.push(id);
                    }
                    Err(error) => self.finish(id, Err(error)),
                }
            }
        }
    }

    fn begin_connection(&mut self, id: OpId) {
        let (Some(running), Some(polling)) = (self.table.get_mut(id), &self.polling) else { return };
        let tried = polling::connect(running);
        let watched = match (&tried, &running.connecting) {
            (Tried::WouldBlock, Some(connecting)) => polling.watch(connecting.socket.as_fd(), id.0),
            _ => Ok(()),
        };
        running.stage = Stage::Waiting;
        match watched {
            Ok(()) => self.connection_tried(id, tried),
            Err(error) => self.finish(id, Err(error)),
        }
    }

    pub(super) fn look_at_connection(&mut self, id: OpId) {
        if let Some(running) = self.table.get_mut(id) {
            let tried = polling::connected(running);
            self.connection_tried(id, tried);
        }
    }

    fn connection_tried(&mut self, id: OpId, tried: Tried) {
        let result = match tried {
            Tried::Done(Ok(_)) => self.connected(id),
            Tried::Done(Err(error)) => Err(error),
            // The name was found ready, but not for this.
            Tried::WouldBlock | Tried::Socket(_) => return,
        };
        self.finish(id, result);
    }
}
