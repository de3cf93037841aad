//! CLEVR after Johnson et al. (2016), "CLEVR: A Diagnostic Dataset for Compositional Language and
//! Elementary Visual Reasoning".
//!
//! A scene holds a few objects of closed vocabularies (three shapes, two sizes, two materials,
//! eight colours) on a plane. A question about it is a program of small functions: filter by an
//! attribute, take the only one, go to what lies left of it, count (section 3.2). Executed on the
//! scene graph the program gives the answer, and shows what each step selected. Scenes are read, or
//! drawn by [`sample::Sampler`] and rendered by [`render::Stage`]; questions are read, or made by
//! [`Templates`].
//!
//! ```
//! use conv_clevr::{Graph, Material, Color, Program, Shape, Size, Traits};
//! let ball = |color| Traits { size: Size::Small, color, material: Material::Metal, shape: Shape::Sphere };
//! let (left, right) = (vec![vec![], vec![0]], vec![vec![1], vec![]]);
//! let nowhere = vec![vec![]; 2];
//! let graph = Graph::new(vec![ball(Color::Red), ball(Color::Blue)], [left, right, nowhere.clone(), nowhere])?;
//!
//! // "What color is the thing that is left of the blue ball?"
//! let tokens = "query_color unique relate[left] unique filter_shape[sphere] filter_color[blue] scene";
//! let functions: Vec<_> = tokens.split(' ').map(str::parse).collect::<Result<_, _>>()?;
//! let execution = Program::from_prefix(&functions)?.execute(&graph)?;
//! assert_eq!(execution.answer.to_string(), "red");
//! assert_eq!(execution.outputs[3].objects(), [1]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![deny(missing_docs)]

mod answer;
mod attribute;
mod error;
pub mod evaluate;
pub mod heads;
pub mod inspect;
mod json;
pub mod page;
pub mod parse;
pub mod program;
mod question;
pub mod reason;
pub mod render;
pub mod sample;
pub mod scene;
pub mod see;
mod template;

pub use answer::Answer;
pub use attribute::{Attribute, Color, Kind, Material, Relation, Shape, Size, Traits, UnknownWord};
pub use error::{Error, Result};
pub use parse::{Parsed, Parser};
pub use program::{Execution, Function, Output, Program};
pub use question::{Family, Question, QuestionFile};
pub use reason::{Answered, Reasoner};
pub use scene::{Graph, Scene, SceneFile};
pub use template::{Drawn, Generator, Templates};
