//! A node that lies: whatever it writes, the client answers by Faults, and never by a panic, a hang or a wild read.
#![allow(non_snake_case, reason = "names of requirement rows stand in names of tests")]

mod peer;

use peer::{
    ECHO, HOLD, LIE_BUFFER, LIE_CONTROL, LIE_COUNT, LIE_GENERATION, LIE_HEAD, LIE_KIND, LIE_LENGTH, LIE_OFFSET,
    LIE_OWN, LIE_RANDOM, LIE_RESULT_IN_WORDS, LIE_SEGMENT, LIE_SLOT, LIE_TWICE, LIE_UNSEALED, LIE_VIEW, POOL,
    Peer,
};
use windlass_client::Client;
use windlass_contract::{Code, MethodRef, Outcome};

fn lied_to(method: MethodRef, room: bool) -> (Peer, Client) {
    let peer = Peer::start();
    let client = Client::connect(&peer.node()).expect("connect");
    let call = client.pool_of(POOL).call(method);
    let fault = if room { call.output(64) } else { call }.wait().expect_err("a lie is a Fault");
    assert!(fault.is(Code::Lost), "{fault:?}");
    assert_eq!(fault.outcome, Outcome::Unknown, "whether it ran nobody knows");
    (peer, client)
}

#[test]
fn a_reply_that_cannot_be_read_is_lost_and_the_session_goes_on() {
    let lies = [
        (LIE_SEGMENT, false),
        (LIE_OFFSET, false),
        (LIE_LENGTH, false),
        (LIE_COUNT, false),
        (LIE_OWN, false),
        (LIE_VIEW, true),
        (LIE_BUFFER, false),
        (LIE_RESULT_IN_WORDS, true),
    ];
    for (lie, room) in lies {
        let (_peer, client) = lied_to(lie, room);
        let reply = client.pool_of(POOL).call(ECHO).argument(&1_u8).wait();
        assert_eq!(reply.expect("the session goes on").value::<u8>().expect("a byte"), 1);
    }
}

#[test]
fn an_answer_that_is_nobodys_ends_the_session_and_every_call_with_it() {
    for lie in [LIE_GENERATION, LIE_KIND, LIE_SLOT, LIE_CONTROL, LIE_UNSEALED] {
        let peer = Peer::start();
        let client = Client::connect(&peer.node()).expect("connect");
        let held = client.pool_of(POOL).call(HOLD).send();
        peer.wait_held(1);
        let fault = client.pool_of(POOL).call(lie).wait().expect_err("a lie is a Fault");
        assert!(fault.is(Code::Lost), "{}: {fault:?}", lie.name);
        assert!(held.wait().expect_err("the session ended").is(Code::Lost), "{}", lie.name);
        let after = client.pool_of(POOL).call(ECHO).wait().expect_err("the session ended");
        assert_eq!(after.outcome, Outcome::NotStarted);
        assert!(after.message.contains("broke the protocol"), "{after:?}");
    }
}

#[test]
fn a_second_answer_to_one_call_ends_the_session() {
    let peer = Peer::start();
    let client = Client::connect(&peer.node()).expect("connect");
    // The first answer counts, if its taker looks before the second comes.
    let first = client.pool_of(POOL).call(LIE_TWICE).wait();
    assert!(first.is_ok());
    let after = client.pool_of(POOL).call(ECHO).wait().expect_err("the second was nobody's");
    assert!(after.is(Code::Lost), "{after:?}");
}

#[test]
fn a_head_that_runs_ahead_is_found_before_the_ring_is_overwritten() {
    let peer = Peer::start();
    let client = Client::options().calls(4).connect(&peer.node()).expect("connect");
    let pool = client.pool_of(POOL);
    pool.call(LIE_HEAD).wait().expect("the lie is not in the answer");
    let fault = (0..64).find_map(|_| pool.call(ECHO).argument(&1_u8).wait().err()).expect("the lie is found");
    assert!(fault.is(Code::Lost) && fault.message.contains("head"), "{fault:?}");
}

#[test]
fn random_completions_give_faults_and_nothing_else() {
    // Each session makes other calls before, so that each seed of the peer's differs.
    for calls in 0..60_u32 {
        let peer = Peer::start();
        let client = Client::connect(&peer.node()).expect("connect");
        let pool = client.pool_of(POOL);
        for _ in 0..calls {
            pool.call(ECHO).argument(&1_u8).wait().expect("echo");
        }
        let fault = pool.call(LIE_RANDOM).wait().err();
        assert!(fault.is_none_or(|fault| fault.is(Code::Lost)));
    }
}
