//! Sorts beside the standard library's stable sort, over dtype, layout, duplicates and edges.
mod common;

use common::{Sample, Threads, array, property, same};
use proptest::prelude::*;
use std::cmp::Ordering;
use windlass_kernels::group::GroupBy;
use windlass_kernels::sort::merge::{cut, merge};
use windlass_kernels::sort::{ArgSort, CoArgSort, Direction, Keys, SortValues, TextArgSort};
use windlass_kernels::strings::Strings;
use windlass_kernels::{Element, KernelError, Step, Stepwise, View};

/// NaN last, both zeros equal.
fn order<T: Element>(a: &T, b: &T) -> Ordering {
    a.partial_cmp(b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

fn stable<T: Element>(values: &[T], compare: impl Fn(&T, &T) -> Ordering) -> Vec<u32> {
    let mut rows: Vec<u32> = (0..values.len() as u32).collect();
    rows.sort_by(|&a, &b| compare(&values[a as usize], &values[b as usize]));
    rows
}

fn sorts<T: Sample>() {
    let check = |case: common::Array<T>| {
        let (view, model) = case.both();
        let n = model.data.len();
        let mut rows = vec![0u32; n];
        ArgSort::new(&view, Direction::Ascending, &mut rows).and_then(|mut sort| sort.run()).expect("room");
        assert_eq!(rows, stable(&model.data, order));
        let mut rows = vec![0i64; n];
        ArgSort::new(&view, Direction::Descending, &mut rows).and_then(|mut sort| sort.run()).expect("room");
        let wanted: Vec<i64> = stable(&model.data, |a, b| order(b, a)).into_iter().map(i64::from).collect();
        assert_eq!(rows, wanted);
        let mut out = vec![T::default(); n];
        SortValues::new(view, &mut out).and_then(|mut sort| sort.run()).expect("room");
        let mut wanted = model.data.clone();
        wanted.sort_by_key(|x| x.ordered());
        assert!(out.iter().zip(&wanted).all(|(&a, &b)| same(a, b)), "{out:?}");
    };
    property(60, array(T::any_value), check);
    property(60, array(T::few_values), check);
}

for_dtypes!(arrays_sorts: i8, i16, i32, i64, u8, u16, u32, u64, f32, f64, bool => sorts);

fn random(n: usize, mut state: u64) -> Vec<i64> {
    (0..n)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state ^ state >> 31) as i64
        })
        .collect()
}

#[test]
fn arrays_large_sorts_meet_every_packing_and_clustered_keys() {
    let n = 150_000;
    let spread = random(n, 1);
    let skewed: Vec<i64> = spread.iter().map(|x| if x % 16 == 0 { *x } else { x % 3 }).collect();
    let clustered: Vec<i64> = spread
        .iter()
        .map(|x| if x % 2 == 0 { i64::MIN + (x % 1000).abs() } else { i64::MAX - (x % 1000).abs() })
        .collect();
    let narrow: Vec<i64> = spread.iter().map(|x| x % 100_000).collect();
    let equal = vec![7i64; n];
    let mut rising = narrow.clone();
    rising.sort_unstable();
    for values in [spread, skewed, clustered, narrow, equal, rising] {
        let mut rows = vec![0u32; n];
        let view = View::flat(&values);
        let mut sort = ArgSort::new(&view, Direction::Ascending, &mut rows).expect("room");
        sort.run().expect("keys");
        assert_eq!(sort.step(), Ok(windlass_kernels::Step::Done));
        assert!(rows == stable(&values, i64::cmp));
    }
}

#[test]
fn arrays_coargsort_orders_by_the_first_column_that_differs() {
    let column = || {
        prop_oneof![
            prop::collection::vec(i64::any_value(), 300),
            prop::collection::vec(i64::few_values(), 300),
            prop::collection::vec(-5i64..5, 300),
        ]
    };
    property(
        60,
        (prop::collection::vec(column(), 1..5), 0usize..300, prop::collection::vec(f64::few_values(), 300)),
        |(columns, n, floats)| {
            let views: Vec<View<'_, i64>> = columns.iter().map(|column| View::flat(&column[..n])).collect();
            let last = View::flat(&floats[..n]);
            let mut keys: Vec<&dyn Keys> = views.iter().map(|view| view as &dyn Keys).collect();
            keys.push(&last);
            let mut rows = vec![0u32; n];
            CoArgSort::new(keys, &mut rows).and_then(|mut sort| sort.run()).expect("room");
            let mut wanted: Vec<u32> = (0..n as u32).collect();
            wanted.sort_by(|&a, &b| {
                let (a, b) = (a as usize, b as usize);
                columns
                    .iter()
                    .map(|c| c[a].cmp(&c[b]))
                    .find(|o| o.is_ne())
                    .unwrap_or_else(|| order(&floats[a], &floats[b]))
            });
            assert_eq!(rows, wanted);
        },
    );
    let (a, b) = ([1i64, 2], [1i64]);
    let (a, b) = (View::flat(&a), View::flat(&b));
    assert!(matches!(CoArgSort::<u32>::new(vec![], &mut []).err(), Some(KernelError::Argument { .. })));
    assert!(matches!(CoArgSort::<u32>::new(vec![&a, &b], &mut [0; 2]).err(), Some(KernelError::Shapes { .. })));
}

#[test]
fn arrays_strings_sort_by_bytes_zeros_and_long_common_starts_included() {
    let word = || {
        prop_oneof![
            4 => "[a-c]{0,4}",
            2 => "[a\u{0}]{0,20}",
            2 => "commonprefix[ab]{0,12}",
            1 => "\\PC{0,10}",
        ]
    };
    property(
        60,
        prop_oneof![prop::collection::vec(word(), 0..100), prop::collection::vec(word(), 900..1500)],
        |words| {
            let mut offsets = vec![0i64];
            let mut text = String::new();
            for word in &words {
                text.push_str(word);
                offsets.push(text.len() as i64);
            }
            let strings = Strings::new(&offsets, text.as_bytes()).expect("text");
            let mut rows = vec![0u32; words.len()];
            TextArgSort::new(strings, &mut rows).and_then(|mut sort| sort.run()).expect("room");
            let mut wanted: Vec<u32> = (0..words.len() as u32).collect();
            wanted.sort_by(|&a, &b| words[a as usize].as_bytes().cmp(words[b as usize].as_bytes()));
            assert_eq!(rows, wanted);
        },
    );
}

#[test]
fn arrays_runs_sorted_apart_merge_into_the_stable_order() {
    property(
        100,
        (prop::collection::vec(0u64..20, 0..200), prop::collection::vec(0u64..20, 0..200)),
        |(mut left, mut right)| {
            left.sort_unstable();
            right.sort_unstable();
            // A key and its row are packed, as sorts pack them.
            let packed = |keys: &[u64], first: u64| -> Vec<u64> {
                keys.iter().zip(first..).map(|(key, row)| key << 32 | row).collect()
            };
            let (left, right) = (packed(&left, 0), packed(&right, 1000));
            let mut wanted = [left.clone(), right.clone()].concat();
            wanted.sort_unstable();
            let n = wanted.len();
            assert_eq!(cut(&left, &right, n), left.len());
            let mut rows = vec![0; n];
            for range in [n / 2..n, 0..n / 3, n / 3..n / 2] {
                merge(&left, &right, range.start, &mut rows[range]).expect("room");
            }
            assert_eq!(rows, wanted);
        },
    );
}

fn together(mut kernel: impl Stepwise, threads: usize) {
    while kernel.step_with(&Threads(threads)).expect("room") == Step::More {}
}

#[test]
fn arrays_several_threads_sort_and_group_as_one_does() {
    let n = 300_000;
    let spread = random(n, 5);
    let few: Vec<i64> = spread.iter().map(|x| x % 7).collect();
    let sorted: Vec<i64> = (0..n as i64).collect();
    let floats: Vec<f64> = spread.iter().map(|&x| if x % 100 == 0 { f64::NAN } else { x as f64 / 3.0 }).collect();
    let clustered: Vec<i64> = spread.iter().map(|x| if x % 16 == 0 { *x } else { x % 3 }).collect();
    let floats = View::flat(&floats);
    for threads in [2, 3, 5] {
        let views = [&spread, &few, &sorted, &clustered].map(|values| View::flat(values));
        let columns: Vec<&dyn Keys> =
            views.iter().map(|view| view as &dyn Keys).chain([&floats as &dyn Keys]).collect();
        for column in &columns {
            for direction in [Direction::Ascending, Direction::Descending] {
                let (mut one, mut many) = (vec![0i64; n], vec![0i64; n]);
                ArgSort::new(*column, direction, &mut one).and_then(|mut sort| sort.run()).expect("room");
                together(ArgSort::new(*column, direction, &mut many).expect("room"), threads);
                assert!(one == many, "{threads} threads, {direction:?}");
            }
            let (mut one, mut many) = (vec![0i64; n], vec![0i64; n]);
            let mut alone = GroupBy::new(vec![*column], &mut one).expect("room");
            alone.run().expect("room");
            let mut shared = GroupBy::new(vec![*column], &mut many).expect("room");
            while shared.step_with(&Threads(threads)).expect("room") == Step::More {}
            assert_eq!(alone.into_starts(), shared.into_starts());
            assert!(one == many);
        }
        let (mut one, mut many) = (vec![0i64; n], vec![0i64; n]);
        CoArgSort::new(columns.clone(), &mut one).and_then(|mut sort| sort.run()).expect("room");
        together(CoArgSort::new(columns.clone(), &mut many).expect("room"), threads);
        assert!(one == many);
        let (mut one, mut many) = (vec![0.0; n], vec![0.0; n]);
        SortValues::new(floats, &mut one).and_then(|mut sort| sort.run()).expect("room");
        together(SortValues::new(floats, &mut many).expect("room"), threads);
        assert!(one.iter().zip(&many).all(|(a, b): (&f64, &f64)| a.to_bits() == b.to_bits()));
    }
}

#[test]
fn arrays_a_sort_without_room_for_its_permutation_is_refused() {
    let values = vec![0u8; 300];
    let view = View::flat(&values);
    assert!(matches!(
        ArgSort::new(&view, Direction::Ascending, &mut [0u32; 299]).err(),
        Some(KernelError::OutputSize { needed: 300, got: 299 })
    ));
}
