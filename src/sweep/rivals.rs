//! The other trials of a sweep, as far as early stopping looks at them: their curves come from the store, where any process
//! may have put them.

use crate::spec::EarlyStop;
use crate::store::rows::{MetricPoint, Status};
use crate::store::{Store, StoreError};

use super::early_stop::{Peer, verdict};
use super::plan::SweepPlan;

/// What decides whether a trial goes on.
pub(super) struct Rivals<'a> {
    rule: Option<&'a EarlyStop>,
    store: &'a Store,
    sweep: &'a str,
    run: &'a str,
    epochs: f64,
    mine: Vec<(f64, f64)>,
}

impl<'a> Rivals<'a> {
    /// For trial `index` of a plan, with what it has measured so far.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) fn of(
        plan: &'a SweepPlan,
        index: usize,
        rule: Option<&'a EarlyStop>,
        store: &'a Store,
    ) -> Result<Self, StoreError> {
        let planned = &plan.trials[index];
        let mut rivals = Self {
            rule,
            store,
            sweep: &plan.sweep.id,
            run: &planned.row.id,
            epochs: planned.spec.train.epochs as f64,
            mine: Vec::new(),
        };
        if rivals.rule.is_some() {
            store.metrics(rivals.run)?.iter().for_each(|point| rivals.heard(point));
        }
        Ok(rivals)
    }

    /// Takes note of a number of the trial itself. The untrained model says nothing about a trial.
    pub(super) fn heard(&mut self, point: &MetricPoint) {
        if self.rule.is_some_and(|rule| rule.metric == point.name) && point.step > 0 {
            self.mine.push((point.epoch, point.value));
        }
    }

    /// Why the trial should stop, if it should.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) fn verdict(&self) -> Result<Option<String>, StoreError> {
        let Some(rule) = self.rule else { return Ok(None) };
        let curves = self.store.curves(self.sweep, &rule.metric)?;
        let others = curves.into_iter().filter(|curve| curve.run != self.run);
        let peer = |curve: crate::store::rows::Curve| Peer {
            done: curve.status.is_over() && curve.status != Status::Interrupted && curve.status != Status::Crashed,
            values: curve.points,
        };
        let peers: Vec<Peer> = others.map(peer).collect();
        Ok(verdict(rule, self.epochs, &self.mine, &peers))
    }
}
