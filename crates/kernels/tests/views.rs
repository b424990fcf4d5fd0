//! Views: every layout reads what a naive array of the same elements holds.
mod common;

use common::{Sample, array, assert_same, in_pieces, property};
use proptest::prelude::*;
use windlass_kernels::{KernelError, Shape, Strides, View, view::slice_len};

fn a_view_reads_what_the_model_holds<T: Sample>() {
    property(150, array(T::any_value), |array| {
        let (view, model) = array.both();
        assert_eq!(&view.shape()[..], &model.dims[..]);
        let got = in_pieces(view.elements(), |range, out| view.copy(range, out).expect("inside"));
        assert_same(&got, &model.data);
        if let Some(slice) = view.as_slice() {
            assert_same(slice, &model.data);
        }
        for flat in 0..view.elements().min(50) {
            assert_same(&[view.get(flat).expect("inside")], &[model.data[flat]]);
        }
        assert_eq!(view.get(view.elements()), None);
    });
}

for_dtypes!(arrays_reads_any_layout: i8, u16, i64, f32, f64, bool => a_view_reads_what_the_model_holds);

#[test]
fn arrays_a_view_that_would_leave_its_memory_is_refused() {
    let memory = [0i64; 10];
    property(500, (0usize..12, prop::collection::vec((0usize..5, -6i64..6), 0..4)), |(base, axes)| {
        let shape = Shape::new(&axes.iter().map(|a| a.0).collect::<Vec<_>>()).expect("small");
        let strides = Strides::new(&axes.iter().map(|a| a.1).collect::<Vec<_>>()).expect("small");
        let mut inside = true;
        common::each(&shape, |at| {
            let reach: i64 = at.iter().zip(&axes).map(|(&at, axis)| at as i64 * axis.1).sum::<i64>() + base as i64;
            inside &= (0..10).contains(&reach);
        });
        match View::new(&memory, base, shape, strides) {
            Ok(view) => {
                assert!(inside);
                assert_eq!(view.to_vec().len(), shape.elements());
            }
            Err(error) => {
                assert!(!inside);
                assert!(matches!(error, KernelError::OutsideMemory { len: 10, .. }));
            }
        }
    });
}

#[test]
fn arrays_strides_at_the_ends_of_their_type_are_refused_and_not_wrapped() {
    let memory = [0u8; 4];
    let shape = Shape::new(&[2, 2]).expect("small");
    for stride in [i64::MAX, i64::MIN, i64::MIN + 1] {
        let strides = Strides::new(&[stride, stride]).expect("two");
        assert!(matches!(View::new(&memory, 0, shape, strides), Err(KernelError::OutsideMemory { .. })));
    }
    let view = View::flat(&memory);
    assert!(view.slice(0, i64::MIN, i64::MAX, 1).is_err());
    assert!(view.slice(0, 0, 4, 0).is_err());
    assert_eq!(slice_len(i64::MIN, i64::MAX, i64::MAX), Ok(3));
    assert_eq!(view.slice(0, 3, -1, i64::MIN).map(|view| view.elements()), Ok(1));
}
