//! Load: calls of every kind, whose answers are looked at.

use crate::raw::rough::rough;
use fastrand::Rng;
use std::sync::atomic::{AtomicBool, Ordering};
use windlass_client::{Client, Connect, FrozenLoan, Pending, Pool, Token};
use windlass_contract::{Code, Fault, Outcome};

/// How a client comes to the node.
#[derive(Clone, Copy, Debug)]
pub enum Way {
    /// Shared memory.
    Ring,
    /// A Unix stream.
    Unix,
    /// TCP over loopback.
    Tcp,
}

impl Way {
    const ALL: [Self; 3] = [Self::Ring, Self::Unix, Self::Tcp];

    /// Half of them by shared memory.
    pub fn drawn(random: &mut Rng) -> Self {
        [Self::Ring, Self::Ring, Self::Unix, Self::Tcp][random.usize(..4)]
    }

    /// Its name, which `of` takes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ring => "ring",
            Self::Unix => "unix",
            Self::Tcp => "tcp",
        }
    }

    /// The way of this name.
    pub fn of(name: &str) -> Self {
        Self::ALL.into_iter().find(|way| way.name() == name).unwrap_or_else(|| panic!("no way {name}"))
    }

    /// A client that comes by it.
    pub fn connect(self, address: &str, token: Option<&Token>) -> Result<Client, Fault> {
        match self {
            Self::Ring => Connect::to(address).open(),
            Self::Unix => Connect::unix_stream(address).open(),
            Self::Tcp => {
                let terms = Connect::tcp(address);
                token.map_or(terms.clone(), |token| terms.token(*token)).open()
            }
        }
    }
}

/// What one client does.
pub struct Load {
    pool: Pool,
    client: Client,
    data: Vec<u8>,
    sum: u64,
    frozen: FrozenLoan,
}

impl Load {
    /// On a client's pool `rough`.
    pub fn on(client: &Client) -> Result<Self, Fault> {
        let data: Vec<u8> = (0..50_000u32).map(|at| (at * 7 + at / 251) as u8).collect();
        let (sum, frozen) = (xxhash_rust::xxh3::xxh3_64(&data), client.freeze(&data)?);
        Ok(Self { pool: client.pool("rough")?, client: client.clone(), data, sum, frozen })
    }

    /// Calls of which some are let go, and calls whose answers are checked; a wrong one panics.
    pub fn round(&self, round: u64) -> Result<(), Fault> {
        let pool = &self.pool;
        let out: Vec<Pending> = vec![
            pool.call(rough("pause")).argument(&(round % 64 * 100)).send(),
            pool.call(rough("keyed")).argument("key").argument(&200u64).send(),
            pool.call(rough("hold")).argument(&300u64).input(&self.data).send(),
            pool.call(rough("nest")).argument("pause").argument(&500u64).send(),
        ];
        let ping = pool.call(rough("ping")).argument(&round).wait()?.value::<u64>()?;
        assert_eq!(ping, round, "a wrong answer to ping");
        let owned = pool.call(rough("sum")).input(&self.data).wait()?.value::<u64>()?;
        let frozen = pool.call(rough("sum")).input(&self.frozen).wait()?.value::<u64>()?;
        assert_eq!((owned, frozen), (self.sum, self.sum), "a wrong answer to sum");
        let mut copied = pool.call(rough("copy")).input(&self.frozen).output(self.data.len()).wait()?;
        assert!(*copied.take_view(0)? == self.data[..], "a wrong answer to copy");
        let mut loan = self.client.lend(3000)?;
        loan.fill(0x3C);
        let mut flipped = pool.call(rough("flip")).inout_shared(loan).wait()?;
        assert!(flipped.take_loan(0)?.0.iter().all(|byte| *byte == 0xC3), "a wrong answer to flip");
        for (at, one) in out.into_iter().enumerate() {
            if !(round + at as u64).is_multiple_of(3) {
                one.wait()?;
            }
        }
        Ok(())
    }
}

/// What came of the calls of one client whose node died.
#[derive(Debug, Default)]
pub struct Told {
    /// Calls that were answered, each rightly.
    pub answered: u64,
    /// Calls that may have run.
    pub unknown: u64,
    /// Calls that have not.
    pub unstarted: u64,
}

/// Keeps a few calls out until the node is gone, and waits for each of them.
pub fn until_the_node_dies(client: &Client, dead: &AtomicBool) -> Told {
    let mut told = Told::default();
    let pool = match client.pool("rough") {
        Ok(pool) => pool,
        Err(fault) => {
            told.fault(&fault, dead);
            return told;
        }
    };
    let data = vec![7u8; 20_000];
    let sum = xxhash_rust::xxh3::xxh3_64(&data);
    loop {
        let sums: Vec<Pending> = (0..3).map(|_| pool.call(rough("sum")).input(&data).send()).collect();
        let pings: Vec<Pending> = (0..6u64).map(|at| pool.call(rough("ping")).argument(&at).send()).collect();
        let late = pool.call(rough("pause")).argument(&5_000u64).send();
        let mut gone = false;
        for one in sums {
            gone |= told.enter(one, dead, |value| assert_eq!(value, sum, "a wrong answer to sum"));
        }
        for (at, one) in pings.into_iter().enumerate() {
            gone |= told.enter(one, dead, |value| assert_eq!(value, at as u64, "a wrong answer to ping"));
        }
        match late.wait() {
            Ok(_) => told.answered += 1,
            Err(fault) => gone |= told.fault(&fault, dead),
        }
        if gone {
            return told;
        }
    }
}

impl Told {
    fn enter(&mut self, call: Pending, dead: &AtomicBool, right: impl Fn(u64)) -> bool {
        match call.wait().and_then(|reply| reply.value::<u64>()) {
            Ok(value) => {
                right(value);
                self.answered += 1;
                false
            }
            Err(fault) => self.fault(&fault, dead),
        }
    }

    /// A Fault of a node that is gone, and of none that lives.
    fn fault(&mut self, fault: &Fault, dead: &AtomicBool) -> bool {
        assert!(dead.load(Ordering::SeqCst), "the node lives: {fault:?}");
        assert!(fault.is(Code::NodeGone), "{fault:?}");
        match fault.outcome {
            Outcome::NotStarted => self.unstarted += 1,
            Outcome::Unknown => self.unknown += 1,
            Outcome::Ended => panic!("a call of a node that is gone has not ended: {fault:?}"),
        }
        true
    }
}
