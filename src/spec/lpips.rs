//! Which network compares pictures by perception, and what pictures it takes.

use serde::{Deserialize, Serialize};

/// A network for perceptual distance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LpipsNet {
    /// AlexNet.
    #[default]
    Alex,
    /// VGG16.
    Vgg,
}

impl LpipsNet {
    /// As it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alex => "alex",
            Self::Vgg => "vgg",
        }
    }

    /// The shortest side of a picture that it takes, in pixels.
    #[must_use]
    pub const fn least(self) -> usize {
        match self {
            Self::Alex => 31,
            Self::Vgg => 16,
        }
    }
}
