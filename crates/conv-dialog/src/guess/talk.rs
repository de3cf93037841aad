//! What the agents say: words, captions, questions about attributes, and their true answers.

use super::scene::{ATTRIBUTES, Scene, VALUES};
use rand::Rng;

/// Behind the end of a shorter text.
pub(crate) const PAD: u32 = 0;
/// Before the caption.
pub(crate) const START: u32 = 1;
/// The end of a question.
pub(crate) const ASKED: u32 = 2;
/// The end of a caption.
const STOP: u32 = 3;
/// Words besides the attributes' values.
const WORDS: [&str; 34] = [
    "[PAD]",
    "[START]",
    "?",
    ".",
    "there",
    "is",
    "a",
    "how",
    "many",
    "any",
    "what",
    "the",
    "thing",
    "things",
    "cubes",
    "spheres",
    "cylinders",
    "size",
    "color",
    "material",
    "shape",
    "yes",
    "no",
    "several",
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
];
/// One more number than fits the line above.
const TEN: u32 = WORDS.len() as u32;
/// Where the attributes' values begin.
const VALUE: u32 = TEN + 1;
/// Number of words.
pub(crate) const VOCABULARY: usize = VALUE as usize + VALUES.len();
/// Words of a question, at most.
pub(crate) const LONGEST: usize = 8;

pub(crate) fn text(words: &[u32]) -> String {
    words.iter().map(|&word| name(word)).collect::<Vec<_>>().join(" ")
}

/// The words of a question as a person types it, its end among them: case, `?` and British
/// spelling do not matter. What is wrong with it otherwise.
pub(crate) fn typed(text: &str) -> Result<Vec<u32>, String> {
    let mut words = Vec::new();
    for word in text.split(|c: char| c.is_whitespace() || matches!(c, '?' | '.' | ',' | '!')) {
        let word = match &word.to_lowercase()[..] {
            "" => continue,
            "colour" => "color".into(),
            "grey" => "gray".into(),
            word => word.to_string(),
        };
        // Neither the signs at its beginning, nor anything that a question has no use for.
        let spoken = (STOP + 1..VOCABULARY as u32).find(|&known| name(known) == word);
        let known = spoken.ok_or_else(|| {
            let examples = "how many red cubes, any small metal things, what size is the sphere";
            format!("the agents do not know the word `{word}`, expected such as: {examples}")
        })?;
        words.push(known);
        if words.len() == LONGEST {
            return Err(format!("expected at most {} words", LONGEST - 1));
        }
    }
    if words.is_empty() {
        return Err("no words, expected a question".into());
    }
    words.push(ASKED);
    Ok(words)
}

fn name(word: u32) -> &'static str {
    match word {
        TEN => "ten",
        word if word < TEN => WORDS[word as usize],
        word => VALUES.get((word - VALUE) as usize).copied().unwrap_or("?"),
    }
}

fn number(word: &str) -> u32 {
    WORDS.iter().position(|known| *known == word).unwrap_or_default() as u32
}

fn value(value: usize) -> u32 {
    VALUE + value as u32
}

fn amount(count: usize) -> u32 {
    if count < 10 { number("zero") + count as u32 } else { TEN }
}

/// A sentence about one of the scene's objects: `there is a large red metal cube .`
pub(crate) fn caption(scene: &Scene, rng: &mut impl Rng) -> Vec<u32> {
    let mut words = vec![number("there"), number("is"), number("a")];
    if !scene.objects.is_empty() {
        let object = scene.objects[rng.random_range(0..scene.objects.len())];
        words.extend(object.0.map(value));
    }
    words.push(STOP);
    words
}

/// A question of the three kinds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Question {
    /// `how many red cubes ?`, of one or two values.
    Count(Vec<usize>),
    /// `any large things ?`
    Exist(Vec<usize>),
    /// `what color is the cube ?`
    Attribute { asked: usize, of: usize },
}

impl Question {
    /// One at random: half of them count things of one value, some things of two; some ask for
    /// existence, some for an attribute.
    pub fn draw(rng: &mut impl Rng) -> Self {
        let mut two = || {
            let first = rng.random_range(0..ATTRIBUTES.len());
            let second = (first + rng.random_range(1..ATTRIBUTES.len())) % ATTRIBUTES.len();
            let mut of = |attribute: usize| {
                rng.random_range(ATTRIBUTES[attribute].1..ATTRIBUTES[attribute].2)
            };
            let mut values = vec![of(first), of(second)];
            values.sort_unstable();
            (values, first, second)
        };
        let (values, first, second) = two();
        match rng.random_range(0..10) {
            0..5 => Self::Count(vec![values[rng.random_range(0..2)]]),
            5..8 => Self::Count(values),
            8 => Self::Exist(values),
            _ => {
                let of = values
                    .into_iter()
                    .find(|&value| value >= ATTRIBUTES[second].1 && value < ATTRIBUTES[second].2);
                Self::Attribute { asked: first, of: of.unwrap_or_default() }
            }
        }
    }

    pub fn words(&self) -> Vec<u32> {
        // Values stand in the order size, color, material, shape; a shape is the noun.
        let things = |values: &[usize]| {
            let shapes = ATTRIBUTES[3].1;
            let mut words: Vec<u32> =
                values.iter().filter(|&&one| one < shapes).map(|&one| value(one)).collect();
            let shape = values.iter().find(|&&one| one >= shapes);
            words.push(number("things") + shape.map_or(0, |shape| 1 + (shape - shapes) as u32));
            words
        };
        match self {
            Self::Count(values) => {
                [vec![number("how"), number("many")], things(values), vec![ASKED]].concat()
            }
            Self::Exist(values) => [vec![number("any")], things(values), vec![ASKED]].concat(),
            Self::Attribute { asked, of } => {
                let mut words = vec![
                    number("what"),
                    number("size") + *asked as u32,
                    number("is"),
                    number("the"),
                    value(*of),
                ];
                if *of < ATTRIBUTES[3].1 {
                    words.push(number("thing"));
                }
                words.push(ASKED);
                words
            }
        }
    }

    /// What a question's words ask; `None` of words that ask nothing.
    pub fn parse(words: &[u32]) -> Option<Self> {
        let shapes = ATTRIBUTES[3].1;
        let is_value = |word: u32| {
            word.checked_sub(VALUE)
                .map(|value| value as usize)
                .filter(|&value| value < VALUES.len())
        };
        let of_things = |words: &[u32]| {
            let (&noun, values) = words.strip_suffix(&[ASKED])?.split_last()?;
            let mut values =
                values.iter().map(|&word| is_value(word)).collect::<Option<Vec<_>>>()?;
            match noun.checked_sub(number("things"))? {
                0 => {}
                shape @ 1..=3 => values.push(shapes + shape as usize - 1),
                _ => return None,
            }
            Some(values)
        };
        let question = match words {
            [how, many, rest @ ..] if [*how, *many] == [number("how"), number("many")] => {
                Self::Count(of_things(rest)?)
            }
            [any, rest @ ..] if *any == number("any") => Self::Exist(of_things(rest)?),
            [what, asked, _, _, of, ..] if *what == number("what") => {
                let asked = asked.checked_sub(number("size")).filter(|&asked| asked < 4)? as usize;
                Self::Attribute { asked, of: is_value(*of)? }
            }
            _ => return None,
        };
        (question.words() == words).then_some(question)
    }

    /// The true answer, a word.
    pub fn answer(&self, scene: &Scene) -> u32 {
        match self {
            Self::Count(values) => amount(scene.count(values)),
            Self::Exist(values) => number(if scene.count(values) > 0 { "yes" } else { "no" }),
            Self::Attribute { asked, of } => {
                let mut of = scene.objects.iter().filter(|object| object.is(&[*of]));
                match (of.next(), of.next()) {
                    (None, _) => number("zero"),
                    (Some(object), None) => value(object.0[*asked]),
                    _ => number("several"),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guess::scene::{FEATURES, Object, draw_scenes};
    use conv_nn::rng::seeded;

    #[test]
    fn questions_are_what_their_words_say_and_answers_are_true() {
        let scene = Scene {
            name: "a".into(),
            objects: vec![Object([1, 3, 11, 12]), Object([0, 3, 10, 12]), Object([1, 4, 11, 13])],
        };
        for (question, asked, answer) in [
            (Question::Count(vec![3, 12]), "how many red cubes ?", "two"),
            (Question::Count(vec![1]), "how many large things ?", "two"),
            (Question::Exist(vec![14]), "any cylinders ?", "no"),
            (Question::Attribute { asked: 1, of: 13 }, "what color is the sphere ?", "blue"),
            (Question::Attribute { asked: 0, of: 12 }, "what size is the cube ?", "several"),
            (Question::Attribute { asked: 3, of: 9 }, "what shape is the yellow thing ?", "zero"),
        ] {
            assert_eq!(text(&question.words()), asked);
            assert_eq!(text(&[question.answer(&scene)]), answer, "{asked}");
        }
        assert_eq!(Question::parse(&[ASKED]), None);
        let mut rng = seeded(1, "questions");
        for _ in 0..500 {
            let question = Question::draw(&mut rng);
            assert_eq!(Question::parse(&question.words()).as_ref(), Some(&question));
            assert!(question.words().len() <= LONGEST);
        }
        assert!(draw_scenes(50, 1).iter().all(|scene| scene.features().len() == FEATURES));
        assert_eq!(text(&caption(&scene, &mut rng)).split(' ').count(), 8);
    }
}
