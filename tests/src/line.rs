//! A line to the bus that breaks once, just when the bus has answered and the client has not heard.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use anyhow::Result;

/// How many bytes of answers are lost before the line breaks: some receipts.
const LOST_BYTES: usize = 2048;

/// A line that passes everything on, and breaks once.
#[derive(Debug)]
pub struct Line {
    address: String,
    has_broken: Arc<AtomicBool>,
}

impl Line {
    /// Lays a line to a bus. It goes deaf on the first connection on which a client has sent so
    /// many bytes: what the bus answers then is lost. When some of it is, that connection breaks.
    ///
    /// # Errors
    /// When there is no free port.
    pub fn breaking_after(bytes: usize, target: &str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let line = Self { address: listener.local_addr()?.to_string(), has_broken: Arc::default() };
        let (target, has_broken) = (target.to_owned(), Arc::clone(&line.has_broken));
        // It ends with the test's process.
        thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                if let Ok(bus) = TcpStream::connect(&target) {
                    Passage { client, bus, sent: AtomicUsize::new(0) }.open(bytes, &has_broken);
                }
            }
        });
        Ok(line)
    }

    /// Returns where it begins, as a client takes it: host and port.
    pub fn target(&self) -> &str {
        &self.address
    }

    /// Tells whether it broke.
    pub fn has_broken(&self) -> bool {
        self.has_broken.load(Ordering::SeqCst)
    }
}

/// One connection through the line.
struct Passage {
    client: TcpStream,
    bus: TcpStream,
    /// How many bytes the client has sent.
    sent: AtomicUsize,
}

impl Passage {
    fn open(self, deaf_after: usize, has_broken: &Arc<AtomicBool>) {
        let up = Arc::new(self);
        let (down, has_broken) = (Arc::clone(&up), Arc::clone(has_broken));
        thread::spawn(move || {
            up.pass(&up.client, &up.bus, |count| {
                up.sent.fetch_add(count, Ordering::SeqCst);
                true
            });
        });
        thread::spawn(move || {
            let mut lost = 0;
            down.pass(&down.bus, &down.client, |count| {
                let deaf = down.sent.load(Ordering::SeqCst) >= deaf_after;
                if !deaf || has_broken.load(Ordering::SeqCst) {
                    return true;
                }
                lost += count;
                if lost >= LOST_BYTES {
                    has_broken.store(true, Ordering::SeqCst);
                    down.close();
                }
                false
            });
        });
    }

    /// Passes bytes on, those for which `passes` says so, until either side ends.
    fn pass(
        &self,
        mut from: &TcpStream,
        mut to: &TcpStream,
        mut passes: impl FnMut(usize) -> bool,
    ) {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            let Some(bytes) = buffer.get(..count).filter(|_| passes(count)) else { continue };
            if to.write_all(bytes).is_err() {
                break;
            }
        }
        self.close();
    }

    fn close(&self) {
        self.client.shutdown(Shutdown::Both).ok();
        self.bus.shutdown(Shutdown::Both).ok();
    }
}
