//! What must hold for any configuration of any program. The fuzzer calls it, and so does the test
//! that replays the corpus.

use std::time::Duration;

use deadpeer_core::Kernel;
use deadpeer_recipes::Recipe;
use deadpeer_recipes::read::{Files, ReadError, Source, read};

/// The first byte chooses the program, and so the syntax; the rest is its file.
pub(crate) fn check(input: &[u8]) {
    let [program, text @ ..] = input else {
        return;
    };
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    let readable: Vec<&'static Recipe> = deadpeer_recipes::all()
        .iter()
        .filter(|recipe| recipe.read.is_some())
        .collect();
    let recipe = readable[usize::from(*program) % readable.len()];
    let arguments: Vec<String> = text.split(' ').take(4).map(str::to_owned).collect();
    let source = Source {
        file: Some(("f", text)),
        arguments: &arguments,
    };
    let kernel = Kernel::before_rto_max(Some(250));
    match read(
        recipe,
        Duration::from_secs(30),
        &kernel,
        source,
        &mut Itself(text),
    ) {
        Ok(reading) => {
            let lines = text.split('\n').count();
            for remark in reading
                .remarks
                .iter()
                .filter(|remark| remark.place.file == "f")
            {
                assert!((1..=lines).contains(&remark.place.line), "{remark:?}");
            }
            for diff in &reading.diffs {
                assert!(diff.starts_with("--- "), "{diff}");
            }
        }
        Err(ReadError::Syntax { error, .. }) => {
            assert!(error.line >= 1 && error.column >= 1, "{error}");
        }
        Err(_) => {}
    }
}

/// Whatever is included is the beginning of the same text.
struct Itself<'t>(&'t str);

impl Files for Itself<'_> {
    fn find(&mut self, pattern: &str, _: &str) -> Vec<(String, Result<String, String>)> {
        let end = self
            .0
            .char_indices()
            .map(|(at, _)| at)
            .nth(pattern.len() * 4)
            .unwrap_or(0);
        match pattern.len() % 3 {
            0 => Vec::new(),
            1 => vec![("g".into(), Err("not permitted".into()))],
            _ => vec![("h".into(), Ok(self.0[..end].into()))],
        }
    }
}
