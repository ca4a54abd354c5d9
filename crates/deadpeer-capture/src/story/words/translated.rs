//! A connection that was seen before and after translation, as a sentence.

use crate::Endpoint;
use crate::story::{Story, Translated};
use crate::talk::Side;

impl Translated {
    /// What happened, and as what it was seen.
    pub(super) fn words(&self, happened: &str, story: &Story) -> String {
        let mut seen: Vec<_> = self.others.clone();
        seen.push((story.number, story.ends));
        seen.sort_unstable_by_key(|(number, _)| *number);
        let seen: Vec<_> = seen.iter().map(|(_, ends)| way(ends)).collect();
        let seen = seen.join(" and as ");
        if let Some(number) = self.told_as {
            return format!("the same as connection {number}, translated: seen as {seen}");
        }
        let stray = format!(
            "the answer came from {}, which the client had not asked: it answered with a RST",
            story.end(Side::Server)
        );
        let happened = if self.stray_answer { &stray } else { happened };
        format!("{happened}; translated: seen as {seen}")
    }
}

fn way([client, server]: &[Endpoint; 2]) -> String {
    format!("{client} -> {server}")
}
