//! How fast the kernels are here, beside a copy of the same memory: `cargo run --release -p windlass-kernels --example speed [elements]`.
//!
//! One thread, each kernel several times, the best time counts. GB/s counts what the kernel must read and write once; the floor is a copy
//! of eight bytes per element, read and written.
#![allow(clippy::disallowed_methods, reason = "a measurement reads the clock; no kernel does")]

use std::hint::black_box;
use std::time::Instant;
use windlass_kernels::elementwise::{Arith, arith};
use windlass_kernels::group::{Codes, GroupBy, by_code, segmented};
use windlass_kernels::index::{Negative, Parts, check_places, deal, gather, scatter, settle};
use windlass_kernels::reduce::{Moment, Sum, whole};
use windlass_kernels::scan::{self, Scan};
use windlass_kernels::search::Members;
use windlass_kernels::sort::{ArgSort, CoArgSort, Direction, SortValues};
use windlass_kernels::{KernelError, Stepwise, View, morsel};

const ROUNDS: usize = 5;

fn measure(
    name: &str,
    bytes: usize,
    mut kernel: impl FnMut() -> Result<(), KernelError>,
) -> Result<(), KernelError> {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        kernel()?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    println!("{name:<34} {:9.2} ms {:8.2} GB/s", best * 1e3, bytes as f64 / best / 1e9);
    Ok(())
}

fn random(n: usize, mut state: u64) -> Vec<u64> {
    (0..n)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state ^ state >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd)
        })
        .collect()
}

fn main() -> Result<(), KernelError> {
    let n: usize = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(10_000_000);
    println!("{n} elements, one thread, best of {ROUNDS}");
    let keys: Vec<i64> = random(n, 1).into_iter().map(|x| x as i64).collect();
    let narrow: Vec<i64> = keys.iter().map(|x| x.rem_euclid(n as i64)).collect();
    let few: Vec<i64> = keys.iter().map(|x| x.rem_euclid(1000)).collect();
    let floats: Vec<f64> = keys.iter().map(|&x| x as f64 / 1e3).collect();
    let mut out = vec![0i64; n];
    let mut out_f = vec![0f64; n];
    let (keys, narrow, few, reals) =
        (View::flat(&keys), View::flat(&narrow), View::flat(&few), View::flat(&floats));

    measure("floor: copy", 16 * n, || keys.copy(0..n, black_box(&mut out)))?;
    let (a, b) = (&floats, floats.iter().rev().copied().collect::<Vec<_>>());
    let (a, b) = (View::flat(a), View::flat(&b));
    measure("stream: a + b", 24 * n, || {
        morsel::outputs(black_box(&mut out_f)).try_for_each(|(range, out)| arith(Arith::Add, &a, &b, range, out))
    })?;
    measure("reduce: sum float64", 8 * n, || {
        whole(Sum, &reals).map(|sum| {
            black_box(sum);
        })
    })?;
    measure("reduce: sum int64", 8 * n, || {
        whole(Sum, &keys).map(|sum| {
            black_box(sum);
        })
    })?;
    measure("reduce: variance float64", 8 * n, || {
        whole(Moment::variance(0.0), &reals).map(|v| {
            black_box(v);
        })
    })?;
    measure("scan: running sum int64", 16 * n, || {
        let mut carry = 0;
        for (range, out) in morsel::outputs(black_box(&mut out)) {
            scan::scan(Scan::Sum, &keys, range, carry, out)?;
            carry = out.last().copied().unwrap_or(0);
        }
        Ok(())
    })?;
    let mut rows = vec![0i64; n];
    measure("argsort int64", 8 * n, || ArgSort::new(&keys, Direction::Ascending, &mut rows)?.run())?;
    measure("argsort float64", 8 * n, || ArgSort::new(&reals, Direction::Ascending, &mut rows)?.run())?;
    measure("argsort int64 below n", 8 * n, || ArgSort::new(&narrow, Direction::Ascending, &mut rows)?.run())?;
    measure("argsort int64 below 1000", 8 * n, || ArgSort::new(&few, Direction::Ascending, &mut rows)?.run())?;
    measure("sort int64", 8 * n, || SortValues::new(keys, &mut out)?.run())?;
    measure("coargsort two columns", 16 * n, || CoArgSort::new(vec![&narrow, &few], &mut rows)?.run())?;
    let random_rows = random(n, 2).into_iter().map(|x| (x % n as u64) as i64).collect::<Vec<_>>();
    let index = View::flat(&random_rows);
    measure("gather float64, random", 24 * n, || {
        gather(&floats, &index, Negative::Refuse, 0..n, black_box(&mut out_f))
    })?;
    measure("scatter float64, random", 24 * n, || {
        scatter(black_box(&mut out_f), &index, &reals, Negative::Refuse, 0..n)
    })?;
    let parts = Parts::of(n);
    let (mut places, mut moved) = (vec![0u32; n], vec![0f64; n]);
    let turn = 4 * morsel::ELEMENTS;
    let mut starts = Vec::new();
    measure("scatter float64, random: dealt", 32 * n, || {
        starts.clear();
        let rooms = places.chunks_mut(turn).zip(moved.chunks_mut(turn)).enumerate();
        for (at, (places, moved)) in rooms {
            let range = at * turn..at * turn + places.len();
            starts.push(deal(parts, &index, &reals, Negative::Refuse, range, (places, moved))?);
        }
        Ok(())
    })?;
    measure("scatter float64, random: settled", 20 * n, || {
        for (part, target) in black_box(&mut out_f).chunks_mut(parts.elements()).enumerate() {
            for (at, starts) in starts.iter().enumerate() {
                let dealt = at * turn + starts[part] as usize..at * turn + starts[part + 1] as usize;
                settle(target, &places[dealt.clone()], &moved[dealt])?;
            }
        }
        Ok(())
    })?;
    measure("places looked at", 8 * n, || check_places(&index, Negative::FromEnd, n, 0..n))?;
    for (name, column, groups) in [("1000 groups", &few, 1000), ("n groups", &narrow, n)] {
        let mut codes = vec![0u32; n];
        measure(&format!("group-by sum by codes, {name}"), 16 * n, || {
            let mut numbering = Codes::new(column, &mut codes)?;
            numbering.run()?;
            let mut parts = vec![0f64; numbering.groups().unwrap_or(0)];
            by_code(Sum, &reals, &codes, 0..n, &mut parts)?;
            black_box(parts);
            Ok(())
        })?;
        let mut permutation = vec![0u32; n];
        measure(&format!("group-by sum by sort, {name}"), 16 * n, || {
            let mut group = GroupBy::new(vec![column], &mut permutation)?;
            group.run()?;
            let starts = group.into_starts();
            let mut sums = vec![0f64; starts.len()];
            segmented(Sum, &floats, (&permutation, &starts), 0..starts.len(), &mut sums)?;
            black_box((sums, groups));
            Ok(())
        })?;
    }
    let mut found = vec![false; n];
    measure("in1d int64, 1000 of n", 9 * n, || {
        let set: Vec<i64> = (0..1000).map(|i| i * 7).collect();
        let set = View::flat(&set);
        let mut members = Members::new(&set)?;
        members.run()?;
        members.ask(&narrow, 0..n, &mut found)
    })
}
