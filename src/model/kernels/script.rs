//! Kernels of libtorch that the Rust bindings leave out (they take lists of booleans or of tensors), called through
//! TorchScript: a module of a few lines, put together here as the archive that `torch.jit.save` would write.

use std::io::{Cursor, Write};
use std::sync::OnceLock;

use ::tch::{CModule, IValue, TchError, Tensor};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::AdamWRates;

/// The module's methods, in the dialect of saved modules.
const CODE: &str = "class Kernels(Module):
  __parameters__ = []
  __buffers__ = []
  def layer_norm_backward(self: __torch__.Kernels,
    dy: Tensor,
    x: Tensor,
    mean: Tensor,
    rstd: Tensor,
    gamma: Tensor,
    beta: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
    return torch.native_layer_norm_backward(dy, x, [torch.size(x, -1)], mean, rstd, gamma, beta, [True, True, True])
  def adamw(self: __torch__.Kernels,
    parameters: List[Tensor],
    gradients: List[Tensor],
    moments_1: List[Tensor],
    moments_2: List[Tensor],
    steps: List[Tensor],
    rates: List[float]) -> NoneType:
    lr, beta1, beta2, decay, eps, = rates
    torch._fused_adamw_(parameters, gradients, moments_1, moments_2, annotate(List[Tensor], []), steps, \
lr=lr, beta1=beta1, beta2=beta2, weight_decay=decay, eps=eps, amsgrad=False, maximize=False)
    return None
";

/// An instance of the class without attributes, pickled: `__torch__.Kernels.__new__()`, state `{}`.
const DATA: &[u8] = b"\x80\x02c__torch__\nKernels\n)\x81}b.";

/// No constants, pickled: `()`.
const CONSTANTS: &[u8] = b"\x80\x02).";

/// Gradients of a layer norm's input, scale and shift.
pub(super) fn layer_norm_backward(
    dy: &Tensor,
    x: &Tensor,
    [mean, rstd]: [&Tensor; 2],
    [gamma, beta]: [&Tensor; 2],
) -> [Tensor; 3] {
    let arguments = [dy, x, mean, rstd, gamma, beta].map(|tensor| IValue::Tensor(tensor.shallow_clone()));
    let answer = module().method_is("layer_norm_backward", &arguments);
    let gradients = answer.and_then(<(Tensor, Tensor, Tensor)>::try_from);
    gradients.expect("libtorch takes what its forward pass left").into()
}

/// One step of AdamW in place on parameters of one device. Parameter, gradient and moments are alike, each contiguous.
pub(super) fn adamw(parameters: Vec<Tensor>, gradients: Vec<Tensor>, moments: [Vec<Tensor>; 2], rates: AdamWRates) {
    let Some(first) = parameters.first() else { return };
    // The kernels only read it: all parameters share one.
    let step = Tensor::from(rates.step as f32).to_device(first.device());
    let steps = parameters.iter().map(|_| step.shallow_clone()).collect();
    let [moments_1, moments_2] = moments;
    let numbers = vec![rates.lr, rates.beta1, rates.beta2, rates.weight_decay, rates.eps];
    let lists = [parameters, gradients, moments_1, moments_2, steps].map(IValue::TensorList);
    let arguments: Vec<IValue> = lists.into_iter().chain([IValue::DoubleList(numbers)]).collect();
    let answer = module().method_is("adamw", &arguments);
    answer.expect("libtorch takes tensors that are alike");
}

fn module() -> &'static CModule {
    static MODULE: OnceLock<CModule> = OnceLock::new();
    MODULE.get_or_init(|| load().expect("libtorch reads a module of its own kernels"))
}

fn load() -> Result<CModule, TchError> {
    let archive = archive().map_err(|error| TchError::Io(error.into()))?;
    CModule::load_data(&mut Cursor::new(archive))
}

fn archive() -> zip::result::ZipResult<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, content) in [
        ("kernels/data.pkl", DATA),
        ("kernels/constants.pkl", CONSTANTS),
        ("kernels/version", b"3\n"),
        ("kernels/code/__torch__.py", CODE.as_bytes()),
    ] {
        zip.start_file(name, stored)?;
        zip.write_all(content)?;
    }
    Ok(zip.finish()?.into_inner())
}
