//! A loop in epoll, with no executor: calls are sent, and looked at when the descriptor said so.

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use std::io;
use windlass::{Client, Code, Fault, Pending};
use windlass_echo::echo;

/// Has `values` said back, `window` of them out at once, by one thread that sleeps in epoll; answers how often it slept.
///
/// # Errors
/// `Io`, and as any call.
pub fn ping_all(client: &Client, values: &[u64], window: usize) -> Result<u64, Fault> {
    let io = |error: rustix::io::Errno| Fault::new(Code::Io, io::Error::from(error).to_string());
    let pool = client.pool("echo")?;
    let (attending, epoll) = (client.attending(), epoll::create(CreateFlags::CLOEXEC).map_err(io)?);
    epoll::add(&epoll, &attending, EventData::new_u64(1), EventFlags::IN).map_err(io)?;
    let (mut out, mut left, mut sleeps) = (Vec::<(u64, Pending)>::new(), values.iter(), 0);
    loop {
        while out.len() < window
            && let Some(value) = left.next()
        {
            out.push((*value, pool.call(echo::methods::ping()).argument(value).send()));
        }
        if out.is_empty() {
            return Ok(sleeps);
        }
        attending.attend();
        let (done, waits) = out.into_iter().partition(|(_, pending)| pending.is_answered());
        out = waits;
        let done: Vec<(u64, Pending)> = done;
        for (value, pending) in &mut done.into_iter() {
            let answer: u64 = pending.wait()?.value()?;
            assert_eq!(answer, value, "each gets its own answer");
        }
        if out.len() == window.min(values.len()) || (left.len() == 0 && !out.is_empty()) {
            let mut events = Vec::with_capacity(8);
            epoll::wait(&epoll, rustix::buffer::spare_capacity(&mut events), None).map_err(io)?;
            sleeps += 1;
        }
    }
}
