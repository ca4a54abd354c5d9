//! What tables look like.

use super::*;
use crate::text::style;

const COLUMNS: [Column; 3] = [
    Column::text("NAME").fold(1),
    Column::number("N"),
    Column::text("EXTRA").fold(2),
];

fn drawn(width: Option<usize>, color: bool, rows: &[[&str; 3]]) -> String {
    let mut table = Table::new(Vec::new(), Look { width, color }, &COLUMNS);
    for cells in rows {
        table
            .row(|row| {
                row.plain(cells[0])
                    .cell(style::BAD, cells[1])
                    .plain(cells[2]);
            })
            .unwrap();
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
fn on_a_narrow_terminal_columns_go_to_a_second_line_and_nothing_is_cut() {
    assert_eq!(
        drawn(Some(28), false, &ROWS),
        "NAME                   N\n\
         a-rather-long-name     7\n    extra: beside\n\
         b                   1200\n"
    );
}

#[test]
fn on_a_very_narrow_one_what_fits_beside_the_numbers_stays() {
    assert_eq!(
        drawn(Some(14), false, &[["a-very-long-name", "7", "beside"]]),
        "N  EXTRA\n7  beside\n    name:\n    a-very-long-name\n"
    );
}

#[test]
fn one_long_address_goes_below_its_own_row_alone() {
    let columns = [Column::address("PEER"), Column::number("N")];
    let look = Look {
        width: Some(40),
        color: false,
    };
    let mut table = Table::new(Vec::new(), look, &columns);
    for peer in [
        "10.0.0.1:80",
        "[fd00:1234:5678:9abc:def0:1234:5678:9abc]:5432",
    ] {
        table
            .row(|row| {
                row.plain(peer).plain("7");
            })
            .unwrap();
    }
    let shown = String::from_utf8(table.finish().unwrap()).unwrap();
    let wanted = "PEER                   N\n\
                  10.0.0.1:80            7\n\
                  ↓                      7\n    \
                  peer:\n    \
                  [fd00:1234:5678:9abc:def0:1234:5678:9abc]:5432\n";
    assert_eq!(shown, wanted);
}

#[test]
fn a_column_in_which_nothing_stands_is_left_out() {
    let rows = [["a", "7", ""], ["b", "1200", ""]];
    assert_eq!(
        drawn(None, false, &rows),
        "NAME     N\na        7\nb     1200\n"
    );
}

#[test]
fn no_width_makes_it_panic_or_loses_a_cell() {
    for width in 0..40 {
        let shown = drawn(Some(width), false, &ROWS);
        for cell in ROWS.iter().flatten().filter(|cell| !cell.is_empty()) {
            assert!(shown.contains(cell), "{width}: {shown}");
        }
    }
}

#[test]
fn wide_characters_count_twice() {
    assert_eq!(
        drawn(None, false, &[["サーバ", "1", "x"]]),
        "NAME    N  EXTRA\nサーバ  1  x\n"
    );
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
    let fill = |row: &mut Row| {
        row.plain("x").plain("1").plain("");
    };
    for _ in 0..LOOK_AHEAD {
        table.row(fill).unwrap();
    }
    let before = table.out.len();
    assert!(before > 0);
    table.row(fill).unwrap();
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
