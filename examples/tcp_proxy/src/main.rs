//! `tcp_proxy LISTEN TO [DELAY_MS]`: `tcp_proxy 127.0.0.1:8080 127.0.0.1:80 20`.

use std::error::Error;
use std::time::Duration;
use windlass::tasks::{Address, Exit, io::Listener, run};

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [listen, to, delay @ ..] = words.as_slice() else {
        return Err("usage: tcp_proxy LISTEN TO [DELAY_MS]".into());
    };
    let (listen, to) = (Address::Tcp(listen.parse()?), Address::Tcp(to.parse()?));
    let delay = Duration::from_millis(delay.first().map_or(Ok(0), |word| word.parse())?);
    let ended = run(|cx| async move {
        match Listener::announce(&cx.io(), listen).await {
            Ok(listener) => windlass_example_tcp_proxy::serve(cx, listener, to, delay).await,
            Err(error) => error,
        }
    })?;
    match ended {
        Exit::Ok(error) => Err(error.into()),
        exit => Err(format!("the proxy ended: {exit:?}").into()),
    }
}
