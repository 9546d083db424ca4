//! How the batches of an epoch make optimiser steps under gradient accumulation. Pure arithmetic.

/// Groups of batches, each of which makes one optimiser step. Groups do not reach across epochs: batches left over at the
/// end of an epoch are not used, as the pictures of an incomplete batch are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Groups {
    /// Batches of a step.
    pub size: usize,
    /// Batches of an epoch that are used; a multiple of `size`.
    pub batches: usize,
    /// Batches of an epoch, by which the schedule divides.
    pub loaded: usize,
}

impl Default for Groups {
    /// One batch, one step.
    fn default() -> Self {
        Self {
            size: 1,
            batches: 1,
            loaded: 1,
        }
    }
}

impl Groups {
    /// Groups of `accum_steps` of an epoch's `batches`; `None` when there is not even one whole group.
    #[must_use]
    pub fn new(batches: usize, accum_steps: usize) -> Option<Self> {
        let size = accum_steps.max(1);
        (batches >= size).then(|| Self {
            size,
            batches: batches / size * size,
            loaded: batches,
        })
    }

    /// Optimiser steps of an epoch.
    #[must_use]
    pub fn steps(self) -> usize {
        self.batches / self.size
    }

    /// Number of the first batch of the group that batch `number` is in.
    #[must_use]
    pub fn first(self, number: usize) -> usize {
        number / self.size * self.size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_groups_only() {
        let groups = Groups::new(11, 4).expect("two groups");
        assert_eq!((groups.batches, groups.steps()), (8, 2));
        assert_eq!([0, 3, 4, 7].map(|n| groups.first(n)), [0, 0, 4, 4]);
        assert_eq!(Groups::new(3, 4), None);
        assert_eq!(Groups::new(3, 1).map(Groups::steps), Some(3));
    }
}
