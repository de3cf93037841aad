//! Objectives as text.

use crate::objective::{Part, Position, part};
use crate::{Error, Objective, Result};
use conv_vision::Pretrained;

/// Parentheses and signs within each other at most, and parts in all.
const DEEPEST: usize = 64;
const MOST: usize = 256;

impl Objective {
    /// Reads `inception_4c:12 - 0.5*inception_4c:40 + 1e-3*tv`: parts with `+`, `-`, `*` and parentheses, `*` before the others.
    ///
    /// | part | what it is |
    /// |---|---|
    /// | `LAYER:CHANNEL` | a channel's mean over its positions; of a layer of classes a logit |
    /// | `LAYER:CHANNEL@centre`, `…@ROW,COLUMN` | one neuron |
    /// | `LAYER` | the mean of the squares of all of a layer |
    /// | `tv` | the smoothness, [`Part::Smoothness`] |
    /// | `0.5`, `1e-3` | a number |
    ///
    /// Layers are named as [`conv_vision::Address`] has it, so that `LAYER/pre_relu:CHANNEL` is what goes into a rectifier; `mixed4c`
    /// stands for `inception_4c`, as lucid writes it.
    ///
    /// # Errors
    /// [`Error::Objective`] names the character; [`Error::Constant`] where nothing depends on the picture.
    pub fn parse(text: &str, model: &Pretrained) -> Result<Self> {
        let characters: Vec<char> = text.chars().collect();
        let mut reader = Reader { text, characters, at: 0, parts: 0, model };
        let objective = reader.sum(0)?;
        if let Some(found) = reader.peek() {
            return Err(
                reader.wrong(reader.at, format!("found {found:?}, expected +, -, * or the end"))
            );
        }
        if objective.depends() { Ok(objective) } else { Err(Error::Constant) }
    }
}

struct Reader<'a> {
    text: &'a str,
    characters: Vec<char>,
    /// The next character's place, from 0.
    at: usize,
    parts: usize,
    model: &'a Pretrained,
}

impl Reader<'_> {
    fn wrong(&self, at: usize, reason: String) -> Error {
        Error::Objective { text: self.text.into(), at: at + 1, reason }
    }

    /// The next character that is no space.
    fn peek(&mut self) -> Option<char> {
        while self.characters.get(self.at).is_some_and(|c| c.is_whitespace()) {
            self.at += 1;
        }
        self.characters.get(self.at).copied()
    }

    fn sum(&mut self, depth: usize) -> Result<Objective> {
        let mut sum = self.product(depth)?;
        while let Some(sign @ ('+' | '-')) = self.peek() {
            self.at += 1;
            let next = self.product(depth)?;
            sum = if sign == '+' { sum + next } else { sum - next };
        }
        Ok(sum)
    }

    fn product(&mut self, depth: usize) -> Result<Objective> {
        let mut product = self.factor(depth)?;
        while self.peek() == Some('*') {
            self.at += 1;
            product = product * self.factor(depth)?;
        }
        Ok(product)
    }

    fn factor(&mut self, depth: usize) -> Result<Objective> {
        let Some(next) = self.peek() else {
            return Err(self
                .wrong(self.at, "it ends here, expected a unit, a layer, tv or a number".into()));
        };
        if depth == DEEPEST {
            return Err(self.wrong(
                self.at,
                format!("expected at most {DEEPEST} parentheses and signs within each other"),
            ));
        }
        self.parts += 1;
        if self.parts > MOST {
            return Err(self.wrong(self.at, format!("expected at most {MOST} parts")));
        }
        let start = self.at;
        match next {
            '-' => {
                self.at += 1;
                Ok(-self.factor(depth + 1)?)
            }
            '(' => {
                self.at += 1;
                let inner = self.sum(depth + 1)?;
                match self.peek() {
                    Some(')') => self.at += 1,
                    _ => return Err(self.wrong(start, "this parenthesis is not closed".into())),
                }
                Ok(inner)
            }
            c if c.is_ascii_digit() || c == '.' => self.number(start),
            c if c.is_ascii_alphabetic() => self.named(start),
            other => Err(self.wrong(
                start,
                format!("found {other:?}, expected a unit, a layer, tv or a number"),
            )),
        }
    }

    /// What is read while `goes_on`.
    fn word(&mut self, goes_on: impl Fn(char, Option<char>) -> bool) -> String {
        let mut word = String::new();
        while let Some(&next) = self.characters.get(self.at) {
            if !goes_on(next, word.chars().last()) {
                break;
            }
            word.push(next);
            self.at += 1;
        }
        word
    }

    fn number(&mut self, start: usize) -> Result<Objective> {
        let word = self.word(|next, last| match next {
            '+' | '-' => matches!(last, Some('e' | 'E')),
            next => next.is_ascii_alphanumeric() || next == '.',
        });
        match word.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Objective::Part(Part::Number(number))),
            _ => Err(self.wrong(start, format!("{word:?} is no number"))),
        }
    }

    fn named(&mut self, start: usize) -> Result<Objective> {
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '/' | ':' | '.');
        let name = self.word(|next, _| is_name(next));
        if name == "tv" {
            return Ok(Objective::Part(Part::Smoothness));
        }
        let position = match self.characters.get(self.at) {
            Some('@') => Some(self.position()?),
            _ => None,
        };
        let part = part(&name, position, self.model);
        let part = part.map_err(|error| self.wrong(start, error.to_string()))?;
        if position.is_some() && matches!(part, Part::Layer { .. }) {
            return Err(self.wrong(
                start,
                format!("{name:?} has no channel, expected LAYER:CHANNEL before @"),
            ));
        }
        Ok(Objective::Part(part))
    }

    /// From `@` on.
    fn position(&mut self) -> Result<Position> {
        let start = self.at;
        self.at += 1;
        if self.characters[self.at..].starts_with(&['c', 'e', 'n', 't', 'r', 'e']) {
            self.at += 6;
            return Ok(Position::Centre);
        }
        let row = self.word(|next, _| next.is_ascii_digit()).parse();
        let comma = self.characters.get(self.at) == Some(&',');
        self.at += usize::from(comma);
        let column = self.word(|next, _| next.is_ascii_digit()).parse();
        match (row, comma, column) {
            (Ok(row), true, Ok(column)) => Ok(Position::At(row, column)),
            _ => Err(self.wrong(start, "expected @centre or @ROW,COLUMN".into())),
        }
    }
}
