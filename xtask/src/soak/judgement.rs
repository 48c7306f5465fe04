//! What of a soak's samples is growth, and what is only noise: pure arithmetic over what was measured.

use std::collections::BTreeMap;

/// The part of the time that counts as warming up: tables fill, allocators take what they then use again.
const WARM_UP: f64 = 1.0 / 3.0;
/// How much memory may grow over the time after that, by the line through its samples, and still count as flat.
const FLAT: f64 = 0.05;
/// Fewest samples that a line is drawn through.
const SAMPLES_MIN: usize = 6;
/// What the system's allocator may come to hold of memory that was given back: it returns the top of an arena when
/// that is larger than this, and makes at most [`ARENAS_PER_PROCESSOR`] of them, for as many threads as there ever were.
const ARENA_TOP: f64 = 128.0 * 1024.0;
/// See [`ARENA_TOP`].
const ARENAS_PER_PROCESSOR: usize = 8;

/// How a measured thing changed after the warm-up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Trend {
    /// Its mean.
    pub(super) mean: f64,
    /// How much the line through it rises from the end of the warm-up to the last sample.
    pub(super) rise: f64,
    /// The same, an hour.
    pub(super) rise_per_hour: f64,
}

impl Trend {
    /// The least-squares line through samples of seconds and quantity; none if there are too few of them.
    pub(super) fn of(samples: &[(f64, f64)]) -> Option<Self> {
        let last = samples.last()?.0;
        let warm: Vec<_> = samples
            .iter()
            .filter(|(at, _)| *at >= last * WARM_UP)
            .collect();
        if warm.len() < SAMPLES_MIN {
            return None;
        }
        let count = warm.len() as f64;
        let time = warm.iter().map(|(at, _)| at).sum::<f64>() / count;
        let mean = warm.iter().map(|(_, quantity)| quantity).sum::<f64>() / count;
        let (mut across, mut up) = (0.0, 0.0);
        for (at, quantity) in &warm {
            across += (at - time) * (at - time);
            up += (at - time) * (quantity - mean);
        }
        let slope = if across > 0.0 { up / across } else { 0.0 };
        let lasting = last - warm.first().map_or(last, |(at, _)| *at);
        Some(Self {
            mean,
            rise: slope * lasting,
            rise_per_hour: slope * 3600.0,
        })
    }

    /// Whether memory of this trend does not grow, but for what the allocators of its threads may come to hold.
    pub(super) fn is_flat(&self, held: f64) -> bool {
        self.rise <= (self.mean * FLAT).max(held)
    }
}

/// What the allocator may come to hold in a process of many threads, on a machine with so many processors.
pub(super) fn held_by_allocators(processors: usize) -> f64 {
    (processors * ARENAS_PER_PROCESSOR) as f64 * ARENA_TOP
}

/// The same in a process of one thread.
pub(super) const HELD_BY_ONE_ALLOCATOR: f64 = ARENA_TOP;

/// Files that there are more of than before, by name: how many more, and how many more there may be.
///
/// `kept` names those that stay, each with its bound; of all others there may be no more.
pub(super) fn more_files(
    before: &BTreeMap<String, usize>,
    after: &BTreeMap<String, usize>,
    kept: &[(&str, usize)],
) -> Vec<(String, usize, usize)> {
    after
        .iter()
        .filter_map(|(name, &count)| {
            let more = count.saturating_sub(before.get(name).copied().unwrap_or_default());
            let bound = kept.iter().find(|(kept, _)| kept == name);
            (more > 0).then(|| (name.clone(), more, bound.map_or(0, |(_, bound)| *bound)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sample every five seconds for ten minutes.
    fn samples(quantity: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
        let times = (0..=120).map(|number| f64::from(number) * 5.0);
        times.map(|at| (at, quantity(at))).collect()
    }

    #[test]
    fn what_fills_while_warming_up_and_swings_afterwards_is_flat() {
        let filled = |at: f64| 30e6 * (1.0 - (-at / 60.0).exp()) + 1e6 * (at / 7.0).sin();
        let trend = Trend::of(&samples(filled)).unwrap();
        assert!(trend.is_flat(HELD_BY_ONE_ALLOCATOR), "{trend:?}");
        assert!((trend.mean - 30e6).abs() < 1e6, "{trend:?}");
    }

    #[test]
    fn what_grows_slowly_all_the_time_is_not() {
        // Ten megabytes in ten minutes, beneath a swing as large.
        let leaking = |at: f64| 30e6 + 10e6 * at / 600.0 + 5e6 * (at / 7.0).sin();
        let trend = Trend::of(&samples(leaking)).unwrap();
        assert!(!trend.is_flat(held_by_allocators(2)), "{trend:?}");
        assert!((trend.rise_per_hour - 60e6).abs() < 10e6, "{trend:?}");
    }

    #[test]
    fn a_line_is_not_drawn_through_a_few_samples() {
        assert_eq!(Trend::of(&[]), None);
        assert_eq!(Trend::of(&samples(|_| 1.0)[..6]), None);
    }

    #[test]
    fn files_are_told_by_name_and_bound() {
        let count = |pairs: &[(&str, usize)]| -> BTreeMap<String, usize> {
            pairs
                .iter()
                .map(|&(name, count)| (name.to_owned(), count))
                .collect()
        };
        let before = count(&[("state.json", 60), ("resources", 60), ("gone", 1)]);
        let after = count(&[
            ("state.json", 60),
            ("resources", 61),
            ("state.json.previous", 58),
        ]);
        assert_eq!(
            more_files(&before, &after, &[("state.json.previous", 60)]),
            [
                ("resources".to_owned(), 1, 0),
                ("state.json.previous".to_owned(), 58, 60)
            ]
        );
    }
}
