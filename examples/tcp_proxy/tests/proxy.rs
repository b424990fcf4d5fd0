//! The proxy carries bytes both ways, ends what has ended, and delays when asked.
#![allow(clippy::disallowed_methods, reason = "the peers of the proxy are threads of the test")]

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::{Duration, Instant};
use windlass::tasks::{Address, TaskOptions, io::Listener, run};

/// Answers what it is sent, in capitals, and ends when its peer has ended.
fn shouts(listener: TcpListener, connections: usize) {
    for _ in 0..connections {
        let (mut stream, _) = listener.accept().unwrap();
        std::thread::spawn(move || {
            let mut all = Vec::new();
            stream.read_to_end(&mut all).unwrap();
            stream.write_all(&all.to_ascii_uppercase()).unwrap();
        });
    }
}

fn asks(proxy: std::net::SocketAddr, text: Vec<u8>) -> Vec<u8> {
    let mut stream = TcpStream::connect(proxy).unwrap();
    let mut reading = stream.try_clone().unwrap();
    let reads = std::thread::spawn(move || {
        let mut answer = Vec::new();
        reading.read_to_end(&mut answer).unwrap();
        answer
    });
    stream.write_all(&text).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    reads.join().unwrap()
}

/// Carries one connection for each text, all at once; answers what came back.
fn through(texts: Vec<Vec<u8>>, delay: Duration) -> Vec<Vec<u8>> {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = Address::Tcp(server.local_addr().unwrap());
    let count = texts.len();
    std::thread::spawn(move || shouts(server, count));
    let exit = run(move |cx| async move {
        let listener = Listener::announce(&cx.io(), Address::Tcp(([127, 0, 0, 1], 0).into())).await.unwrap();
        let Address::Tcp(proxy) = listener.local_address().await.unwrap() else { panic!("it listens on TCP") };
        let serve = windlass_example_tcp_proxy::serve(cx.clone(), listener, to, delay);
        cx.spawn_as(TaskOptions::new("proxy").system(), serve).unwrap().detach();
        let mut asked = Vec::new();
        for text in texts {
            let inner = cx.clone();
            let ask = async move { inner.blocking(move || asks(proxy, text)).await.unwrap() };
            asked.push(cx.spawn("ask", ask).unwrap());
        }
        let mut answers = Vec::new();
        for one in asked {
            answers.push(one.await.ok().unwrap());
        }
        answers
    });
    exit.unwrap().ok().unwrap()
}

#[test]
fn bytes_go_both_ways_and_an_end_is_passed_on() {
    let texts: Vec<Vec<u8>> = (0..5u8).map(|at| vec![b'a' + at; 1 + usize::from(at) * 300_000]).collect();
    let answers = through(texts.clone(), Duration::ZERO);
    for (text, answer) in texts.iter().zip(answers) {
        assert_eq!(answer.len(), text.len());
        assert!(answer.iter().all(|byte| *byte == text[0].to_ascii_uppercase()));
    }
}

#[test]
fn a_delay_is_kept_in_both_directions() {
    let began = Instant::now();
    let answers = through(vec![b"later".to_vec()], Duration::from_millis(20));
    assert_eq!(answers, [b"LATER"]);
    assert!(began.elapsed() >= Duration::from_millis(40));
}

#[test]
fn the_code_is_short() {
    let code = include_str!("../src/lib.rs").lines().filter(|line| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with("//") && !line.starts_with('}') && !line.starts_with("use ")
    });
    assert!(code.count() <= 30);
}
