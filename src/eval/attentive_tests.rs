//! The pooling is cross-attention, finds what a mean cannot, and the choice of the rate keeps to training pictures.

use super::*;
use crate::train::testing::{device, near, spec, values};

fn probe(sets: &[&str]) -> TrialSpec {
    let base = [
        "data.kind=synthetic",
        "data.synthetic_classes=3",
        "data.synthetic_train=60",
        "data.synthetic_val=30",
        "eval.attentive.epochs=10",
        "eval.attentive.batch_size=16",
    ];
    spec(&[&base[..], sets].concat())
}

fn run(sets: &[&str]) -> Result<Attentive, LearnError> {
    let spec = probe(sets);
    let set = Arc::new(ImageSet::open(&spec.data, spec.model.img_size).unwrap());
    let mae = Mae::new(&spec.model, 0, &device());
    attentive(&mae, &spec, &set, &device(), &mut |_, _| ControlFlow::Continue(()))
}

/// Keys and values of every token written out, as cross-attention is defined.
#[test]
fn pooling_is_cross_attention() {
    let (n, patches, width, heads, classes) = (3, 5, 8, 2, 4);
    let device = device();
    let pool = Pool::new(width, heads, classes, 3, &device);
    let init = Init {
        seed: 9,
        device: &device,
        norm_eps: EPS,
    };
    let pool = Pool {
        query: init.normal("q", [heads, 4, 1], 1.0),
        ..pool
    };
    let tokens = init.normal("tokens", [n, patches, width], 1.0).val();
    let got = values(pool.forward(tokens.clone()));
    let mut parts = Vec::new();
    for head in 0..heads {
        let of = |weights: Tensor<3>| weights.narrow(0, head, 1);
        let keys = tokens.clone().matmul(of(pool.key.val()));
        let read = tokens.clone().matmul(of(pool.value.val()));
        let products = keys.matmul(of(pool.query.val())) / 2.0;
        let weights = softmax(products, 1);
        parts.push((weights * read).sum_dim(1).squeeze_dim::<2>(1));
    }
    let want = values(pool.head.forward(Tensor::cat(parts, 1)));
    near(&got, &want, 1e-5);
}

/// The class is told by one token of each picture, which a flag marks; the others say something else as loudly.
fn marked(n: usize) -> Bank {
    let (patches, width, classes) = (6, 8, 3);
    let mut bank = Bank {
        values: Vec::new(),
        labels: Vec::new(),
        patches,
        width,
    };
    for i in 0..n {
        let (label, place) = (i % classes, (i * 5 / 3) % patches);
        for patch in 0..patches {
            let says = if patch == place {
                label
            } else {
                (label + 1 + (i / 7 + patch) % 2) % classes
            };
            let mut token = vec![0.0; width];
            token[says] = 1.0;
            token[7] = if patch == place { 2.0 } else { 0.0 };
            bank.values.extend(token);
        }
        bank.labels.push(label);
    }
    bank
}

#[test]
fn a_query_finds_the_token_that_tells_the_class() {
    let spec = probe(&["eval.attentive.epochs=40"]);
    let device = device();
    let mut probing = Probing {
        spec: &spec,
        recipe: &spec.eval.attentive,
        classes: 3,
        heads: 2,
        device: &device,
        done: 0,
        tell: &mut |_, _| ControlFlow::Continue(()),
    };
    let bank = marked(120);
    let split = tune::split(&bank.labels, 3, 0.2, 0);
    let (pool, losses) = probing.fit(&bank, &split.fit, 1e-2).unwrap();
    assert!(losses[39] < 0.3 * losses[0], "{losses:?}");
    let share = accuracy(&pool, &bank, &split.choose, &device).unwrap();
    assert!(share > 0.95, "{share}");
}

#[test]
fn figures_do_not_depend_on_threads_and_one_rate_needs_no_choice() {
    let one = run(&["data.workers=1"]).unwrap();
    assert_eq!(one, run(&["data.workers=3"]).unwrap());
    assert_eq!((one.tried.len(), one.judged, one.losses.len()), (4, 30, 10));
    let best = one.tried.iter().copied().fold(f64::NAN, f64::max);
    let first = one.tried.iter().position(|share| *share == best).unwrap();
    assert_eq!(one.lr, probe(&[]).eval.attentive.lrs[first], "{one:?}");
    let alone = run(&[&format!("eval.attentive.lrs=[{}]", one.lr)]).unwrap();
    assert!(alone.tried.is_empty());
    assert_eq!(
        (alone.lr, alone.accuracy, alone.losses),
        (one.lr, one.accuracy, one.losses)
    );
}

#[test]
fn what_cannot_be_probed_is_refused() {
    let said = |set: &str| run(&[set]).unwrap_err().to_string();
    assert_eq!(
        said("eval.attentive.heads=3"),
        "eval.attentive.heads = 3 does not divide model.embed_dim = 8: use 0 for as many as the encoder has"
    );
    assert!(said("eval.attentive.batch_size=61").starts_with("eval.attentive.batch_size = 61 is more than the 60"));
    assert!(said("eval.attentive.lrs=[1e30]").contains("lower eval.attentive.lrs"));
}
