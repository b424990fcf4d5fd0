//! Files.

use super::{all, stages};
use std::future::Future;
use std::pin::{Pin, pin};
use windlass_driver::limits::OPERATIONS_MAX;
use windlass_driver::{IoBuffer, IoError, OpenHow};
use windlass_lane::io::{File, remove, rename};

const WRITE: OpenHow = OpenHow {
    write: true,
    create: true,
    fresh: false,
    truncate: false,
    direct: false,
    durable: false,
    exclusive: false,
};

fn room(len: usize) -> IoBuffer {
    IoBuffer::zeroed(len).unwrap()
}

#[test]
fn volume_IO4_IO7_all_or_how_much() {
    for stage in stages() {
        stage.run(async {
            let file = File::open(&stage.io, stage.path("a"), WRITE).await.unwrap();
            let mut buffer = IoBuffer::from_vec(b"..0123456789..".to_vec());
            assert!(buffer.set_range(2..12));
            let (result, buffer) = file.write_all_at(5, buffer).await;
            result.unwrap();
            assert_eq!(buffer.range(), 2..12);
            assert_eq!(file.length().await.unwrap(), 15);
            let (result, buffer) = file.read_exact_at(5, room(10)).await;
            result.unwrap();
            assert_eq!(buffer.into_vec(), b"0123456789");
            let (result, buffer) = file.read_exact_at(7, room(10)).await;
            assert!(matches!(result, Err(IoError::Ended { done: 8 })), "{result:?}");
            assert_eq!(buffer.len(), 10);
            let (result, _) = file.read_at(7, room(10)).await;
            assert_eq!(result.unwrap(), 8);
            let (result, _) = file.read_at(700, room(10)).await;
            assert_eq!(result.unwrap(), 0);
            file.sync(true).await.unwrap();
            file.set_length(3).await.unwrap();
            file.reserve(4096).await.unwrap();
            assert_eq!(file.length().await.unwrap(), 3);
            drop(file);
            rename(&stage.io, stage.path("a"), stage.path("b")).await.unwrap();
            remove(&stage.io, stage.path("b")).await.unwrap();
            let again = File::open(&stage.io, stage.path("b"), OpenHow::default()).await;
            assert!(matches!(again, Err(IoError::System(_))));
        });
        assert_eq!(stage.driver.borrow().handle_count(), 0);
        assert_eq!(stage.io.count(), 0);
    }
}

#[test]
fn a_direct_file_that_ends_between_two_blocks_says_where() {
    for stage in stages() {
        stage.run(async {
            let file = File::open(&stage.io, stage.path("a"), WRITE).await.unwrap();
            file.write_all_at(0, IoBuffer::from_vec(vec![7; 5000])).await.0.unwrap();
            let how = OpenHow { direct: true, ..OpenHow::default() };
            let Ok(direct) = File::open(&stage.io, stage.path("a"), how).await else {
                println!("this file system has no direct files");
                return;
            };
            let (result, _) = direct.read_exact_at(0, IoBuffer::aligned(8192).unwrap()).await;
            assert!(matches!(result, Err(IoError::Ended { done: 5000 })), "{result:?}");
            let (result, buffer) = direct.read_exact_at(0, IoBuffer::aligned(4096).unwrap()).await;
            result.unwrap();
            assert!(buffer.as_slice().unwrap().iter().all(|byte| *byte == 7));
        });
    }
}

#[test]
fn volume_IO6_IO8_more_than_the_driver_takes_at_once_all_end() {
    const COUNT: u64 = OPERATIONS_MAX as u64 + 500;
    for stage in stages() {
        stage.run(async {
            let file = File::open(&stage.io, stage.path("a"), WRITE).await.unwrap();
            let file = &file;
            let write = |index: u64| -> Pin<Box<dyn Future<Output = ()> + '_>> {
                Box::pin(async move {
                    let buffer = IoBuffer::from_vec(index.to_le_bytes().to_vec());
                    file.write_all_at(index * 8, buffer).await.0.unwrap();
                })
            };
            all((0..COUNT).map(write).collect()).await;
            let (result, buffer) = file.read_exact_at(0, room(COUNT as usize * 8)).await;
            result.unwrap();
            assert!(buffer.into_vec() == (0..COUNT).flat_map(u64::to_le_bytes).collect::<Vec<_>>());
        });
    }
}

#[test]
fn volume_IO15_a_future_that_is_dropped_at_any_moment_leaves_nothing_behind() {
    for stage in stages() {
        let file = stage.run(File::open(&stage.io, stage.path("a"), WRITE)).unwrap();
        for moment in 0..3 {
            {
                let mut read = pin!(file.read_exact_at(0, room(4096)));
                let mut open = pin!(File::open(&stage.io, stage.path("b"), WRITE));
                assert!(stage.poll_once(read.as_mut()).is_pending());
                assert!(stage.poll_once(open.as_mut()).is_pending());
                for _ in 0..moment {
                    stage.settle();
                }
            }
            stage.settle();
            assert_eq!(stage.io.count(), 0);
            // What was opened for nobody is closed.
            assert_eq!(stage.driver.borrow().handle_count(), 1);
        }
    }
}
