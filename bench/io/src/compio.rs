//! compio-driver: its `Proactor` as a driver of ours would use it. It does not say which operations have completed, so each
//! has a waker that puts its number on a list.

use crate::work::{BLOCK, Blocks, Failure, Meter, Order, Report, check};
use compio_buf::{BufResult, IntoInner as _};
use compio_driver::op::{ReadAt, WriteAt};
use compio_driver::{Key, Proactor, ProactorBuilder, PushEntry, SharedFd};
use std::fs::File;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Wake, Waker};
use std::time::Instant;

/// A block of memory at a multiple of 4096.
#[repr(align(4096))]
struct Page([u8; BLOCK]);

struct Aligned(Box<Page>);

impl compio_buf::IoBuf for Aligned {
    fn as_init(&self) -> &[u8] {
        &self.0.0
    }
}

impl compio_buf::SetLen for Aligned {
    unsafe fn set_len(&mut self, _: usize) {}
}

impl compio_buf::IoBufMut for Aligned {
    fn as_uninit(&mut self) -> &mut [std::mem::MaybeUninit<u8>] {
        // SAFETY: initialised bytes seen as maybe uninitialised ones; nobody writes uninitialised ones through it.
        unsafe { &mut *(&raw mut self.0.0 as *mut [std::mem::MaybeUninit<u8>; BLOCK]) }
    }
}

struct Told {
    slot: usize,
    list: Arc<Mutex<Vec<usize>>>,
}

impl Wake for Told {
    fn wake(self: Arc<Self>) {
        self.list.lock().unwrap_or_else(PoisonError::into_inner).push(self.slot);
    }
}

enum UnderWay {
    Read(Key<ReadAt<Aligned, SharedFd<File>>>),
    Write(Key<WriteAt<Aligned, SharedFd<File>>>),
}

pub fn run(order: &Order) -> Result<Report, Failure> {
    let file = order.open()?;
    let file = SharedFd::new(file);
    let mut builder = ProactorBuilder::new();
    let mut proactor: Proactor = builder.single_issuer(true).defer_taskrun(true).taskrun_flag(true).build()?;
    let list: Arc<Mutex<Vec<usize>>> = Arc::default();
    let depth = order.depth as usize;
    let wakers: Vec<Waker> =
        (0..depth).map(|slot| Waker::from(Arc::new(Told { slot, list: list.clone() }))).collect();
    let (mut blocks, mut meter) = (Blocks::of(order), Meter::start(order)?);
    let mut began = vec![(0u64, Instant::now()); depth];
    let mut slots: Vec<Option<UnderWay>> = (0..depth).map(|_| None).collect();
    let mut free: Vec<(usize, Aligned)> =
        (0..depth).map(|slot| (slot, Aligned(Box::new(Page([0; BLOCK]))))).collect();
    let (mut under_way, mut told) = (0, Vec::new());
    loop {
        for (slot, mut buffer) in free.drain(..) {
            let block = blocks.next();
            began[slot].0 = block;
            let at = block * BLOCK as u64;
            slots[slot] = Some(if order.write {
                buffer.0.0[..8].copy_from_slice(&block.to_le_bytes());
                match proactor.push(WriteAt::new(file.clone(), at, buffer)) {
                    PushEntry::Pending(key) => {
                        proactor.update_waker(&key, &wakers[slot]);
                        UnderWay::Write(key)
                    }
                    PushEntry::Ready(_) => return Err("a write ended at once".into()),
                }
            } else {
                match proactor.push(ReadAt::new(file.clone(), at, buffer)) {
                    PushEntry::Pending(key) => {
                        proactor.update_waker(&key, &wakers[slot]);
                        UnderWay::Read(key)
                    }
                    PushEntry::Ready(_) => return Err("a read ended at once".into()),
                }
            });
            under_way += 1;
        }
        if under_way == 0 {
            return meter.report();
        }
        proactor.poll(None)?;
        std::mem::swap(&mut told, &mut *list.lock().unwrap_or_else(PoisonError::into_inner));
        for slot in told.drain(..) {
            let BufResult(result, buffer) = match slots[slot].take() {
                Some(UnderWay::Read(key)) => match proactor.pop(key) {
                    PushEntry::Ready(BufResult(result, op)) => BufResult(result, op.into_inner()),
                    PushEntry::Pending(_) => return Err("woken, and not done".into()),
                },
                Some(UnderWay::Write(key)) => match proactor.pop(key) {
                    PushEntry::Ready(BufResult(result, op)) => BufResult(result, op.into_inner()),
                    PushEntry::Pending(_) => return Err("woken, and not done".into()),
                },
                None => return Err("woken, and nothing under way".into()),
            };
            under_way -= 1;
            if result? != BLOCK {
                return Err("a short transfer".into());
            }
            if !order.write {
                check(began[slot].0, &buffer.0.0)?;
            }
            if let Some(now) = meter.ended(began[slot].1) {
                began[slot].1 = now;
                free.push((slot, buffer));
            }
        }
    }
}
