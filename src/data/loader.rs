//! Batches of network input from background threads. A batch is a function of (set, configuration, seed, epoch,
//! number): threads take turns and each has its own bounded queue, so that order, content and memory do not depend on
//! their speed or count. Unreadable pictures are left out of their batch; a batch left empty is passed over.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use rand::{Rng, RngExt};

use super::{Augment, DataError, ImageSet, Least, Normalise, Picture, Regions, Split, Transformer, View, random_crop};
use crate::seed::{self, Purpose};
use crate::spec::TrialSpec;
use crate::spec::trial::{DataSpec, ImgSize};

/// Finished batches that wait, per thread.
const QUEUE: usize = 2;

/// What batches are made of.
#[derive(Debug, Clone)]
pub struct LoaderConfig {
    /// Input size.
    pub size: ImgSize,
    /// 1 (grey) or 3 (RGB).
    pub channels: usize,
    /// Augmentation and normalisation; its `workers` is not read.
    pub data: DataSpec,
    /// Pictures per batch; 0 counts as 1.
    pub batch_size: usize,
    /// Decoding threads; 0 decodes on the caller's thread.
    pub workers: usize,
    /// Marked regions of the set's pictures, for masks that follow them.
    pub regions: Option<Arc<Regions>>,
    /// What is done to training pictures beyond crop and flip. Marked regions do not follow it.
    pub augment: Option<Augment>,
}

impl LoaderConfig {
    /// Batches for a trial's model, of its `[data]`, without marked regions.
    #[must_use]
    pub fn of(trial: &TrialSpec, batch_size: usize) -> Self {
        Self {
            size: trial.model.img_size,
            channels: trial.model.in_chans,
            data: trial.data.clone(),
            batch_size,
            workers: trial.data.workers,
            regions: None,
            augment: None,
        }
    }

    /// The same with marked regions, where there are any.
    #[must_use]
    pub fn with_regions(self, regions: Option<Arc<Regions>>) -> Self {
        Self { regions, ..self }
    }
}

/// One batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Normalised samples, `[N, C, H, W]`.
    pub images: Vec<f32>,
    /// `N`: readable pictures in this batch; at least 1.
    pub len: usize,
    /// Index of each picture in its split.
    pub indices: Vec<usize>,
    /// Class of each picture.
    pub labels: Vec<Option<usize>>,
    /// Share of each patch that is marked, `[N, L]`; empty where the configuration has no regions.
    pub regions: Vec<f32>,
    /// Number of the batch in its epoch, from 0; unreadable pictures do not shift it.
    pub number: usize,
}

/// Training batches in an epoch of `len` pictures: whole ones only, but one smaller batch if there is no whole one.
#[must_use]
pub fn steps_per_epoch(len: usize, batch_size: usize) -> usize {
    if len == 0 { 0 } else { (len / batch_size.max(1)).max(1) }
}

/// The batches of one training epoch from number `start_batch` on: shuffled, cropped and flipped as `seed` and `epoch`
/// say. The last incomplete batch is dropped, unless it is the only one.
#[must_use]
pub fn train_batches(set: &Arc<ImageSet>, cfg: LoaderConfig, seed: u64, epoch: u64, start_batch: usize) -> Batches {
    let len = set.len(Split::Train);
    let mut rng = seed::rng(seed, Purpose::Order, epoch, 0);
    let mut keyed: Vec<(u64, usize)> = (0..len).map(|i| (rng.next_u64(), i)).collect();
    keyed.sort_unstable();
    let order = keyed.into_iter().map(|(_, i)| i).collect();
    let count = steps_per_epoch(len, cfg.batch_size);
    Batches::start(
        Job::new(set, cfg, Split::Train, order, Some((seed, epoch))),
        start_batch,
        count,
    )
}

/// All pictures of a split in order, without augmentation; the last batch may be smaller.
#[must_use]
pub fn eval_batches(set: &Arc<ImageSet>, cfg: LoaderConfig, split: Split) -> Batches {
    let len = set.len(split);
    let count = len.div_ceil(cfg.batch_size.max(1));
    Batches::start(Job::new(set, cfg, split, (0..len).collect(), None), 0, count)
}

/// What every thread needs to know.
struct Job {
    set: Arc<ImageSet>,
    cfg: LoaderConfig,
    split: Split,
    order: Vec<usize>,
    /// Seed and epoch when pictures are augmented.
    augment: Option<(u64, u64)>,
    stop: AtomicBool,
}

impl Job {
    fn new(
        set: &Arc<ImageSet>,
        mut cfg: LoaderConfig,
        split: Split,
        order: Vec<usize>,
        augment: Option<(u64, u64)>,
    ) -> Self {
        cfg.batch_size = cfg.batch_size.max(1);
        Self {
            set: Arc::clone(set),
            cfg,
            split,
            order,
            augment,
            stop: AtomicBool::new(false),
        }
    }

    fn transformer(&self) -> Result<Transformer, DataError> {
        if self.set.least() != Least::new(self.cfg.size, &self.cfg.data) {
            return Err(DataError::OtherInput(self.cfg.size));
        }
        Ok(Transformer::new(
            self.cfg.size,
            Normalise::new(self.cfg.channels, &self.cfg.data)?,
        ))
    }

    /// Batch `number`; cut short when the job is stopped, because nobody will see it then.
    fn batch(&self, number: usize, transformer: &mut Transformer) -> Batch {
        let size = self.cfg.batch_size;
        let wanted = &self.order[number * size..self.order.len().min((number + 1) * size)];
        let values = wanted.len() * self.cfg.channels * self.cfg.size.height * self.cfg.size.width;
        let mut batch = Batch {
            images: Vec::with_capacity(values),
            len: 0,
            indices: Vec::new(),
            labels: Vec::new(),
            regions: Vec::new(),
            number,
        };
        for &index in wanted.iter().take_while(|_| !self.stop.load(Ordering::Relaxed)) {
            self.push(index, transformer, &mut batch);
        }
        batch
    }

    fn push(&self, index: usize, transformer: &mut Transformer, batch: &mut Batch) {
        let Some(picture) = self.set.picture(self.split, index) else {
            return;
        };
        let before = batch.images.len();
        let view = self.append(index, &picture, transformer, &mut batch.images);
        let shares = |regions: &Arc<Regions>| regions.shares(self.split, index, &view);
        match self.cfg.regions.as_ref().map(shares).transpose() {
            Ok(shares) => batch.regions.extend(shares.into_iter().flatten()),
            Err(why) => {
                batch.images.truncate(before);
                return self.set.skip(self.split, index, why);
            }
        }
        batch.len += 1;
        batch.indices.push(index);
        batch.labels.push(self.set.label(self.split, index));
    }

    /// Appends the pixels of a picture, and returns what they show of it.
    fn append(&self, index: usize, picture: &Picture, transformer: &mut Transformer, out: &mut Vec<f32>) -> View {
        let Some((seed, epoch)) = self.augment else {
            transformer.eval(picture, out);
            return transformer.eval_view(picture);
        };
        let data = &self.cfg.data;
        let mut rng = seed::rng(seed, Purpose::Augment, epoch, index as u64);
        let crop = random_crop(
            &mut rng,
            picture.height,
            picture.width,
            data.crop_scale,
            data.crop_aspect,
        );
        let flip = rng.random::<f64>() < data.hflip;
        match self.cfg.augment {
            None => transformer.train(picture, crop, flip, out),
            Some(augment) => transformer.augmented(picture, crop, flip, (augment, &mut rng), out),
        }
        crop.view(picture.height, picture.width, flip)
    }
}

/// Batches in order. Dropping it stops its threads after the picture each is at.
pub struct Batches {
    job: Arc<Job>,
    source: Source,
    start: usize,
    next: usize,
    count: usize,
    pictures: usize,
}

/// Where the next batch comes from.
enum Source {
    Inline(Box<Transformer>),
    Threads(Vec<Receiver<Batch>>, Vec<JoinHandle<()>>),
    Failed(Option<DataError>),
}

impl Batches {
    fn start(job: Job, start: usize, count: usize) -> Self {
        let job = Arc::new(job);
        let threads = job.cfg.workers.min(count.saturating_sub(start));
        let source = match job.transformer() {
            Err(error) => Source::Failed(Some(error)),
            Ok(transformer) if threads == 0 => Source::Inline(Box::new(transformer)),
            Ok(_) => spawn(&job, threads, start, count),
        };
        Self {
            job,
            source,
            start,
            next: start,
            count,
            pictures: 0,
        }
    }

    fn take(&mut self, number: usize) -> Result<Batch, DataError> {
        match &mut self.source {
            Source::Inline(transformer) => Ok(self.job.batch(number, transformer)),
            Source::Threads(queues, _) => {
                let turn = (number - self.start) % queues.len();
                queues[turn].recv().map_err(|_| DataError::WorkerDied)
            }
            Source::Failed(error) => Err(error.take().unwrap_or(DataError::WorkerDied)),
        }
    }
}

impl Iterator for Batches {
    type Item = Result<Batch, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.next < self.count {
            let number = self.next;
            self.next += 1;
            match self.take(number) {
                Ok(batch) if batch.len == 0 => {}
                Ok(batch) => {
                    self.pictures += batch.len;
                    return Some(Ok(batch));
                }
                Err(error) => {
                    self.next = self.count;
                    self.pictures = 1;
                    return Some(Err(error));
                }
            }
        }
        // A whole pass without one picture; after a resumption the pictures before the start were not tried.
        if self.start == 0 && self.count > 0 && self.pictures == 0 {
            self.pictures = 1;
            return Some(Err(self.job.set.all_unreadable(self.job.split)));
        }
        None
    }
}

impl Drop for Batches {
    fn drop(&mut self) {
        self.job.stop.store(true, Ordering::Relaxed);
        if let Source::Threads(queues, threads) = &mut self.source {
            queues.clear();
            for thread in threads.drain(..) {
                // A thread that panicked has said so; the reader got `WorkerDied`.
                let _ = thread.join();
            }
        }
    }
}

/// Thread `t` of `n` makes the batches `start + t`, `start + t + n`, …
fn spawn(job: &Arc<Job>, threads: usize, start: usize, count: usize) -> Source {
    let (mut queues, mut handles) = (Vec::new(), Vec::new());
    for turn in 0..threads {
        let (sender, receiver) = sync_channel(QUEUE);
        let numbers = (start + turn..count).step_by(threads);
        let job = Arc::clone(job);
        let spawned = std::thread::Builder::new()
            .name(format!("decode-{turn}"))
            .spawn(move || work(&job, numbers, &sender));
        match spawned {
            Ok(handle) => handles.push(handle),
            Err(e) => return Source::Failed(Some(DataError::NoThread(e))),
        }
        queues.push(receiver);
    }
    Source::Threads(queues, handles)
}

fn work(job: &Job, numbers: impl Iterator<Item = usize>, sender: &SyncSender<Batch>) {
    let Ok(mut transformer) = job.transformer() else { return };
    for number in numbers {
        let batch = job.batch(number, &mut transformer);
        if job.stop.load(Ordering::Relaxed) || sender.send(batch).is_err() {
            return;
        }
    }
}
