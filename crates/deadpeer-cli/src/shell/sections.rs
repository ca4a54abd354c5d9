//! What a verb's help ends with, as sections of its manual page: examples, exit codes, notes.

/// The text below a help, in the language of man(7).
pub(super) fn sections(help: &str) -> String {
    let mut page = String::new();
    let mut in_notes = false;
    for paragraph in help.split("\n\n") {
        let (first, rest) = paragraph.split_once('\n').unwrap_or((paragraph, ""));
        match first {
            "Examples:" => page += &(".SH EXAMPLES\n".to_owned() + &entries(rest)),
            "Exit codes:" => page += &(".SH \"EXIT STATUS\"\n".to_owned() + &entries(rest)),
            _ => {
                if !in_notes {
                    page += ".SH NOTES\n";
                }
                in_notes = true;
                page += &note(paragraph);
            }
        }
    }
    page
}

/// Lines such as `  deadpeer watch   what it is for` or `  0  done`, which may go on in others that
/// stand further in.
fn entries(lines: &str) -> String {
    let mut entries: Vec<String> = Vec::new();
    for line in lines.lines() {
        match entries.last_mut() {
            Some(entry) if line.starts_with("   ") => *entry += &format!("  {}", line.trim()),
            Some(_) | None => entries.push(line.trim().to_owned()),
        }
    }
    let in_roff = |entry: &String| match entry.split_once("  ") {
        Some((what, meaning)) => {
            let words: Vec<&str> = meaning.split_whitespace().collect();
            format!(
                ".TP\n\\fB{}\\fR\n{}\n",
                escaped(what),
                escaped(&words.join(" "))
            )
        }
        None => format!(".PP\n\\fB{}\\fR\n", escaped(entry)),
    };
    entries.iter().map(in_roff).collect()
}

/// A paragraph, and below it lines that stay as they are.
fn note(paragraph: &str) -> String {
    let is_code = |line: &&str| line.starts_with(' ');
    let text: Vec<String> = paragraph
        .lines()
        .filter(|line| !is_code(line))
        .map(escaped)
        .collect();
    let code: Vec<String> = paragraph.lines().filter(is_code).map(escaped).collect();
    let text = format!(".PP\n{}\n", text.join("\n"));
    match code.is_empty() {
        true => text,
        false => format!("{text}.PP\n.nf\n{}\n.fi\n", code.join("\n")),
    }
}

/// Text that no character of is an instruction, and each one the one that is typed.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    if text.starts_with(['.', '\'']) {
        escaped.push_str("\\&");
    }
    for character in text.chars() {
        match character {
            '\\' => escaped.push_str("\\(rs"),
            '-' => escaped.push_str("\\-"),
            '\'' => escaped.push_str("\\(aq"),
            '`' => escaped.push_str("\\(ga"),
            '^' => escaped.push_str("\\(ha"),
            '~' => escaped.push_str("\\(ti"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_help_becomes_sections() {
        let help = "\
Examples:
  deadpeer x
  deadpeer x --y     what's y
                     for
  deadpeer z
                     a long one

Notes that
go on:
  .code

Exit codes:
  0  done
     well
  130  interrupted";
        let page = "\
.SH EXAMPLES
.PP
\\fBdeadpeer x\\fR
.TP
\\fBdeadpeer x \\-\\-y\\fR
what\\(aqs y for
.TP
\\fBdeadpeer z\\fR
a long one
.SH NOTES
.PP
Notes that
go on:
.PP
.nf
  .code
.fi
.SH \"EXIT STATUS\"
.TP
\\fB0\\fR
done well
.TP
\\fB130\\fR
interrupted
";
        assert_eq!(sections(help), page);
    }
}
