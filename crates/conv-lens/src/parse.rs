//! Objectives as text.

use crate::objective::{Part, Position, part};
use crate::{Error, Objective, Result, Subject};

/// Parentheses and signs within each other at most, and parts in all.
const DEEPEST: usize = 64;
const MOST: usize = 256;

impl Objective {
    /// Reads `inception_4c:12 - 0.5*inception_4c:40 + 1e-3*tv`: parts with `+`, `-`, `*` and
    /// parentheses, `*` before the others.
    ///
    /// | part | what it is |
    /// |---|---|
    /// | `LAYER:CHANNEL` | a channel's mean over its positions; of a layer of classes a logit |
    /// | `LAYER:CHANNEL@centre`, `…@ROW,COLUMN` | one neuron |
    /// | `LAYER` | the mean of the squares of all of a layer |
    /// | `class("NAME")` | the logit of a class, [`class`](crate::class) |
    /// | `direction(LAYER, CHANNEL:WEIGHT, …)` | [`Part::Direction`]; channels that are not named weigh 0 |
    /// | `cosine(LAYER, CHANNEL:WEIGHT, …)` | [`Part::Cosine`] |
    /// | `diversity(LAYER)` | [`Part::Diversity`], of pictures that climb together |
    /// | `interpolate(A, B, SHARE)` | [`Objective::interpolate`] of two objectives |
    /// | `tv`, `l1`, `l2`, `blur` | [`Part::Smoothness`], [`Part::L1`], [`Part::L2`], [`Part::Blur`]: of the picture alone |
    /// | `0.5`, `1e-3` | a number |
    ///
    /// Layers are named as [`conv_vision::Address`] has it, so that `LAYER/pre_relu:CHANNEL` is
    /// what goes into a rectifier; `mixed4c` and `mixed4c_3x3_pre_relu` stand for `inception_4c`
    /// and `inception_4c/3x3/pre_relu`, as lucid writes them.
    ///
    /// # Errors
    /// [`Error::Objective`] names the character; [`Error::Constant`] where nothing depends on the
    /// picture.
    pub fn parse(text: &str, subject: &dyn Subject) -> Result<Self> {
        let characters: Vec<char> = text.chars().collect();
        let mut reader = Reader { text, characters, at: 0, parts: 0, subject };
        let objective = reader.sum(0)?;
        if let Some(found) = reader.peek() {
            return Err(
                reader.wrong(reader.at, format!("found {found:?}, expected +, -, * or the end"))
            );
        }
        if objective.depends() { Ok(objective) } else { Err(Error::Constant) }
    }
}

/// Whether a character may stand in a layer's name or a unit's.
fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '/' | ':' | '.')
}

struct Reader<'a> {
    text: &'a str,
    characters: Vec<char>,
    /// The next character's place, from 0.
    at: usize,
    parts: usize,
    subject: &'a dyn Subject,
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
            c if c.is_ascii_digit() || c == '.' => {
                let number = self.plain(start)?;
                Ok(Objective::Part(Part::Number(number)))
            }
            c if c.is_ascii_alphabetic() => self.named(start, depth),
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

    fn plain(&mut self, start: usize) -> Result<f64> {
        let word = self.word(|next, last| match next {
            '+' | '-' => matches!(last, Some('e' | 'E')),
            next => next.is_ascii_alphanumeric() || next == '.',
        });
        match word.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(number),
            _ => Err(self.wrong(start, format!("{word:?} is no number"))),
        }
    }

    fn named(&mut self, start: usize, depth: usize) -> Result<Objective> {
        let name = self.word(|next, _| is_name(next));
        if self.characters.get(self.at) == Some(&'(') {
            return self.function(start, &name, depth);
        }
        let of_picture = match name.as_str() {
            "tv" => Some(Part::Smoothness),
            "l1" => Some(Part::L1),
            "l2" => Some(Part::L2),
            "blur" => Some(Part::Blur),
            _ => None,
        };
        if let Some(part) = of_picture {
            return Ok(Objective::Part(part));
        }
        let position = match self.characters.get(self.at) {
            Some('@') => Some(self.position()?),
            _ => None,
        };
        let part = part(&name, position, self.subject);
        let part = part.map_err(|error| self.wrong(start, error.to_string()))?;
        if position.is_some() && matches!(part, Part::Layer(_)) {
            return Err(self.wrong(
                start,
                format!("{name:?} has no channel, expected LAYER:CHANNEL before @"),
            ));
        }
        Ok(Objective::Part(part))
    }

    /// From the parenthesis on.
    fn function(&mut self, start: usize, name: &str, depth: usize) -> Result<Objective> {
        let subject = self.subject;
        self.at += 1;
        let objective = match name {
            "class" => {
                let name = self.quoted()?;
                Objective::class(&name, subject)
            }
            "diversity" => {
                let layer = self.layer();
                Objective::diversity(&layer, subject)
            }
            "interpolate" => {
                let from = self.sum(depth + 1)?;
                self.expect(',')?;
                let to = self.sum(depth + 1)?;
                self.expect(',')?;
                Ok(Objective::interpolate(from, to, self.signed()?))
            }
            "direction" | "cosine" => {
                let layer = self.layer();
                self.direction(start, &layer, name == "cosine")
            }
            _ => {
                let known = "class, cosine, direction, diversity or interpolate";
                return Err(self.wrong(
                    start,
                    format!("found {name:?}, expected {known} before a parenthesis"),
                ));
            }
        };
        let objective = objective.map_err(|error| match error {
            Error::Objective { .. } => error,
            error => self.wrong(start, error.to_string()),
        })?;
        self.expect(')')?;
        Ok(objective)
    }

    /// From the comma behind the layer's name on.
    fn direction(&mut self, start: usize, layer: &str, is_cosine: bool) -> Result<Objective> {
        let channels = crate::Layer::find(layer, self.subject)
            .and_then(|layer| layer.channels(self.subject))
            .map_err(|error| self.wrong(start, error.to_string()))?;
        let mut vector = vec![0f32; channels];
        while self.peek() == Some(',') {
            self.at += 1;
            self.peek();
            let at = self.at;
            let channel = self.word(|next, _| next.is_ascii_digit()).parse::<usize>();
            let Ok(channel) = channel else {
                return Err(self.wrong(at, "expected CHANNEL:WEIGHT".into()));
            };
            let Some(weight) = vector.get_mut(channel) else {
                let reason = format!(
                    "{layer:?} has {channels} channels, numbered from 0; channel {channel} is asked for"
                );
                return Err(self.wrong(at, reason));
            };
            self.expect(':')?;
            *weight = self.signed()? as f32;
        }
        if is_cosine {
            Objective::cosine(layer, vector, self.subject)
        } else {
            Objective::direction(layer, vector, self.subject)
        }
    }

    fn expect(&mut self, expected: char) -> Result<()> {
        match self.peek() {
            Some(found) if found == expected => {
                self.at += 1;
                Ok(())
            }
            Some(found) => {
                Err(self.wrong(self.at, format!("found {found:?}, expected {expected:?}")))
            }
            None => Err(self.wrong(self.at, format!("it ends here, expected {expected:?}"))),
        }
    }

    /// A layer's name, which may be wrong.
    fn layer(&mut self) -> String {
        self.peek();
        self.word(|next, _| is_name(next))
    }

    /// A number with or without a sign.
    fn signed(&mut self) -> Result<f64> {
        let minus = self.peek() == Some('-');
        self.at += usize::from(minus);
        self.peek();
        let number = self.plain(self.at)?;
        Ok(if minus { -number } else { number })
    }

    /// What stands between quotation marks.
    fn quoted(&mut self) -> Result<String> {
        self.expect('"')?;
        let text = self.word(|next, _| next != '"');
        self.expect('"')?;
        Ok(text)
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
