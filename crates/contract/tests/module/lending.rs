//! Lending: what an operation is given, what comes back, and what a home is told.

use super::host::Call;
use std::pin::pin;
use std::task::{Context as TaskContext, Poll, Waker};
use windlass_contract::abi::{Incoming, OP_SHIELDED, OpKind, Pages, Tell};
use windlass_contract::buffers::{Bytes, In, InOut, Out, Parameter, SharedBytes};
use windlass_contract::context::Context;
use windlass_contract::files::{File, OpenHow};
use windlass_contract::head::{BufferKind, Direction};
use windlass_contract::lending::Lost;
use windlass_contract::spawn::Spawn;
use windlass_contract::{Code, Fault};

fn context(call: &Call) -> Context<'_> {
    // SAFETY: the record lives as long as the call, which the context borrows.
    unsafe { Incoming::new(call.raw()) }.context()
}

fn poll<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> Poll<T> {
    future.poll(&mut TaskContext::from_waker(Waker::noop()))
}

fn ready<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> T {
    match poll(future) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the operation has ended"),
    }
}

/// A file, as the host answers it.
fn file(call: &Call) -> File {
    let cx = context(call);
    let mut opening = pin!(cx.open("/a/path", OpenHow::read().write()));
    assert!(poll(opening.as_mut()).is_pending());
    let (token, kind) = call.pending_op();
    assert_eq!((kind, call.record.borrow().ops[&token].bytes.as_slice()), (OpKind::Open as u32, &b"/a/path"[..]));
    drop(call.finish(token, 77, &[]));
    ready(opening).unwrap()
}

#[test]
fn a_vector_and_pages_come_back_in_their_own_memory_with_the_number() {
    let call = Call::new(10, Vec::new());
    let (cx, file) = (context(&call), file(&call));
    let bytes = vec![7; 100];
    let at = bytes.as_ptr();
    let mut reading = pin!(file.read_at(&cx, 9, bytes, 10..30));
    assert!(poll(reading.as_mut()).is_pending());
    let (token, kind) = call.pending_op();
    {
        let record = call.record.borrow();
        let op = &record.ops[&token];
        assert_eq!((kind, op.a, op.b, op.range, op.place), (OpKind::ReadAt as u32, 77, 9, (10, 30), 0));
        assert_eq!((op.buffer.len(), op.buffer.as_slice()[0]), (100, 7));
    }
    drop(call.finish_and_give_back(token, 20));
    let (came, back) = ready(reading).unwrap();
    assert_eq!((came, back.as_ptr(), back.len()), (20, at, 100));

    let pages = Pages::zeroed(4096).unwrap();
    let at = pages.as_ptr();
    let mut writing = pin!(file.write_at(&cx, 0, pages, ..));
    assert!(poll(writing.as_mut()).is_pending());
    let (token, _) = call.pending_op();
    drop(call.finish_and_give_back(token, 4096));
    assert_eq!(ready(writing).unwrap().1.as_ptr(), at);
}

#[test]
fn a_buffer_that_the_host_keeps_is_gone_and_the_fault_says_why() {
    let call = Call::new(10, Vec::new());
    let (cx, file) = (context(&call), file(&call));
    let mut reading = pin!(file.read_at(&cx, 0, vec![0; 10], ..));
    assert!(poll(reading.as_mut()).is_pending());
    let (token, _) = call.pending_op();
    drop(call.finish_with_fault(token, &Fault::new(Code::Cancelled, "asked to")));
    match ready(reading) {
        Err(Lost { fault, buffer: None }) => assert!(fault.is(Code::Cancelled)),
        other => panic!("{other:?}"),
    }
    // A wait that is dropped gives the operation up, and the buffer with it.
    {
        let mut reading = pin!(file.read_at(&cx, 0, vec![0; 10], ..));
        assert!(poll(reading.as_mut()).is_pending());
    }
    assert_eq!(call.record.borrow().given_up.len(), 1);
}

#[test]
fn a_range_outside_the_buffer_is_refused_before_the_host_is_asked_and_the_buffer_comes_back() {
    let call = Call::new(10, Vec::new());
    let (cx, file) = (context(&call), file(&call));
    for range in [(5, 11), (11, 11), (usize::MAX - 1, usize::MAX)] {
        match ready(pin!(file.read_at(&cx, 0, vec![3; 10], range.0..range.1))) {
            Err(Lost { fault, buffer: Some(buffer) }) => {
                assert!(fault.is(Code::BadArguments) && buffer == [3; 10])
            }
            other => panic!("{range:?}: {other:?}"),
        }
    }
    assert!(ready(pin!(cx.open("", OpenHow::read()))).unwrap_err().is(Code::BadArguments));
    assert!(ready(pin!(cx.open("a\0b", OpenHow::read()))).unwrap_err().is(Code::BadArguments));
    assert!(call.record.borrow().ops.is_empty());
}

#[test]
fn what_is_to_pass_wholly_is_asked_for_again_until_it_has_or_the_end_comes() {
    let call = Call::new(10, Vec::new());
    let (cx, file) = (context(&call), file(&call));
    let mut writing = pin!(file.write_all_at(&cx, 1000, vec![1; 50], 10..));
    for (moved, at, range) in [(15, 1000, (10, 50)), (5, 1015, (25, 50)), (20, 1020, (30, 50))] {
        assert!(poll(writing.as_mut()).is_pending());
        let (token, _) = call.pending_op();
        assert_eq!((call.record.borrow().ops[&token].b, call.record.borrow().ops[&token].range), (at, range));
        drop(call.finish_and_give_back(token, moved));
    }
    assert_eq!(ready(writing).unwrap().len(), 50);
    let mut reading = pin!(file.read_exact_at(&cx, 0, vec![0; 10], ..));
    for moved in [4, 0] {
        assert!(poll(reading.as_mut()).is_pending());
        let (token, _) = call.pending_op();
        drop(call.finish_and_give_back(token, moved));
    }
    match ready(reading) {
        Err(Lost { fault, buffer: Some(_) }) => {
            assert!(fault.is(Code::Ended) && fault.message.contains("4 of 10"))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_buffer_of_the_call_is_named_by_its_place_and_one_of_another_call_is_refused() {
    let buffers = |call: Box<Call>| {
        call.with_buffer(Direction::In, BufferKind::Bytes, b"in")
            .with_buffer(Direction::Out, BufferKind::Shared, b"shared")
            .with_buffer(Direction::InOut, BufferKind::Bytes, b"both")
    };
    let (call, other) = (buffers(Call::new(10, Vec::new())), buffers(Call::new(10, Vec::new())));
    let (cx, file) = (context(&call), file(&call));
    // SAFETY: the record lives as long as the call.
    let incoming = unsafe { Incoming::new(call.raw()) };
    let [input, shared, both] = incoming.buffers() else { panic!("three buffers") };
    let (input, mut shared) = (In::<Bytes>::take(input).unwrap(), Out::<SharedBytes>::take(shared).unwrap());
    let both = InOut::<Bytes>::take(both).unwrap();

    let place = |wanted: u32| {
        let (token, _) = call.pending_op();
        let place = call.record.borrow().ops[&token].place;
        assert_eq!(place, wanted);
        drop(call.finish_and_give_back(token, 2));
    };
    let mut writing = pin!(file.write_at(&cx, 0, &input, ..));
    assert!(poll(writing.as_mut()).is_pending());
    place(1);
    assert_eq!(ready(writing).unwrap().0, 2);
    {
        let mut reading = pin!(file.read_at(&cx, 0, &shared, 1..3));
        assert!(poll(reading.as_mut()).is_pending());
        place(2);
        ready(reading).unwrap();
    }
    shared.set_len(2);
    assert_eq!(call.used(1), 2);
    let mut reading = pin!(file.read_at(&cx, 0, both, ..));
    assert!(poll(reading.as_mut()).is_pending());
    place(3);
    assert_eq!(&ready(reading).unwrap().1[..], b"both");

    // SAFETY: as above.
    let foreign = unsafe { Incoming::new(other.raw()) };
    let foreign = In::<Bytes>::take(&foreign.buffers()[0]).unwrap();
    let fault = Fault::from(ready(pin!(file.write_at(&cx, 0, &foreign, ..))).unwrap_err());
    assert!(fault.is(Code::BadBuffer), "{fault:?}");
}

#[test]
fn what_is_opened_is_closed_when_dropped_and_its_home_is_let_go() {
    let call = Call::new(10, Vec::new());
    let file = file(&call);
    assert_eq!(call.record.borrow().kept, 1);
    drop(file);
    let record = call.record.borrow();
    assert_eq!((record.kept, &record.told[..]), (0, &[(Tell::Close as u32, 77)][..]));
}

#[test]
fn waits_inside_a_shield_say_so_and_others_do_not() {
    let call = Call::new(10, Vec::new());
    let (cx, file) = (context(&call), file(&call));
    let flags = |call: &Call| {
        let (token, _) = call.pending_op();
        let flags = call.record.borrow().ops[&token].flags;
        drop(call.finish(token, 0, &[]));
        flags
    };
    let mut plain = pin!(file.sync(&cx));
    assert!(poll(plain.as_mut()).is_pending());
    assert_eq!(flags(&call), 0);
    ready(plain).unwrap();
    let mut shielded = pin!(cx.shield(async |cx| file.sync(&cx).await));
    assert!(poll(shielded.as_mut()).is_pending());
    assert_eq!(flags(&call), OP_SHIELDED);
    ready(shielded).unwrap();
}

#[test]
fn a_spawned_body_is_handed_over_once_and_its_handle_tells_the_home() {
    struct Gone<'a>(&'a std::cell::Cell<u32>);
    impl Drop for Gone<'_> {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }
    let call = Call::new(10, Vec::new());
    let cx = context(&call);
    let count: &'static std::cell::Cell<u32> = Box::leak(Box::default());
    let gone = Gone(count);
    let task = cx.spawn(Spawn::named("sweep"), async move |cx| {
        let _with_the_body = &gone;
        cx.now_ns()
    });
    let mut task = task.unwrap();
    assert_eq!((count.get(), call.record.borrow().spawned.as_slice()), (1, &["sweep".to_owned()][..]));
    {
        let mut joining = pin!(task.join(&cx));
        assert!(poll(joining.as_mut()).is_pending());
        let (token, kind) = call.pending_op();
        assert_eq!((kind, call.record.borrow().ops[&token].a), (OpKind::Join as u32, 1));
        drop(call.finish(token, 0, &[]));
        // This host drops bodies, so there is no value; a real one would have answered why.
        assert!(ready(joining).unwrap_err().is(Code::Lost));
    }
    task.cancel();
    drop(task);
    let told = [(Tell::CancelTask as u32, 1), (Tell::ForgetTask as u32, 1)];
    assert_eq!((call.record.borrow().kept, &call.record.borrow().told[..]), (0, &told[..]));
    for how in [Spawn::named(""), Spawn::named("x").weight(u32::MAX)] {
        assert!(cx.spawn(how, async |_| ()).unwrap_err().is(Code::BadArguments));
    }
}
