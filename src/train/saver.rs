//! Checkpoints written on a thread of their own while training goes on, one at a time and in order.
//!
//! Model and optimiser are handed over as handles to the same buffers: the next step finds them shared and writes to new ones,
//! so what is saved is the moment of the call. A writing that failed is told at the next call.

use std::thread::JoinHandle;

use super::TrainError;
use super::checkpoint::Contents;
use super::events::Written;
use super::shelf::Shelf;

type Outcome = Result<Written, TrainError>;

/// Writes the checkpoints of one run.
pub(super) struct Saver {
    checkpoints: Shelf,
    under_way: Option<JoinHandle<Outcome>>,
}

impl Saver {
    pub(super) fn new(checkpoints: Shelf) -> Self {
        Self {
            checkpoints,
            under_way: None,
        }
    }

    /// Begins to write a checkpoint; waits for the one before it, if that is still being written, and returns it.
    ///
    /// # Errors
    /// When the one before could not be written, or no thread can be had.
    pub(super) fn begin(&mut self, contents: Contents) -> Result<Option<Written>, TrainError> {
        let before = self.finish()?;
        let checkpoints = self.checkpoints.clone();
        let thread = std::thread::Builder::new().name("checkpoint".into());
        let spawned = thread.spawn(move || checkpoints.save(&contents));
        self.under_way = Some(spawned.map_err(|error| self.checkpoints.failed(&error))?);
        Ok(before)
    }

    /// The checkpoint that has been written since the last call, if one has; does not wait.
    ///
    /// # Errors
    /// When it could not be written.
    pub(super) fn written(&mut self) -> Result<Option<Written>, TrainError> {
        if self.under_way.as_ref().is_some_and(JoinHandle::is_finished) {
            return self.finish();
        }
        Ok(None)
    }

    /// Waits for the checkpoint under way and returns it, if there is one.
    ///
    /// # Errors
    /// When it could not be written.
    pub(super) fn finish(&mut self) -> Result<Option<Written>, TrainError> {
        let Some(thread) = self.under_way.take() else {
            return Ok(None);
        };
        let ended = thread.join();
        ended
            .unwrap_or_else(|_| Err(self.checkpoints.failed(&"the thread that wrote it panicked")))
            .map(Some)
    }
}

impl Drop for Saver {
    /// No half-written folder stays behind when training ends by an error.
    fn drop(&mut self) {
        if let Some(thread) = self.under_way.take() {
            // Nobody is left to be told.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::module::Module;
    use mae_strategies::Registry;

    use super::*;
    use crate::model::batch::{Views, When, draw_masks, images};
    use crate::model::device::{compiled, resolve};
    use crate::model::{Mae, names};
    use crate::seed::Purpose;
    use crate::spec::{Request, TrialSpec, load};
    use crate::train::Cursor;
    use crate::train::bench::noise;
    use crate::train::checkpoint::{load_model, load_optimiser};
    use crate::train::optimiser::optimiser;
    use crate::train::shelf::Keep;
    use crate::train::step::Learner;

    fn spec() -> TrialSpec {
        let sets = ["train.batch_size=2", "model.encoder_depth=1", "model.decoder_depth=1"];
        let request = Request {
            inputs: vec!["model/nano".into()],
            sets: sets.map(String::from).into(),
            env: Vec::new(),
        };
        let mut experiment = load(&request, &Registry::builtin()).unwrap();
        experiment.trials.remove(0).spec
    }

    fn steps(learner: &mut Learner, spec: &TrialSpec, device: &burn::tensor::Device, count: usize) {
        let registry = Registry::builtin();
        let plan = registry
            .plan("random", spec.model.grid(), 0.75, Default::default())
            .unwrap();
        for step in 0..count {
            let batch = noise(spec);
            let when = When {
                seed: 0,
                purpose: Purpose::Mask,
                epoch: step as u64,
                progress: 0.0,
            };
            let masks = draw_masks(&plan, when, &batch.indices, &Views::default()).unwrap();
            let size = spec.model.img_size;
            let pixels = images(
                batch.images,
                [batch.len, spec.model.in_chans, size.height, size.width],
                device,
            );
            learner.step(pixels, &masks, 1e-2);
        }
    }

    fn contents(learner: &Learner, spec: &TrialSpec) -> Contents {
        Contents {
            student: learner.student().valid(),
            teacher: learner.teacher().cloned(),
            about: spec.model.clone(),
            mask_ratio: 0.75,
            optimiser: learner.optimiser().clone(),
            cursor: Cursor::default(),
            epoch: 0.0,
            val_loss: None,
        }
    }

    fn shelf(folder: &std::path::Path) -> Shelf {
        Shelf::new(folder.join("run"), Keep { last: 1, best: false })
    }

    /// Steps write weights and moments in place where they may: not where a checkpoint still has to be written from them.
    #[test]
    fn what_is_saved_is_the_moment_of_the_call() {
        let spec = spec();
        for name in compiled().into_iter().filter(|name| ["flex", "tch"].contains(name)) {
            let device = resolve(name).unwrap().autodiff();
            let model = Mae::new(&spec.model, 0, &device);
            let optimiser_of = |model: &Mae| optimiser(model, &spec.train);
            let mut learner = Learner::new(model.clone(), optimiser_of(&model));
            steps(&mut learner, &spec, &device, 2);
            let weights = names::export(learner.model());
            let held = contents(&learner, &spec);
            steps(&mut learner, &spec, &device, 3);
            assert_ne!(
                names::export(learner.model()),
                weights,
                "{name}: training moves the weights"
            );

            let folder = tempfile::tempdir().unwrap();
            let mut saver = Saver::new(shelf(folder.path()));
            assert!(saver.begin(held).unwrap().is_none());
            let written = saver.finish().unwrap().unwrap();
            let read = load_model(&written.path, Mae::new(&spec.model, 1, &device)).unwrap();
            assert_eq!(names::export(&read), weights, "{name}");
            let optimiser = load_optimiser(&written.path, &read.clone().into(), optimiser_of(&read)).unwrap();
            let mut again = Learner::new(read, optimiser);
            steps(&mut again, &spec, &device, 3);
            let same = names::export(again.model()) == names::export(learner.model());
            // Sums of other back ends may depend on where buffers lie.
            assert!(same || name != "flex", "{name}: the same steps from the same moments");
        }
    }

    #[test]
    fn a_writing_that_failed_is_told_at_the_next_call() {
        let spec = spec();
        let device = resolve(compiled()[0]).unwrap().autodiff();
        let model = Mae::new(&spec.model, 0, &device);
        let learner = Learner::new(model.clone(), optimiser(&model, &spec.train));
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("run"), "a file where a folder should be").unwrap();
        let mut saver = Saver::new(shelf(folder.path()));
        saver.begin(contents(&learner, &spec)).unwrap();
        let told = saver.begin(contents(&learner, &spec)).unwrap_err().to_string();
        assert!(told.contains("run"), "{told}");
        assert!(saver.finish().unwrap().is_none(), "it is told once");
    }
}
