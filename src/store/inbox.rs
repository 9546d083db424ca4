//! Where training leaves what it measured and the writer's thread finds it: one list under one lock, taken away whole.
//! Leaving a number costs a look-up and a push; only a full inbox makes the caller wait, so that memory stays bounded.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::rows::{MetricPoint, Picture, ProtocolRow};
use super::scribe::Ask;

/// Numbers, and bytes of pictures, that make the thread write at once.
const BATCH: usize = 16_384;
const BATCH_BYTES: usize = 4 << 20;
/// Numbers, and bytes of pictures, at which the caller waits.
const FULL: usize = 131_072;
const FULL_BYTES: usize = 64 << 20;
/// Longest time that something waits to be written.
const DELAY: Duration = Duration::from_millis(200);

/// Something to be written, or to be done after all that was left before it.
pub(super) enum Item {
    /// A number: its curve's place among all curves of this writer, and the rest.
    Point(u32, Point),
    /// A picture, and its run.
    Picture(Box<(String, Picture)>),
    /// The protocol of a task, and its run.
    Protocol(Box<(String, ProtocolRow)>),
    /// A question that is answered.
    Ask(Box<Ask>),
}

/// A number without its name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Point {
    pub(super) step: i64,
    pub(super) epoch: f64,
    pub(super) value: f64,
}

/// Run and metric name of a curve.
pub(super) type CurveName = (String, String);

/// What the thread takes away.
#[derive(Default)]
pub(super) struct Load {
    /// In the order in which they were left.
    pub(super) items: Vec<Item>,
    /// Curves that were first named since, in the order of their places.
    pub(super) curves: Vec<CurveName>,
    /// Whether nothing will follow.
    pub(super) last: bool,
}

#[derive(Default)]
struct State {
    load: Load,
    bytes: usize,
    urgent: bool,
    gone: bool,
    places: HashMap<String, HashMap<String, u32>>,
    known: u32,
}

/// The inbox of one writer.
#[derive(Default)]
pub(super) struct Inbox {
    state: Mutex<State>,
    news: Condvar,
    room: Condvar,
}

impl Inbox {
    /// Leaves a number; false when nobody will write it.
    pub(super) fn point(&self, run: &str, point: MetricPoint) -> bool {
        let mut state = self.enter();
        let place = state.place(run, &point.name);
        let (step, epoch, value) = (point.step, point.epoch, point.value);
        self.push(state, Item::Point(place, Point { step, epoch, value }), 0)
    }

    /// Leaves a picture, likewise.
    pub(super) fn picture(&self, run: &str, picture: Picture) -> bool {
        let (state, bytes) = (self.enter(), picture.png.len());
        self.push(state, Item::Picture(Box::new((run.to_owned(), picture))), bytes)
    }

    /// Leaves the protocol of a task, likewise.
    pub(super) fn protocol(&self, run: &str, row: ProtocolRow) -> bool {
        let state = self.enter();
        self.push(state, Item::Protocol(Box::new((run.to_owned(), row))), 0)
    }

    /// Leaves a question, which is attended to at once.
    pub(super) fn ask(&self, ask: Ask) -> bool {
        let mut state = self.lock();
        state.urgent = true;
        self.push(state, Item::Ask(Box::new(ask)), 0)
    }

    /// Says that nothing will follow.
    pub(super) fn close(&self) {
        self.lock().load.last = true;
        self.news.notify_one();
    }

    /// Says that nobody takes anything away any more.
    pub(super) fn abandon(&self) {
        let mut state = self.lock();
        state.gone = true;
        // Whoever waits for an answer learns that there will be none.
        state.load = Load::default();
        drop(state);
        self.room.notify_all();
    }

    /// Waits until there is a batch, something waited long enough, someone asks, or it is `until`. Where `patient`, the
    /// first two are no reasons.
    pub(super) fn take(&self, until: Option<Instant>, patient: bool) -> Load {
        let mut state = self.lock();
        let mut due = None;
        while !state.urgent && !state.load.last && (patient || !state.is_batch()) {
            if !patient && !state.load.items.is_empty() {
                due.get_or_insert_with(|| Instant::now() + DELAY);
            }
            let Some(wake) = due.into_iter().chain(until).min() else {
                state = self.news.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = wake.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.news.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        (state.urgent, state.bytes) = (false, 0);
        let last = state.load.last;
        let load = std::mem::take(&mut state.load);
        state.load.last = last;
        drop(state);
        self.room.notify_all();
        load
    }

    /// The lock, once there is room.
    fn enter(&self) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        while !state.gone && (state.load.items.len() >= FULL || state.bytes >= FULL_BYTES) {
            state = self.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread is woken by the first item, which starts its patience, by a batch and by a question: seldom.
    fn push(&self, mut state: MutexGuard<'_, State>, item: Item, bytes: usize) -> bool {
        if state.gone {
            return false;
        }
        let before = state.is_batch();
        state.load.items.push(item);
        state.bytes += bytes;
        let wake = state.urgent || state.load.items.len() == 1 || (!before && state.is_batch());
        drop(state);
        if wake {
            self.news.notify_one();
        }
        true
    }
}

impl State {
    fn is_batch(&self) -> bool {
        self.load.items.len() >= BATCH || self.bytes >= BATCH_BYTES
    }

    /// The place of a curve; names are kept once.
    fn place(&mut self, run: &str, name: &str) -> u32 {
        if let Some(place) = self.places.get(run).and_then(|curves| curves.get(name)) {
            return *place;
        }
        let place = self.known;
        self.known += 1;
        let curves = self.places.entry(run.to_owned()).or_default();
        curves.insert(name.to_owned(), place);
        self.load.curves.push((run.to_owned(), name.to_owned()));
        place
    }
}
