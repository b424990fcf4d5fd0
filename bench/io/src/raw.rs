//! The floor: a bare ring with registered buffers and a registered file, and nothing else.

use crate::work::{BLOCK, Blocks, Failure, Meter, Order, Report, check};
use io_uring::{IoUring, opcode, types::Fixed};
use std::os::fd::AsRawFd as _;
use std::time::Instant;

pub fn run(order: &Order) -> Result<Report, Failure> {
    let file = order.open()?;
    let depth = order.depth as usize;
    let mut memory = vec![0u8; (depth + 1) * BLOCK];
    let skip = memory.as_ptr().align_offset(BLOCK);
    let base = memory[skip..].as_mut_ptr();
    // SAFETY: block `slot` of the aligned part, which has `depth` of them.
    let at = |slot: usize| unsafe { base.add(slot * BLOCK) };
    let mut ring: IoUring =
        IoUring::builder().setup_single_issuer().setup_defer_taskrun().setup_submit_all().build(order.depth)?;
    let vectors: Vec<_> =
        (0..depth).map(|slot| libc::iovec { iov_base: at(slot).cast(), iov_len: BLOCK }).collect();
    // SAFETY: the memory outlives the ring: it was made before it, so it is dropped after it.
    unsafe { ring.submitter().register_buffers(&vectors)? };
    ring.submitter().register_files(&[file.as_raw_fd()])?;

    let (mut blocks, mut meter) = (Blocks::of(order), Meter::start(order)?);
    let mut began = vec![(0u64, Instant::now()); depth];
    let mut free: Vec<usize> = (0..depth).collect();
    let mut under_way = 0;
    loop {
        for slot in free.drain(..) {
            let block = blocks.next();
            began[slot].0 = block;
            let entry = if order.write {
                // SAFETY: eight bytes of a block that the kernel does not have.
                unsafe { at(slot).cast::<[u8; 8]>().write(block.to_le_bytes()) };
                opcode::WriteFixed::new(Fixed(0), at(slot), BLOCK as u32, slot as u16)
                    .offset(block * BLOCK as u64)
                    .build()
            } else {
                opcode::ReadFixed::new(Fixed(0), at(slot), BLOCK as u32, slot as u16)
                    .offset(block * BLOCK as u64)
                    .build()
            };
            // SAFETY: the block is the kernel's until its completion; the queue has room for all.
            unsafe { ring.submission().push(&entry.user_data(slot as u64))? };
            under_way += 1;
        }
        if under_way == 0 {
            return meter.report();
        }
        ring.submit_and_wait(1)?;
        for entry in ring.completion() {
            under_way -= 1;
            let slot = entry.user_data() as usize;
            if entry.result() != BLOCK as i32 {
                return Err(format!("an operation came to {}", entry.result()).into());
            }
            if !order.write {
                // SAFETY: the kernel has given the block back.
                check(began[slot].0, unsafe { std::slice::from_raw_parts(at(slot), 8) })?;
            }
            if let Some(now) = meter.ended(began[slot].1) {
                began[slot].1 = now;
                free.push(slot);
            }
        }
    }
}
