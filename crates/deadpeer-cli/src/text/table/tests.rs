//! What tables look like.

use super::line::shorten;
use super::*;

const COLUMNS: [Column; 3] = [
    Column {
        title: "NAME",
        right: false,
        cut: Cut::Middle(6),
        drop: 0,
    },
    Column {
        title: "N",
        right: true,
        cut: Cut::Never,
        drop: 0,
    },
    Column {
        title: "EXTRA",
        right: false,
        cut: Cut::End(5),
        drop: 1,
    },
];

fn drawn(width: Option<usize>, color: bool, rows: &[[&str; 3]]) -> String {
    let mut table = Table::new(Vec::new(), Look { width, color }, &COLUMNS);
    for cells in rows {
        let mut row = Row::default();
        row.plain(cells[0])
            .cell(style::BAD, cells[1])
            .plain(cells[2]);
        table.row(&row).unwrap();
    }
    String::from_utf8(table.finish().unwrap()).unwrap()
}

const ROWS: [[&str; 3]; 2] = [["a-rather-long-name", "7", "beside"], ["b", "1200", ""]];

#[test]
fn in_a_pipe_nothing_is_cut() {
    assert_eq!(
        drawn(None, false, &ROWS),
        "NAME                   N  EXTRA\n\
         a-rather-long-name     7  beside\n\
         b                   1200\n"
    );
}

#[test]
fn a_narrow_terminal_first_cuts_the_middle() {
    assert_eq!(
        drawn(Some(28), false, &ROWS),
        "NAME               N  EXTRA\n\
         a-rathe…g-name     7  beside\n\
         b               1200\n"
    );
}

#[test]
fn a_very_narrow_one_loses_columns() {
    let shown = drawn(Some(14), false, &ROWS);
    assert_eq!(shown, "NAME         N\na-ra…ame     7\nb         1200\n");
}

#[test]
fn no_width_makes_it_panic_or_loop() {
    for width in 0..40 {
        let shown = drawn(Some(width), true, &ROWS);
        assert_eq!(shown.lines().count(), 3);
    }
}

#[test]
fn wide_characters_count_twice() {
    assert_eq!(
        drawn(None, false, &[["サーバ", "1", "x"]]),
        "NAME    N  EXTRA\nサーバ  1  x\n"
    );
    assert_eq!(shorten("サーバサーバ", 7, 3), "サ…バ");
    assert_eq!(shorten("サーバサーバ", 7, 0), "サーバ…");
}

#[test]
fn colours_stand_around_the_text_alone() {
    let shown = drawn(None, true, &[["a", "1", "x"]]);
    assert!(shown.contains("   \u{1b}[31m1\u{1b}[0m  x"), "{shown:?}");
}

#[test]
fn rows_after_the_first_thousand_are_written_at_once() {
    let mut table = Table::new(
        Vec::new(),
        Look {
            width: None,
            color: false,
        },
        &COLUMNS,
    );
    let mut row = Row::default();
    row.plain("x").plain("1").plain("");
    for _ in 0..LOOK_AHEAD {
        table.row(&row).unwrap();
    }
    let before = table.out.len();
    assert!(before > 0);
    table.row(&row).unwrap();
    assert!(table.out.len() > before);
}

#[test]
fn notes_are_wrapped_below_their_first_word() {
    let mut table = Table::new(
        Vec::new(),
        Look {
            width: Some(28),
            color: false,
        },
        &COLUMNS,
    );
    table
        .note(style::NOTE, "one lost probe is taken for death".into())
        .unwrap();
    let shown = String::from_utf8(table.finish().unwrap()).unwrap();
    assert!(
        shown.ends_with("  ! one lost probe is taken\n    for death\n"),
        "{shown}"
    );
}
