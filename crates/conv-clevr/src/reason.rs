//! The whole of it: picture and question in, program, trace and answer out (neuro-symbolic, as Yi
//! et al. 2018, "Neural-Symbolic VQA").

use crate::see::{Ground, See, Seen, Sight};
use crate::{Answer, Error, Output, Parsed, Parser, Program, Result};
use conv_vision::Picture;
use serde::Serialize;
use std::fmt;
use std::path::Path;

/// The parser's folder within a model folder of this crate.
pub const PARSER: &str = "parser";
/// The file of [`Ground`] within it.
pub const GROUND: &str = "ground.json";

/// Answers questions about pictures. `Send + Sync`: one serves many threads.
pub struct Reasoner {
    see: Box<dyn See>,
    ground: Ground,
    parser: Parser,
}

impl Reasoner {
    /// Opens a model folder, [`PARSER`] and [`GROUND`], beside a detector.
    ///
    /// # Errors
    /// A missing or damaged part, by name.
    pub fn open(folder: &Path, see: Box<dyn See>, device: &candle_core::Device) -> Result<Self> {
        let ground = Ground::read(&folder.join(GROUND))?;
        Ok(Self { see, ground, parser: Parser::open(&folder.join(PARSER), device)? })
    }

    /// Puts the parts together.
    pub fn new(see: Box<dyn See>, ground: Ground, parser: Parser) -> Self {
        Self { see, ground, parser }
    }

    /// The parser alone.
    pub fn parser(&self) -> &Parser {
        &self.parser
    }

    /// The scene of a picture.
    ///
    /// # Errors
    /// As [`Sight::new`].
    pub fn look(&self, picture: &Picture, image: &str) -> Result<Sight> {
        Sight::new(&*self.see, &self.ground, picture, image)
    }

    /// A question's answer on a scene.
    ///
    /// # Errors
    /// A text that is no question of CLEVR's, or one that speaks of an object that the scene does
    /// not have, or has twice.
    pub fn answer(&self, question: &str, sight: Sight) -> Result<Answered> {
        let Parsed { program, probability } = self.parser.parse(question)?;
        let execution = program.execute(&sight.graph)?;
        let question = question.into();
        Ok(Answered {
            question,
            answer: execution.answer,
            program,
            probability,
            outputs: execution.outputs,
            sight,
        })
    }
}

impl fmt::Debug for Reasoner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reasoner").field("parser", &self.parser).finish_non_exhaustive()
    }
}

/// An answer and how it came about; its `Display` is the trace.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    /// The question.
    pub question: String,
    /// Its answer.
    pub answer: Answer,
    /// What it asks.
    pub program: Program,
    /// The probability of the program by the parser.
    pub probability: f32,
    /// What each step gave.
    pub outputs: Vec<Output>,
    /// The scene.
    pub sight: Sight,
}

/// A step of a trace.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Traced<'a> {
    /// The function with its value.
    pub function: String,
    /// The steps that it takes, from 0.
    pub inputs: &'a [usize],
    /// What it gave.
    pub output: &'a Output,
    /// Of `unique`, where not exactly one object fits: how many do. It then gave the likeliest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub likeliest_of: Option<usize>,
}

impl Traced<'_> {
    /// What it gave, and where that is the likeliest only, that it is.
    pub fn given(&self) -> String {
        match self.likeliest_of {
            Some(fit) => format!("{}, the likeliest: {fit} fit", self.output),
            None => self.output.to_string(),
        }
    }
}

impl Answered {
    /// The steps with what each gave.
    pub fn trace(&self) -> Vec<Traced<'_>> {
        let steps = self.program.steps().iter().zip(&self.outputs);
        steps
            .map(|(step, output)| {
                let fit =
                    step.inputs.first().map_or(1, |&input| self.outputs[input].objects().len());
                let is_likeliest = step.function == crate::Function::Unique && fit != 1;
                let likeliest_of = is_likeliest.then_some(fit);
                Traced {
                    function: step.function.to_string(),
                    inputs: &step.inputs,
                    output,
                    likeliest_of,
                }
            })
            .collect()
    }
}

impl Serialize for Answered {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Fields<'a> {
            question: &'a str,
            answer: Answer,
            program: &'a Program,
            probability: f32,
            trace: Vec<Traced<'a>>,
            objects: &'a [Seen],
            places: &'a [[f64; 2]],
        }
        let Self { question, answer, program, probability, sight, .. } = self;
        Fields {
            question,
            answer: *answer,
            program,
            probability: *probability,
            trace: self.trace(),
            objects: &sight.objects,
            places: &sight.places,
        }
        .serialize(serializer)
    }
}

impl fmt::Display for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "question  {}\nseen", self.question)?;
        for (at, (seen, [right, behind])) in
            self.sight.objects.iter().zip(&self.sight.places).enumerate()
        {
            let [x, y] = seen.centre();
            let traits = seen.traits.to_string();
            writeln!(
                f,
                "  {at:>2}  {traits:<28} {:3.0} %  at {x:3.0}, {y:3.0}  right {right:5.2}, behind {behind:5.2}",
                100.0 * seen.score
            )?;
        }
        writeln!(f, "program   {}\ntrace", self.program)?;
        for (at, traced) in self.trace().iter().enumerate() {
            let Traced { function, inputs, .. } = traced;
            let inputs: Vec<_> = inputs.iter().map(ToString::to_string).collect();
            let of =
                if inputs.is_empty() { String::new() } else { format!("of {}", inputs.join(", ")) };
            writeln!(f, "  {at:>2}  {function:<26} {of:<10} {}", traced.given())?;
        }
        write!(f, "answer    {}", self.answer)
    }
}

impl Error {
    /// Whether a question or picture was refused, rather than the machine at fault.
    pub fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::NotUnique { .. }
                | Self::UnknownWords { .. }
                | Self::NotAQuestion { .. }
                | Self::NoObject { .. }
        )
    }
}
