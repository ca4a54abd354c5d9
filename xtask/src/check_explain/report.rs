//! The score, and the mistakes.

use std::collections::BTreeMap;

use deadpeer_lab::stories::{At, Damage, Damaged, Mistake, Score};

/// The scores of several experiments.
#[derive(Default)]
pub(super) struct Report {
    scores: Vec<Score>,
    damaged: BTreeMap<Damage, Vec<Damaged>>,
}

impl Report {
    pub(super) fn add(&mut self, score: Score) {
        self.scores.push(score);
    }

    pub(super) fn add_damaged(&mut self, damage: Damage, score: Damaged) {
        self.damaged.entry(damage).or_default().push(score);
    }

    /// Prints what became of the damaged captures. Returns whether no live side was called gone and
    /// no dead one alive.
    pub(super) fn print_damaged(&self, verbose: bool) -> bool {
        let mut right = true;
        for (damage, scores) in &self.damaged {
            let sum = |of: fn(&Damaged) -> usize| scores.iter().map(of).sum::<usize>();
            let mistakes: Vec<_> = scores.iter().flat_map(|score| &score.mistakes).collect();
            let shown = if verbose { mistakes.len() } else { 3 };
            for mistake in mistakes.iter().take(shown) {
                print(mistake, 1);
            }
            println!(
                "{:<24} {} stories, of {} the capture does not tell, {} wrong",
                damage.name(),
                sum(|score| score.stories),
                sum(|score| score.untold),
                mistakes.len()
            );
            right &= mistakes.is_empty();
        }
        right
    }

    /// Prints it. Returns whether there is no mistake.
    pub(super) fn print(&self, verbose: bool) -> bool {
        let mistakes: Vec<&Mistake> = self
            .scores
            .iter()
            .flat_map(|score| &score.mistakes)
            .collect();
        if verbose {
            for mistake in &mistakes {
                print(mistake, 1);
            }
        } else {
            let mut sorts: BTreeMap<_, Vec<&Mistake>> = BTreeMap::new();
            for mistake in &mistakes {
                let key = (&mistake.scenario, mistake.at.name(), mistake.life.state);
                sorts.entry(key).or_default().push(mistake);
            }
            for sort in sorts.values() {
                print(sort[0], sort.len());
            }
        }
        for at in [At::Ours, At::Theirs] {
            let stories: usize = self.scores.iter().map(|score| score.stories(at)).sum();
            let wrong = mistakes.iter().filter(|mistake| mistake.at == at).count();
            println!(
                "captured at {:<6} {} of {stories} stories are true",
                at.name(),
                stories - wrong
            );
        }
        mistakes.is_empty()
    }
}

fn print(mistake: &Mistake, alike: usize) {
    let Mistake {
        scenario,
        at,
        life,
        wrong,
        told,
        ..
    } = mistake;
    println!(
        "{scenario}, {} at {}, watched by {}, port {} ({alike} alike):",
        life.state,
        at.name(),
        life.method.as_deref().unwrap_or("nobody"),
        life.port
    );
    println!("    told: {}", told.as_deref().unwrap_or("nothing"));
    for wrong in wrong {
        println!("    {wrong}");
    }
}
