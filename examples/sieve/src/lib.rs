//! Sieve: primes by a chain of tasks, each of which passes on what its prime does not divide.
//!
//! The channels hold nothing: a number moves when both its tasks are ready for it. At the end the last receiver goes, and
//! with it, one after another, every task of the chain.

use std::error::Error;
use windlass::tasks::wait::{Receiver, channel};
use windlass::tasks::{Cx, Exit, run};

/// The first `count` primes.
pub fn primes(count: usize) -> Result<Vec<u64>, Box<dyn Error>> {
    match run(move |cx| sieve(cx, count))? {
        Exit::Ok(primes) => primes,
        exit => Err(format!("the sieve ended early: {exit:?}").into()),
    }
}

async fn sieve(cx: Cx, count: usize) -> Result<Vec<u64>, Box<dyn Error>> {
    let (send, mut numbers) = channel(0)?;
    let count_up = async move {
        let mut number = 2;
        while send.send(number).await.is_ok() {
            number += 1;
        }
    };
    cx.spawn("numbers", count_up)?;
    let mut primes = Vec::new();
    while primes.len() < count {
        let prime = numbers.recv().await?;
        primes.push(prime);
        numbers = filter(&cx, prime, numbers)?;
    }
    Ok(primes)
}

fn filter(cx: &Cx, prime: u64, numbers: Receiver<u64>) -> Result<Receiver<u64>, Box<dyn Error>> {
    let (send, passed) = channel(0)?;
    let filter = async move {
        while let Ok(number) = numbers.recv().await {
            if number % prime != 0 && send.send(number).await.is_err() {
                return;
            }
        }
    };
    cx.spawn(format!("without {prime}"), filter)?;
    Ok(passed)
}
