//! The background writer: training hands over numbers and pictures and goes on; a thread with its own connection
//! writes them in batches. Order is kept, so a state set through the writer never overtakes what was measured before.
//!
//! A failed batch is lost; its error is kept and returned by the next `flush`, `set_status` or `close`. Every run has
//! a writer of its own, so that one run's error does not reach another.

use std::path::Path;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvError, RecvTimeoutError, Sender, bounded};

use super::connect::{Link, Mode};
use super::error::StoreError;
use super::rows::{MetricPoint, Picture, Status};
use super::{record, write};

/// Messages that wait before the training thread does.
const QUEUE: usize = 4096;
/// Longest time a point waits to be written.
const DELAY: Duration = Duration::from_millis(200);
/// Points, and bytes of pictures, that make a batch full.
const POINTS: usize = 2000;
const BYTES: usize = 4 << 20;

/// Hands measurements to a background thread.
#[derive(Debug)]
pub struct Writer {
    queue: Option<Sender<Message>>,
    thread: Option<JoinHandle<Option<StoreError>>>,
}

/// What the thread is told.
enum Message {
    Metric(String, MetricPoint),
    Picture(String, Picture),
    Flush(Sender<Result<(), StoreError>>),
    Status(Change, Sender<Result<(), StoreError>>),
}

/// A change of state on its way.
struct Change {
    run: String,
    status: Status,
    time: String,
    error: String,
}

impl Writer {
    /// Starts the thread on the store in that file.
    pub(super) fn start(path: &Path) -> Result<Self, StoreError> {
        let link = Link::open(path, Mode::Existing)?;
        let (queue, inbox) = bounded(QUEUE);
        let thread = thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || serve(link, &inbox))
            .map_err(|error| StoreError::Writer {
                problem: error.to_string(),
            })?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
        })
    }

    /// Queues a point; waits only while the queue is full. Errors come with the next [`Writer::flush`].
    pub fn metric(&self, run_id: &str, point: MetricPoint) {
        self.send(Message::Metric(run_id.to_owned(), point));
    }

    /// Queues a picture, likewise.
    pub fn picture(&self, run_id: &str, picture: Picture) {
        self.send(Message::Picture(run_id.to_owned(), picture));
    }

    /// Waits until everything queued so far is committed.
    ///
    /// # Errors
    /// The first error since the last call.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.ask(Message::Flush)
    }

    /// Changes a run's state after everything queued so far is committed.
    ///
    /// # Errors
    /// The first error since the last call, in which case the state is as it was; call again to set it all the same.
    pub fn set_status(&self, run_id: &str, status: Status, time: &str, error: &str) -> Result<(), StoreError> {
        let change = Change {
            run: run_id.to_owned(),
            status,
            time: time.to_owned(),
            error: error.to_owned(),
        };
        self.ask(|reply| Message::Status(change, reply))
    }

    /// Writes what is queued and ends the thread.
    ///
    /// # Errors
    /// The first error since the last call.
    pub fn close(mut self) -> Result<(), StoreError> {
        self.end()
    }

    /// Queues a message. A thread that has gone is noticed by the next call that expects an answer.
    fn send(&self, message: Message) {
        let gone = self.queue.as_ref().is_none_or(|queue| queue.send(message).is_err());
        if gone {
            tracing::error!("the store's writer has stopped; a measurement is lost");
        }
    }

    fn ask(&self, message: impl FnOnce(Sender<Result<(), StoreError>>) -> Message) -> Result<(), StoreError> {
        let (reply, answer) = bounded(1);
        self.send(message(reply));
        answer.recv().unwrap_or_else(|_| Err(stopped()))
    }

    fn end(&mut self) -> Result<(), StoreError> {
        drop(self.queue.take());
        match self.thread.take().map(JoinHandle::join) {
            None | Some(Ok(None)) => Ok(()),
            Some(Ok(Some(error))) => Err(error),
            Some(Err(_)) => Err(stopped()),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            tracing::error!("measurements may be missing: {error}");
        }
    }
}

fn stopped() -> StoreError {
    StoreError::Writer {
        problem: "its thread ended early, see the log".to_owned(),
    }
}

/// What waits to be written, and the first error since someone asked.
struct Batch {
    link: Link,
    points: Vec<(String, MetricPoint)>,
    pictures: Vec<(String, Picture)>,
    bytes: usize,
    due: Option<Instant>,
    fault: Option<StoreError>,
}

/// The thread: collects until a batch is full or due, or someone asks. Ends when the writer is gone.
fn serve(link: Link, inbox: &Receiver<Message>) -> Option<StoreError> {
    let mut batch = Batch {
        link,
        points: Vec::new(),
        pictures: Vec::new(),
        bytes: 0,
        due: None,
        fault: None,
    };
    loop {
        let message = match batch.due {
            Some(due) => inbox.recv_deadline(due),
            None => inbox.recv().map_err(|RecvError| RecvTimeoutError::Disconnected),
        };
        match message {
            Ok(message) => batch.take(message),
            Err(RecvTimeoutError::Timeout) => batch.write(),
            Err(RecvTimeoutError::Disconnected) => {
                batch.write();
                return batch.fault;
            }
        }
    }
}

impl Batch {
    fn take(&mut self, message: Message) {
        match message {
            Message::Metric(run, point) => self.points.push((run, point)),
            Message::Picture(run, picture) => {
                self.bytes += picture.png.len();
                self.pictures.push((run, picture));
            }
            Message::Flush(reply) => {
                self.write();
                // One who no longer waits for the answer has no use for it.
                let _ = reply.send(self.fault.take().map_or(Ok(()), Err));
                return;
            }
            Message::Status(change, reply) => {
                self.write();
                let _ = reply.send(self.change(&change));
                return;
            }
        }
        self.due.get_or_insert_with(|| Instant::now() + DELAY);
        let overdue = self.due.is_some_and(|due| due <= Instant::now());
        if overdue || self.points.len() >= POINTS || self.bytes >= BYTES {
            self.write();
        }
    }

    fn change(&mut self, to: &Change) -> Result<(), StoreError> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        self.link
            .run(async |conn| write::set_status(conn, &to.run, to.status, &to.time, &to.error).await)
    }

    fn write(&mut self) {
        self.due = None;
        if self.points.is_empty() && self.pictures.is_empty() {
            return;
        }
        let (points, pictures) = (&self.points, &self.pictures);
        let done = self.link.run(async |conn| record::record(conn, points, pictures).await);
        if let Err(error) = done {
            self.fault.get_or_insert(error);
        }
        self.points.clear();
        self.pictures.clear();
        self.bytes = 0;
    }
}
