//! AdamW (Loshchilov and Hutter, 2019) as PyTorch defines it, over all parameters of a module in one call where the device
//! has it (`model::kernels`), else composed of burn's operations parameter by parameter.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use burn::backend::DispatchTensor;
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

use crate::model::kernels::{self, AdamWRates};
use crate::model::names::{self, NameError, Named};
use crate::spec::trial::TrainSpec;

/// What the optimiser does with a parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Group {
    /// Whether weight decay acts on it.
    pub decays: bool,
    /// Factor on the learning rate.
    pub scale: f64,
}

/// First and second moment.
type Moments = [DispatchTensor; 2];

/// Names of the moments in files, as PyTorch calls them.
const MOMENTS: [&str; 2] = ["exp_avg.", "exp_avg_sq."];

/// The optimiser of one module. Cloned, it shares its buffers until the next step.
#[derive(Clone)]
pub struct AdamW {
    settings: TrainSpec,
    groups: HashMap<ParamId, Group>,
    time: usize,
    moments: HashMap<ParamId, Moments>,
}

impl AdamW {
    /// For the parameters of `module` that require a gradient, each in the group that `group` names for its path and rank,
    /// with the betas, epsilon and weight decay of `train`. Other parameters it leaves as they are and has no state for.
    #[must_use]
    pub fn new<M: Module>(module: &M, train: &TrainSpec, group: impl Fn(&str, usize) -> Group) -> Self {
        let mut found = Grouping {
            path: Vec::new(),
            group,
            groups: HashMap::new(),
        };
        module.visit(&mut found);
        Self {
            settings: train.clone(),
            groups: found.groups,
            time: 0,
            moments: HashMap::new(),
        }
    }

    /// Steps done.
    #[must_use]
    pub fn time(&self) -> usize {
        self.time
    }

    /// Updates a module once, at `lr` times the scale of each group. Parameters without a gradient stay as they are.
    #[must_use]
    pub fn step<M: Module>(&mut self, lr: f64, module: M, gradients: GradientsParams) -> M {
        self.time += 1;
        let mut take = Take {
            optimiser: self,
            lr,
            gradients,
            taken: Vec::new(),
        };
        // Parameters are taken out, so that their buffers have one owner and can be written in place.
        let module = module.map(&mut take);
        let taken = take.taken;
        let mut put = Put(HashMap::new());
        for (group, ids, tensors) in taken {
            let after = kernels::adamw(tensors, self.rates(lr, group));
            for (id, [parameter, moment_1, moment_2]) in ids.into_iter().zip(after) {
                self.moments.insert(id, [moment_1, moment_2]);
                put.0.insert(id, parameter);
            }
        }
        module.map(&mut put)
    }

    fn rates(&self, lr: f64, group: Group) -> AdamWRates {
        let TrainSpec { beta1, beta2, eps, .. } = self.settings;
        let correction = |beta: f64| 1.0 - beta.powi(i32::try_from(self.time).unwrap_or(i32::MAX));
        AdamWRates {
            lr: lr * group.scale,
            beta1,
            beta2,
            eps,
            weight_decay: if group.decays { self.settings.weight_decay } else { 0.0 },
            step: self.time,
            correction1: correction(beta1),
            correction2: correction(beta2),
        }
    }

    /// The moments of the parameters of `module` that it trains, under official names after `exp_avg.` and `exp_avg_sq.`;
    /// zeros where there was no step. `patch` is the side of a patch.
    #[must_use]
    pub fn export<M: Module>(&self, module: &M, patch: usize) -> BTreeMap<String, Named> {
        let trained = self.trained(module, patch);
        let part = |(part, prefix): (usize, &&str)| {
            let filled = module.clone().map(&mut Fill(&self.moments, part));
            let tensors = names::export_parameters(&filled, patch).into_iter();
            tensors
                .filter(|(name, _)| trained.contains(name))
                .map(|(name, tensor)| (format!("{prefix}{name}"), tensor))
                .collect::<Vec<_>>()
        };
        MOMENTS.iter().enumerate().flat_map(part).collect()
    }

    /// Official names of the parameters of `module` that it trains.
    fn trained<M: Module>(&self, module: &M, patch: usize) -> BTreeSet<String> {
        let names = names::of_parameters(module, patch).into_iter();
        let trained = names.filter(|(id, _)| self.groups.contains_key(id));
        trained.map(|(_, name)| name).collect()
    }

    /// Goes on from moments that [`AdamW::export`] gave after `time` steps. Parameters of other modules keep theirs.
    ///
    /// # Errors
    /// When a moment is missing or has another shape.
    pub fn import<M: Module>(
        mut self,
        module: &M,
        patch: usize,
        tensors: &BTreeMap<String, Named>,
        time: usize,
    ) -> Result<Self, NameError> {
        let (mut parts, trained) = (Vec::new(), self.trained(module, patch));
        for prefix in MOMENTS {
            let mut read = Read(HashMap::new());
            names::import_some(module.valid(), patch, prefix, tensors, &|name| trained.contains(name))?
                .visit(&mut read);
            read.0.retain(|id, _| self.groups.contains_key(id));
            parts.push(read.0);
        }
        let [first, mut second] = <[_; 2]>::try_from(parts).expect("there are two moments");
        let both = |(id, first)| second.remove(&id).map(|second| (id, [first, second]));
        self.moments.extend(first.into_iter().filter_map(both));
        self.time = time;
        Ok(self)
    }
}

/// Looks up the group of every parameter that is trained.
struct Grouping<F> {
    path: Vec<String>,
    group: F,
    groups: HashMap<ParamId, Group>,
}

impl<F: Fn(&str, usize) -> Group> ModuleVisitor for Grouping<F> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if param.is_require_grad() {
            self.groups.insert(param.id, (self.group)(&self.path.join("."), D));
        }
    }

    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_string());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }
}

/// Takes parameters that have a gradient out of a module, by group; those whose device has no fused step are updated
/// on the spot.
struct Take<'a> {
    optimiser: &'a mut AdamW,
    lr: f64,
    gradients: GradientsParams,
    taken: Vec<(Group, Vec<ParamId>, Vec<[DispatchTensor; 4]>)>,
}

impl Take<'_> {
    fn list(&mut self, group: Group, id: ParamId, tensors: [DispatchTensor; 4]) {
        let place = self.taken.iter().position(|(other, ..)| *other == group);
        let place = place.unwrap_or_else(|| {
            self.taken.push((group, Vec::new(), Vec::new()));
            self.taken.len() - 1
        });
        self.taken[place].1.push(id);
        self.taken[place].2.push(tensors);
    }
}

impl ModuleMapper for Take<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let group = self.optimiser.groups.get(&param.id).copied();
        let (Some(gradient), Some(group)) = (self.gradients.remove::<D>(param.id), group) else {
            return param;
        };
        let (id, parameter, mapper) = param.consume();
        let (device, parameter) = (parameter.device(), parameter.inner());
        let moments = self
            .optimiser
            .moments
            .remove(&id)
            .map(|moments| moments.map(Tensor::from_dispatch));
        let [first, second] = moments.unwrap_or_else(|| [parameter.zeros_like(), parameter.zeros_like()]);
        let place = if kernels::has_adamw(&parameter) {
            self.list(
                group,
                id,
                [parameter, first, second, gradient].map(Tensor::into_dispatch),
            );
            Tensor::empty([0; D], &device)
        } else {
            let rates = self.optimiser.rates(self.lr, group);
            let [parameter, first, second] = composed([parameter, first, second], gradient, rates);
            let moments = [first, second].map(Tensor::into_dispatch);
            self.optimiser.moments.insert(id, moments);
            Tensor::from_inner(parameter).require_grad()
        };
        Param::from_mapped_value(id, place, mapper)
    }
}

/// One step of AdamW on one parameter, of element-wise operations.
///
/// # Shapes
/// All alike.
fn composed<const D: usize>(state: [Tensor<D>; 3], gradient: Tensor<D>, rates: AdamWRates) -> [Tensor<D>; 3] {
    let [parameter, first, second] = state;
    let first = first * rates.beta1 + gradient.clone() * (1.0 - rates.beta1);
    let second = second * rates.beta2 + gradient.square() * (1.0 - rates.beta2);
    let spread = (second.clone() / rates.correction2).sqrt() + rates.eps;
    let change = first.clone() / rates.correction1 / spread * rates.lr;
    [
        parameter * (1.0 - rates.lr * rates.weight_decay) - change,
        first,
        second,
    ]
}

/// Puts updated parameters in their places.
struct Put(HashMap<ParamId, DispatchTensor>);

impl ModuleMapper for Put {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(updated) = self.0.remove(&param.id) else {
            return param;
        };
        let (id, _, mapper) = param.consume();
        let updated = Tensor::from_inner(Tensor::from_dispatch(updated)).require_grad();
        Param::from_mapped_value(id, updated, mapper)
    }
}

/// Puts one of the moments in the place of every parameter.
struct Fill<'a>(&'a HashMap<ParamId, Moments>, usize);

impl ModuleMapper for Fill<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, old, mapper) = param.consume();
        let moments = self.0.get(&id);
        let moment = moments.map(|moments| Tensor::from_dispatch(moments[self.1].clone()));
        Param::from_mapped_value(id, moment.unwrap_or_else(|| old.zeros_like()), mapper)
    }
}

/// Reads the values of all parameters.
struct Read(HashMap<ParamId, DispatchTensor>);

impl ModuleVisitor for Read {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.insert(param.id, param.val().into_dispatch());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::device::{compiled, resolve};
    use crate::model::kernels::tests::{near, random, values};

    /// What devices without fused operations compute, against what the others do: the same numbers over several steps.
    #[test]
    fn composed_steps_are_those_of_the_kernels() {
        let device = resolve(compiled()[0]).unwrap();
        let start = || {
            [
                random("p", [3, 5], &device),
                Tensor::zeros([3, 5], &device),
                Tensor::zeros([3, 5], &device),
            ]
        };
        let (mut one, mut other) = (start(), start());
        for step in 1..5 {
            let gradient = random(["a", "b", "c", "d"][step - 1], [3, 5], &device);
            let rates = AdamWRates {
                lr: 1e-2,
                beta1: 0.9,
                beta2: 0.95,
                eps: 1e-8,
                weight_decay: 0.05,
                step,
                correction1: 1.0 - 0.9f64.powi(step as i32),
                correction2: 1.0 - 0.95f64.powi(step as i32),
            };
            one = composed(one, gradient.clone(), rates);
            let [p, m, v] = other.map(Tensor::into_dispatch);
            let [after] = <[_; 1]>::try_from(kernels::adamw(vec![[p, m, v, gradient.into_dispatch()]], rates)).unwrap();
            other = after.map(Tensor::from_dispatch);
            for (one, other) in one.iter().zip(&other) {
                near(&format!("step {step}"), &values(one.clone()), &values(other.clone()));
            }
        }
    }
}
