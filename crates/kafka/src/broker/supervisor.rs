//! One thread that starts the broker, waits for its end, and starts it again.
//!
//! The thread is not a task of the runtime: the kernel ties the child's life to the thread that
//! forked it, and the runtime's threads come and go.

use std::process::{Child, ExitStatus};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::BrokerError;
use super::child;
use super::folder::Folder;

/// The pause before the first restart; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause before a restart.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// A broker that lived this long was well: the next restart comes after the first pause again.
const LONG_LIFE: Duration = Duration::from_secs(60);
/// How long a broker may take to stop before it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);
/// How often the thread looks at its child and at the shutdown.
const LOOK: Duration = Duration::from_millis(50);

/// The handle of the supervising thread.
#[derive(Debug)]
pub(super) struct Supervisor {
    state: std::sync::Arc<State>,
    stop: CancellationToken,
    ended: watch::Receiver<bool>,
}

#[derive(Debug)]
struct State {
    /// 0 while none runs.
    pid: AtomicU32,
    /// Set once the broker answered: from then on a death is followed by a restart.
    has_answered: AtomicBool,
}

impl Supervisor {
    /// Starts the thread; the receiver is told if the broker ends before it ever answered.
    pub(super) fn start(
        folder: Folder,
        shutdown: CancellationToken,
    ) -> Result<(Self, oneshot::Receiver<BrokerError>), BrokerError> {
        let state = std::sync::Arc::new(State {
            pid: AtomicU32::new(0),
            has_answered: AtomicBool::new(false),
        });
        let stop = shutdown.child_token();
        let (tell_ended, ended) = watch::channel(false);
        let (tell_died, died) = oneshot::channel();
        let thread = Thread { folder, state: state.clone(), stop: stop.clone() };
        let root = thread.folder.root.clone();
        thread::Builder::new()
            .name("kafka-supervisor".to_owned())
            .spawn(move || {
                if let Err(error) = thread.run() {
                    // Nobody listens any more when the start was given up.
                    drop(tell_died.send(error));
                }
                tell_ended.send_replace(true);
            })
            .map_err(|source| BrokerError::Folder {
                what: "start a thread for",
                path: root,
                source,
            })?;
        Ok((Self { state, stop, ended }, died))
    }

    pub(super) fn pid(&self) -> Option<u32> {
        Some(self.state.pid.load(Ordering::Acquire)).filter(|pid| *pid != 0)
    }

    pub(super) fn has_answered(&self) {
        self.state.has_answered.store(true, Ordering::Release);
    }

    pub(super) fn stop(&self) {
        self.stop.cancel();
    }

    pub(super) async fn ended(&self) {
        // An error means that the thread is gone, which is an end too.
        drop(self.ended.clone().wait_for(|ended| *ended).await);
    }
}

struct Thread {
    folder: Folder,
    state: std::sync::Arc<State>,
    stop: CancellationToken,
}

impl Thread {
    /// Runs until told to stop.
    ///
    /// # Errors
    /// When the first start failed.
    fn run(self) -> Result<(), BrokerError> {
        self.folder.format()?;
        let mut pause = FIRST_PAUSE;
        while !self.stop.is_cancelled() {
            let begun = Instant::now();
            let lived = self.live();
            let started_once = self.state.has_answered.load(Ordering::Acquire);
            let status = match lived {
                Ok(None) => return Ok(()),
                Ok(Some(status)) if started_once => status.to_string(),
                Ok(Some(status)) => {
                    return Err(BrokerError::Died {
                        status: status.to_string(),
                        log: self.folder.log(),
                    });
                }
                Err(error) if started_once => error.to_string(),
                Err(error) => return Err(error),
            };
            if begun.elapsed() >= LONG_LIFE {
                pause = FIRST_PAUSE;
            }
            let log = self.folder.log();
            warn!(%status, restart_in_ms = pause.as_millis(), log = %log.display(), "kafka died");
            self.pause(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        Ok(())
    }

    /// Lets one broker live; returns how it ended, or nothing when we stopped it.
    fn live(&self) -> Result<Option<ExitStatus>, BrokerError> {
        self.folder.write_settings()?;
        let failed = |source| BrokerError::Folder {
            what: "start kafka in",
            path: self.folder.root.clone(),
            source,
        };
        let log = self.folder.open_log().map_err(failed)?;
        let mut child = child::spawn(&self.folder, &["kafka.Kafka", "server.properties"], log)
            .map_err(failed)?;
        self.note_pid(child.id());
        let status = loop {
            match child.try_wait() {
                Ok(Some(status)) => break Some(status),
                Ok(None) if self.stop.is_cancelled() => {
                    end(&mut child);
                    break None;
                }
                Ok(None) => thread::sleep(LOOK),
                Err(error) => {
                    end(&mut child);
                    self.note_pid(0);
                    return Err(failed(error));
                }
            }
        };
        self.note_pid(0);
        Ok(status)
    }

    fn note_pid(&self, pid: u32) {
        self.state.pid.store(pid, Ordering::Release);
        self.folder.note_pid(Some(pid).filter(|pid| *pid != 0));
    }

    fn pause(&self, pause: Duration) {
        let until = Instant::now() + pause;
        while Instant::now() < until && !self.stop.is_cancelled() {
            thread::sleep(LOOK);
        }
    }
}

/// Asks the broker to stop, and kills it when it takes too long. Not reaped yet, its process id
/// cannot mean another process.
fn end(child: &mut Child) {
    let asked = i32::try_from(child.id())
        .ok()
        .and_then(Pid::from_raw)
        .map(|pid| kill_process(pid, Signal::TERM));
    let until = Instant::now() + STOP_TIMEOUT;
    while asked.is_some_and(|asked| asked.is_ok()) && Instant::now() < until {
        match child.try_wait() {
            Ok(Some(status)) => {
                info!(%status, "kafka stopped");
                return;
            }
            Ok(None) => thread::sleep(LOOK),
            Err(_) => break,
        }
    }
    warn!(after_s = STOP_TIMEOUT.as_secs(), "kafka did not stop and is killed");
    if child.kill().and_then(|()| child.wait()).is_err() {
        warn!("kafka could not be killed");
    }
}
