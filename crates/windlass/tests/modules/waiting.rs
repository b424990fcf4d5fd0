//! A module whose calls wait for each other: a lock, a latch and a pool of buffers stand in its state.

use windlass::prelude::*;
use windlass::wait::{GetError, Latch, Marks, Pool, PoolError, QLock};

/// Letters that are written line by line, in envelopes of which there are two.
pub struct Desk {
    written: QLock<Vec<String>>,
    envelopes: Pool<Box<[u8]>>,
    open: Latch,
}

fn refused(why: PoolError<Box<[u8]>>) -> Fault {
    Fault::new(Code::NoMemory, why.to_string())
}

#[module(export = false)]
impl Desk {
    #[create]
    fn create() -> Result<Self, Fault> {
        let envelopes = Pool::bytes(Marks::fixed(2), 64).map_err(refused)?;
        Ok(Self { written: QLock::default(), envelopes, open: Latch::new(1) })
    }

    /// Writes a letter; other calls run between its lines and write none of theirs.
    #[method]
    async fn write(&self, cx: &Context, lines: Vec<String>) -> Result<u64, Fault> {
        let mut written = cx.wait(self.written.lock()).await??;
        for line in lines {
            written.push(line);
            cx.sleep(std::time::Duration::from_micros(200)).await?;
        }
        Ok(written.len() as u64)
    }

    /// What was written.
    #[method]
    async fn read(&self) -> Result<Vec<String>, Fault> {
        Ok(self.written.lock().await?.clone())
    }

    /// Takes an envelope and keeps it until the desk is open; answers what is in it.
    #[method]
    async fn seal(&self, byte: u8) -> Result<Vec<u8>, Fault> {
        let mut envelope = self.envelopes.get_zeroed().await.map_err(|why| match why {
            GetError::Refused(why) => why.into(),
            GetError::Closed | GetError::Maker(_) => Fault::module(1, why.to_string()),
        })?;
        envelope[0] = byte;
        self.open.wait().await?;
        Ok(envelope[..2].to_vec())
    }

    /// How many envelopes are in use, and how many calls wait for one.
    #[method]
    fn envelopes(&self) -> (u64, u64) {
        let stats = self.envelopes.stats();
        (stats.issued as u64, stats.waiting as u64)
    }

    /// Opens the desk.
    #[method]
    fn open(&self) {
        self.open.arrive();
    }

    /// Closes the envelopes and waits until all have come back.
    #[method]
    async fn close(&self) -> Result<(), Fault> {
        Ok(self.envelopes.close().await?)
    }
}
