//! Diary: lines that are kept in a file, and told over a socket. Chapter 7: files, sockets, waiting, spawning.
//!
//! Holds: a line that was answered with its place is on the disk; lines never overlap, however many come at once.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use windlass::Address;
use windlass::prelude::*;

/// State of a container: a task that tells the diary has a share in it, so it stands behind `Rc`.
pub struct Diary {
    pages: Rc<Pages>,
    teller: RefCell<Option<Task<u64>>>,
}

struct Pages {
    file: File,
    /// Where the next line goes.
    end: Cell<u64>,
}

/// Keeps lines in a file.
#[module(export = false)]
impl Diary {
    /// Opens the file at `path`, or makes it. Errors: `InUse` when another has it open as a diary.
    #[create]
    async fn create(cx: &Context<'_>, path: String) -> Result<Self, Fault> {
        let file = cx.open(path, OpenHow::read().write().create().exclusive()).await?;
        let end = Cell::new(file.length(cx).await?);
        Ok(Self { pages: Rc::new(Pages { file, end }), teller: RefCell::default() })
    }

    /// Adds a line, and answers where it begins once it is on the disk.
    #[method]
    async fn add(&self, cx: &Context<'_>, line: &str) -> Result<u64, Fault> {
        let bytes = format!("{line}\n").into_bytes();
        let at = self.pages.end.get();
        // Before the first wait: the next call begins behind this line.
        self.pages.end.set(at + bytes.len() as u64);
        cx.shield(async |cx| {
            self.pages.file.write_all_at(&cx, at, bytes, ..).await?;
            self.pages.file.sync_data(&cx).await
        })
        .await?;
        Ok(at)
    }

    /// Reads from byte `at` on, straight into the caller's own memory.
    #[method(idempotent)]
    async fn read(&self, cx: &Context<'_>, at: u64, mut out: Out<SharedBytes>) -> Result<(), Fault> {
        let (came, _) = self.pages.file.read_at(cx, at, &out, ..).await?;
        out.set_len(came);
        Ok(())
    }

    /// Begins to tell the whole diary to whoever connects on loopback; answers the port.
    #[method]
    async fn tell(&self, cx: &Context<'_>) -> Result<u16, Fault> {
        let listener = cx.announce(Address::Tcp(([127, 0, 0, 1], 0).into())).await?;
        let Address::Tcp(at) = listener.local_address(cx).await? else {
            return Err(Fault::new(Code::Internal, "it listens at no internet address"));
        };
        let pages = self.pages.clone();
        let task = cx.spawn(Spawn::named("teller").background(), async move |cx| {
            let mut told = 0;
            while let Ok(socket) = listener.accept(&cx).await {
                // Who has begun to listen hears the end.
                let heard = cx.shield(async |cx| tell_one(&cx, &pages, &socket).await).await;
                told += u64::from(heard.is_ok());
            }
            told
        })?;
        *self.teller.borrow_mut() = Some(task);
        Ok(at.port())
    }

    /// Ends that, and answers how many were told.
    #[method]
    async fn hush(&self, cx: &Context<'_>) -> Result<u64, Fault> {
        let task = self.teller.borrow_mut().take();
        let Some(mut task) = task else { return Ok(0) };
        task.cancel();
        task.join(cx).await
    }
}

/// Sends the diary as it is now.
async fn tell_one(cx: &Context<'_>, pages: &Pages, socket: &Socket) -> Result<(), Fault> {
    let (mut at, mut buffer) = (0, vec![0; 16 << 10]);
    loop {
        let (came, back) = pages.file.read_at(cx, at, buffer, ..).await?;
        if came == 0 {
            return socket.shutdown(cx).await;
        }
        buffer = socket.send_all(cx, back, ..came).await?;
        at += came as u64;
    }
}
