//! The operation over a blocking stream: Unix socket and TCP.
//!
//! A run opens with sixteen bytes, how long its requests are and how many come; then requests follow bare, each
//! answered by eight bytes. So no operation pays for framing.
//!
//! Lives here: both servers and clients, the same code over two sockets.
//! Holds: the server believes no length beyond the harness's limit.

use std::{
    io::{ErrorKind, Read, Write},
    net::{TcpListener, TcpStream},
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixListener, UnixStream},
    },
};
use windlass_bench::{Caller, Door, Failure, Meter, checksum, contender::Ending, limits::REQUEST_BYTES_MAX};

/// Serves one client over an abstract Unix socket: it has no file, so nothing is left behind.
pub fn serve_unix(door: &Door) -> Result<(), Failure> {
    let name = format!("windlass-bench-floor-{}", std::process::id());
    let listener = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name)?)?;
    door.ready(&name, Ending::AtOnce)?;
    answer(listener.accept()?.0)
}

/// A client of the abstract Unix socket `name`.
pub fn connect_unix(name: &str) -> Result<Box<dyn Caller>, Failure> {
    Ok(Box::new(Client(UnixStream::connect_addr(&SocketAddr::from_abstract_name(name)?)?)))
}

/// Serves one client over TCP on a loopback port of the kernel's choice.
pub fn serve_tcp(door: &Door) -> Result<(), Failure> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    door.ready(&listener.local_addr()?.to_string(), Ending::AtOnce)?;
    let stream = listener.accept()?.0;
    stream.set_nodelay(true)?;
    answer(stream)
}

/// A client of the TCP server at `address`.
pub fn connect_tcp(address: &str) -> Result<Box<dyn Caller>, Failure> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    Ok(Box::new(Client(stream)))
}

/// Answers run after run until the client leaves between two of them.
fn answer(mut stream: impl Read + Write) -> Result<(), Failure> {
    let mut request = Vec::new();
    while let Some((bytes, count)) = head(&mut stream)? {
        request.resize(bytes, 0);
        for _ in 0..count {
            stream.read_exact(&mut request)?;
            stream.write_all(&checksum(&request).to_le_bytes())?;
        }
    }
    Ok(())
}

/// Length and number of the requests that follow; `None` when the client has left.
fn head(stream: &mut impl Read) -> Result<Option<(usize, u64)>, Failure> {
    let (mut bytes, mut count) = ([0; 8], [0; 8]);
    match stream.read_exact(&mut bytes) {
        Ok(()) => stream.read_exact(&mut count)?,
        Err(error) if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => {
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    }
    let bytes = u64::from_le_bytes(bytes);
    if bytes > REQUEST_BYTES_MAX {
        return Err(format!("the client announces {bytes} bytes; at most {REQUEST_BYTES_MAX}").into());
    }
    Ok(Some((usize::try_from(bytes)?, u64::from_le_bytes(count))))
}

struct Client<S>(S);

impl<S: Read + Write> Caller for Client<S> {
    fn run(&mut self, meter: &mut Meter) -> Result<(), Failure> {
        let (ask, stream) = (meter.ask(), &mut self.0);
        stream.write_all(&ask.bytes.to_le_bytes())?;
        stream.write_all(&(ask.n + ask.warm).to_le_bytes())?;
        meter.copied_bytes(2 * ask.bytes);
        meter.serial(|request| {
            let mut reply = [0; 8];
            stream.write_all(request)?;
            stream.read_exact(&mut reply)?;
            Ok::<u64, std::io::Error>(u64::from_le_bytes(reply))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_announced_length_beyond_the_limit_is_refused() {
        let mut announced = (REQUEST_BYTES_MAX + 1).to_le_bytes().to_vec();
        announced.extend_from_slice(&1u64.to_le_bytes());
        assert!(head(&mut announced.as_slice()).expect_err("too long").to_string().contains("at most"));
        assert_eq!(head(&mut [].as_slice()).expect("left"), None);
    }
}
