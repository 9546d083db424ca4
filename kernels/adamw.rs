//! One step of AdamW (Loshchilov and Hutter, 2019, arXiv:1711.05101) as PyTorch defines it, in one pass over
//! memory.

use pulp::{Simd, WithSimd};

use super::blocks::{ELEMENTS, each};
use super::dispatch::{fma, vectorised};

/// What a step needs besides the parameter, its moments and its gradient; `1 - β` and the like are worked out from
/// these in `f64`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// The learning rate of this step.
    pub lr: f64,
    /// How much of the first moment stays.
    pub beta1: f64,
    /// How much of the second moment stays.
    pub beta2: f64,
    /// What is added to the root of the second moment.
    pub eps: f64,
    /// Decoupled weight decay, multiplied by the learning rate.
    pub decay: f64,
    /// 1 - β1ᵗ, t counted from 1.
    pub correction1: f64,
    /// 1 - β2ᵗ.
    pub correction2: f64,
}

/// A parameter, its two moments and its gradient, all of one length.
#[derive(Debug)]
pub struct Parameter<'a> {
    /// The parameter.
    pub p: &'a mut [f32],
    /// The first moment.
    pub m: &'a mut [f32],
    /// The second moment.
    pub v: &'a mut [f32],
    /// The gradient.
    pub g: &'a [f32],
}

/// For each parameter `p ← p (1 - lr·decay)`, `m ← β1 m + (1-β1) g`, `v ← β2 v + (1-β2) g²`,
/// `p ← p - lr/c1 · m / (√v/√c2 + eps)`, with one division of the work for all of them.
///
/// # Panics
/// When the slices of a parameter differ in length.
pub fn step(parameters: Vec<Parameter<'_>>, r: &Rates) {
    let factors = Factors::new(r);
    let steps = parameters.into_iter().flat_map(|parameter| blocks(parameter, factors));
    each(steps.collect(), vectorised);
}

fn blocks(parameter: Parameter<'_>, factors: Factors) -> impl Iterator<Item = Step<'_>> {
    let Parameter { p, m, v, g } = parameter;
    assert!(
        p.len() == m.len() && m.len() == v.len() && v.len() == g.len(),
        "adamw: slices differ in length"
    );
    let moments = m.chunks_mut(ELEMENTS).zip(v.chunks_mut(ELEMENTS));
    let blocks = p.chunks_mut(ELEMENTS).zip(moments).zip(g.chunks(ELEMENTS));
    blocks.map(move |((p, (m, v)), g)| Step { p, m, v, g, factors })
}

/// The rates as the loop uses them.
#[derive(Clone, Copy)]
struct Factors {
    beta1: f32,
    rest1: f32,
    beta2: f32,
    rest2: f32,
    keep: f32,
    step: f32,
    root: f32,
    eps: f32,
}

impl Factors {
    fn new(r: &Rates) -> Self {
        Self {
            beta1: r.beta1 as f32,
            rest1: (1.0 - r.beta1) as f32,
            beta2: r.beta2 as f32,
            rest2: (1.0 - r.beta2) as f32,
            keep: (1.0 - r.lr * r.decay) as f32,
            step: (r.lr / r.correction1) as f32,
            root: (1.0 / r.correction2.sqrt()) as f32,
            eps: r.eps as f32,
        }
    }
}

struct Step<'a> {
    p: &'a mut [f32],
    m: &'a mut [f32],
    v: &'a mut [f32],
    g: &'a [f32],
    factors: Factors,
}

impl WithSimd for Step<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let f = self.factors;
        let moments = self.m.iter_mut().zip(self.v.iter_mut());
        for ((p, (m, v)), &g) in self.p.iter_mut().zip(moments).zip(self.g) {
            let first = fma::<S>(f.beta1, *m, f.rest1 * g);
            let second = fma::<S>(f.beta2, *v, f.rest2 * g * g);
            let scale = fma::<S>(second.sqrt(), f.root, f.eps);
            *p = fma::<S>(f.keep, *p, -(f.step * first / scale));
            *m = first;
            *v = second;
        }
    }
}
