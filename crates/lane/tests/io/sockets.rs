//! Connections.

use super::{Stage, join, stages};
use std::pin::pin;
use windlass_driver::{Address, IoBuffer, IoError};
use windlass_lane::io::{Listener, Socket, connect, resolve};

fn room(len: usize) -> IoBuffer {
    IoBuffer::zeroed(len).unwrap()
}

fn bytes(text: &[u8]) -> IoBuffer {
    IoBuffer::from_vec(text.to_vec())
}

fn pair(stage: &Stage) -> (Socket, Socket) {
    stage.run(async {
        let listener = Listener::announce(&stage.io, Address::Tcp(([127, 0, 0, 1], 0).into())).await.unwrap();
        let to = listener.local_address().await.unwrap();
        let (near, far) = join(listener.accept(), connect(&stage.io, to)).await;
        (near.unwrap(), far.unwrap())
    })
}

#[test]
fn volume_IO4_exactly_so_many_bytes_pass_however_they_are_cut() {
    const LEN: usize = 5 << 20;
    for stage in stages() {
        let (mut near, mut far) = pair(&stage);
        let sent: Vec<u8> = (0..LEN).map(|at| (at % 251) as u8).collect();
        let (sent_result, (result, received)) =
            stage.run(join(far.writer.send_all(bytes(&sent)), near.reader.receive_exact(room(LEN))));
        sent_result.0.unwrap();
        result.unwrap();
        assert_eq!(received.range(), 0..LEN);
        assert!(received.into_vec() == sent);
    }
}

#[test]
fn volume_IO4_a_peer_that_ends_too_early_says_how_much_came() {
    for stage in stages() {
        let (mut near, mut far) = pair(&stage);
        stage.run(far.writer.send_all(bytes(b"only this"))).0.unwrap();
        stage.run(far.writer.shutdown()).unwrap();
        let (result, buffer) = stage.run(near.reader.receive_exact(room(20)));
        assert!(matches!(result, Err(IoError::Ended { done: 9 })), "{result:?}");
        assert_eq!(&buffer.into_vec()[..9], b"only this");
        // The other half still works.
        stage.run(near.writer.send_all(bytes(b"answer"))).0.unwrap();
        stage.run(far.reader.receive_exact(room(6))).0.unwrap();
    }
}

#[test]
fn volume_IO5_two_tasks_have_one_half_each() {
    for stage in stages() {
        let (near, far) = pair(&stage);
        let (mut reader, mut writer) = near.split();
        let (mut far_reader, mut far_writer) = far.split();
        stage.run(async {
            let one = async {
                writer.send_all(room(3 << 20)).await.0.unwrap();
                reader.receive_exact(room(3 << 20)).await.0.unwrap();
            };
            let two =
                async { join(far_reader.receive_exact(room(3 << 20)), far_writer.send_all(room(3 << 20))).await };
            let (_, (received, sent)) = join(one, two).await;
            received.0.unwrap();
            sent.0.unwrap();
        });
        drop((reader, writer, far_reader));
        stage.settle();
        // Closed when both halves are gone, and not before.
        assert_eq!(stage.driver.borrow().handle_count(), 1);
        drop(far_writer);
        stage.settle();
        assert_eq!(stage.driver.borrow().handle_count(), 0);
    }
}

#[test]
fn volume_IO15_a_receive_that_was_given_up_loses_no_byte() {
    for stage in stages() {
        for moment in 0..3 {
            let (mut near, mut far) = pair(&stage);
            {
                let mut receive = pin!(near.reader.receive(room(4)));
                assert!(stage.poll_once(receive.as_mut()).is_pending());
                if moment > 0 {
                    stage.settle();
                }
                stage.run(far.writer.send_all(bytes(b"0123456789"))).0.unwrap();
                if moment > 1 {
                    // It has completed, and nobody has looked.
                    stage.settle();
                }
            }
            let (result, buffer) = stage.run(near.reader.receive_exact(room(3)));
            result.unwrap();
            assert_eq!(buffer.into_vec(), b"012");
            let (result, buffer) = stage.run(near.reader.receive_exact(room(7)));
            result.unwrap();
            assert_eq!(buffer.into_vec(), b"3456789");
            assert_eq!(stage.io.count(), 0);
        }
    }
}

#[test]
fn volume_IO15_a_send_that_was_given_up_comes_before_the_next_one() {
    for stage in stages() {
        let (mut near, mut far) = pair(&stage);
        {
            let mut send = pin!(far.writer.send(room(64 << 20)));
            assert!(stage.poll_once(send.as_mut()).is_pending());
            stage.settle();
        }
        // Part of it may be under way; what follows is not mixed with it.
        let ((sent, _), last) = stage.run(join(far.writer.send_all(bytes(b"end")), async {
            let mut last = Vec::new();
            while !last.ends_with(b"end") {
                let (count, buffer) = near.reader.receive(room(1 << 20)).await;
                let count = count.unwrap();
                assert_ne!(count, 0);
                last.extend_from_slice(&buffer.into_vec()[..count]);
                last.drain(..last.len().saturating_sub(3));
            }
            last
        }));
        sent.unwrap();
        assert_eq!(last, b"end");
    }
}

#[test]
fn volume_IO12_a_half_that_is_dropped_while_it_waits_lets_the_connection_go() {
    for stage in stages() {
        let (mut near, far) = pair(&stage);
        {
            let mut receive = pin!(near.reader.receive(room(4)));
            assert!(stage.poll_once(receive.as_mut()).is_pending());
            stage.settle();
        }
        drop((near, far));
        stage.settle();
        assert_eq!(stage.io.count(), 0);
        assert_eq!(stage.driver.borrow().handle_count(), 0);
    }
}

#[test]
fn volume_IO11_a_name_leads_to_an_address_off_the_workers_thread() {
    for stage in stages() {
        let found = stage.run(resolve(&stage.io, "localhost:80")).unwrap();
        assert!(found.iter().all(|address| address.ip().is_loopback() && address.port() == 80), "{found:?}");
        let unknown = stage.run(resolve(&stage.io, "no-such-host.invalid:80"));
        assert!(matches!(unknown, Err(IoError::System(_))), "{unknown:?}");
    }
}
