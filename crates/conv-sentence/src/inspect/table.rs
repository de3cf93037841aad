//! The inspection as a table for people.

use std::fmt;

use super::{Inspection, Lengths, Part};

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.parts {
            writeln!(f, "{part}")?;
        }
        for shared in self.shared.iter().filter(|shared| shared.texts > 0) {
            writeln!(
                f,
                "{} texts are in both {} and {}",
                shared.texts, shared.first, shared.second
            )?;
        }
        if self.conflicting > 0 {
            writeln!(
                f,
                "{} texts stand under several classes, such as {:?}",
                self.conflicting, self.conflicts
            )?;
        }
        write!(f, "vocabulary   {} words", self.vocabulary)?;
        if let Some(coverage) = self.coverage {
            write!(f, "\nvectors      {coverage}")?;
        }
        // A stray accent does no harm; a language does.
        if self.beyond_ascii > 0.01 {
            let share = 100.0 * self.beyond_ascii;
            write!(
                f,
                "\nletters      {share:.1} % are not ASCII: of the tokenizer styles only unicode keeps them"
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}: {} examples, {} without words, {} repeated",
            self.name, self.examples, self.empty, self.repeated
        )?;
        if let Some(file) = self.file {
            writeln!(f, "  encoding   {file}")?;
        }
        let width = self.classes.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        for (row, (name, count)) in self.classes.iter().enumerate() {
            let title = if row == 0 { "classes" } else { "" };
            let share = 100.0 * *count as f64 / self.examples.max(1) as f64;
            writeln!(f, "  {title:<10} {name:<width$} {count:>8} {share:5.1} %")?;
        }
        let Lengths { min, median, p95, max, histogram } = &self.lengths;
        writeln!(f, "  words      {min} to {max}, median {median}, 95 % have at most {p95}")?;
        let tallest = histogram.iter().map(|&(_, count)| count).max().unwrap_or(0).max(1);
        let mut from = 0;
        for &(to, count) in histogram {
            let bar = "█".repeat((30 * count).div_ceil(tallest) as usize);
            writeln!(f, "  {:>10} {bar} {count}", format!("{from}–{to}"))?;
            from = to + 1;
        }
        Ok(())
    }
}
