//! The page of the documentation, against the files.

use crate::situation::folder;
use crate::{ALL, act};

/// `cargo xtask check-situations --docs` writes it anew.
#[test]
fn the_page_in_the_tree_is_of_these_situations() {
    let file = folder().join("../../../../docs/situations.md");
    let page = std::fs::read_to_string(file).unwrap();
    let titles: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .collect();
    let all: Vec<_> = ALL.iter().map(|name| act::named(name)).collect();
    let expected: Vec<&str> = all.iter().map(|one| one.title.as_str()).collect();
    assert_eq!(titles, expected);
    for situation in &all {
        let (_, section) = page
            .split_once(&format!("## {}\n", situation.title))
            .unwrap();
        let section = section.split("\n## ").next().unwrap();
        assert!(section.contains(&situation.symptom), "{}", situation.name);
        assert!(section.contains(&situation.happens), "{}", situation.name);
        for wanted in situation.answers() {
            let shown = section.lines().any(|line| wanted.fits(line));
            assert!(shown, "{}: {wanted:?}", situation.name);
        }
    }
}

#[test]
fn every_file_is_listed() {
    let files = std::fs::read_dir(folder()).unwrap();
    let mut names: Vec<String> = files
        .filter_map(|file| {
            let name = file.unwrap().file_name().into_string().unwrap();
            name.strip_suffix(".toml").map(str::to_owned)
        })
        .collect();
    let mut all: Vec<&str> = ALL.to_vec();
    names.sort();
    all.sort_unstable();
    assert_eq!(names, all);
}
