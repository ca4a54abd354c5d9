//! Values as people write them: times with units, words for on and off.

use crate::recipe::Unit;

/// On or off, in the words that any of the programs takes.
pub(crate) fn switch(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "on" | "yes" | "true" | "1" | "enable" | "enabled" => Some(true),
        "off" | "no" | "false" | "0" | "disable" | "disabled" => Some(false),
        _ => None,
    }
}

/// A time in milliseconds: a number in this unit, or numbers with units of their own: `30`,
/// `1m30s`, `5min 20s`.
pub(crate) fn milliseconds(text: &str, unit: Unit) -> Option<u64> {
    let text = text.trim();
    if let Ok(number) = text.parse::<u64>() {
        return unit.milliseconds(number);
    }
    let mut total = 0_u64;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        let number: u64 = rest[..digits].parse().ok()?;
        rest = rest[digits..].trim_start();
        let letters = rest
            .find(|c: char| !c.is_alphabetic())
            .unwrap_or(rest.len());
        let each = of_unit(&rest[..letters])?;
        total = total.checked_add(number.checked_mul(each)? / 1000)?;
        rest = rest[letters..].trim_start();
    }
    (!text.is_empty()).then_some(total)
}

/// So many microseconds.
fn of_unit(unit: &str) -> Option<u64> {
    const SECOND: u64 = 1_000_000;
    Some(match unit {
        "us" | "usec" => 1,
        "ms" | "msec" => 1000,
        "s" | "S" | "sec" | "second" | "seconds" => SECOND,
        "m" | "M" | "min" | "minute" | "minutes" => 60 * SECOND,
        "h" | "H" | "hr" | "hour" | "hours" => 3600 * SECOND,
        "d" | "D" | "day" | "days" => 86_400 * SECOND,
        "w" | "W" | "week" | "weeks" => 7 * 86_400 * SECOND,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_every_form() {
        for (text, ms) in [
            ("30", Some(30_000)),
            ("30s", Some(30_000)),
            ("1m30s", Some(90_000)),
            ("5min 20s", Some(320_000)),
            ("500ms", Some(500)),
            ("2h", Some(7_200_000)),
            ("", None),
            ("s", None),
            ("-1", None),
            ("$x", None),
            ("10x", None),
            ("99999999999999999999d", None),
            ("18446744073709551615", None),
        ] {
            assert_eq!(milliseconds(text, Unit::S), ms, "{text:?}");
        }
        assert_eq!(milliseconds("30", Unit::Ms), Some(30));
        assert_eq!(switch("On"), Some(true));
        assert_eq!(switch("30"), None);
    }
}
