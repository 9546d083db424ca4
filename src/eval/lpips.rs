//! LPIPS: a perceptual distance from the activations of a pretrained classifier. The program ships no such network: its
//! weights come from the user as named tensors. Only the distance is here, no training and no files.
//!
//! Source: Zhang, Isola, Efros, Shechtman, Wang, The Unreasonable Effectiveness of Deep Features as a Perceptual Metric, 2018.
//!
//! `N` batch, `H`, `W` picture, `D` channels of a layer.

use std::collections::BTreeMap;

use burn::tensor::activation::relu;
use burn::tensor::module::{conv2d, max_pool2d};
use burn::tensor::ops::{ConvOptions, MaxPoolOptions};
use burn::tensor::{Device, Tensor, TensorData};

use crate::model::names::{NameError, Named};

/// What pictures in [-1, 1] are centred by, red, green, blue.
const SHIFT: [f32; 3] = [-0.030, -0.088, -0.188];
/// What they are divided by then.
const SCALE: [f32; 3] = [0.458, 0.448, 0.450];
/// Added to the length of an activation before it is divided by it.
const UNIT_EPS: f64 = 1e-10;

/// The classifier whose activations are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// AlexNet as in torchvision, after each of its five convolutions.
    Alex,
    /// VGG16, after the last convolution of each of its five groups.
    Vgg,
}

/// One convolution: place in torchvision's `features`, channels in and out, kernel, stride, padding; a ReLU follows.
struct Convolution(usize, [usize; 2], usize, usize, usize);

/// What leads from one compared activation to the next.
struct Stage {
    /// Side of the maximum pooled before, with stride 2.
    pool: Option<usize>,
    convolutions: &'static [Convolution],
}

/// Five stages; their last activations are compared.
type Stages = [Stage; 5];

const ALEX: Stages = [
    stage(None, &[Convolution(0, [3, 64], 11, 4, 2)]),
    stage(Some(3), &[Convolution(3, [64, 192], 5, 1, 2)]),
    stage(Some(3), &[Convolution(6, [192, 384], 3, 1, 1)]),
    stage(None, &[Convolution(8, [384, 256], 3, 1, 1)]),
    stage(None, &[Convolution(10, [256, 256], 3, 1, 1)]),
];

const VGG: Stages = [
    stage(None, &[three(0, 3, 64), three(2, 64, 64)]),
    stage(Some(2), &[three(5, 64, 128), three(7, 128, 128)]),
    stage(
        Some(2),
        &[three(10, 128, 256), three(12, 256, 256), three(14, 256, 256)],
    ),
    stage(
        Some(2),
        &[three(17, 256, 512), three(19, 512, 512), three(21, 512, 512)],
    ),
    stage(
        Some(2),
        &[three(24, 512, 512), three(26, 512, 512), three(28, 512, 512)],
    ),
];

const fn stage(pool: Option<usize>, convolutions: &'static [Convolution]) -> Stage {
    Stage { pool, convolutions }
}

const fn three(place: usize, inputs: usize, outputs: usize) -> Convolution {
    Convolution(place, [inputs, outputs], 3, 1, 1)
}

impl Network {
    const fn stages(self) -> &'static Stages {
        match self {
            Self::Alex => &ALEX,
            Self::Vgg => &VGG,
        }
    }

    /// Names and shapes of the tensors that [`Lpips::new`] asks for: `features.I.weight` and `.bias` as torchvision names
    /// the backbone, `linI.model.1.weight` as the authors' package names the heads.
    #[must_use]
    pub fn tensors(self) -> Vec<(String, Vec<usize>)> {
        let mut all = Vec::new();
        for (i, stage) in self.stages().iter().enumerate() {
            let mut channels = 0;
            for Convolution(place, [inputs, outputs], kernel, ..) in stage.convolutions {
                all.push((
                    format!("features.{place}.weight"),
                    vec![*outputs, *inputs, *kernel, *kernel],
                ));
                all.push((format!("features.{place}.bias"), vec![*outputs]));
                channels = *outputs;
            }
            all.push((format!("lin{i}.model.1.weight"), vec![1, channels, 1, 1]));
        }
        all
    }

    /// Whether a file has the tensors of [`Self::tensors`], in their shapes.
    ///
    /// # Errors
    /// The first that is missing or has another shape.
    pub fn check(self, tensors: &BTreeMap<String, Named>) -> Result<(), NameError> {
        let mut wanted = self.tensors().into_iter();
        wanted.try_for_each(|(name, shape)| found(tensors, name, &shape).map(|_| ()))
    }
}

/// A network with its heads, ready to compare pictures.
#[derive(Debug, Clone)]
pub struct Lpips {
    network: Network,
    /// Weight and bias of every convolution, in the order of the network.
    convolutions: Vec<(Tensor<4>, Tensor<1>)>,
    /// Weights of the channels of every compared activation, `[1, D, 1, 1]`.
    heads: Vec<Tensor<4>>,
}

impl Lpips {
    /// Takes the tensors of [`Network::tensors`] by name; others, such as a classifier's last layers, are left alone.
    /// Safetensors files are read by [`crate::model::weights::safetensors::read`].
    ///
    /// # Errors
    /// When a tensor is missing or has another shape.
    pub fn new(network: Network, tensors: &BTreeMap<String, Named>, device: &Device) -> Result<Self, NameError> {
        let mut convolutions = Vec::new();
        let mut heads = Vec::new();
        let mut wanted = network.tensors().into_iter();
        let mut next = || {
            wanted
                .next()
                .map(|(name, shape)| find(tensors, name, shape))
                .transpose()
        };
        for stage in network.stages() {
            for _ in stage.convolutions {
                if let (Some(weight), Some(bias)) = (next()?, next()?) {
                    convolutions.push((Tensor::from_data(weight, device), Tensor::from_data(bias, device)));
                }
            }
            heads.extend(next()?.map(|head| Tensor::from_data(head, device)));
        }
        Ok(Self {
            network,
            convolutions,
            heads,
        })
    }

    /// Distances of pairs of pictures: 0 where they are equal, and the same either way round.
    ///
    /// # Shapes
    /// first, second `[N, 3, H, W]`, red, green, blue in [0, 1] → `[N]`. `H` and `W` are at least 31 for AlexNet, 16 for VGG16;
    /// below that a layer has no pixel left and the back end panics.
    #[must_use]
    pub fn distance(&self, first: Tensor<4>, second: Tensor<4>) -> Tensor<1> {
        self.layers(first, second).sum_dim(1).squeeze_dim(1)
    }

    /// What each of the five layers adds to the distance.
    ///
    /// # Shapes
    /// As [`Self::distance`], → `[N, 5]`.
    #[must_use]
    pub fn layers(&self, first: Tensor<4>, second: Tensor<4>) -> Tensor<2> {
        let n = first.dims()[0];
        let both = self.activations(centred(Tensor::cat(vec![first, second], 0)));
        let parts = both.into_iter().zip(&self.heads).map(|(activation, head)| {
            let unit = unit(activation);
            let difference = unit.clone().narrow(0, 0, n) - unit.narrow(0, n, n);
            let weighted = (difference.square() * head.clone()).sum_dim(1);
            weighted.mean_dim(3).mean_dim(2).reshape([n, 1])
        });
        Tensor::cat(parts.collect(), 1)
    }

    /// The five activations of centred pictures.
    fn activations(&self, mut x: Tensor<4>) -> Vec<Tensor<4>> {
        let mut weights = self.convolutions.iter();
        let mut taps = Vec::new();
        for stage in self.network.stages() {
            if let Some(side) = stage.pool {
                x = max_pool2d(x, MaxPoolOptions::new([side; 2]).with_stride([2; 2]));
            }
            for (Convolution(.., stride, padding), (weight, bias)) in stage.convolutions.iter().zip(&mut weights) {
                let options = ConvOptions::new([*stride; 2], [*padding; 2], [1; 2], 1);
                x = relu(conv2d(x, weight.clone(), Some(bias.clone()), options));
            }
            taps.push(x.clone());
        }
        taps
    }
}

fn find(tensors: &BTreeMap<String, Named>, name: String, wanted: Vec<usize>) -> Result<TensorData, NameError> {
    let values = found(tensors, name, &wanted)?.values.clone();
    Ok(TensorData::new(values, wanted))
}

fn found<'a>(tensors: &'a BTreeMap<String, Named>, name: String, wanted: &[usize]) -> Result<&'a Named, NameError> {
    match tensors.get(&name) {
        None => Err(NameError::Missing(name)),
        Some(found) if found.shape != wanted => Err(NameError::Shape {
            name,
            found: found.shape.clone(),
            wanted: wanted.to_vec(),
        }),
        Some(found) => Ok(found),
    }
}

/// Pictures in [0, 1] as the networks want them.
fn centred(x: Tensor<4>) -> Tensor<4> {
    let device = x.device();
    let constant = |values: [f32; 3]| Tensor::<1>::from_data(values, &device).reshape([1, 3, 1, 1]);
    (x.mul_scalar(2.0).sub_scalar(1.0) - constant(SHIFT)) / constant(SCALE)
}

/// Activations divided by their length over channels.
fn unit(x: Tensor<4>) -> Tensor<4> {
    let length = x.clone().square().sum_dim(1).sqrt();
    x / length.add_scalar(UNIT_EPS)
}
