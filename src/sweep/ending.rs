//! From how training ended to the state of its row, with the cure where one is known.

use crate::store::rows::Status;
use crate::train::{Outcome, TrainError};

/// The end of a trial as its row says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) status: Status,
    pub(super) error: String,
    pub(super) trace: String,
}

type Answer = std::thread::Result<Result<Outcome, TrainError>>;

/// State, error and trace; nothing when another process has the trial now. `late`: the budget's words where it ended the
/// trial. `trace`: the backtrace of this thread's last panic.
pub(super) fn judge(ended: Answer, late: Option<String>, trace: &dyn Fn() -> String) -> Option<Ended> {
    let say = |status, error: String| {
        Some(Ended {
            status,
            error,
            trace: String::new(),
        })
    };
    match ended {
        Ok(Ok(Outcome::Finished)) => say(Status::Finished, String::new()),
        Ok(Ok(Outcome::Interrupted { step })) => {
            let why = late.unwrap_or_else(|| "stopped by Ctrl-C or a signal".into());
            say(Status::Interrupted, format!("{why} after step {step}"))
        }
        Ok(Ok(Outcome::Pruned { reason })) => say(Status::Pruned, reason),
        Ok(Ok(Outcome::Diverged { step, loss })) => say(
            Status::Diverged,
            format!("the loss became {loss} by step {step}: try a lower train.blr or a longer train.warmup_epochs"),
        ),
        Ok(Ok(Outcome::Lost)) => None,
        Ok(Err(error)) => say(Status::Failed, with_cure(error.to_string())),
        Err(panic) => Some(Ended {
            status: Status::Failed,
            error: with_cure(format!("panic: {}", message(panic.as_ref()))),
            trace: trace(),
        }),
    }
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_string()));
    text.unwrap_or_else(|| "no message".into())
}

/// What devices and disks say when they are full, and the cures.
const CURES: [(&[&str], &str); 2] = [
    (
        &["out of memory", "OutOfMemory", "OUT_OF_MEMORY", "failed to allocate"],
        "lower train.batch_size (train.accum_steps keeps the effective one) or sweep --jobs",
    ),
    (&["No space left on device", "StorageFull"], "free some space"),
];

/// Adds the cure where one is known.
fn with_cure(error: String) -> String {
    let known = CURES
        .iter()
        .find(|(words, _)| words.iter().any(|words| error.contains(words)));
    known.map_or(error.clone(), |(_, cure)| format!("{error}: {cure}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(answer: Answer) -> Ended {
        judge(answer, None, &|| "frames".into()).unwrap()
    }

    #[test]
    fn every_end_is_a_state_with_its_cure() {
        assert_eq!(ended(Ok(Ok(Outcome::Finished))).status, Status::Finished);
        let stopped = ended(Ok(Ok(Outcome::Interrupted { step: 3 })));
        assert_eq!(stopped.error, "stopped by Ctrl-C or a signal after step 3");
        let panicked = ended(Err(Box::new("CUDA out of memory".to_string())));
        assert_eq!((panicked.status, panicked.trace.as_str()), (Status::Failed, "frames"));
        assert!(
            panicked
                .error
                .starts_with("panic: CUDA out of memory: lower train.batch_size"),
            "{}",
            panicked.error
        );
        let full = "write a checkpoint: No space left on device (os error 28)".to_string();
        assert!(with_cure(full).ends_with("(os error 28): free some space"));
        assert_eq!(with_cure("no such file".into()), "no such file");
        assert_eq!(judge(Ok(Ok(Outcome::Lost)), None, &String::new), None);
        let late = judge(
            Ok(Ok(Outcome::Interrupted { step: 1 })),
            Some("the budget is used up".into()),
            &String::new,
        );
        assert_eq!(late.unwrap().error, "the budget is used up after step 1");
    }
}
