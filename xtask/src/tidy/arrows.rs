//! The arrows between crates: who may depend on whom.

use cargo_metadata::{Dependency, DependencyKind, Package};

use super::house::{BESIDE_RUSTIX, FOR_TESTS, House, IMPURE, Room, TESTS_MAY_USE, Uses};
use super::{Finding, manifest};

/// The dependencies of a crate that the plan of the house doesn't have, and the other way round.
pub(super) fn check(house: &House, package: &Package) -> Vec<Finding> {
    let Some(room) = house.room(&package.name) else {
        let what = format!("{} has no place in the plan of the house", package.name);
        return vec![manifest::finding(package, what)];
    };
    let broken = package.dependencies.iter().filter_map(|dependency| {
        let what = broken_arrow(room, dependency)?;
        Some(manifest::finding(package, what))
    });
    let others = unused_arrows(room, package).chain(shipped_tests(room, package));
    let others = others.map(|what| manifest::finding(package, what));
    broken.chain(others).collect()
}

/// Features for tests in what somebody installs.
fn shipped_tests(room: &Room, package: &Package) -> impl Iterator<Item = String> {
    let is_shipped = |kind| room.ships && kind != DependencyKind::Development;
    let shipped = package.dependencies.iter();
    let shipped = shipped.filter(move |dependency| is_shipped(dependency.kind));
    shipped.flat_map(move |dependency| {
        let features = dependency.features.iter();
        let for_tests = features.filter(|feature| FOR_TESTS.contains(&feature.as_str()));
        for_tests.map(move |feature| {
            let (from, to) = (&room.name, &dependency.name);
            format!("{from} ships {feature} of {to}, which is for tests")
        })
    })
}

/// Arrows that the crate has no use for.
fn unused_arrows(room: &Room, package: &Package) -> impl Iterator<Item = String> {
    let planned = match &room.uses {
        Uses::All => None,
        Uses::Only(names) => Some(names),
    };
    let is_used = |name: &str| {
        let shipped = |kind| kind != DependencyKind::Development;
        let mut dependencies = package.dependencies.iter();
        dependencies.any(|dependency| dependency.name == name && shipped(dependency.kind))
    };
    let unused = planned.into_iter().flatten();
    unused
        .filter(move |name| !is_used(name))
        .map(|name| format!("{} may use {name}, and does not", room.name))
}

fn broken_arrow(room: &Room, dependency: &Dependency) -> Option<String> {
    let (from, to) = (room.name.as_str(), dependency.name.as_str());
    let in_tests = dependency.kind == DependencyKind::Development;
    if dependency.path.is_none() {
        return (!in_tests).then(|| wrong_library(room, to)).flatten();
    }
    let planned = match &room.uses {
        Uses::All => to != "xtask",
        Uses::Only(names) => names.contains(to),
    };
    let test_only = in_tests && (TESTS_MAY_USE.contains(&to) || to == from);
    (!planned && !test_only).then(|| format!("{from} must not use {to}"))
}

/// A library of others that this crate ships with and must not.
fn wrong_library(room: &Room, library: &str) -> Option<String> {
    let name = room.name.as_str();
    if room.pure && IMPURE.contains(&library) {
        return Some(format!("{name} is pure and must not use {library}"));
    }
    let (_, users) = BESIDE_RUSTIX.iter().find(|(known, _)| *known == library)?;
    (!users.contains(&name))
        .then(|| format!("{name} must not use {library}: rustix is the way to the kernel"))
}
