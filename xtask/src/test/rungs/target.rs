//! What is built and run as one.

/// What cargo calls it: `-p deadpeer-sys --test sockopt`.
#[derive(Debug)]
pub(super) struct Target(pub(super) String);

impl Target {
    /// From cargo's advice: ``error: test failed, to rerun pass `-p deadpeer-sys --lib` ``.
    pub(super) fn named_in(line: &str) -> Option<Self> {
        let (_, advice) = line.split_once("to rerun pass `")?;
        let (target, _) = advice.split_once('`')?;
        Some(Self(target.to_owned()))
    }

    pub(super) fn may_be_unsteady(&self, pure: &[String]) -> bool {
        let mut words = self.0.split(' ').skip_while(|word| *word != "-p");
        let package = words.nth(1);
        package.is_some_and(|package| !pure.iter().any(|name| name == package))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_names_what_failed() {
        let line = "error: test failed, to rerun pass `-p deadpeer-c --test server`";
        let target = Target::named_in(line).unwrap();
        assert_eq!(target.0, "-p deadpeer-c --test server");
        assert!(target.may_be_unsteady(&["deadpeer-core".into()]));
        assert!(Target::named_in("error: 1 target failed:").is_none());
    }

    #[test]
    fn pure_crates_get_no_second_chance() {
        let pure = ["deadpeer-core".to_owned()];
        assert!(!Target("-p deadpeer-core --lib".into()).may_be_unsteady(&pure));
        assert!(!Target("--lib".into()).may_be_unsteady(&pure));
    }
}
