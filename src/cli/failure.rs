//! How a command fails, and the exit code that says so: 1 something failed, 2 wrong usage or configuration, 130 interrupted.

use std::process::ExitCode;

/// Why a command ends without success.
#[derive(Debug)]
pub(super) enum Failure {
    /// Wrong usage or configuration: one line that names the thing and the cure.
    Usage(String),
    /// Something failed.
    Failed(anyhow::Error),
    /// The user stopped it.
    Interrupted(String),
}

impl Failure {
    pub(super) fn usage(text: impl Into<String>) -> Self {
        Self::Usage(text.into())
    }

    pub(super) fn text(&self) -> Option<String> {
        match self {
            Self::Usage(text) | Self::Interrupted(text) => Some(text.clone()),
            Self::Failed(error) => Some(format!("{error:#}")),
        }
    }

    pub(super) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::Failed(_) => ExitCode::from(1),
            Self::Interrupted(_) => ExitCode::from(130),
        }
    }
}

/// Errors of these kinds are the user's to mend.
macro_rules! usage {
    ($($error:ty),*) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::Usage(error.to_string())
            }
        })*
    };
}

usage!(
    crate::spec::SpecError,
    crate::model::device::DeviceError,
    crate::data::DataError,
    crate::model::weights::WeightError,
    mae_strategies::Error
);

impl From<crate::store::StoreError> for Failure {
    fn from(error: crate::store::StoreError) -> Self {
        if error.is_usage() {
            Self::Usage(error.to_string())
        } else {
            Self::Failed(error.into())
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

impl From<crate::sweep::SweepError> for Failure {
    fn from(error: crate::sweep::SweepError) -> Self {
        match error {
            crate::sweep::SweepError::Store(error) => error.into(),
            crate::sweep::SweepError::Data(error) => error.into(),
            crate::sweep::SweepError::Spec(error) => error.into(),
            other => Self::Usage(other.to_string()),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(error.into())
    }
}
