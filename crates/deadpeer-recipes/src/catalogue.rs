//! The recipes that are compiled in, and how one is found.

use std::sync::LazyLock;

use crate::recipe::Recipe;

/// The files of `recipes/`, in the order of their names.
macro_rules! files {
    ($($name:literal),* $(,)?) => {
        pub(crate) const FILES: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../recipes/", $name, ".toml")))),*];
    };
}

files![
    "aiohttp",
    "apache",
    "asyncio",
    "c",
    "caddy",
    "cassandra",
    "curl",
    "docker",
    "dotnet",
    "elasticsearch",
    "envoy",
    "erlang",
    "etcd",
    "go",
    "grpc",
    "grpc-dotnet",
    "grpc-go",
    "grpc-java",
    "grpc-node",
    "haproxy",
    "hyper",
    "ioredis",
    "istio",
    "java",
    "kafka",
    "kubernetes",
    "lettuce",
    "libpq",
    "lighttpd",
    "mariadb",
    "memcached",
    "mongodb",
    "mosquitto",
    "mysql",
    "nats",
    "netty",
    "nginx",
    "node",
    "npgsql",
    "openldap",
    "openssh-client",
    "openssh-server",
    "pgbouncer",
    "pgjdbc",
    "postgresql",
    "proxysql",
    "python",
    "rabbitmq",
    "redis",
    "redis-py",
    "requests",
    "reqwest",
    "rsyslog",
    "rust",
    "slapd",
    "socat",
    "squid",
    "stunnel",
    "sysctl",
    "syslog-ng",
    "systemd-socket",
    "tonic",
    "varnish",
    "zeromq",
    "zookeeper",
];

static RECIPES: LazyLock<Vec<Recipe>> = LazyLock::new(|| {
    let parsed = FILES.iter().map(|(name, text)| match toml::from_str(text) {
        Ok(recipe) => recipe,
        Err(error) => unreachable!("{name}: {error}: a test parses each of them"),
    });
    parsed.collect()
});

/// Every recipe, in the order of their names.
#[must_use]
pub fn all() -> &'static [Recipe] {
    &RECIPES
}

/// A name that no recipe has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Unknown {
    /// The name.
    pub name: String,
    /// The name most like it.
    pub suggestion: Option<&'static str>,
}

impl std::fmt::Display for Unknown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "there is no recipe for {:?}", self.name)?;
        match self.suggestion {
            Some(suggestion) => write!(f, "; did you mean {suggestion}?"),
            None => write!(f, "."),
        }
    }
}

/// The recipe of this name or alias; capitals don't matter.
///
/// # Errors
/// [`Unknown`], with the name most like it.
pub fn find(name: &str) -> Result<&'static Recipe, Unknown> {
    let named = |recipe: &&Recipe| names(recipe).any(|known| known.eq_ignore_ascii_case(name));
    all().iter().find(named).ok_or_else(|| Unknown {
        name: name.to_owned(),
        suggestion: nearest(name),
    })
}

/// The recipe of a program by its processes' name (`/proc/PID/comm`).
#[must_use]
pub fn of_process(comm: &str) -> Option<&'static Recipe> {
    let runs = |recipe: &&Recipe| recipe.processes.iter().any(|process| process == comm);
    all().iter().find(runs)
}

/// The recipe of the program that is usually the server of a port.
#[must_use]
pub fn of_port(port: u16) -> Option<&'static Recipe> {
    all().iter().find(|recipe| recipe.ports.contains(&port))
}

fn names(recipe: &Recipe) -> impl Iterator<Item = &str> {
    std::iter::once(&recipe.name)
        .chain(&recipe.aliases)
        .map(String::as_str)
}

fn nearest(name: &str) -> Option<&'static str> {
    /// Less alike than this is no typing error.
    const ALIKE: f64 = 0.75;
    let name = name.to_lowercase();
    let known = all().iter().flat_map(names);
    let rated = known.map(|known| (strsim::jaro_winkler(&name, known), known));
    let alike = rated.filter(|(alike, _)| *alike >= ALIKE);
    let best = alike.max_by(|(one, _), (other, _)| one.total_cmp(other));
    best.map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_is_a_recipe_of_its_name_and_each_is_listed() {
        for (name, text) in FILES {
            let recipe: Recipe = toml::from_str(text).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!(&recipe.name, name);
        }
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/recipes");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().path())
            .map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        files.sort();
        let listed: Vec<&str> = FILES.iter().map(|(name, _)| *name).collect();
        assert_eq!(files, listed);
    }

    #[test]
    fn no_two_recipes_share_a_name_or_a_process() {
        let mut seen = std::collections::BTreeSet::new();
        for name in all().iter().flat_map(names) {
            assert!(seen.insert(name.to_lowercase()), "{name} twice");
        }
        let mut seen = std::collections::BTreeSet::new();
        for process in all().iter().flat_map(|recipe| &recipe.processes) {
            assert!(seen.insert(process), "process {process} twice");
        }
    }

    #[test]
    fn what_a_recipe_does_not_have_is_refused() {
        let (_, nginx) = FILES.iter().find(|(name, _)| *name == "nginx").unwrap();
        let error = toml::from_str::<Recipe>(&format!("colour = 1\n{nginx}")).unwrap_err();
        assert!(
            error.to_string().contains("unknown field `colour`"),
            "{error}"
        );
    }

    #[test]
    fn a_name_that_is_nearly_right_is_suggested() {
        assert_eq!(find("NGINX").unwrap().name, "nginx");
        assert_eq!(find("ngnix").unwrap_err().suggestion, Some("nginx"));
        assert_eq!(find("xyzzy").unwrap_err().suggestion, None);
        assert_eq!(of_process("redis-server").unwrap().name, "redis");
        assert!(of_process("nothing").is_none());
        assert_eq!(of_port(5432).unwrap().name, "postgresql");
    }
}
