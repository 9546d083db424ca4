//! Parameters that training leaves as they are: they require no gradient, so that none is computed for them, and none
//! flows through what lies below the lowest trained parameter. Which they are is `spec::Freeze`'s to say.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::Tensor;

use super::Mae;
use crate::spec::trial::ModelSpec;

impl Mae {
    /// With the parts of `model.freeze` held as they are from now on. Parameters keep their values and numbers.
    #[must_use]
    pub fn frozen(self, spec: &ModelSpec) -> Self {
        if spec.freeze.is_empty() {
            return self;
        }
        let path = Vec::new();
        self.map(&mut Holder { path, spec })
    }
}

struct Holder<'a> {
    path: Vec<String>,
    spec: &'a ModelSpec,
}

impl ModuleMapper for Holder<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        match self.spec.freeze.holds(&self.path.join("."), self.spec) {
            true => param.set_require_grad(false),
            false => param,
        }
    }

    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_string());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }
}
