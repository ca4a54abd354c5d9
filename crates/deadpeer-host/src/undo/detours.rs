//! Changes that were taken back by later ones of the same file.

use deadpeer_core::SocketOptions;
use rustc_hash::{FxHashMap, FxHashSet};

use super::record::Group;

/// Forgets, of these sockets, the latest changes that ended with what they had begun with: the way
/// back leads past them. One that somebody else has changed in between is left as it is.
pub(super) fn forget(groups: &mut Vec<Group>, cookies: &FxHashSet<u64>) {
    let mut changes: FxHashMap<u64, Vec<usize>> = FxHashMap::default();
    for (place, group) in groups.iter().enumerate() {
        for cookie in group.cookies.iter().filter(|it| cookies.contains(it)) {
            changes.entry(*cookie).or_default().push(place);
        }
    }
    let mut gone: FxHashSet<(usize, u64)> = FxHashSet::default();
    for (cookie, places) in changes {
        let values = |place: &usize| Some((groups.get(*place)?.before, groups.get(*place)?.after));
        let steps: Vec<_> = places.iter().filter_map(values).collect();
        let detour = places.iter().skip(begin(&steps).unwrap_or(places.len()));
        gone.extend(detour.map(|place| (*place, cookie)));
    }
    for (place, group) in groups.iter_mut().enumerate() {
        group.cookies.retain(|it| !gone.contains(&(place, *it)));
    }
    groups.retain(|group| !group.cookies.is_empty());
}

/// The step with which the detour began that the last step has ended, going from each to the one
/// before as long as they join.
fn begin(steps: &[(SocketOptions, SocketOptions)]) -> Option<usize> {
    let (_, end) = steps.last()?;
    for (place, (before, _)) in steps.iter().enumerate().rev() {
        if before == end {
            return Some(place);
        }
        let joins = place.checked_sub(1).and_then(|it| steps.get(it));
        joins.filter(|(_, after)| after == before)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(s: u32) -> SocketOptions {
        SocketOptions::new().keepintvl_s(s)
    }

    fn group(before: SocketOptions, after: SocketOptions, cookies: &[u64]) -> Group {
        Group::new(before, after, cookies.to_vec())
    }

    #[test]
    fn what_was_lent_and_taken_back_leaves_the_first_change() {
        let first = group(interval(75), interval(1), &[1, 2, 3]);
        let mut groups = vec![
            first.clone(),
            group(interval(1), interval(3), &[1, 2]),
            group(interval(3), interval(9), &[1, 3]),
            group(interval(9), interval(1), &[1, 3]),
        ];
        forget(&mut groups, &[1, 3].into_iter().collect());
        // 3 was changed to 3 s by somebody else, and 2 not taken back yet.
        assert_eq!(
            groups,
            [
                first,
                group(interval(1), interval(3), &[2]),
                group(interval(3), interval(9), &[3]),
                group(interval(9), interval(1), &[3]),
            ]
        );
    }
}
