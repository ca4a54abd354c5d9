//! Which characters show what they are.

/// Whether `c` shows itself: it is no control character, has a shape of its own, and doesn't change
/// how its neighbours look.
///
/// What does not print are controls (C0, DEL, C1), line and paragraph separators, interlinear
/// annotation, the empty braille pattern, and whatever Unicode calls default ignorable (UAX #44,
/// `Default_Ignorable_Code_Point`): bidirectional controls, zero-width characters, fillers,
/// variation selectors and tags.
pub(crate) fn is_printable(c: char) -> bool {
    // Nearly all text is this.
    if (' '..='~').contains(&c) {
        return true;
    }
    !c.is_control()
        && !matches!(c,
            '\u{ad}'                       // soft hyphen
            | '\u{34f}'                    // combining grapheme joiner
            | '\u{61c}'                    // Arabic letter mark
            | '\u{115f}'..='\u{1160}'      // Hangul fillers
            | '\u{17b4}'..='\u{17b5}'      // Khmer inherent vowels
            | '\u{180b}'..='\u{180f}'      // Mongolian variation selectors, vowel separator
            | '\u{200b}'..='\u{200f}'      // zero width, left-to-right and right-to-left marks
            | '\u{2028}'..='\u{202e}'      // line and paragraph separators, bidirectional embeddings
            | '\u{2060}'..='\u{206f}'      // invisible operators, bidirectional isolates
            | '\u{2800}'                   // braille pattern without a dot
            | '\u{3164}'                   // Hangul filler
            | '\u{fe00}'..='\u{fe0f}'      // variation selectors
            | '\u{feff}'                   // byte order mark
            | '\u{ffa0}'                   // half-width Hangul filler
            | '\u{fff0}'..='\u{fffb}'      // unassigned ignorables, interlinear annotation
            | '\u{1bca0}'..='\u{1bca3}'    // shorthand format controls
            | '\u{1d173}'..='\u{1d17a}'    // musical format controls
            | '\u{e0000}'..='\u{e0fff}'    // tags, further variation selectors
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_of_every_script_print() {
        for text in [
            "redis-server",
            "Größe",
            "サーバ",
            "가각",
            "مرحبا",
            "🦀",
            "\u{a0}",
        ] {
            assert!(text.chars().all(is_printable), "{text}");
        }
    }

    #[test]
    fn what_has_no_shape_does_not() {
        for (c, what) in [
            ('\u{7}', "C0"),
            ('\u{7f}', "DEL"),
            ('\u{9b}', "C1"),
            ('\u{200d}', "zero-width joiner"),
            ('\u{202e}', "right-to-left override"),
            ('\u{2066}', "isolate"),
            ('\u{3164}', "Hangul filler"),
            ('\u{fe0f}', "variation selector"),
            ('\u{e0100}', "further variation selector"),
            ('\u{e0041}', "tag"),
        ] {
            assert!(!is_printable(c), "{what}");
        }
    }
}
