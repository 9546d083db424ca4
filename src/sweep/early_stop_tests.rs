//! Verdicts on hand-made curves, and what must hold for any curves.

use proptest::prelude::*;

use super::*;

fn rule(kind: StopKind) -> EarlyStop {
    EarlyStop {
        kind,
        metric: "val_loss".into(),
        goal: Goal::Min,
        eta: 3.0,
        min_epochs: 1.0,
        warmup_trials: 4,
    }
}

/// A curve measured at every epoch from 0.
fn curve(values: &[f64]) -> Vec<(f64, f64)> {
    values
        .iter()
        .enumerate()
        .map(|(epoch, value)| (epoch as f64, *value))
        .collect()
}

/// Trials that were the same at every epoch.
fn flat(values: &[f64], epochs: usize) -> Vec<Peer> {
    let one = |value: &f64| Peer {
        values: curve(&vec![*value; epochs + 1]),
        done: true,
    };
    values.iter().map(one).collect()
}

#[test]
fn asha_keeps_the_best_third_at_a_rung() {
    let peers = flat(&[0.4, 0.43, 0.5, 0.6, 0.7, 0.8], 3);
    let mine = |last: f64| curve(&[0.9, 0.8, 0.7, last]);
    let asha = rule(StopKind::Asha);
    let reason = verdict(&asha, 9.0, &mine(0.512), &peers).unwrap();
    assert_eq!(
        reason,
        "val_loss 0.512 at epoch 3 is worse than the best third of 7 trials at that epoch (0.430): stopped by asha"
    );
    assert_eq!(
        verdict(&asha, 9.0, &mine(0.43), &peers),
        None,
        "a tie with the last that goes on"
    );
    assert_eq!(verdict(&asha, 3.0, &mine(0.9), &peers), None, "at its full length");
    let two_values = &peers[..1];
    assert_eq!(
        verdict(&asha, 9.0, &mine(0.9), two_values),
        None,
        "fewer than eta values"
    );
    assert!(verdict(&asha, 9.0, &mine(0.9), &peers[..2]).is_some());
}

#[test]
fn asha_judges_when_a_trial_comes_to_a_rung_and_not_again() {
    let peers = flat(&[0.1, 0.2, 0.3], 9);
    let asha = rule(StopKind::Asha);
    let bad = |epochs: usize| curve(&vec![0.9; epochs + 1]);
    let stops: Vec<usize> = (0..12)
        .filter(|n| verdict(&asha, 20.0, &bad(*n), &peers).is_some())
        .collect();
    assert_eq!(stops, [1, 3, 9]);
    let late = [(0.0, 0.9), (2.0, 0.9), (4.0, 0.9)];
    assert!(
        verdict(&asha, 20.0, &late, &peers).is_some(),
        "the first measurement past a rung is its value"
    );
    let slow = EarlyStop {
        min_epochs: 5.0,
        ..asha
    };
    let stops: Vec<usize> = (0..16)
        .filter(|n| verdict(&slow, 20.0, &bad(*n), &peers).is_some())
        .collect();
    assert_eq!(stops, [5], "no peer has come to epoch 15");
}

#[test]
fn successive_halving_waits_for_those_under_way() {
    let halving = rule(StopKind::SuccessiveHalving);
    let mut peers = flat(&[0.1, 0.2, 0.3], 3);
    let mine = curve(&[0.9, 0.9, 0.9, 0.9, 0.2]);
    assert!(
        verdict(&halving, 9.0, &mine, &peers)
            .unwrap()
            .ends_with("stopped by successive_halving")
    );
    peers.push(Peer {
        values: curve(&[0.5, 0.5]),
        done: false,
    });
    assert_eq!(verdict(&halving, 9.0, &mine, &peers), None);
    peers[3].done = true;
    let reason = verdict(&halving, 9.0, &mine, &peers).unwrap();
    assert!(
        reason.starts_with("val_loss 0.900 at epoch 3 is worse than the best third of 4 trials"),
        "{reason}"
    );
}

#[test]
fn the_median_rule_compares_the_best_with_running_averages() {
    let median = rule(StopKind::Median);
    let peers: Vec<Peer> = [0.2, 0.4, 0.6, 0.8]
        .map(|last| Peer {
            values: curve(&[9.0, 1.0, last]),
            done: false,
        })
        .into();
    let mine = |best: f64| curve(&[0.0, 2.0, best]);
    assert_eq!(
        verdict(&median, 5.0, &mine(0.75), &peers),
        None,
        "the averages are 0.6 to 0.9, their median 0.75"
    );
    assert_eq!(
        verdict(&median, 5.0, &mine(0.76), &peers).unwrap(),
        "val_loss 0.760, the best up to epoch 2, is worse than the median of the running averages of 4 other trials (0.750): \
         stopped by median"
    );
    assert_eq!(
        verdict(&median, 5.0, &mine(0.76), &peers[1..]),
        None,
        "too few to compare with"
    );
    let mut short = peers.clone();
    short[0].values.pop();
    assert_eq!(
        verdict(&median, 5.0, &mine(0.99), &short),
        None,
        "one has not come as far"
    );
}

#[test]
fn more_can_be_better_and_what_is_not_finite_is_worst() {
    for (kind, digits) in [(StopKind::Asha, "10.000"), (StopKind::Median, "15.000")] {
        let better = EarlyStop {
            metric: "eval_psnr".into(),
            goal: Goal::Max,
            ..rule(kind)
        };
        let mut peers = flat(&[15.0, 16.0, 14.0, 15.0], 1);
        let mine = |value: f64| curve(&[5.0, value]);
        assert_eq!(verdict(&better, 5.0, &mine(17.0), &peers), None);
        let reason = verdict(&better, 5.0, &mine(10.0), &peers).unwrap();
        assert!(reason.contains(digits), "{reason}");
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let reason = verdict(&better, 5.0, &mine(value), &peers).unwrap();
            assert!(reason.starts_with("eval_psnr not finite"), "{reason}");
        }
        peers.iter_mut().for_each(|peer| peer.values[1].1 = f64::NAN);
        assert_eq!(verdict(&better, 5.0, &mine(f64::NAN), &peers), None);
        assert_eq!(verdict(&better, 5.0, &mine(1.0), &peers), None);
    }
}

#[test]
fn numbers_that_differ_look_different() {
    assert_eq!(apart(0.5121, 0.5122), ("0.5121".into(), "0.5122".into()));
    assert_eq!(apart(2e-5, 1e-5), ("2.000e-5".into(), "1.000e-5".into()));
    assert_eq!(apart(f64::NAN, 0.5), ("not finite".into(), "0.500".into()));
}

fn kinds() -> impl Strategy<Value = EarlyStop> {
    let kind = prop_oneof![
        Just(StopKind::Asha),
        Just(StopKind::SuccessiveHalving),
        Just(StopKind::Median)
    ];
    let goal = prop_oneof![Just(Goal::Min), Just(Goal::Max)];
    (kind, goal, 3..10_u8, 1..12_u8, 1..6_usize).prop_map(|(kind, goal, eta, least, warmup_trials)| EarlyStop {
        goal,
        eta: f64::from(eta) / 2.0,
        min_epochs: f64::from(least) / 2.0,
        warmup_trials,
        ..rule(kind)
    })
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![8 => -2.0..2.0_f64, 2 => (-3..3_i32).prop_map(f64::from), 1 => Just(f64::NAN), 1 => Just(f64::INFINITY)]
}

fn peers() -> impl Strategy<Value = Vec<Peer>> {
    let peer = (prop::collection::vec(value(), 0..12), any::<bool>()).prop_map(|(values, done)| Peer {
        values: curve(&values),
        done,
    });
    prop::collection::vec(peer, 0..12)
}

proptest! {
    #[test]
    fn the_order_of_the_others_does_not_matter(
        rule in kinds(), mine in prop::collection::vec(value(), 0..12), peers in peers(), turn in 0..12_usize
    ) {
        let mine = curve(&mine);
        let first = verdict(&rule, 12.0, &mine, &peers);
        let mut turned = peers.clone();
        turned.rotate_left(turn.min(peers.len()));
        prop_assert_eq!(&first, &verdict(&rule, 12.0, &mine, &turned));
        turned.reverse();
        turned.iter_mut().for_each(|peer| peer.values.reverse());
        prop_assert_eq!(&first, &verdict(&rule, 12.0, &mine, &turned));
    }

    #[test]
    fn the_best_is_never_stopped_by_halving(
        rule in kinds().prop_filter("halving", |rule| rule.kind != StopKind::Median),
        lengths in prop::collection::vec(1..12_usize, 1..12), values in prop::collection::vec(value(), 144)
    ) {
        let curves: Vec<Vec<(f64, f64)>> =
            lengths.iter().enumerate().map(|(i, n)| curve(&values[i * 12..i * 12 + n])).collect();
        let of = |curve: &Vec<(f64, f64)>| Peer { values: curve.clone(), done: true };
        let peers: Vec<Peer> = curves.iter().map(of).collect();
        let best = if rule.goal == Goal::Min { -3.0 } else { 3.0 };
        for length in 0..12 {
            prop_assert_eq!(verdict(&rule, 12.0, &curve(&vec![best; length + 1]), &peers), None);
        }
        // Of any set, at any epoch that all have reached, one that is best there goes on.
        let at = lengths.iter().min().copied().unwrap_or(1) - 1;
        let cut: Vec<Vec<(f64, f64)>> = curves.iter().map(|curve| curve[..=at].to_vec()).collect();
        let cost = |curve: &Vec<(f64, f64)>| cost(&rule, curve[at].1);
        let (winner, curve) = cut.iter().enumerate().min_by(|a, b| cost(a.1).total_cmp(&cost(b.1))).unwrap();
        let mut others: Vec<Peer> = cut.iter().map(of).collect();
        others.remove(winner);
        if at as f64 == rung(&rule, at as f64) {
            prop_assert_eq!(verdict(&rule, 12.0, curve, &others), None);
        }
    }

    #[test]
    fn one_that_is_like_all_others_goes_on(rule in kinds(), values in prop::collection::vec(value(), 1..12), n in 0..12_usize) {
        let mine = curve(&values);
        let peers = vec![Peer { values: mine.clone(), done: true }; n];
        prop_assert_eq!(verdict(&rule, 12.0, &mine, &peers), None);
    }

    #[test]
    fn nothing_is_stopped_before_min_epochs_or_at_the_end(
        rule in kinds(), mine in prop::collection::vec(value(), 1..12), peers in peers()
    ) {
        let now = (mine.len() - 1) as f64;
        if now < rule.min_epochs {
            prop_assert_eq!(verdict(&rule, 12.0, &curve(&mine), &peers), None);
        }
        prop_assert_eq!(verdict(&rule, now, &curve(&mine), &peers), None);
    }
}
