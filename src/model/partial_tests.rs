//! What is left out does not reach the numbers, and what is not left out is as it was.

use burn::tensor::Tensor;

use crate::model::{Mae, MaskBatch};
use crate::spec::TrialSpec;
use crate::train::testing::{device, near, pixels, spec, values};

fn masks(spec: &TrialSpec) -> MaskBatch {
    crate::train::testing::masks(spec, 0)
}

fn model(spec: &TrialSpec) -> Mae {
    Mae::new(&spec.model, 0, &device())
}

#[test]
fn decoding_all_is_decoding_as_ever() {
    let spec = spec(&["train.decode_ratio=1"]);
    let (model, batch, masks) = (model(&spec), pixels(&spec, &device()), masks(&spec));
    let loss = values(model.loss(batch.clone(), &masks));
    assert_eq!(loss, values(model.forward(batch.clone(), &masks).loss));
    let pred = model.predict_decoded(model.encode_visible(batch, &masks), &masks);
    assert_eq!(pred.dims(), [2, 3, 192]);
}

/// Without the tokens left out, the loss is the mean over those that are decoded.
#[test]
fn decoding_a_share_leaves_tokens_out() {
    let spec = spec(&["train.decode_ratio=0.67"]);
    let (model, batch, masks) = (model(&spec), pixels(&spec, &device()), masks(&spec));
    assert_eq!((masks.hidden(), masks.decoded), (3, 2));
    let pred = model.predict_decoded(model.encode_visible(batch.clone(), &masks), &masks);
    assert_eq!(pred.dims(), [2, 2, 192]);
    let errors = values(model.errors(pred, batch.clone(), masks.decoded_rows()));
    let mean = errors.iter().sum::<f32>() / 4.0;
    near(&values(model.loss(batch.clone(), &masks)), &[mean], 1e-5);
    let full = values(model.forward(batch, &masks).loss);
    assert!(
        (full[0] - mean).abs() > 1e-6,
        "other patches, other loss: {full:?} {mean}"
    );
}

/// In the whole picture's predictions, the order of the hidden patches does not show.
#[test]
fn judging_decodes_all() {
    let some = spec(&["train.decode_ratio=0.34", "train.secondary_ratio=0.34"]);
    let all = spec(&[]);
    let (model, batch) = (model(&all), pixels(&all, &device()));
    let (one, other) = (masks(&some), masks(&all));
    assert!(one.decoded == 1 && one.replaced(&device()).is_some());
    let (one, other) = (model.forward(batch.clone(), &one), model.forward(batch, &other));
    near(&values(one.pred), &values(other.pred), 1e-5);
    near(&values(one.loss), &values(other.loss), 1e-5);
}

#[test]
fn a_decoder_that_reads_predicts_each_patch_on_its_own() {
    let sets = ["model.decoder=cross", "model.decoder_depth=2"];
    let whole = spec(&sets);
    let some = spec(&[sets[0], sets[1], "train.decode_ratio=0.67"]);
    let (model, batch) = (model(&whole), pixels(&whole, &device()));
    let masks = masks(&some);
    let latent = model.encode_visible(batch.clone(), &masks);
    let chosen = model.predict_decoded(latent.clone(), &masks);
    let mut all = masks.clone();
    all.decoded = 3;
    let among_all = model.predict_decoded(latent.clone(), &all).narrow(1, 0, 2);
    near(&values(chosen.clone()), &values(among_all), 1e-6);
    // A decoder that mixes does not.
    let mixing = Mae::new(&spec(&[]).model, 0, &device());
    let latent = mixing.encode_visible(batch.clone(), &masks);
    let chosen = values(mixing.predict_decoded(latent.clone(), &masks));
    let among_all = values(mixing.predict_decoded(latent, &all).narrow(1, 0, 2));
    assert!(chosen.iter().zip(&among_all).any(|(a, b)| (a - b).abs() > 1e-5));
    let outputs = model.forward(batch, &masks);
    assert_eq!(outputs.pred.dims(), [2, 6, 192]);
}

/// Pixels of a replaced patch do not reach the latent; those of its neighbours do, and so does the token.
#[test]
fn a_token_hides_what_it_replaces() {
    let spec = spec(&["train.secondary_ratio=0.34"]);
    let (model, batch, masks) = (model(&spec), pixels(&spec, &device()), masks(&spec));
    let flags = values(masks.replaced(&device()).unwrap());
    assert_eq!(
        flags.iter().sum::<f32>(),
        2.0,
        "one of three visible patches of each picture"
    );
    let token = |value: f32| Tensor::full([1, 1, 8], value, &device());
    let latent = |batch: Tensor<4>, value: f32| values(model.encode_replacing(batch, &masks, Some(token(value))));
    let base = latent(batch.clone(), 0.3);
    for (place, flag) in flags[..3].iter().enumerate() {
        let patch = masks.visible_rows()[place] as usize;
        let (row, column) = (patch / 3 * 8, patch % 3 * 8);
        let other = batch
            .clone()
            .slice_fill([0..1, 0..3, row..row + 8, column..column + 8], 3.0);
        assert_eq!(latent(other, 0.3) == base, *flag == 1.0, "place {place}");
    }
    assert_ne!(latent(batch.clone(), 0.4), base);
    let without = values(model.encode_replacing(batch.clone(), &masks, None));
    assert_eq!(
        without,
        values(model.encode_visible(batch, &masks)),
        "no token, nothing replaced"
    );
}

#[test]
fn a_decoder_that_reads_has_gradients_everywhere() {
    use burn::module::{Module, ModuleVisitor, Param};
    use burn::optim::GradientsParams;

    struct Check<'a>(&'a GradientsParams, usize);
    impl ModuleVisitor for Check<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let gradient = self.0.get::<D>(param.id).map(values);
            assert!(gradient.is_some_and(|values| values.iter().all(|v| v.is_finite())));
            self.1 += 1;
        }
    }
    let spec = spec(&["model.decoder=cross", "train.decode_ratio=0.67"]);
    let device = device().autodiff();
    let model = Mae::new(&spec.model, 0, &device);
    let loss = model.loss(pixels(&spec, &device), &masks(&spec));
    let gradients = GradientsParams::from_grads(loss.backward(), &model);
    let mut check = Check(&gradients, 0);
    model.visit(&mut check);
    // Patch embedding and class token, a block and a norm; embedding, token, norm and head of the decoder, and its block.
    assert_eq!(check.1, 3 + 12 + 2 + 7 + 14);
}
