//! Passwords in lines that are shown.

/// What stands for a password.
const HIDDEN: &str = "***";

/// The names of values that are nobody's business.
const NAMES: [&str; 6] = [
    "password=",
    "passwd=",
    "pwd=",
    "secret=",
    "token=",
    "sslpassword=",
];

/// The text without the passwords of its URIs and connection strings.
pub(crate) fn masked(text: &str) -> String {
    let mut text = text.to_owned();
    let mut from = 0;
    while let Some(place) = text[from..].find("://") {
        let begin = from + place + 3;
        let authority = text[begin..].find(['/', '?', '#', ' ', '"', '\'']);
        let end = authority.map_or(text.len(), |length| begin + length);
        // The last @ ends what precedes the host: a password may have some of its own.
        if let Some(at) = text[begin..end].rfind('@')
            && let Some(colon) = text[begin..begin + at].find(':')
        {
            text.replace_range(begin + colon + 1..begin + at, HIDDEN);
        }
        from = begin;
    }
    for name in NAMES {
        let mut from = 0;
        while let Some(place) = text[from..].to_ascii_lowercase().find(name) {
            let begin = from + place + name.len();
            let ends = match text[begin..].chars().next() {
                Some(quote @ ('"' | '\'')) => text[begin + 1..].find(quote).map(|end| end + 2),
                _ => text[begin..].find(['&', ' ', ';', '"', '\'', '\t']),
            };
            let end = ends.map_or(text.len(), |length| begin + length);
            text.replace_range(begin..end, HIDDEN);
            from = begin + HIDDEN.len();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn passwords_are_left_out() {
        for (text, shown) in [
            (
                "postgresql://u:p@ss@db/app?x=1",
                "postgresql://u:***@db/app?x=1",
            ),
            ("redis://:geheim@db:6379", "redis://:***@db:6379"),
            ("http://db:80/a@b:c", "http://db:80/a@b:c"),
            (
                "host=db Password='a b' port=1",
                "host=db Password=*** port=1",
            ),
            (
                "postgresql://db?password=abc&y=1",
                "postgresql://db?password=***&y=1",
            ),
            ("listen 80;", "listen 80;"),
        ] {
            assert_eq!(masked(text), shown);
        }
    }
}
