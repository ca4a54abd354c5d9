//! Numbers and what they count.

/// "1 connection", "2 connections".
#[must_use]
pub fn plural(n: u64, noun: &str) -> String {
    plural_of(n, noun, &format!("{noun}s"))
}

/// "1 process", "2 processes".
#[must_use]
pub fn plural_of(n: u64, one: &str, many: &str) -> String {
    match n {
        1 => format!("1 {one}"),
        n => format!("{n} {many}"),
    }
}
