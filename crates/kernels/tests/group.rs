//! Search, group-by and sets beside models made of the standard library's maps.
mod common;

use common::{Sample, Threads, assert_same, property, same};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use windlass_kernels::group::{
    self, ByCode, Codes, End, GroupBy, Pairs, Statistic, TextRanks, by_code, end_sizes, ends, first_rows,
    order_statistic, segmented, segmented_place,
};
use windlass_kernels::reduce::{
    All, Any, ArgMax, ArgMin, BitAnd, BitOr, BitXor, Count, First, Max, Min, Moment, Prod, Reducer, Sum,
};
use windlass_kernels::search::{Members, Side, search_sorted};
use windlass_kernels::sets::{SetMerge, SetOp, distinct, distinct_len};
use windlass_kernels::sort::{Keys, SortValues};
use windlass_kernels::strings::Strings;
use windlass_kernels::{Element, KernelError, Number, Step, Stepwise, View};

/// Columns of some length: few keys, any keys, and long ones.
fn columns<T: Sample>() -> impl Strategy<Value = Vec<T>> {
    prop_oneof![
        prop::collection::vec(T::few_values(), 0..200),
        prop::collection::vec(T::any_value(), 0..200),
        prop::collection::vec(T::few_values(), 1100..1500),
    ]
}

/// Rows by key, groups in key order.
fn model<T: Element>(keys: &[T]) -> BTreeMap<u64, Vec<usize>> {
    let mut groups = BTreeMap::<u64, Vec<usize>>::new();
    for (row, key) in keys.iter().enumerate() {
        groups.entry(key.key()).or_default().push(row);
    }
    groups
}

fn grouped(columns: Vec<&dyn Keys>) -> (Vec<u32>, Vec<i64>) {
    let mut permutation = vec![0u32; columns[0].rows()];
    let mut group = GroupBy::new(columns, &mut permutation).expect("room");
    group.run().expect("keys");
    let starts = group.into_starts();
    (permutation, starts)
}

fn groups<T: Sample>() {
    property(60, columns::<T>(), |keys| {
        let view = View::flat(&keys);
        let groups = model(&keys);
        let (permutation, starts) = grouped(vec![&view]);
        let rows: Vec<u32> = groups.values().flatten().map(|&row| row as u32).collect();
        assert_eq!(permutation, rows);
        let mut counts = vec![0; starts.len()];
        group::counts(&starts, keys.len(), 0..starts.len(), &mut counts).expect("segments");
        assert_eq!(counts, groups.values().map(|rows| rows.len() as i64).collect::<Vec<_>>());

        let mut wanted = vec![0u32; keys.len()];
        for (number, rows) in groups.values().enumerate() {
            rows.iter().for_each(|&row| wanted[row] = number as u32);
        }
        let mut inverse = vec![9u32; keys.len()];
        group::group_numbers(&permutation, &starts, 0..starts.len(), &mut inverse).expect("segments");
        assert_eq!(inverse, wanted);
        let mut numbers = vec![9u32; keys.len()];
        let mut codes = Codes::new(&view, &mut numbers).expect("room");
        codes.run().expect("keys");
        assert_eq!(codes.groups(), Some(groups.len()));
        assert_eq!(numbers, wanted);
    });
}

for_dtypes!(arrays_groups: i8, i64, u16, u64, f32, f64, bool => groups);

/// One reduction over the groups, by segments and by codes, beside `naive` over each group's rows.
fn check<T: Number, R: Reducer<T>>(
    reducer: R,
    values: &[T],
    keys: &[i64],
    naive: impl Fn(&[T]) -> R::Out,
    like: impl Fn(R::Out, R::Out) -> bool,
) where
    R::Out: std::fmt::Debug,
{
    let view = View::flat(keys);
    let groups = model(keys);
    let (permutation, starts) = grouped(vec![&view]);
    let wanted: Vec<R::Out> =
        groups.values().map(|rows| naive(&rows.iter().map(|&row| values[row]).collect::<Vec<_>>())).collect();
    let n = starts.len();
    let mut out = vec![R::Out::default(); n];
    let (front, back) = out.split_at_mut(n / 2);
    segmented(reducer, values, (&permutation, &starts), n / 2..n, back).expect("segments");
    segmented(reducer, values, (&permutation, &starts), 0..n / 2, front).expect("segments");
    assert!(out.iter().zip(&wanted).all(|(&a, &b)| like(a, b)), "by segment: {out:?}, wanted {wanted:?}");

    let inside: Vec<T> = permutation.iter().map(|&row| values[row as usize]).collect();
    let mut joined = vec![reducer.start(); n];
    for range in [0..n / 3, n / 3..n / 2, n / 2..inside.len()].map(|part| part.start..part.end.min(inside.len())) {
        for (group, part) in group::parts_in_order(reducer, &inside, &starts, range).expect("segments") {
            reducer.merge(&mut joined[group], &part);
        }
    }
    let in_order: Vec<R::Out> = joined.iter().map(|acc| reducer.finish(acc).expect("no group is empty")).collect();
    assert!(in_order.iter().zip(&wanted).all(|(&a, &b)| like(a, b)), "in order: {in_order:?}, wanted {wanted:?}");

    let mut codes = vec![0u32; keys.len()];
    Codes::new(&view, &mut codes).and_then(|mut codes| codes.run()).expect("room");
    let half = keys.len() / 2;
    let (mut parts, mut next) = (vec![reducer.start(); n], vec![reducer.start(); n]);
    by_code(reducer, &View::flat(values), &codes, half..keys.len(), &mut next).expect("codes");
    by_code(reducer, &View::flat(values), &codes, 0..half, &mut parts).expect("codes");
    group::merge(reducer, &mut parts, &next).expect("as many");
    let mut by = vec![R::Out::default(); n];
    group::finish(reducer, &parts, &mut by).expect("no group is empty");
    let place = std::any::type_name::<R>().contains("Arg");
    assert!(place || by.iter().zip(&wanted).all(|(&a, &b)| like(a, b)), "by code: {by:?}, wanted {wanted:?}");
    let mut shared = ByCode::new(reducer, View::flat(values), &codes, n).expect("as many");
    together(&mut shared, 3);
    group::finish(reducer, shared.parts(), &mut by).expect("no group is empty");
    assert!(place || by.iter().zip(&wanted).all(|(&a, &b)| like(a, b)), "by threads: {by:?}, wanted {wanted:?}");
}

fn together(kernel: &mut impl Stepwise, threads: usize) {
    while kernel.step_with(&Threads(threads)).expect("keys") == Step::More {}
}

/// Rows of which each has a number as at random.
fn scattered(n: usize) -> impl Iterator<Item = u64> + Clone {
    (0..n as u64).map(|i| {
        let x = (i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (x ^ x >> 31).wrapping_mul(0xbf58_476d_1ce4_e5b9)
    })
}

#[test]
fn arrays_several_threads_number_and_reduce_as_one_does_to_the_last_bit() {
    let n = 400_003;
    let columns: [Vec<f64>; 5] = [
        scattered(n).map(|x| (x % 1000) as f64 / 7.0).collect(),
        scattered(n).map(|x| if x % 5 == 0 { f64::NAN } else { -((x % 3) as f64) }).collect(),
        scattered(n).map(|x| (x % 40_000) as f64 * 1e17).collect(),
        vec![2.5; n],
        scattered(n).map(|x| x as f64).collect(),
    ];
    let values: Vec<f64> = scattered(n).map(|x| 1.0 / (x % 9973 + 1) as f64).collect();
    let values = View::flat(&values);
    for keys in &columns {
        let view = View::flat(keys);
        let made = |threads: usize| {
            let mut codes = vec![0u32; n];
            let mut numbering = Codes::new(&view, &mut codes).expect("room");
            together(&mut numbering, threads);
            let groups = numbering.groups().expect("done");
            let mut sums = ByCode::new(Sum, values, &codes, groups).expect("as many");
            together(&mut sums, threads);
            let sums: Vec<u64> = sums.parts().iter().map(|sum| sum.to_bits()).collect();
            (codes, sums)
        };
        let (codes, sums) = made(1);
        let mut sorted: Vec<u64> = keys.iter().map(|key| key.key()).collect();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), sums.len());
        assert!(keys.iter().zip(&codes).all(|(key, &code)| sorted[code as usize] == key.key()));
        for threads in [2, 3, 7] {
            assert!(made(threads) == (codes.clone(), sums.clone()), "{threads} threads, {} groups", sums.len());
        }
    }
}

#[test]
fn arrays_a_numbering_of_few_is_given_up_where_keys_are_many() {
    let n = 1 << 19;
    let few = |keys: &[u64]| {
        let view = View::flat(keys);
        let mut codes = vec![0u32; keys.len()];
        let mut numbering = Codes::of_few(&view, &mut codes).expect("room");
        numbering.run().expect("keys");
        numbering.groups()
    };
    assert_eq!(few(&scattered(n).collect::<Vec<_>>()), None, "a sample says so");
    assert_eq!(few(&scattered(n).map(|x| (x % 5000) << 40).collect::<Vec<_>>()), Some(5000));
    // What a sample does not see: every second row is one key, and the rest are more than a table holds.
    let half: Vec<u64> = scattered(5 * n).enumerate().map(|(at, x)| if at % 2 == 0 { 7 } else { x }).collect();
    assert_eq!(few(&half), None, "a table says so");
    assert_eq!(few(&[]), Some(0));
}

#[test]
fn arrays_pairs_of_numbers_group_as_their_columns_do_and_first_rows_are_first() {
    property(60, prop::collection::vec((0u32..5, 0u32..7), 0..300), |rows| {
        let (first, second): (Vec<u32>, Vec<u32>) = rows.iter().copied().unzip();
        let pairs = Pairs::new((&first, 5), (&second, 7)).expect("as many");
        let mut codes = vec![0u32; rows.len()];
        let mut numbering = Codes::new(&pairs, &mut codes).expect("room");
        together(&mut numbering, 2);
        let groups: Vec<(u32, u32)> = rows.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
        assert_eq!(numbering.groups(), Some(groups.len()));
        assert!(rows.iter().zip(&codes).all(|(row, &code)| groups[code as usize] == *row));
        assert!(rows.iter().enumerate().all(|(at, row)| pairs.key(at) == u64::from(row.0 * 7 + row.1)));
        let mut firsts = vec![-1i64; groups.len()];
        let half = rows.len() / 2;
        let met = [0..half, half..rows.len()].map(|part| first_rows(&codes, part, &mut firsts).expect("rows"));
        assert_eq!(met.iter().sum::<usize>(), groups.len());
        let wanted: Vec<i64> =
            groups.iter().map(|group| rows.iter().position(|row| row == group).expect("a row") as i64).collect();
        assert_eq!(firsts, wanted);
    });
    assert!(matches!(Pairs::new((&[0u32][..], usize::MAX), (&[0][..], 3)), Err(KernelError::TooLarge { .. })));
    assert!(matches!(Pairs::new((&[0u32][..], 1), (&[][..], 3)), Err(KernelError::OutputSize { .. })));
    assert!(matches!(first_rows(&[3u32], 0..1, &mut [-1]), Err(KernelError::Bounds { what: "group", .. })));
    assert!(matches!(first_rows(&[0u32], 0..2, &mut [-1]), Err(KernelError::Bounds { what: "range end", .. })));
}

#[test]
fn arrays_the_segmented_reductions_agree_with_each_group_alone() {
    let keys = prop_oneof![prop::collection::vec(-3i64..9, 400), prop::collection::vec(i64::any_value(), 400)];
    property(40, (1usize..400, keys, prop::collection::vec(-1000i64..1000, 400)), |(n, keys, values)| {
        let (keys, values) = (&keys[..n], &values[..n]);
        let floats: Vec<f64> = values.iter().map(|&x| if x == 13 { f64::NAN } else { x as f64 / 8.0 }).collect();
        let near = |a: f64, b: f64| a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= 1e-9 * (1.0 + b.abs());
        check(Sum, values, keys, |g| g.iter().sum(), |a, b| a == b);
        check(Prod, values, keys, |g| g.iter().fold(1, |a, &b| a.wrapping_mul(b)), |a, b| a == b);
        check(Min, values, keys, |g| *g.iter().min().expect("some"), |a, b| a == b);
        check(Max, values, keys, |g| *g.iter().max().expect("some"), |a, b| a == b);
        check(Any, values, keys, |g| g.iter().any(|&x| x != 0), |a, b| a == b);
        check(All, values, keys, |g| g.iter().all(|&x| x != 0), |a, b| a == b);
        check(BitAnd, values, keys, |g| g.iter().fold(-1, |a, b| a & b), |a, b| a == b);
        check(BitOr, values, keys, |g| g.iter().fold(0, |a, b| a | b), |a, b| a == b);
        check(BitXor, values, keys, |g| g.iter().fold(0, |a, b| a ^ b), |a, b| a == b);
        check(First, values, keys, |g| g[0], |a, b| a == b);
        check(Count, &floats, keys, |g| g.iter().filter(|x| !x.is_nan()).count() as u64, |a, b| a == b);
        let mean = |g: &[f64]| g.iter().sum::<f64>() / g.len() as f64;
        let variance = |g: &[f64]| g.iter().map(|x| (x - mean(g)).powi(2)).sum::<f64>() / (g.len() as f64 - 1.0);
        check(Sum, &floats, keys, |g| g.iter().sum(), near);
        check(Moment::MEAN, &floats, keys, mean, near);
        check(Moment::variance(1.0), &floats, keys, variance, |a, b| near(a, b) || (a - b).abs() < 1e-6);
        check(
            Moment::deviation(1.0),
            &floats,
            keys,
            |g| variance(g).sqrt(),
            |a, b| near(a, b) || (a - b).abs() < 1e-4,
        );
        check(
            ArgMin,
            values,
            keys,
            |g| g.iter().enumerate().min_by_key(|p| p.1).expect("some").0 as u64,
            |a, b| a == b,
        );

        let view = View::flat(keys);
        let (permutation, starts) = grouped(vec![&view]);
        let all = 0..starts.len();
        let groups = model(keys);
        let mut rows = vec![0; starts.len()];
        segmented_place(ArgMax, values, (&permutation, &starts), all.clone(), &mut rows).expect("segments");
        let statistic = |what| {
            let mut out = vec![0.0; starts.len()];
            order_statistic(what, &floats, (&permutation, &starts), all.clone(), &mut out).expect("segments");
            out
        };
        let (medians, distinct, modes) =
            (statistic(Statistic::Median), statistic(Statistic::Distinct), statistic(Statistic::Mode));
        for (g, rows_of_group) in groups.values().enumerate() {
            let best = rows_of_group.iter().copied().rev().max_by_key(|&row| values[row]).expect("some");
            assert_eq!(rows[g], best as u64);
            let mut sorted: Vec<f64> = rows_of_group.iter().map(|&row| floats[row]).collect();
            sorted.sort_by(|a, b| a.total_cmp(b));
            let n = sorted.len();
            let median = (sorted[(n - 1) / 2] + sorted[n / 2]) / 2.0;
            let median = if sorted.iter().any(|x| x.is_nan()) { f64::NAN } else { median };
            assert!(near(medians[g], median));
            let mut counts = BTreeMap::<u64, Vec<usize>>::new();
            rows_of_group.iter().for_each(|&row| counts.entry(floats[row].key()).or_default().push(row));
            assert_eq!(distinct[g], counts.len() as f64);
            let most = counts.values().map(Vec::len).max().expect("some");
            let mode = counts.values().find(|rows| rows.len() == most).expect("some")[0];
            assert_eq!(modes[g], mode as f64);
        }
        for end in [End::Head(2), End::Tail(3)] {
            let (sizes, room) = end_sizes(end, &starts, n).expect("segments");
            let mut out = vec![0u32; room];
            ends(end, &permutation, &starts, &mut out).expect("room");
            let wanted: Vec<u32> = groups
                .values()
                .flat_map(|rows| match end {
                    End::Head(k) => rows[..k.min(rows.len())].to_vec(),
                    End::Tail(k) => rows[rows.len() - k.min(rows.len())..].to_vec(),
                })
                .map(|row| row as u32)
                .collect();
            assert_eq!(out, wanted);
            assert_eq!(sizes.iter().sum::<i64>() as usize, room);
        }
    });
}

#[test]
fn arrays_codes_agree_whether_counted_hashed_or_sorted() {
    let n = 1 << 21;
    let rows =
        |f: fn(u64) -> u64| (0..n as u64).map(|i| f(i.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect::<Vec<u64>>();
    for keys in [rows(|x| x >> 50), rows(|x| x >> 54 << 40), rows(|x| x)] {
        let view = View::flat(&keys);
        let mut codes = vec![0u32; n];
        let mut numbering = Codes::new(&view, &mut codes).expect("room");
        numbering.run().expect("keys");
        let groups = numbering.groups();
        let mut sorted = keys.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(groups, Some(sorted.len()));
        assert!(keys.iter().zip(&codes).step_by(97).all(|(key, &code)| sorted[code as usize] == *key));
    }
}

#[test]
fn arrays_segments_that_do_not_belong_to_their_permutation_are_refused() {
    let values = [1i64, 2, 3];
    let mut out = [0i64; 2];
    for (permutation, starts) in
        [([0u32, 1, 7], [0i64, 1]), ([0, 1, 2], [0, 9]), ([0, 1, 2], [2, 1]), ([0, 1, 2], [-1, 1])]
    {
        let verdict = segmented(Sum, &values, (&permutation, &starts), 0..2, &mut out);
        assert!(matches!(verdict, Err(KernelError::Bounds { .. })), "{permutation:?} {starts:?}: {verdict:?}");
    }
    let verdict = by_code(Sum, &View::flat(&values), &[0u32, 5, 0], 0..3, &mut [0i64; 2]);
    assert!(matches!(verdict, Err(KernelError::Bounds { what: "group", at: 5, len: 2 })));
}

#[test]
fn arrays_columns_of_strings_and_numbers_group_together() {
    property(60, prop::collection::vec(("[ab]{0,2}|longer than a word[ab]", 0i64..3), 0..150), |rows| {
        let mut offsets = vec![0i64];
        let mut text = String::new();
        for (word, _) in &rows {
            text.push_str(word);
            offsets.push(text.len() as i64);
        }
        let strings = Strings::of_text(&offsets, &text).expect("text");
        let (ranks, distinct) = TextRanks::of(strings).expect("rows");
        assert_eq!(distinct, rows.iter().map(|row| &row.0).collect::<BTreeSet<_>>().len());
        let numbers: Vec<i64> = rows.iter().map(|row| row.1).collect();
        let numbers = View::flat(&numbers);
        let (permutation, starts) = grouped(vec![&ranks, &numbers]);
        let mut wanted: Vec<u32> = (0..rows.len() as u32).collect();
        wanted.sort_by(|&a, &b| rows[a as usize].cmp(&rows[b as usize]));
        assert_eq!(permutation, wanted);
        assert_eq!(starts.len(), rows.iter().collect::<BTreeSet<_>>().len());
    });
}

fn searches<T: Sample>() {
    property(80, (columns::<T>(), columns::<T>()), |(mut sorted, values)| {
        sorted.sort_by_key(|x| x.key());
        let view = View::flat(&values);
        for side in [Side::Left, Side::Right] {
            let mut out = vec![0; values.len()];
            search_sorted(&sorted, &view, side, 0..values.len(), &mut out).expect("room");
            for (value, &at) in values.iter().zip(&out) {
                let wanted = sorted
                    .iter()
                    .filter(|x| x.key() < value.key() || side == Side::Right && x.key() == value.key())
                    .count();
                assert_eq!(at, wanted as i64);
            }
        }
        let set: BTreeSet<u64> = sorted.iter().map(|x| x.key()).collect();
        let sorted = View::flat(&sorted);
        let mut members = Members::new(&sorted).expect("few");
        let mut out = vec![false; values.len()];
        assert!(members.ask(&view, 0..values.len(), &mut out).is_err() || values.is_empty());
        members.run().expect("keys");
        members.ask(&view, 0..values.len(), &mut out).expect("room");
        assert!(out.iter().zip(&values).all(|(&is, x)| is == set.contains(&x.key())));
    });
}

for_dtypes!(arrays_searches: i8, i64, u64, f32, f64, bool => searches);

#[test]
fn arrays_members_agree_in_each_form_of_the_set() {
    let spread = |n: u64, by: u64| (0..n).map(|i| i.wrapping_mul(by)).collect::<Vec<u64>>();
    for keys in [spread(1000, 3), spread(5000, 0x9e37_79b9_7f4a_7c15), spread(1 << 21, 0x9e37_79b9_7f4a_7c15)] {
        let view = View::flat(&keys);
        let mut members = Members::new(&view).expect("few");
        members.run().expect("keys");
        let asked: Vec<u64> = keys.iter().step_by(50).flat_map(|&key| [key, key + 1]).collect();
        let set: BTreeSet<u64> = keys.iter().copied().collect();
        let mut out = vec![false; asked.len()];
        members.ask(&View::flat(&asked), 0..asked.len(), &mut out).expect("room");
        assert!(out.iter().zip(&asked).all(|(&is, x)| is == set.contains(x)));
    }
}

fn set_operations<T: Sample>() {
    let unique = |values: &[T]| {
        let mut sorted = vec![T::default(); values.len()];
        SortValues::new(View::flat(values), &mut sorted).and_then(|mut sort| sort.run()).expect("room");
        let mut out = vec![T::default(); distinct_len(&sorted)];
        distinct(&sorted, &mut out).expect("room");
        out
    };
    property(60, (columns::<T>(), columns::<T>()), |(a, b)| {
        let (a, b) = (unique(&a), unique(&b));
        let (x, y): (BTreeSet<u64>, BTreeSet<u64>) =
            (a.iter().map(|x| x.key()).collect(), b.iter().map(|x| x.key()).collect());
        assert_eq!(a.len(), x.len());
        for op in SetOp::ALL {
            let wanted: Vec<u64> = match op {
                SetOp::Union => x.union(&y).copied().collect(),
                SetOp::Intersection => x.intersection(&y).copied().collect(),
                SetOp::Difference => x.difference(&y).copied().collect(),
                SetOp::SymmetricDifference => x.symmetric_difference(&y).copied().collect(),
            };
            let mut count = SetMerge::count(op, &a, &b);
            count.run().expect("counting");
            assert_eq!(count.kept(), wanted.len());
            let mut out = vec![T::default(); wanted.len()];
            SetMerge::write(op, &a, &b, &mut out).run().expect("room");
            assert_eq!(out.iter().map(|x| x.key()).collect::<Vec<_>>(), wanted);
            let mut room = vec![T::default(); wanted.len() + 1];
            assert!(SetMerge::write(op, &a, &b, &mut room).run().is_err());
        }
    });
}

for_dtypes!(arrays_set_operations: i8, i64, u64, f64, bool => set_operations);

#[test]
fn arrays_values_spread_back_to_the_rows_of_their_groups() {
    let keys = [5i64, 1, 5, 1, 2];
    let view = View::flat(&keys);
    let (permutation, starts) = grouped(vec![&view]);
    let mut out = [0.0; 5];
    group::spread(&permutation, &starts, 0..3, &[0.1, 0.2, 0.3], &mut out).expect("groups");
    assert_same(&out, &[0.3, 0.1, 0.3, 0.1, 0.2]);
    assert!(same(out[0], 0.3));
}
