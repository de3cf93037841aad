//! Figures as text.

use super::{Evaluation, Part, Seeing};
use std::fmt;

/// Templates that are shown, those with the least right answers first.
const HARDEST: usize = 5;

impl fmt::Display for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |share: f64| format!("{:.1} %", 100.0 * share);
        writeln!(f, "{} questions about {} pictures\n", self.questions, self.images)?;
        writeln!(f, "{:<18} {:>9}  {:>8}  {:>14}", "", "questions", "right", "most frequent")?;
        for (name, of_type) in &self.types {
            let [right, most] =
                [of_type.accuracy, of_type.most_frequent].map(|share| percent(share.value()));
            writeln!(f, "{name:<18} {:>9}  {right:>8}  {most:>14}", of_type.questions)?;
        }
        let [right, most] = [self.accuracy, self.most_frequent].map(percent);
        writeln!(f, "{:<18} {:>9}  {right:>8}  {most:>14}", "all", self.questions)?;
        let [own, base] = [self.interval, self.most_frequent_interval]
            .map(|[low, high]| format!("{:.1}–{:.1}", 100.0 * low, 100.0 * high));
        writeln!(f, "{:<18} {:>9}  {own:>8}  {base:>14}", "95 % by picture", "")?;
        if self.programs.all > 0 {
            writeln!(
                f,
                "\nprograms exactly right  {} of {}",
                self.programs.right, self.programs.all
            )?;
        }
        write!(f, "refused                 {}", self.refused)?;
        for (fault, count) in &self.faults {
            write!(f, "\nwrong by {fault:<25} {count}")?;
        }
        table(f, "steps", &self.lengths.iter().collect::<Vec<_>>())?;
        table(f, "objects", &self.objects.iter().collect::<Vec<_>>())?;
        let mut families: Vec<_> = self.families.iter().collect();
        families.sort_by(|(_, a), (_, b)| a.accuracy.total_cmp(&b.accuracy));
        families.truncate(HARDEST);
        table(f, "hardest templates", &families)?;
        let Some(seeing) = &self.seeing else { return Ok(()) };
        let Seeing { recall, precision, attributes, relations, scenes } = seeing;
        write!(f, "\n\nobjects seen            {} of {}", recall.right, recall.all)?;
        write!(f, "\nseen where none is      {}", precision.all - precision.right)?;
        for (kind, share) in attributes {
            write!(f, "\n{:<23} {}", format!("{kind} right"), percent(share.value()))?;
        }
        write!(f, "\nrelations right         {:.2} %", 100.0 * relations.value())?;
        write!(f, "\nscenes without fault    {} of {}", scenes.right, scenes.all)
    }
}

/// Parts of the questions with their intervals by picture; nothing where there is none.
fn table<K: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    title: &str,
    parts: &[(K, &Part)],
) -> fmt::Result {
    if parts.is_empty() {
        return Ok(());
    }
    write!(f, "\n\n{title:<18} {:>9}  {:>8}  {:>14}", "questions", "right", "95 % by picture")?;
    for (key, Part { questions, accuracy, interval: [low, high] }) in parts {
        let range = format!("{:.1}–{:.1}", 100.0 * low, 100.0 * high);
        let right = format!("{:.1} %", 100.0 * accuracy);
        write!(f, "\n{:<18} {questions:>9}  {right:>8}  {range:>15}", key.to_string())?;
    }
    Ok(())
}
