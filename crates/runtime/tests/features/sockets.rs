//! Sockets of a module: it listens, dials, and hears in words what goes wrong.

use crate::stage::Stage;
use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::rc::Rc;
use windlass::Address;
use windlass::prelude::*;

/// Answers connections and makes some.
#[derive(Default)]
pub struct Harbour {
    listener: RefCell<Option<Rc<Listener>>>,
    socket: RefCell<Option<Rc<Socket>>>,
}

#[module(export = false)]
impl Harbour {
    #[create]
    fn create() -> Self {
        Self::default()
    }
    /// Begins to listen on loopback and echoes every connection in a task of its own; answers the port.
    #[method]
    async fn serve(&self, cx: &Context<'_>) -> Result<u16, Fault> {
        let listener = Rc::new(cx.announce(loopback(0)).await?);
        let Address::Tcp(at) = listener.local_address(cx).await? else {
            return Err(Fault::new(Code::Internal, "a TCP listener has a TCP address"));
        };
        *self.listener.borrow_mut() = Some(listener.clone());
        let accept = async move |cx: Context<'_>| {
            while let Ok(socket) = listener.accept(&cx).await {
                let echo = async move |cx: Context<'_>| echo(&cx, &socket).await;
                if cx.spawn(Spawn::named("echo"), echo).is_err() {
                    return;
                }
            }
        };
        cx.spawn(Spawn::named("accept"), accept).map(drop)?;
        Ok(at.port())
    }
    /// Sends `text` there, ends, and answers what comes back.
    #[method]
    async fn ask(&self, cx: &Context<'_>, port: u16, text: &str) -> Result<String, Fault> {
        let socket = cx.connect(loopback(port)).await?;
        socket.send_all(cx, text.as_bytes().to_vec(), ..).await?;
        socket.shutdown(cx).await?;
        let reply = socket.receive_exact(cx, vec![0; text.len()], ..).await?;
        let (more, _) = socket.receive(cx, vec![0; 1], ..).await?;
        if more > 0 {
            return Err(Fault::module(2, "more came back than was sent"));
        }
        Ok(String::from_utf8_lossy(&reply).into_owned())
    }
    #[method]
    async fn dial(&self, cx: &Context<'_>, port: u16) -> Result<(), Fault> {
        let socket = cx.connect(loopback(port)).await?;
        *self.socket.borrow_mut() = Some(Rc::new(socket));
        Ok(())
    }
    /// Reads `bytes` from the connection that was dialled.
    #[method]
    async fn read(&self, cx: &Context<'_>, bytes: u64) -> Result<u64, Fault> {
        let socket = self.socket.borrow().clone().ok_or_else(|| Fault::module(1, "not dialled"))?;
        let all = socket.receive_exact(cx, vec![0; bytes as usize], ..).await?;
        Ok(all.len() as u64)
    }
    #[method]
    async fn name(&self, cx: &Context<'_>, name: &str) -> Result<Vec<String>, Fault> {
        Ok(cx.look_up(name).await?.iter().map(|one| one.to_string()).collect())
    }
}

fn loopback(port: u16) -> Address {
    Address::Tcp(([127, 0, 0, 1], port).into())
}

async fn echo(cx: &Context<'_>, socket: &Socket) -> Result<(), Fault> {
    let mut buffer = vec![0; 1000];
    loop {
        let (came, back) = socket.receive(cx, buffer, ..).await?;
        if came == 0 {
            return socket.shutdown(cx).await;
        }
        buffer = socket.send_all(cx, back, ..came).await?;
    }
}

fn harbour() -> (Stage, harbour::Blocking) {
    let stage = Stage::of(&[Harbour::TABLE]);
    let harbour = harbour::Blocking::create(&stage.client(), "harbour").unwrap();
    (stage, harbour)
}

#[test]
fn a_module_serves_a_socket_and_calls_itself_over_it() {
    let (_stage, harbour) = harbour();
    let port = harbour.serve().unwrap();
    for text in ["ahoy", &"long ".repeat(10_000)] {
        assert_eq!(harbour.ask(port, text).unwrap(), text);
    }
    let mut outside = TcpStream::connect(("127.0.0.1", port)).unwrap();
    outside.write_all(b"from outside").unwrap();
    outside.shutdown(std::net::Shutdown::Write).unwrap();
    let mut back = String::new();
    outside.read_to_string(&mut back).unwrap();
    assert_eq!(back, "from outside");
}

#[test]
fn what_goes_wrong_on_a_connection_has_its_own_fault() {
    let (_stage, harbour) = harbour();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    harbour.dial(port).unwrap();
    let (mut far, _) = listener.accept().unwrap();
    let reading = harbour.pool().call(harbour::methods::read()).argument(&10u64).send();
    // A second reader, whichever of the two that is, is refused, the other goes on.
    let second = harbour.pool().call(harbour::methods::read()).argument(&10u64).send();
    let busy = second.wait().map(drop).unwrap_err();
    assert!(busy.is(Code::Busy), "{busy:?}");
    far.write_all(b"12345").unwrap();
    drop(far);
    let ended = reading.wait().map(drop).unwrap_err();
    assert!(ended.is(Code::Ended) && ended.message.contains("5 of 10"), "{ended:?}");
    drop(listener);
    assert!(harbour.dial(port).unwrap_err().is(Code::Disconnected));
    assert!(harbour.read(1).unwrap_err().is(Code::Ended), "a failed dial left the old connection");
}

#[test]
fn names_are_looked_up() {
    let (_stage, harbour) = harbour();
    let all = harbour.name("127.0.0.1:80").unwrap();
    assert_eq!(all, ["127.0.0.1:80"]);
    assert!(harbour.name("").unwrap_err().is(Code::BadArguments));
}
