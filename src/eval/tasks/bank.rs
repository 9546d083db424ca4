//! Frozen features of all pictures that have a class, of both parts: read in one pass of the encoder, for all tasks.

use std::collections::{BTreeMap, BTreeSet};

use burn::tensor::Device;

use crate::data::{Batches, DataError};
use crate::eval::features::read;
use crate::eval::knn::Labelled;
use crate::model::Mae;
use crate::model::batch::images;
use crate::spec::trial::{Feature, ModelSpec};

/// Features of the training and of the held-out pictures.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Bank {
    /// What tasks learn from.
    pub train: Part,
    /// What they are judged on.
    pub val: Part,
    /// `K`.
    pub classes: usize,
    /// `D`.
    pub width: usize,
}

/// Features of one part.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Part {
    /// Class of each picture, `[N]`.
    pub labels: Vec<usize>,
    /// Row-major values `[N, D]` of each kind of feature.
    pub features: BTreeMap<Feature, Vec<f32>>,
}

impl Bank {
    /// One kind of feature of a part.
    ///
    /// # Panics
    /// When it was not read.
    #[must_use]
    pub fn rows<'a>(&self, part: &'a Part, feature: Feature) -> Labelled<'a> {
        Labelled {
            features: part.features.get(&feature).expect("a task's feature was read for it"),
            labels: &part.labels,
            width: self.width,
        }
    }

    /// Whether there are rows in both parts, and all values of one kind of feature are finite.
    #[must_use]
    pub fn is_sound(&self, feature: Feature) -> bool {
        let sound =
            |part: &Part| !part.labels.is_empty() && part.features[&feature].iter().all(|value| value.is_finite());
        sound(&self.train) && sound(&self.val)
    }

    /// Whether it holds all of `features`.
    #[must_use]
    pub fn has(&self, features: &BTreeSet<Feature>) -> bool {
        let there = |part: &Part| features.iter().all(|feature| part.features.contains_key(feature));
        there(&self.train) && there(&self.val)
    }
}

impl Part {
    /// Reads features of the labelled pictures of `batches`, each picture through the encoder once.
    ///
    /// # Errors
    /// When pictures cannot be had.
    pub fn read(
        model: &Mae,
        spec: &ModelSpec,
        features: &BTreeSet<Feature>,
        batches: Batches,
        device: &Device,
    ) -> Result<Self, DataError> {
        let mut part = Self::default();
        for feature in features {
            part.features.insert(*feature, Vec::new());
        }
        for batch in batches {
            let batch = batch?;
            if batch.labels.iter().all(Option::is_none) {
                continue;
            }
            let shape = [batch.len, spec.in_chans, spec.img_size.height, spec.img_size.width];
            let tokens = model.encode(images(batch.images, shape, device));
            for (feature, values) in &mut part.features {
                let rows: Vec<f32> = read(&tokens, *feature).into_data().iter::<f32>().collect();
                let labelled = rows.chunks_exact(spec.embed_dim).zip(&batch.labels);
                values.extend(labelled.filter(|(_, label)| label.is_some()).flat_map(|(row, _)| row));
            }
            part.labels.extend(batch.labels.into_iter().flatten());
        }
        Ok(part)
    }
}
