//! Memory: who holds the bytes of a call, from the sender's loan to the reader's view.

use crate::stage::Stage;
use windlass::prelude::*;
use windlass_echo::{Echo, echo};

/// A store that answers part of what it holds.
pub struct Hold(Vec<u8>);

#[module(export = false)]
impl Hold {
    #[create]
    fn create() -> Self {
        Self(vec![7; 100])
    }
    /// Writes what there is into the room.
    #[method]
    fn read(&self, mut out: Out<Bytes>) -> Told {
        let room = out.len();
        out[..self.0.len()].copy_from_slice(&self.0);
        out.set_len(self.0.len());
        Told { room: room as u64 }
    }
    /// Changes its copy of the bytes and answers none of them.
    #[method]
    fn spoil(&mut self, mut data: InOut<Bytes>) {
        data.fill(0);
        data.set_len(0);
    }
}

/// What a read tells.
#[data]
pub struct Told {
    /// How much room there was, bytes.
    pub room: u64,
}

fn holds() -> (Stage, Client, hold::Blocking) {
    let stage = Stage::of(&[Hold::TABLE, Echo::TABLE]);
    let client = stage.client();
    let hold = hold::Blocking::create(&client, "hold").unwrap();
    (stage, client, hold)
}

#[test]
fn tasks_K13_K57_a_result_stays_as_it_is_until_its_last_reader_is_gone() {
    let (stage, client, hold) = holds();
    let leases = || stage.admin().sessions().unwrap().iter().map(|one| one.leases).max().unwrap();
    let (_, view) = hold.read(4096).unwrap();
    let second = view.clone();
    drop(view);
    for _ in 0..50 {
        let (_, other) = hold.read(4096).unwrap();
        assert_eq!(other[..], [7; 100]);
    }
    assert_eq!(second[..], [7; 100]);
    // A call of the same session goes behind the releases that were sent before it.
    client.pool("hold").unwrap();
    assert_eq!(leases(), 1, "only the one that is read");
    drop(second);
    client.pool("hold").unwrap();
    assert_eq!(leases(), 0);
}

#[test]
fn tasks_K13_frozen_bytes_serve_many_calls_and_no_method_changes_them() {
    let (stage, client, hold) = holds();
    let echo = echo::Blocking::create(&client, "echo", 1).unwrap();
    let frozen = client.freeze(&[9; 5000]).unwrap();
    let sum = echo.checksum(&frozen).unwrap();
    let copy = frozen.clone();
    assert!(hold.spoil(&frozen).unwrap().is_empty());
    drop(frozen);
    let before = stage.admin().node().unwrap();
    let pending: Vec<_> =
        (0..16).map(|_| echo.pool().call(echo::methods::checksum()).input(&copy).send()).collect();
    drop(copy);
    for one in pending {
        assert_eq!(one.wait().unwrap().value::<u64>().unwrap(), sum, "they were out when the last handle went");
    }
    let after = stage.admin().node().unwrap();
    assert_eq!((after.copied_bytes - before.copied_bytes, after.frozen_bytes - before.frozen_bytes), (0, 80_000));
}

#[test]
fn tasks_K14_the_length_that_was_used_is_told_and_an_in_buffer_is_the_callers_again() {
    let (_stage, client, hold) = holds();
    let (told, view) = hold.read(300).unwrap();
    assert_eq!((told.room, view.len()), (300, 100));
    let mut loan = client.lend(64).unwrap();
    loan.fill(5);
    let echo = echo::Blocking::create(&client, "echo", 1).unwrap();
    let mut reply = echo.pool().call(echo::methods::checksum()).input(loan).wait().unwrap();
    let inputs = reply.take_inputs();
    assert_eq!((inputs.len(), &inputs[0][..]), (1, &[5; 64][..]));
}

#[test]
fn tasks_K15_an_out_buffer_of_64_mib_moves_nothing_on_the_request() {
    let (stage, client, hold) = holds();
    let (node, ours) = (stage.admin().node().unwrap(), client.counters());
    let (told, view) = hold.read(64 << 20).unwrap();
    assert_eq!((told.room, view.len()), (64 << 20, 100));
    assert_eq!(stage.admin().node().unwrap().copied_bytes, node.copied_bytes);
    assert_eq!(client.counters().bytes_copied, ours.bytes_copied);
}
