//! docs/methods.md names every method, and its numbers are those of docs/matrix.md.

use std::path::Path;

/// The method by hand, and its title in the truth table.
const METHODS: [(&str, &str); 8] = [
    ("`--method recv`", "recv() <= 0"),
    ("`--method tcp-info`", "TCP_INFO state"),
    ("`--method poll`", "epoll, nothing read"),
    ("`--method keepalive`", "SO_KEEPALIVE"),
    ("`--method user-timeout`", "TCP_USER_TIMEOUT"),
    ("`--method heartbeat`", "application heartbeat"),
    ("`--kernel-only`", "deadpeer plan (kernel only)"),
    ("(no option)", "deadpeer supervised"),
];

/// Columns of the truth table.
const NOTICED: usize = 3;
const FALSE_ALARMS: usize = 5;

fn document(name: &str) -> String {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    std::fs::read_to_string(docs.join(name)).unwrap()
}

/// The cells of the row that has this text in this column.
fn row<'d>(document: &'d str, column: usize, text: &str) -> Vec<&'d str> {
    let rows = document.lines().map(|line| line.split('|').map(str::trim));
    let rows = rows.map(Iterator::collect::<Vec<_>>);
    let mut found = rows.filter(|cells| cells.get(column) == Some(&text));
    found.next().unwrap_or_else(|| panic!("no row of {text}"))
}

#[test]
fn the_numbers_are_those_of_the_truth_table() {
    let (methods, matrix) = (document("methods.md"), document("matrix.md"));
    for (by_hand, title) in METHODS {
        let measured = row(&matrix, 1, title);
        let documented = &row(&methods, 2, by_hand)[3..5];
        assert_eq!(
            documented,
            [measured[NOTICED], measured[FALSE_ALARMS]],
            "docs/methods.md, {by_hand}"
        );
    }
    let of = |column: usize| {
        let cell = row(&matrix, 1, "recv() <= 0")[column];
        cell.rsplit(' ').next().unwrap().to_owned()
    };
    let ways = format!(
        "{} ways in which a peer can be gone and {}",
        of(NOTICED),
        of(FALSE_ALARMS)
    );
    let words: Vec<&str> = methods.split_whitespace().collect();
    assert!(words.join(" ").contains(&ways), "docs/methods.md: {ways}");
}
