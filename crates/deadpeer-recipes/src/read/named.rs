//! Which file a command line names.

use crate::recipe::Configuration;

impl Configuration {
    /// The file that a command line names; `None`: none, so that one of [`Configuration::files`]
    /// is read. Programs that write their own title have all of it in one argument
    /// (`nginx: master process /usr/sbin/nginx -c FILE`).
    #[must_use]
    pub fn named_in(&self, arguments: &[String]) -> Option<String> {
        let title;
        let arguments = match arguments {
            [one] if one.contains(": ") => {
                title = one
                    .split_whitespace()
                    .map(str::to_owned)
                    .collect::<Vec<_>>();
                &title[..]
            }
            all => all,
        };
        let mut patterns = self.named_by.iter();
        patterns.find_map(|pattern| named(pattern, arguments))
    }

    /// What a program reads whose command line names no file.
    #[must_use]
    pub fn unnamed(&self, arguments: &[String]) -> Unnamed {
        let title = arguments.first().is_some_and(|first| first.contains(' '));
        match (self.needs_file, title) {
            (false, _) => Unnamed::Usual,
            (true, false) => Unnamed::Nothing,
            (true, true) => Unnamed::Hidden,
        }
    }
}

/// What a program reads whose command line names no file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unnamed {
    /// The first of [`Configuration::files`] that is there.
    Usual,
    /// None: its defaults hold, and its command line.
    Nothing,
    /// It wrote its own title over its command line, which may have named one.
    Hidden,
}

fn named(pattern: &str, arguments: &[String]) -> Option<String> {
    let (option, shape) = match pattern.split_once(' ') {
        Some((option, shape)) => (Some(option), shape),
        None => (None, pattern),
    };
    let (before, behind) = shape.split_once("{file}")?;
    let mut arguments = arguments.iter().skip(1);
    while let Some(argument) = arguments.next() {
        let value = match option {
            Some(option) if argument == option => arguments.next()?,
            Some(_) => continue,
            None => argument,
        };
        let Some(file) = value.strip_prefix(before) else {
            continue;
        };
        // The first word that is no option, where nothing else tells.
        let plain = option.is_some() || !before.is_empty();
        if !file.is_empty() && (plain || file.contains('/') && !file.starts_with('-')) {
            return Some(format!("{file}{behind}"));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::Unnamed;

    #[test]
    fn the_file_is_where_the_program_says() {
        let named = |program: &str, line: &[&str]| {
            let arguments: Vec<String> = line.iter().map(|one| (*one).to_owned()).collect();
            let how = crate::find(program).unwrap().read.as_ref().unwrap();
            how.named_in(&arguments)
        };
        let title = "nginx: master process /usr/sbin/nginx -c /a/n.conf -g daemon off;";
        assert_eq!(named("nginx", &[title]).unwrap(), "/a/n.conf");
        assert_eq!(
            named("nginx", &["nginx", "-c", "n.conf"]).unwrap(),
            "n.conf"
        );
        assert_eq!(
            named("redis", &["redis-server", "/r.conf"]).unwrap(),
            "/r.conf"
        );
        assert_eq!(named("redis", &["redis-server *:6379"]), None);
        let unnamed = |program: &str, line: &[&str]| {
            let arguments: Vec<String> = line.iter().map(|one| (*one).to_owned()).collect();
            let how = crate::find(program).unwrap().read.as_ref().unwrap();
            how.unnamed(&arguments)
        };
        assert_eq!(unnamed("nginx", &["nginx"]), Unnamed::Usual);
        assert_eq!(unnamed("mosquitto", &["mosquitto"]), Unnamed::Nothing);
        let title = ["redis-server *:6379"];
        assert_eq!(unnamed("redis", &title), Unnamed::Hidden);
        let both = ["postgres", "-D", "/data", "-c", "config_file=/c"];
        assert_eq!(named("postgresql", &both).unwrap(), "/c");
        assert_eq!(
            named("postgresql", &both[..3]).unwrap(),
            "/data/postgresql.conf"
        );
        assert_eq!(
            named("mariadb", &["mariadbd", "--defaults-file=/m"]).unwrap(),
            "/m"
        );
    }
}
