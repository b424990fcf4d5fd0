//! A driver in which time passes with each look at it and nothing else happens: valgrind cannot follow the real one's clock.

use std::cell::Cell;
use std::io;
use std::os::fd::BorrowedFd;
use std::rc::Rc;
use windlass_driver::{Completion, Driver, Handle, IoError, Nanos, OpId, Operation, Ready, Tag, Token, Watch};

/// See above.
#[derive(Default)]
pub struct Still(Rc<Cell<Nanos>>);

fn look(clock: &Cell<Nanos>) -> Nanos {
    clock.set(clock.get() + 50);
    clock.get()
}

fn nothing_here<T>() -> io::Result<T> {
    Err(io::ErrorKind::Unsupported.into())
}

impl Driver for Still {
    fn now(&self) -> Nanos {
        look(&self.0)
    }
    fn clock(&self) -> Rc<dyn Fn() -> Nanos> {
        let clock = self.0.clone();
        Rc::new(move || look(&clock))
    }
    fn chance(&mut self) -> u64 {
        look(&self.0)
    }
    fn operations_by(&self) -> (&'static str, &str) {
        ("still", "")
    }
    fn watch(&mut self, _: BorrowedFd<'_>, _: Token, _: Watch) -> io::Result<()> {
        nothing_here()
    }
    fn unwatch(&mut self, _: BorrowedFd<'_>) -> io::Result<()> {
        nothing_here()
    }
    fn poll(&mut self, _: &mut Vec<Ready>) -> io::Result<()> {
        Ok(())
    }
    fn start(&mut self, operation: Operation, _: Tag) -> Result<OpId, Operation> {
        Err(operation)
    }
    fn cancel(&mut self, _: OpId) {}
    fn close(&mut self, _: Handle) -> Result<(), IoError> {
        Err(IoError::NotRegistered)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
    fn reap(&mut self, _: &mut Vec<Completion>) -> io::Result<()> {
        Ok(())
    }
    fn under_way(&self) -> usize {
        0
    }
    fn park(&mut self, _: Option<Nanos>, _: &mut Vec<Ready>) -> io::Result<()> {
        nothing_here()
    }
}
