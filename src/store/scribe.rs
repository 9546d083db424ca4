//! The writer's thread: takes what training left in the inbox, writes it in batches, answers questions, and beats for the
//! lease it holds. What the disk refuses it keeps and tries again; what the store refuses it drops and reports.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use sqlx::sqlite::SqliteConnection;

use super::connect::Link;
use super::error::StoreError;
use super::inbox::{Inbox, Item, Load};
use super::judged;
use super::lease;
use super::record::{self, Curve};
use super::rows::{CheckpointRow, Picture, ProtocolRow};
use super::turn::alone;
use super::write::{self, Entry};
use super::writer::Holder;

/// Time between two attempts to write what the disk refused.
const RETRY: Duration = Duration::from_secs(1);
/// Numbers that are kept while it refuses.
const KEPT: usize = 2_000_000;

/// Something to be done in turn, and where the answer goes.
pub(super) struct Ask {
    pub(super) act: Act,
    pub(super) reply: SyncSender<Result<(), StoreError>>,
}

/// What is to be done after all that was said before is written.
pub(super) enum Act {
    /// No more than that.
    Nothing,
    /// Enter a state.
    Enter(Entry),
    /// Drop what is still to be written and enter a state.
    GiveUp(Entry),
    /// Replace the warnings of a run.
    Warnings(String, Json),
    /// Of a run, note a checkpoint and forget others.
    Checkpoint(String, Option<CheckpointRow>, Vec<String>),
}

/// The thread's own.
pub(super) struct Scribe {
    link: Link,
    holder: Option<Holder>,
    inbox: Arc<Inbox>,
    lost: Arc<AtomicBool>,
    curves: Vec<Curve>,
    pictures: Vec<(String, Picture)>,
    protocols: Vec<(String, ProtocolRow)>,
    /// What went wrong since someone asked.
    fault: Option<StoreError>,
    /// When to try again what the disk refused.
    retry: Option<Instant>,
    /// When to beat.
    beat: Option<Instant>,
}

impl Drop for Scribe {
    fn drop(&mut self) {
        self.inbox.abandon();
    }
}

impl Scribe {
    pub(super) fn new(link: Link, holder: Option<Holder>, inbox: Arc<Inbox>, lost: Arc<AtomicBool>) -> Self {
        let beat = holder.as_ref().map(|holder| Instant::now() + holder.pause);
        Self {
            link,
            holder,
            inbox,
            lost,
            curves: Vec::new(),
            pictures: Vec::new(),
            protocols: Vec::new(),
            fault: None,
            retry: None,
            beat,
        }
    }

    /// Works until the writer is closed; what went wrong since someone asked.
    pub(super) fn serve(mut self) -> Option<StoreError> {
        loop {
            let wake = self.beat.into_iter().chain(self.retry).min();
            let Load { items, curves, last } = self.inbox.take(wake, self.retry.is_some());
            self.curves.extend(curves.into_iter().map(Curve::new));
            for item in items {
                self.note(item);
            }
            self.write();
            if last {
                return self.told();
            }
            if self.beat.is_some_and(|due| due <= Instant::now()) {
                self.beat_alone();
            }
        }
    }

    fn note(&mut self, item: Item) {
        match item {
            Item::Point(place, point) => self.curves[place as usize].push(point),
            Item::Picture(picture) => self.pictures.push(*picture),
            Item::Protocol(row) => self.protocols.push(*row),
            Item::Ask(ask) => {
                match ask.act {
                    Act::GiveUp(_) => self.drop_all(),
                    _ => self.write(),
                }
                let answer = self.told().map_or(Ok(()), Err).and_then(|()| self.act(&ask.act));
                // One who no longer waits for the answer has no use for it.
                let _ = ask.reply.send(answer);
            }
        }
    }

    /// What went wrong since someone asked; a run that was taken over stays so.
    fn told(&mut self) -> Option<StoreError> {
        if self.lost.load(Ordering::Relaxed) {
            let run = self
                .holder
                .as_ref()
                .map_or_else(String::new, |holder| holder.lease.run.clone());
            return Some(StoreError::Fenced { run });
        }
        self.fault.take()
    }

    fn act(&mut self, act: &Act) -> Result<(), StoreError> {
        // What follows a flush, a checkpoint say, must not be a fenced holder's: so it looks, even with nothing to write.
        if matches!(act, Act::Nothing) && self.holder.is_none() {
            return Ok(());
        }
        let over = matches!(act, Act::Enter(to) | Act::GiveUp(to) if to.status.is_over());
        let done = self.transact(!over, async |conn| match act {
            Act::Nothing => Ok(()),
            Act::Enter(to) | Act::GiveUp(to) => write::enter(conn, to).await,
            Act::Warnings(run, warnings) => write::set_warnings(conn, run, warnings).await,
            Act::Checkpoint(run, written, gone) => {
                for path in gone {
                    write::remove_checkpoint(&mut *conn, run, path).await?;
                }
                match written {
                    Some(row) => write::add_checkpoint(conn, run, row).await,
                    None => Ok(()),
                }
            }
        });
        if over && done.is_ok() {
            self.beat = None;
        }
        done
    }

    /// Drops what is still to be written, and what went wrong with it.
    fn drop_all(&mut self) {
        self.clear();
        (self.fault, self.retry) = (None, None);
    }

    /// Work within a transaction that begins with a beat, so that a holder who was fenced out writes nothing.
    fn transact(
        &mut self,
        held: bool,
        work: impl AsyncFnOnce(&mut SqliteConnection) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let holder = self.holder.as_ref();
        let done = self.link.run(async |conn| {
            alone(conn, async |tx| {
                if let Some(holder) = holder {
                    lease::beat(&mut *tx, &holder.lease, (holder.now_ms)(), held).await?;
                }
                work(tx).await
            })
            .await
        });
        match &done {
            Ok(()) if self.beat.is_some() => self.beat = holder.map(|holder| Instant::now() + holder.pause),
            Err(StoreError::Fenced { .. }) => {
                self.lost.store(true, Ordering::Relaxed);
                self.beat = None;
            }
            _ => {}
        }
        done
    }

    /// A sign of life without anything to write.
    fn beat_alone(&mut self) {
        if let Err(error) = self.transact(true, async |_| Ok(())) {
            tracing::warn!("no sign of life was given: {error}");
            if self.beat.is_some() {
                self.beat = Some(Instant::now() + RETRY);
            }
        }
    }

    /// Writes what is there.
    fn write(&mut self) {
        self.retry = None;
        if self.lost.load(Ordering::Relaxed) {
            self.clear();
        }
        if self.pictures.is_empty() && self.protocols.is_empty() && self.curves.iter().all(Curve::is_empty) {
            return;
        }
        let (mut curves, pictures) = (std::mem::take(&mut self.curves), std::mem::take(&mut self.pictures));
        let protocols = std::mem::take(&mut self.protocols);
        let done = self.transact(true, async |tx| {
            record::record(&mut *tx, &mut curves, &pictures).await?;
            for (run, row) in &protocols {
                judged::set_protocol(&mut *tx, run, row).await?;
            }
            Ok(())
        });
        (self.curves, self.pictures, self.protocols) = (curves, pictures, protocols);
        match done {
            Err(error) if error.is_passing() && self.waiting() < KEPT => {
                self.keep(error);
                return;
            }
            Err(error @ StoreError::Fenced { .. }) => tracing::error!("{error}"),
            // That the disk refused for a while is past.
            Ok(()) if self.fault.as_ref().is_some_and(StoreError::is_passing) => self.fault = None,
            Ok(()) => {}
            Err(error) => {
                self.fault.get_or_insert(error);
            }
        }
        self.clear();
    }

    fn clear(&mut self) {
        self.curves.iter_mut().for_each(Curve::clear);
        self.pictures.clear();
        self.protocols.clear();
    }

    /// Tries again later.
    fn keep(&mut self, error: StoreError) {
        if self.fault.is_none() {
            tracing::warn!("{error}; what was measured is kept and written later");
        }
        self.fault.get_or_insert(error);
        self.retry = Some(Instant::now() + RETRY);
    }

    fn waiting(&self) -> usize {
        self.curves.iter().map(Curve::len).sum::<usize>()
            + self.pictures.iter().map(|(_, p)| p.png.len() / 64).sum::<usize>()
    }
}
