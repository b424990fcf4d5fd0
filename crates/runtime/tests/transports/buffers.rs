//! Claims about buffers: each kind carries its bytes, whatever their number, beside others, and nothing stays behind.

use crate::{Set, Way, connect, data, on_every_way, on_streams};
use std::time::Duration;
use windlass_client::Pending;
use windlass_contract::{Code, Outcome};
use windlass_echo::echo;
use xxhash_rust::xxh3::xxh3_64;

#[test]
fn rpc_R25_buffers_of_every_kind_carry_their_bytes() {
    on_every_way(|Set { echo, mirror, client, .. }| {
        for bytes in [0, 1, 4095, 65_536, 65_537, 1_500_000] {
            let sent = data(bytes);
            assert_eq!(echo.checksum(&sent).unwrap(), xxh3_64(&sent));
            let (length, copied) = echo.copy(&sent, bytes + 5).unwrap();
            assert_eq!((length as usize, &copied[..]), (bytes, &sent[..]));
            let mut turned = echo.reverse(&sent).unwrap().to_vec();
            turned.reverse();
            assert_eq!(turned, sent);
            let lend = || {
                let mut loan = client.lend(bytes).unwrap();
                loan.copy_from_slice(&sent);
                loan
            };
            assert_eq!(mirror.look(lend()).unwrap(), xxh3_64(&sent));
            let (loan, used) = mirror.turn(lend(), 0).unwrap();
            assert_eq!(used, bytes);
            assert!(loan.iter().zip(&sent).all(|(one, other)| *one == !other));
        }
        let frozen = client.freeze(&data(100_000)).unwrap();
        for _ in 0..3 {
            assert_eq!(echo.checksum(&frozen).unwrap(), xxh3_64(&frozen));
        }
        let (loan, used) = echo.fill(9, client.lend(10_000).unwrap()).unwrap();
        assert_eq!((used, &loan[..]), (10_000, &[9; 10_000][..]));
        let (loan, used) = mirror.turn(loan, 4000).unwrap();
        assert_eq!((used, &loan[..6000]), (6000, &[!9; 6000][..]));
    });
}

#[test]
fn rpc_R25_one_call_has_many_buffers_of_different_kinds() {
    on_every_way(|Set { mirror, client, .. }| {
        for bytes in [0, 3, 200_000, 2_000_003] {
            let (plain, both) = (data(bytes), data(bytes / 2));
            let own = client.lend(bytes / 3).unwrap();
            let (hashes, turned, room, (own, used)) = mirror.all(5, &plain, &both, bytes, own).unwrap();
            assert_eq!(hashes, (xxh3_64(&plain), xxh3_64(&both)));
            assert!(turned.iter().rev().eq(both.iter()));
            assert_eq!(&room[..], &vec![5; bytes / 2]);
            assert_eq!((used, &own[..]), (bytes / 3, &vec![5; bytes / 3][..]));
        }
    });
}

#[test]
fn rpc_R20_64_mib_pass_in_both_directions() {
    on_every_way(|Set { echo, client, .. }| {
        let bytes = 64 << 20;
        let mut loan = client.lend(bytes).unwrap();
        for (at, word) in loan.chunks_exact_mut(8).enumerate() {
            word.copy_from_slice(&(at as u64).to_le_bytes());
        }
        let hash = xxh3_64(&loan);
        let (length, copied) = echo.copy(loan, bytes).unwrap();
        assert_eq!((length as usize, copied.len(), xxh3_64(&copied)), (bytes, bytes, hash));
    });
}

#[test]
fn rpc_R20_a_large_transfer_does_not_hold_up_the_small_calls_beside_it() {
    on_streams(|Set { echo, client, .. }| {
        let mut loan = client.lend(48 << 20).unwrap();
        loan.fill(3);
        let large = echo.pool().call(echo::methods::checksum()).input(loan).send();
        let pinged = (0..20).filter(|at| {
            assert_eq!(echo.ping(*at).unwrap(), *at);
            !large.is_answered()
        });
        // The first is answered while most of the large one is still here: its credit is a small part of it.
        assert!(pinged.count() > 0, "small calls were answered while the large one was under way");
        let hash = large.wait().unwrap().value::<u64>().unwrap();
        assert_eq!(hash, xxh3_64(&vec![3; 48 << 20]));
    });
}

#[test]
fn rpc_R11_many_buffers_at_once_share_the_credit_and_all_come() {
    on_every_way(|Set { echo, .. }| {
        let sent: Vec<Vec<u8>> = (0..24).map(|at| data(100_000 + at * 33_333)).collect();
        let copy =
            |bytes: &Vec<u8>| echo.pool().call(echo::methods::copy()).input(bytes).output(bytes.len()).send();
        let pending: Vec<Pending> = sent.iter().map(copy).collect();
        for (bytes, one) in sent.iter().zip(pending) {
            let mut reply = one.wait().unwrap();
            assert_eq!(&reply.take_view(0).unwrap()[..], &bytes[..]);
        }
    });
}

#[test]
fn rpc_R20_a_call_is_cancelled_while_its_buffer_is_on_its_way() {
    on_streams(|Set { echo, client, .. }| {
        for _ in 0..10 {
            let mut loan = client.lend(32 << 20).unwrap();
            loan.fill(1);
            let pending = echo.pool().call(echo::methods::checksum()).input(loan).send();
            pending.cancel();
            let fault = pending.wait().unwrap_err();
            assert_eq!((fault.code, fault.outcome), (Code::Cancelled as u16, Outcome::NotStarted), "{fault:?}");
        }
        assert_eq!(echo.checksum(&data(2_000_000)).unwrap(), xxh3_64(&data(2_000_000)), "the credit came back");
        let late =
            echo.pool().call(echo::methods::checksum()).input(&data(32 << 20)).deadline(Duration::from_nanos(1));
        let late = late.wait().unwrap_err();
        assert_eq!((late.code, late.outcome), (Code::DeadlineExceeded as u16, Outcome::NotStarted), "{late:?}");
    });
}

#[test]
fn rpc_R24_nothing_of_a_call_stays_behind_in_node_or_client() {
    on_every_way(|set| {
        let Set { echo, client, mirror, stage, .. } = set;
        let leases = || stage.admin().sessions().unwrap().iter().map(|one| one.leases).sum::<u32>();
        for round in 0..30 {
            let bytes = data(50_000 + round);
            drop(echo.copy(&bytes, bytes.len()).unwrap());
            drop(mirror.turn(client.lend(70_000).unwrap(), 0).unwrap());
            assert!(echo.copy(&bytes, 10).is_err());
            drop(echo.pool().call(echo::methods::copy()).input(&bytes).output(bytes.len()).send());
        }
        // Dropped calls are answered as well; then nothing is lent and nothing leased.
        assert_eq!(echo.ping(0).unwrap(), 0);
        let patience = (0..2000).find(|_| {
            std::thread::sleep(Duration::from_millis(1));
            echo.ping(1).unwrap();
            client.lent_bytes() == 0 && leases() == 0
        });
        assert!(patience.is_some(), "{} bytes lent, {} leases", client.lent_bytes(), leases());
    });
}

#[test]
fn a_result_in_private_memory_outlives_its_session() {
    on_streams(|set| {
        let client = connect(&set.stage, set.way).open().unwrap();
        let echo = echo::Blocking::on(client.pool("echo").unwrap());
        let sent = data(200_000);
        let (_, view) = echo.copy(&sent, sent.len()).unwrap();
        drop((echo, client));
        assert_eq!(&view.clone()[..], &sent[..]);
    });
}

#[test]
fn a_loan_of_another_session_is_refused_by_every_way() {
    for way in [Way::Ring, Way::Unix, Way::Tcp] {
        let set = Set::by(way);
        let other = connect(&set.stage, way).open().unwrap();
        let fault = set.mirror.look(other.lend(100).unwrap()).unwrap_err();
        assert!(fault.is(Code::BadBuffer), "{fault:?}");
    }
}
