//! The algorithm of CPython's `list.sort`: runs that are there are used, short ones lengthened by binary insertion, and
//! neighbours merged, galloping where one of them wins often.
//!
//! The sequence of comparisons is CPython's, for a program can see it: its comparison function may count, have side
//! effects, or not be an order at all (nor are floats, if some are NaN). Whatever the comparisons say, and when they
//! fail half-way, all items are still there.

use crate::object::Res;

/// Wins in a row after which a merge gallops, to begin with.
const MIN_GALLOP: usize = 7;

/// Lists shorter than this are sorted by insertion alone; longer ones are cut into runs of at least half of it.
const SHORT: usize = 64;

/// Sorts `items` by `less(a, b)`, stably.
///
/// # Errors
/// The first error of `less`; the items are in some order then.
pub(super) fn sort<T: Copy>(items: &mut [T], less: &mut impl FnMut(T, T) -> Res<bool>) -> Res<()> {
    if items.len() < 2 {
        return Ok(());
    }
    let least = least_run(items.len());
    let mut merger = Merger {
        items,
        less,
        runs: Vec::new(),
        min_gallop: MIN_GALLOP,
    };
    let mut start = 0;
    while start < merger.items.len() {
        let rest = &mut merger.items[start..];
        let mut len = natural_run(rest, merger.less)?;
        if len < least {
            let forced = least.min(rest.len());
            insert(&mut rest[..forced], len, merger.less)?;
            len = forced;
        }
        merger.runs.push((start, len));
        merger.restore_balance()?;
        start += len;
    }
    merger.merge_all()
}

/// The least length of runs: so that their number is a power of two or a little less.
fn least_run(mut len: usize) -> usize {
    let mut odd = 0;
    while len >= SHORT {
        odd |= len & 1;
        len >>= 1;
    }
    len + odd
}

/// The length of the run that the items begin with; a strictly falling one is turned round.
fn natural_run<T: Copy>(items: &mut [T], less: &mut impl FnMut(T, T) -> Res<bool>) -> Res<usize> {
    if items.len() < 2 {
        return Ok(items.len());
    }
    let falling = less(items[1], items[0])?;
    let mut len = 2;
    while len < items.len() && less(items[len], items[len - 1])? == falling {
        len += 1;
    }
    if falling {
        items[..len].reverse();
    }
    Ok(len)
}

/// Sorts items of which the first `sorted` are sorted.
fn insert<T: Copy>(
    items: &mut [T],
    sorted: usize,
    less: &mut impl FnMut(T, T) -> Res<bool>,
) -> Res<()> {
    for at in sorted.max(1)..items.len() {
        let (mut low, mut high) = (0, at);
        while low < high {
            let middle = low + (high - low) / 2;
            if less(items[at], items[middle])? {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        items[low..=at].rotate_right(1);
    }
    Ok(())
}

/// Where `key` belongs among sorted items, left of its equals, searched from `hint` on in growing steps.
fn gallop_left<T: Copy>(
    key: T,
    items: &[T],
    hint: usize,
    less: &mut impl FnMut(T, T) -> Res<bool>,
) -> Res<usize> {
    let (mut last, mut step) = (0, 1);
    let (mut low, mut high);
    if less(items[hint], key)? {
        let most = items.len() - hint;
        while step < most && less(items[hint + step], key)? {
            last = step;
            step = 2 * step + 1;
        }
        low = hint + last + 1;
        high = hint + step.min(most);
    } else {
        let most = hint + 1;
        while step < most && !less(items[hint - step], key)? {
            last = step;
            step = 2 * step + 1;
        }
        low = most - step.min(most);
        high = hint - last;
    }
    while low < high {
        let middle = low + (high - low) / 2;
        if less(items[middle], key)? {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(high)
}

/// Where `key` belongs among sorted items, right of its equals.
fn gallop_right<T: Copy>(
    key: T,
    items: &[T],
    hint: usize,
    less: &mut impl FnMut(T, T) -> Res<bool>,
) -> Res<usize> {
    let (mut last, mut step) = (0, 1);
    let (mut low, mut high);
    if less(key, items[hint])? {
        let most = hint + 1;
        while step < most && less(key, items[hint - step])? {
            last = step;
            step = 2 * step + 1;
        }
        low = most - step.min(most);
        high = hint - last;
    } else {
        let most = items.len() - hint;
        while step < most && !less(key, items[hint + step])? {
            last = step;
            step = 2 * step + 1;
        }
        low = hint + last + 1;
        high = hint + step.min(most);
    }
    while low < high {
        let middle = low + (high - low) / 2;
        if less(key, items[middle])? {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Ok(high)
}

struct Merger<'a, T, F> {
    items: &'a mut [T],
    less: &'a mut F,
    /// Start and length of the runs found, neighbours all of them.
    runs: Vec<(usize, usize)>,
    /// Wins in a row after which a merge gallops: less where that paid, more where it did not.
    min_gallop: usize,
}

/// How far a merge is: the left run was put aside, and is merged from the front.
struct Rising {
    /// The next place to fill.
    to: usize,
    /// The next item of those put aside.
    left: usize,
    /// The next item of the right run, and where that ends.
    right: usize,
    end: usize,
}

/// How far a merge is: the right run was put aside, and is merged from the back.
struct Falling {
    /// Behind the next place to fill.
    to: usize,
    /// Where the left run starts, and how much of it is left.
    start: usize,
    left: usize,
    /// How many of the items put aside are left.
    right: usize,
}

impl<T: Copy, F: FnMut(T, T) -> Res<bool>> Merger<'_, T, F> {
    fn len(&self, run: usize) -> usize {
        self.runs[run].1
    }

    /// Merges until each run is longer than the two behind it together.
    fn restore_balance(&mut self) -> Res<()> {
        while self.runs.len() > 1 {
            let at = self.runs.len() - 2;
            let unbalanced =
                |last: usize| last > 0 && self.len(last - 1) <= self.len(last) + self.len(last + 1);
            if unbalanced(at) || (at > 1 && unbalanced(at - 1)) {
                let before = self.len(at - 1) < self.len(at + 1);
                self.merge_at(if before { at - 1 } else { at })?;
            } else if self.len(at) <= self.len(at + 1) {
                self.merge_at(at)?;
            } else {
                break;
            }
        }
        Ok(())
    }

    fn merge_all(&mut self) -> Res<()> {
        while self.runs.len() > 1 {
            let at = self.runs.len() - 2;
            let before = at > 0 && self.len(at - 1) < self.len(at + 1);
            self.merge_at(if before { at - 1 } else { at })?;
        }
        Ok(())
    }

    /// Merges a run with the next one.
    fn merge_at(&mut self, at: usize) -> Res<()> {
        let (mut start, mut left) = self.runs[at];
        let (middle, mut right) = self.runs.remove(at + 1);
        self.runs[at].1 = left + right;
        // What is in place already, on both ends, stays there.
        let first = self.items[middle];
        let run = &self.items[start..middle];
        let placed = gallop_right(first, run, 0, self.less)?;
        start += placed;
        left -= placed;
        if left == 0 {
            return Ok(());
        }
        let last = self.items[middle - 1];
        let run = &self.items[middle..middle + right];
        right = gallop_left(last, run, right - 1, self.less)?;
        if right == 0 {
            return Ok(());
        }
        if left <= right {
            let aside = self.items[start..middle].to_vec();
            let mut merge = Rising {
                to: start,
                left: 0,
                right: middle,
                end: middle + right,
            };
            let result = self.merge_rising(&aside, &mut merge);
            // Between what is merged and what is left of the right run there is room for just those left aside.
            self.items[merge.to..merge.right].copy_from_slice(&aside[merge.left..]);
            result
        } else {
            let aside = self.items[middle..middle + right].to_vec();
            let mut merge = Falling {
                to: middle + right,
                start,
                left,
                right,
            };
            let result = self.merge_falling(&aside, &mut merge);
            self.items[start + merge.left..merge.to].copy_from_slice(&aside[..merge.right]);
            result
        }
    }

    /// Takes the first item of the right run; true if it was the last.
    fn take_right(&mut self, merge: &mut Rising) -> bool {
        self.items[merge.to] = self.items[merge.right];
        merge.to += 1;
        merge.right += 1;
        merge.right == merge.end
    }

    /// Takes items from those aside; true if at most one is left, which belongs behind the right run.
    fn take_aside(&mut self, aside: &[T], merge: &mut Rising, count: usize) -> bool {
        let taken = &aside[merge.left..merge.left + count];
        self.items[merge.to..merge.to + count].copy_from_slice(taken);
        merge.to += count;
        merge.left += count;
        let rest = aside.len() - merge.left;
        if rest == 1 {
            self.items.copy_within(merge.right..merge.end, merge.to);
            merge.to += merge.end - merge.right;
            merge.right = merge.end;
        }
        rest <= 1
    }

    fn merge_rising(&mut self, aside: &[T], merge: &mut Rising) -> Res<()> {
        if self.take_right(merge) || self.take_aside(aside, merge, 0) {
            return Ok(());
        }
        loop {
            let (mut left_wins, mut right_wins) = (0, 0);
            while left_wins < self.min_gallop && right_wins < self.min_gallop {
                let done = if (self.less)(self.items[merge.right], aside[merge.left])? {
                    (left_wins, right_wins) = (0, right_wins + 1);
                    self.take_right(merge)
                } else {
                    (left_wins, right_wins) = (left_wins + 1, 0);
                    self.take_aside(aside, merge, 1)
                };
                if done {
                    return Ok(());
                }
            }
            self.min_gallop += 1;
            loop {
                self.min_gallop = (self.min_gallop - 1).max(1);
                let first = self.items[merge.right];
                let left_wins = gallop_right(first, &aside[merge.left..], 0, self.less)?;
                if left_wins > 0 && self.take_aside(aside, merge, left_wins) {
                    return Ok(());
                }
                if self.take_right(merge) {
                    return Ok(());
                }
                let run = &self.items[merge.right..merge.end];
                let right_wins = gallop_left(aside[merge.left], run, 0, self.less)?;
                self.items
                    .copy_within(merge.right..merge.right + right_wins, merge.to);
                merge.to += right_wins;
                merge.right += right_wins;
                if merge.right == merge.end || self.take_aside(aside, merge, 1) {
                    return Ok(());
                }
                if left_wins < MIN_GALLOP && right_wins < MIN_GALLOP {
                    break;
                }
            }
            // Leaving costs something, so that it is not entered again too soon.
            self.min_gallop += 1;
        }
    }

    /// Takes the last items of the left run; true if none is left.
    fn take_left(&mut self, merge: &mut Falling, count: usize) -> bool {
        let end = merge.start + merge.left;
        self.items.copy_within(end - count..end, merge.to - count);
        merge.to -= count;
        merge.left -= count;
        merge.left == 0
    }

    /// Takes the last items of those aside; true if at most one is left, which belongs before the left run.
    fn take_aside_last(&mut self, aside: &[T], merge: &mut Falling, count: usize) -> bool {
        let taken = &aside[merge.right - count..merge.right];
        self.items[merge.to - count..merge.to].copy_from_slice(taken);
        merge.to -= count;
        merge.right -= count;
        if merge.right == 1 {
            let all = merge.left;
            self.take_left(merge, all);
        }
        merge.right <= 1
    }

    fn merge_falling(&mut self, aside: &[T], merge: &mut Falling) -> Res<()> {
        if self.take_left(merge, 1) || self.take_aside_last(aside, merge, 0) {
            return Ok(());
        }
        loop {
            let (mut left_wins, mut right_wins) = (0, 0);
            while left_wins < self.min_gallop && right_wins < self.min_gallop {
                let last = self.items[merge.start + merge.left - 1];
                let done = if (self.less)(aside[merge.right - 1], last)? {
                    (left_wins, right_wins) = (left_wins + 1, 0);
                    self.take_left(merge, 1)
                } else {
                    (left_wins, right_wins) = (0, right_wins + 1);
                    self.take_aside_last(aside, merge, 1)
                };
                if done {
                    return Ok(());
                }
            }
            self.min_gallop += 1;
            loop {
                self.min_gallop = (self.min_gallop - 1).max(1);
                let run = &self.items[merge.start..merge.start + merge.left];
                let key = aside[merge.right - 1];
                let left_wins = merge.left - gallop_right(key, run, merge.left - 1, self.less)?;
                if self.take_left(merge, left_wins) || self.take_aside_last(aside, merge, 1) {
                    return Ok(());
                }
                let last = self.items[merge.start + merge.left - 1];
                let run = &aside[..merge.right];
                let right_wins = merge.right - gallop_left(last, run, merge.right - 1, self.less)?;
                if right_wins > 0 && self.take_aside_last(aside, merge, right_wins) {
                    return Ok(());
                }
                if self.take_left(merge, 1) {
                    return Ok(());
                }
                if left_wins < MIN_GALLOP && right_wins < MIN_GALLOP {
                    break;
                }
            }
            self.min_gallop += 1;
        }
    }
}
