//! The table of registered descriptors, the same for every backend.
//!
//! Lives here: `Handles<D>`, where `D` is what a backend keeps of a descriptor.
//! From: a backend asks before it begins an operation and tells when it has ended.
//! Holds: a handle names one descriptor for ever; a socket's halves have one operation each; a closed descriptor takes no
//! operation, and is given back to be dropped when the last one that it had has ended.

use crate::limits::HANDLES_MAX;
use crate::operation::{Direction, Handle, IoError, Operation};

/// What a descriptor is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Positional reads and writes.
    File,
    /// A connection.
    Socket,
    /// Accepts connections.
    Listener,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::File => "a file",
            Self::Socket => "a socket",
            Self::Listener => "a listener",
        }
    }
}

struct Place<D> {
    generation: u32,
    entry: Option<Entry<D>>,
}

struct Entry<D> {
    kind: Kind,
    descriptor: D,
    under_way: u32,
    receiving: bool,
    sending: bool,
    closed: bool,
}

/// The registered descriptors of one driver.
pub struct Handles<D> {
    places: Vec<Place<D>>,
    free: Vec<u32>,
    count: usize,
}

impl<D> Default for Handles<D> {
    fn default() -> Self {
        Self { places: Vec::new(), free: Vec::new(), count: 0 }
    }
}

impl<D> Handles<D> {
    /// Registers a descriptor.
    ///
    /// # Errors
    /// `TooManyHandles`, `NoMemory`; the descriptor comes back.
    pub fn register(&mut self, kind: Kind, descriptor: D) -> Result<Handle, (D, IoError)> {
        if self.count >= HANDLES_MAX {
            return Err((descriptor, IoError::TooManyHandles));
        }
        if windlass_memory::hooks::fails() {
            return Err((descriptor, IoError::NoMemory));
        }
        let entry = Entry { kind, descriptor, under_way: 0, receiving: false, sending: false, closed: false };
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                // Room to give every place back, so that closing never allocates.
                let room = self.places.try_reserve(1).and_then(|()| self.free.try_reserve(self.places.len() + 1));
                if room.is_err() {
                    return Err((entry.descriptor, IoError::NoMemory));
                }
                self.places.push(Place { generation: 0, entry: None });
                self.places.len() as u32 - 1
            }
        };
        let place = &mut self.places[index as usize];
        place.generation = place.generation.wrapping_add(1).max(1);
        place.entry = Some(entry);
        self.count += 1;
        Ok(Handle { index, generation: place.generation })
    }

    fn entry(&self, handle: Handle) -> Option<&Entry<D>> {
        let place = self.places.get(handle.index as usize)?;
        place.entry.as_ref().filter(|_| place.generation == handle.generation)
    }

    fn entry_mut(&mut self, handle: Handle) -> Option<&mut Entry<D>> {
        let place = self.places.get_mut(handle.index as usize)?;
        let generation = place.generation;
        place.entry.as_mut().filter(|_| generation == handle.generation)
    }

    /// The descriptor, closed or not, as long as an operation of it is under way.
    pub fn get(&self, handle: Handle) -> Option<&D> {
        self.entry(handle).map(|entry| &entry.descriptor)
    }

    /// As `get`, to be changed.
    pub fn get_mut(&mut self, handle: Handle) -> Option<&mut D> {
        self.entry_mut(handle).map(|entry| &mut entry.descriptor)
    }

    /// What an open descriptor is for.
    pub fn kind(&self, handle: Handle) -> Option<Kind> {
        self.entry(handle).filter(|entry| !entry.closed).map(|entry| entry.kind)
    }

    /// Begins an operation on a descriptor, if it has one: checks kind and halves, and counts it. `end` must follow.
    ///
    /// # Errors
    /// `NotRegistered`, `WrongKind`, `Busy`.
    pub fn begin(&mut self, operation: &Operation) -> Result<(), IoError> {
        let Some(handle) = operation.handle() else { return Ok(()) };
        let entry = self.entry_mut(handle).filter(|entry| !entry.closed).ok_or(IoError::NotRegistered)?;
        let fits = match operation {
            Operation::Receive { .. } | Operation::Send { .. } | Operation::Shutdown { .. } => {
                entry.kind == Kind::Socket
            }
            Operation::Accept { .. } => entry.kind == Kind::Listener,
            Operation::LocalAddress { .. } => entry.kind != Kind::File,
            _ => entry.kind == Kind::File,
        };
        if !fits {
            let needed = match operation {
                Operation::Receive { .. } | Operation::Send { .. } | Operation::Shutdown { .. } => "a socket",
                Operation::Accept { .. } => "a listener",
                Operation::LocalAddress { .. } => "a socket or a listener",
                _ => "a file",
            };
            return Err(IoError::WrongKind { needed, found: entry.kind.name() });
        }
        match operation {
            Operation::Receive { .. } if std::mem::replace(&mut entry.receiving, true) => {
                return Err(IoError::Busy(Direction::Receive));
            }
            Operation::Send { .. } if std::mem::replace(&mut entry.sending, true) => {
                return Err(IoError::Busy(Direction::Send));
            }
            _ => {}
        }
        entry.under_way += 1;
        Ok(())
    }

    /// An operation that `begin` took has ended. The descriptor comes back when it was closed and this was its last one.
    pub fn end(&mut self, handle: Handle, direction: Option<Direction>) -> Option<D> {
        let entry = self.entry_mut(handle)?;
        match direction {
            Some(Direction::Receive) => entry.receiving = false,
            Some(Direction::Send) => entry.sending = false,
            None => {}
        }
        entry.under_way = entry.under_way.saturating_sub(1);
        if entry.closed && entry.under_way == 0 { self.remove(handle) } else { None }
    }

    /// Closes a handle: it takes no operation any more. The descriptor comes back at once when none is under way; else
    /// the backend makes them end, and the last `end` gives it.
    ///
    /// # Errors
    /// `NotRegistered`.
    pub fn close(&mut self, handle: Handle) -> Result<Option<D>, IoError> {
        let entry = self.entry_mut(handle).filter(|entry| !entry.closed).ok_or(IoError::NotRegistered)?;
        entry.closed = true;
        if entry.under_way == 0 { Ok(self.remove(handle)) } else { Ok(None) }
    }

    fn remove(&mut self, handle: Handle) -> Option<D> {
        let place = self.places.get_mut(handle.index as usize)?;
        let entry = place.entry.take()?;
        self.free.push(handle.index);
        self.count -= 1;
        Some(entry.descriptor)
    }

    /// Descriptors registered, those that are closing included.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The descriptors, in order of their places.
    pub fn iter(&self) -> impl Iterator<Item = (Handle, &D)> {
        self.places.iter().enumerate().filter_map(|(index, place)| {
            let entry = place.entry.as_ref()?;
            Some((Handle { index: index as u32, generation: place.generation }, &entry.descriptor))
        })
    }
}

impl<D> std::fmt::Debug for Handles<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} handles", self.count)
    }
}

#[cfg(test)]
mod tests {
    #![allow(non_snake_case, reason = "tests carry the names of requirement rows")]
    use super::*;
    use crate::buffer::IoBuffer;

    fn receive(socket: Handle) -> Operation {
        Operation::Receive { socket, buffer: IoBuffer::from_vec(vec![0]) }
    }

    #[test]
    fn volume_IO5_a_second_reader_of_a_socket_is_refused_and_a_writer_is_not() {
        let mut handles = Handles::default();
        let socket = handles.register(Kind::Socket, ()).unwrap();
        handles.begin(&receive(socket)).unwrap();
        assert!(matches!(handles.begin(&receive(socket)), Err(IoError::Busy(Direction::Receive))));
        handles.begin(&Operation::Send { socket, buffer: IoBuffer::from_vec(vec![0]) }).unwrap();
        assert!(handles.end(socket, Some(Direction::Receive)).is_none());
        handles.begin(&receive(socket)).unwrap();
    }

    #[test]
    fn volume_IO3_a_closed_handle_is_not_registered_and_never_a_later_one() {
        let mut handles = Handles::default();
        let first = handles.register(Kind::File, 1).unwrap();
        assert!(matches!(handles.begin(&receive(first)), Err(IoError::WrongKind { .. })));
        handles.begin(&Operation::Length { file: first }).unwrap();
        assert_eq!(handles.close(first).unwrap(), None);
        assert!(matches!(handles.close(first), Err(IoError::NotRegistered)));
        assert!(matches!(handles.begin(&Operation::Length { file: first }), Err(IoError::NotRegistered)));
        assert_eq!(handles.end(first, None), Some(1));
        let second = handles.register(Kind::File, 2).unwrap();
        assert_eq!(second.index, first.index);
        assert_ne!(second, first);
        assert_eq!(handles.get(first), None);
        assert_eq!(handles.count(), 1);
    }
}
