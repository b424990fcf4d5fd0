//! Copy: moving bytes into and out of memory that another process may be writing at the same moment.
//!
//! Lives here: `copy_out`, `copy_in`, `zero`. From: `segment.rs`, with ranges it has checked.
//! Holds: no reference to shared bytes is ever formed. Short runs go as relaxed atomic words; long ones through a
//!   string instruction in `asm!`, which the compiler may assume nothing about. A torn copy is a torn copy: what
//!   arrives in private memory is some mix of what was there, and is checked afterwards, once.
//! Not here: ranges (`segment.rs`), private memory (use slices).

use core::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};

use crate::limits::COPY_BY_WORDS_MAX;

const WORD: usize = 8;

/// Copies `len` bytes from shared memory to private memory.
///
/// # Safety
/// `shared` is mapped readable for `len` bytes; `private` is valid for writes of `len` bytes, belongs to this
/// process alone, and does not overlap `shared`.
#[inline]
pub(crate) unsafe fn copy_out(shared: *const u8, private: *mut u8, len: usize) {
    if len <= COPY_BY_WORDS_MAX || !cfg!(target_arch = "x86_64") {
        // SAFETY: the caller's promise, passed on.
        unsafe { words_out(shared, private, len) }
    } else {
        // SAFETY: the caller's promise, passed on.
        unsafe { bulk(shared, private, len) }
    }
}

/// Copies `len` bytes from private memory to shared memory.
///
/// # Safety
/// `shared` is mapped writable for `len` bytes; `private` is valid for reads of `len` bytes, belongs to this
/// process alone, and does not overlap `shared`.
#[inline]
pub(crate) unsafe fn copy_in(private: *const u8, shared: *mut u8, len: usize) {
    if len <= COPY_BY_WORDS_MAX || !cfg!(target_arch = "x86_64") {
        // SAFETY: the caller's promise, passed on.
        unsafe { words_in(private, shared, len) }
    } else {
        // SAFETY: the caller's promise, passed on.
        unsafe { bulk(private, shared, len) }
    }
}

/// Writes zeros over `len` bytes of shared memory.
///
/// # Safety
/// `shared` is mapped writable for `len` bytes.
pub(crate) unsafe fn zero(shared: *mut u8, len: usize) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the caller promises the range; the direction flag is clear on entry to `asm!`; registers are named.
    unsafe {
        core::arch::asm!("rep stosb", inout("rcx") len => _, inout("rdi") shared => _, in("al") 0u8,
            options(nostack, preserves_flags));
    }
    #[cfg(not(target_arch = "x86_64"))]
    for at in 0..len {
        // SAFETY: `at < len`, inside the range the caller promised; a byte is always aligned.
        unsafe { (*shared.add(at).cast::<AtomicU8>()).store(0, Relaxed) }
    }
}

/// How many leading bytes stand before the first aligned word of `at`, at most `len`.
#[inline(always)]
fn head_bytes(at: *const u8, len: usize) -> usize {
    (at.addr().wrapping_neg() % WORD).min(len)
}

#[inline]
unsafe fn words_out(shared: *const u8, private: *mut u8, len: usize) {
    let head = head_bytes(shared, len);
    let words_end = head + (len - head) / WORD * WORD;
    // SAFETY: every `at` is below `len`, so both addresses lie in the ranges the caller promised; words are read
    //   only where the shared address is aligned (`head`), and written unaligned on the private side.
    unsafe {
        for at in 0..head {
            private.add(at).write((*shared.add(at).cast::<AtomicU8>()).load(Relaxed));
        }
        for at in (head..words_end).step_by(WORD) {
            let word = (*shared.add(at).cast::<AtomicU64>()).load(Relaxed);
            private.add(at).cast::<u64>().write_unaligned(word);
        }
        for at in words_end..len {
            private.add(at).write((*shared.add(at).cast::<AtomicU8>()).load(Relaxed));
        }
    }
}

#[inline]
unsafe fn words_in(private: *const u8, shared: *mut u8, len: usize) {
    let head = head_bytes(shared, len);
    let words_end = head + (len - head) / WORD * WORD;
    // SAFETY: as in `words_out`, with the directions exchanged.
    unsafe {
        for at in 0..head {
            (*shared.add(at).cast::<AtomicU8>()).store(private.add(at).read(), Relaxed);
        }
        for at in (head..words_end).step_by(WORD) {
            let word = private.add(at).cast::<u64>().read_unaligned();
            (*shared.add(at).cast::<AtomicU64>()).store(word, Relaxed);
        }
        for at in words_end..len {
            (*shared.add(at).cast::<AtomicU8>()).store(private.add(at).read(), Relaxed);
        }
    }
}

/// Whether the target stands within a line behind the source, page borders left out. Some processors take such a `rep movsb` for
/// one that overlaps itself and copy byte by byte, ten times slower.
#[cfg(target_arch = "x86_64")]
fn seems_to_overlap(from: *const u8, to: *mut u8) -> bool {
    (1..64).contains(&(to.addr().wrapping_sub(from.addr()) % 4096))
}

#[cfg(target_arch = "x86_64")]
#[inline]
unsafe fn bulk(from: *const u8, to: *mut u8, len: usize) {
    let wide = if seems_to_overlap(from, to) { len / 64 * 64 } else { 0 };
    // SAFETY: the caller promises both ranges and that they do not overlap; the first `wide` bytes, a multiple of 64 that may
    //   be 0, go here, the rest below. The direction flag is clear on entry to `asm!`. Without `nomem` the compiler
    //   takes any memory as read and written.
    unsafe {
        if wide > 0 {
            core::arch::asm!(
                "2:",
                "movups {a}, [{from}]",
                "movups {b}, [{from} + 16]",
                "movups {c}, [{from} + 32]",
                "movups {d}, [{from} + 48]",
                "movups [{to}], {a}",
                "movups [{to} + 16], {b}",
                "movups [{to} + 32], {c}",
                "movups [{to} + 48], {d}",
                "add {from}, 64",
                "add {to}, 64",
                "sub {left}, 64",
                "jnz 2b",
                from = inout(reg) from => _, to = inout(reg) to => _, left = inout(reg) wide => _,
                a = out(xmm_reg) _, b = out(xmm_reg) _, c = out(xmm_reg) _, d = out(xmm_reg) _,
                options(nostack),
            );
        }
        core::arch::asm!("rep movsb", inout("rcx") len - wide => _, inout("rsi") from.add(wide) => _,
            inout("rdi") to.add(wide) => _, options(nostack, preserves_flags));
    }
}

#[cfg(not(target_arch = "x86_64"))]
unsafe fn bulk(_from: *const u8, _to: *mut u8, _len: usize) {
    unreachable!("only x86_64 has a string instruction here; the callers take the word loops elsewhere");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_and_alignment_arrives_whole_and_touches_nothing_beside_it() {
        let lengths = (0..80).chain([255, 256, 257, 300, 4096]);
        for len in lengths {
            for (skew_from, skew_to) in [(0, 0), (1, 0), (0, 1), (3, 5), (7, 7)] {
                let from: Vec<u8> = (0..len + 16).map(|at| (at % 251) as u8).collect();
                let mut to = vec![0xEE; len + 16];
                // SAFETY: both vectors are `len + 16` long and the skews are at most 7.
                unsafe { copy_out(from.as_ptr().add(skew_from), to.as_mut_ptr().add(skew_to), len) };
                assert_eq!(to[skew_to..skew_to + len], from[skew_from..skew_from + len]);
                assert!(to[..skew_to].iter().chain(&to[skew_to + len..]).all(|byte| *byte == 0xEE));

                to.fill(0xEE);
                // SAFETY: as above.
                unsafe { copy_in(from.as_ptr().add(skew_from), to.as_mut_ptr().add(skew_to), len) };
                assert_eq!(to[skew_to..skew_to + len], from[skew_from..skew_from + len]);
                assert!(to[..skew_to].iter().chain(&to[skew_to + len..]).all(|byte| *byte == 0xEE));

                // SAFETY: as above.
                unsafe { zero(to.as_mut_ptr().add(skew_to), len) };
                assert!(to[skew_to..skew_to + len].iter().all(|byte| *byte == 0));
                assert!(to[..skew_to].iter().chain(&to[skew_to + len..]).all(|byte| *byte == 0xEE));
            }
        }
    }

    #[test]
    fn targets_just_behind_their_source_in_another_page_get_the_same_bytes() {
        let bytes: Vec<u8> = (0..9000_u32).map(|at| (at * 7 % 253) as u8).collect();
        let mut room = vec![0_u8; 40_000];
        // A place as far into its page as the source, then up to a line and more behind it.
        let level = bytes.as_ptr().addr().wrapping_sub(room.as_ptr().addr()) % 4096 + 4096;
        for behind in 0..70 {
            for len in [300, 4096 + 63, 8999] {
                room.fill(0xEE);
                let to = level + behind;
                // SAFETY: `bytes` has `len` bytes, `room` has them from `to` on, which is below 8192 + 70.
                unsafe { copy_out(bytes.as_ptr(), room.as_mut_ptr().add(to), len) };
                assert!(room[to..to + len] == bytes[..len], "{len} bytes, {behind} behind");
                assert!(room[..to].iter().chain(&room[to + len..]).all(|byte| *byte == 0xEE));
            }
        }
    }
}
