//! Indexing, assignment and shape beside models of coordinates.
mod common;

use common::{Model, Sample, array, assert_same, in_pieces, property};
use proptest::prelude::*;
use windlass_kernels::arrange::{joined_shape, place, repeat, reshape, roll, tile, tiled_shape, windows};
use windlass_kernels::index::{
    self, Negative, Parts, assign, check_places, compress, deal, expand, gather, nonzero, put_mask, scatter,
    scatter_value, scatter_within, settle, take, take_along, take_shape,
};
use windlass_kernels::{KernelError, Shape, View};

fn gathers<T: Sample>() {
    let case = (1usize..3000)
        .prop_flat_map(|n| (prop::collection::vec(T::any_value(), n), array(i64::any_value), any::<bool>()));
    property(60, case, |(source, indices, odd)| {
        let n = source.len() as i64;
        let (view, model) = indices.both();
        // Made to fit, unless the case is about those that do not.
        let fitted: Vec<i64> =
            model.data.iter().map(|at| if odd { at % (n + 1) } else { at.rem_euclid(2 * n) - n }).collect();
        let fitted_view = View::shaped(&fitted, *view.shape()).expect("as many");
        let bad = fitted.iter().any(|&at| at < -n || at >= n);
        let mut out = vec![T::default(); fitted.len()];
        let verdict = gather(&source, &fitted_view, Negative::FromEnd, 0..fitted.len(), &mut out);
        if bad {
            assert!(matches!(verdict, Err(KernelError::Bounds { what: "index", .. })));
            return;
        }
        assert_eq!(verdict, Ok(()));
        let wanted: Vec<T> = fitted.iter().map(|&at| source[at.rem_euclid(n) as usize]).collect();
        assert_same(&out, &wanted);
        let refused = gather(&source, &fitted_view, Negative::Refuse, 0..fitted.len(), &mut out);
        assert_eq!(refused.is_err(), fitted.iter().any(|&at| at < 0));

        let mut target = source.clone();
        scatter(
            &mut target,
            &fitted_view,
            &View::flat(&wanted)
                .broadcast(view.shape())
                .unwrap_or(View::shaped(&wanted, *view.shape()).expect("as many")),
            Negative::FromEnd,
            0..fitted.len(),
        )
        .expect("inside");
        assert_same(&target, &source);
        let mut wanted = source.clone();
        fitted.iter().for_each(|&at| wanted[at.rem_euclid(n) as usize] = T::default());
        scatter_value(&mut target, &fitted_view, T::default(), Negative::FromEnd, 0..fitted.len())
            .expect("inside");
        assert_same(&target, &wanted);
    });
}

for_dtypes!(arrays_gather_and_scatter: i8, i64, f64, bool => gathers);

#[test]
fn arrays_of_equal_indices_the_last_one_is_written() {
    let mut target = [0i64; 3];
    scatter(&mut target, &View::flat(&[1, 1, 1]), &View::flat(&[7, 8, 9]), Negative::Refuse, 0..3)
        .expect("inside");
    assert_eq!(target, [0, 9, 0]);
}

#[test]
fn arrays_takes_along_axes() {
    property(
        120,
        (array(i64::any_value), 0usize..4, prop::collection::vec(-6i64..6, 0..7), any::<u64>()),
        |(case, axis, indices, seed)| {
            let (view, model) = case.both();
            if model.dims.is_empty() {
                assert!(take_shape(view.shape(), 0, 1).is_err());
                return;
            }
            let axis = axis % model.dims.len();
            let len = model.dims[axis];
            let shape = take_shape(view.shape(), axis, indices.len()).expect("small");
            let inside = |at: i64| at >= -(len as i64) && at < len as i64;
            let mut out = vec![0; shape.elements()];
            let verdict = take(&view, axis, &indices, Negative::FromEnd, 0..out.len(), &mut out);
            if out.is_empty() || indices.iter().all(|&at| inside(at)) {
                assert_eq!(verdict, Ok(()));
                let wanted = Model::build(&shape, |at| {
                    let mut from = at.to_vec();
                    from[axis] = indices[at[axis]].rem_euclid(len as i64) as usize;
                    model.index(&from)
                });
                assert_same(&out, &wanted.data);
                let pieces = in_pieces(out.len(), |range, out| {
                    take(&view, axis, &indices, Negative::FromEnd, range, out).expect("inside");
                });
                assert_same(&pieces, &wanted.data);
            } else {
                assert!(verdict.is_err());
            }
            if len > 0 {
                let mut dims = model.dims.clone();
                dims[axis] = 3;
                let mut state = seed;
                let along = Model::build(&dims, |_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(9);
                    (state >> 33) as i64 % len as i64
                });
                let shape = Shape::new(&dims).expect("small");
                let indices = View::shaped(&along.data, shape).expect("as many");
                let got = in_pieces(along.data.len(), |range, out| {
                    take_along(&view, axis, &indices, Negative::Refuse, range, out).expect("inside");
                });
                let wanted = Model::build(&dims, |at| {
                    let mut from = at.to_vec();
                    from[axis] = along.index(at) as usize;
                    model.index(&from)
                });
                assert_same(&got, &wanted.data);
            }
        },
    );
}

fn masks<T: Sample>() {
    property(60, (array(T::any_value), any::<u64>(), 0u32..3), |(case, seed, dense)| {
        let (view, model) = case.both();
        let n = model.data.len();
        let mut state = seed;
        let mask: Vec<bool> = (0..n)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(3);
                match dense {
                    0 => state >> 63 == 1,
                    1 => state >> 58 == 1,
                    _ => true,
                }
            })
            .collect();
        let mask_view = View::shaped(&mask, *view.shape()).expect("as many");
        let wanted: Vec<T> = (0..n).filter(|&i| mask[i]).map(|i| model.data[i]).collect();
        let cuts = [0, n / 3, n];
        let mut out = vec![T::default(); wanted.len()];
        let first = index::count(&mask_view, 0..cuts[1]).expect("inside");
        assert_eq!(first + index::count(&mask_view, cuts[1]..n).expect("inside"), wanted.len());
        compress(&view, &mask_view, cuts[1]..n, &mut out[first..]).expect("room");
        compress(&view, &mask_view, 0..cuts[1], &mut out[..first]).expect("room");
        assert_same(&out, &wanted);

        let mut target = vec![T::default(); n];
        let values = View::flat(&wanted);
        let (front, back) = target.split_at_mut(cuts[1]);
        expand(back, &mask_view, &values, first, cuts[1]..n).expect("as many");
        expand(front, &mask_view, &values, 0, 0..cuts[1]).expect("as many");
        let blanked: Vec<T> = (0..n).map(|i| if mask[i] { model.data[i] } else { T::default() }).collect();
        assert_same(&target, &blanked);
        assert!(expand(&mut target, &mask_view, &values, 1, 0..n).is_err());
        let mut target = vec![T::default(); n];
        put_mask(&mut target, &mask_view, &view, 0..n).expect("one shape");
        assert_same(&target, &blanked);

        let truth: Vec<Vec<usize>> = {
            let mut found = Vec::new();
            common::each(&model.dims, |at| {
                if model.index(at).is_true() {
                    found.push(at.to_vec());
                }
            });
            found
        };
        for axis in 0..model.dims.len() {
            let mut out = vec![0; truth.len()];
            nonzero(&view, axis, 0..n, &mut out).expect("room");
            assert_eq!(out, truth.iter().map(|at| at[axis] as i64).collect::<Vec<_>>());
        }
    });
}

for_dtypes!(arrays_masks: i8, i64, f64, bool => masks);

#[test]
fn arrays_writing_through_a_view_is_read_through_it() {
    property(150, (array(i64::any_value), any::<i64>()), |(case, value)| {
        let (view, model) = case.both();
        let layout = view.layout();
        let n = model.data.len();
        let mut memory = case.memory.clone();
        let source: Vec<i64> = (0..n as i64).map(|i| i.wrapping_mul(77).wrapping_add(value)).collect();
        let shape = layout.shape;
        let source_view = View::shaped(&source, shape).expect("as many");
        for range in [0..n / 2, n / 2..n] {
            assign(&mut memory, &layout, &source_view, range).expect("its own layout");
        }
        let repeats = (0..shape.rank()).any(|axis| layout.strides.along(axis) == 0 && shape[axis] > 1);
        let after = View::new(&memory, layout.base, shape, layout.strides).expect("unchanged");
        if !repeats {
            assert_same(&after.to_vec(), &source);
            let changed = memory.iter().zip(&case.memory).filter(|(a, b)| a != b).count();
            assert!(changed <= n);
        }
        index::fill(&mut memory, &layout, value, 0..n).expect("its own layout");
        let after = View::new(&memory, layout.base, shape, layout.strides).expect("unchanged");
        assert!(after.to_vec().iter().all(|&x| x == value));
        if n > 0 {
            assert!(assign(&mut [], &layout, &source_view, 0..n).is_err());
        }
    });
}

#[test]
fn arrays_tile_repeat_roll_windows_and_join_follow_coordinates() {
    property(
        150,
        (array(i64::any_value), prop::collection::vec(0usize..4, 4), 0usize..4, -9i64..9),
        |(case, times, axis, shift)| {
            let (view, model) = case.both();
            let rank = model.dims.len();
            let times = &times[..rank.min(4)];
            if rank > 4 {
                return;
            }
            let shape = tiled_shape(view.shape(), times).expect("small");
            let tiled = tile(&view, times).expect("at most eight axes");
            let wanted = Model::build(&shape, |at| {
                model.index(&at.iter().zip(&model.dims).map(|(at, dim)| at % dim).collect::<Vec<_>>())
            });
            assert_same(&tiled.to_vec(), &wanted.data);
            let repeated = repeat(&view, times).expect("at most eight axes");
            let wanted = Model::build(&shape, |at| {
                model.index(&at.iter().zip(times).map(|(at, times)| at / times).collect::<Vec<_>>())
            });
            assert_same(&repeated.to_vec(), &wanted.data);
            if rank == 0 {
                return;
            }
            let axis = axis % rank;
            let len = model.dims[axis];
            let parts = roll(&view, axis, shift).expect("an axis");
            let joined = joined_shape(&[*parts[0].shape(), *parts[1].shape()], axis).expect("they fit");
            assert_eq!(joined, *view.shape());
            let mut out = vec![0; joined.elements()];
            let cut = parts[0].shape()[axis];
            for (part, start) in [(&parts[1], cut), (&parts[0], 0)] {
                let n = part.elements();
                place(&mut out, &joined, (axis, start), part, n / 2..n).expect("it fits");
                place(&mut out, &joined, (axis, start), part, 0..n / 2).expect("it fits");
            }
            let wanted = Model::build(&model.dims, |at| {
                let mut from = at.to_vec();
                from[axis] = (at[axis] as i64 - shift).rem_euclid(len as i64) as usize;
                model.index(&from)
            });
            assert_same(&out, &wanted.data);

            let width = 1 + times[0];
            match windows(&view, width) {
                Err(_) => assert!(width > model.dims[rank - 1]),
                Ok(windows) => {
                    let wanted = Model::build(windows.shape(), |at| {
                        let mut from = at[..rank].to_vec();
                        from[rank - 1] += at[rank];
                        model.index(&from)
                    });
                    assert_same(&windows.to_vec(), &wanted.data);
                }
            }
            let flat = Shape::flat(model.data.len()).expect("small");
            match reshape(&view, flat) {
                Ok(flat) => assert_same(&flat.to_vec(), &model.data),
                Err(error) => assert!(matches!(error, KernelError::Argument { .. })),
            }
        },
    );
    let (a, b) = (Shape::new(&[2, 3]).expect("small"), Shape::new(&[2, 4]).expect("small"));
    assert!(joined_shape(&[a, b], 0).is_err());
    assert_eq!(joined_shape(&[a, b], 1), Shape::new(&[2, 7]));
    assert!(joined_shape(&[], 0).is_err());
}

#[test]
fn arrays_parts_of_a_target_written_apart_are_the_target_written_whole() {
    let indices = prop::collection::vec(-40i64..40, 0..2500);
    property(80, (indices, 1usize..5), |(indices, parts)| {
        let values: Vec<f64> = (0..indices.len()).map(|at| at as f64 - 3.5).collect();
        let (indices, values) = (View::flat(&indices), View::flat(&values));
        let n = indices.elements();
        let mut whole = vec![0.0; 40];
        scatter(&mut whole, &indices, &values, Negative::FromEnd, 0..n).expect("inside");
        let mut apart = vec![0.0; 40];
        let length = 40usize.div_ceil(parts);
        for (part, room) in apart.chunks_mut(length).enumerate() {
            for range in [0..n / 2, n / 2..n] {
                let part = (&mut *room, part * length, 40);
                scatter_within(part, &indices, &values, Negative::FromEnd, range).expect("inside");
            }
        }
        assert_eq!(whole, apart);
        let same = View::scalar(&7.5).broadcast(indices.shape()).expect("one value");
        for (part, room) in apart.chunks_mut(length).enumerate() {
            scatter_within((room, part * length, 40), &indices, &same, Negative::FromEnd, 0..n).expect("inside");
        }
        assert!((0..n).all(|at| apart[indices.get(at).expect("one").rem_euclid(40) as usize] == 7.5));
    });
}

#[test]
fn arrays_places_are_checked_as_a_scatter_checks_them() {
    let indices = prop::collection::vec(prop_oneof![-6i64..6, any::<i64>()], 0..1200);
    property(80, (indices, 0usize..6), |(indices, len)| {
        let view = View::flat(&indices);
        let values = vec![0u8; indices.len()];
        for negative in [Negative::Refuse, Negative::FromEnd] {
            let all = 0..indices.len();
            let written = scatter(&mut vec![0u8; len], &view, &View::flat(&values), negative, all.clone());
            assert_eq!(check_places(&view, negative, len, all.clone()), written);
            let mut room = vec![0u8; len];
            assert_eq!(scatter_within((&mut room, 0, len), &view, &View::flat(&values), negative, all), written);
        }
    });
    let same = View::scalar(&9i64).broadcast(&Shape::flat(5000).expect("flat")).expect("one value");
    assert!(matches!(check_places(&same, Negative::Refuse, 9, 0..5000), Err(KernelError::Bounds { at: 9, .. })));
    assert_eq!(check_places(&same, Negative::Refuse, 10, 0..5000), Ok(()));
    let outside =
        scatter_within((&mut [0u8; 3], 2, 4), &View::flat(&[]), &View::flat(&[]), Negative::Refuse, 0..0);
    assert!(matches!(outside, Err(KernelError::Bounds { what: "part", .. })));
}

#[test]
fn arrays_a_target_settled_in_parts_is_the_target_written_whole() {
    let len = 300_000usize;
    let parts = Parts::of(len);
    assert_eq!((parts.count(), parts.elements()), (3, 1 << 17));
    assert!(Parts::of(1 << 40).count() <= 1 << 10 && Parts::of(0).count() == 0);
    property(12, (prop::collection::vec(any::<i64>(), 1..5000), 1usize..3000), |(indices, turn)| {
        // Few of them twice, all of them anywhere, and negative ones.
        let indices: Vec<i64> = indices.iter().map(|at| at % len as i64 / 7).collect();
        let values: Vec<u16> = (0..indices.len()).map(|at| at as u16 + 1).collect();
        let (indices, values) = (View::flat(&indices), View::flat(&values));
        let n = indices.elements();
        let mut whole = vec![0; len];
        scatter(&mut whole, &indices, &values, Negative::FromEnd, 0..n).expect("inside");
        let mut apart = vec![0; len];
        for start in (0..n).step_by(turn) {
            let range = start..n.min(start + turn);
            let (mut places, mut moved) = (vec![0; range.len()], vec![0; range.len()]);
            let room = (&mut places[..], &mut moved[..]);
            let starts = deal(parts, &indices, &values, Negative::FromEnd, range, room).expect("inside");
            for (part, target) in apart.chunks_mut(parts.elements()).enumerate() {
                let dealt = starts[part] as usize..starts[part + 1] as usize;
                settle(target, &places[dealt.clone()], &moved[dealt]).expect("inside");
            }
        }
        assert!(whole == apart);
    });
    let (one, two) = ([len as i64], [1u8]);
    let outside = deal(parts, &View::flat(&one), &View::flat(&two), Negative::FromEnd, 0..1, (&mut [0], &mut [0]));
    assert!(matches!(outside, Err(KernelError::Bounds { what: "index", .. })));
    let room = deal(parts, &View::flat(&[1]), &View::flat(&two), Negative::FromEnd, 0..1, (&mut [0], &mut []));
    assert!(matches!(room, Err(KernelError::OutputSize { .. })));
    assert!(matches!(settle(&mut [0], &[1], &[1]), Err(KernelError::Bounds { what: "place", .. })));
    assert!(matches!(settle(&mut [0], &[1, 2], &[1]), Err(KernelError::OutputSize { .. })));
}
