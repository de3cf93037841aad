//! The original's templates of questions: texts and a program with the same slots (Johnson et al.
//! 2016, section 3.3).

mod about;
mod draw;
mod fill;
mod generate;
mod plan;
mod sets;

pub use draw::Drawn;
pub use generate::Generator;

use crate::{Error, Result, json};
use rand::Rng;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Templates of a file at most, and nodes and slots of one.
const MOST: usize = 1000;

/// A template as its file has it.
#[derive(Debug, Clone, Deserialize)]
struct Template {
    /// Wordings with slots such as `<Z>`, and parts in brackets that may be left out.
    text: Vec<String>,
    nodes: Vec<Node>,
    params: Vec<Slot>,
    #[serde(default)]
    constraints: Vec<Constraint>,
}

/// A function, or several in one: `relate_filter_unique` is a relation, up to four filters and
/// `unique`.
#[derive(Debug, Clone, Deserialize)]
struct Node {
    #[serde(rename = "type")]
    function: String,
    inputs: Vec<usize>,
    #[serde(default)]
    side_inputs: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
struct Slot {
    name: String,
    #[serde(rename = "type")]
    kind: String,
}

/// `NULL` leaves a slot empty. What the others say of a scene's objects concerns no wording.
#[derive(Debug, Clone, Deserialize)]
struct Constraint {
    #[serde(rename = "type")]
    kind: String,
    params: Vec<Value>,
}

/// The templates of a folder, each named by its file and its place there, and the synonyms of
/// values.
#[derive(Debug, Clone)]
pub struct Templates {
    folder: PathBuf,
    templates: Vec<(String, usize, Template)>,
    synonyms: BTreeMap<String, Vec<String>>,
}

impl Templates {
    /// Reads every `.json` of a folder that is a list of templates, and `synonyms.json`. Each is
    /// tried.
    ///
    /// # Errors
    /// Files that cannot be read, a folder without a template, or a template that makes no program,
    /// by file and number.
    pub fn read(folder: &Path) -> Result<Self> {
        let entries = std::fs::read_dir(folder).map_err(Error::io(folder))?;
        let mut paths = Vec::new();
        for entry in entries {
            let path = entry.map_err(Error::io(folder))?.path();
            if path.extension().is_some_and(|end| end == "json") {
                paths.push(path);
            }
        }
        paths.sort();
        let synonyms = json::read(&folder.join("synonyms.json"))?;
        let mut read = Self { folder: folder.into(), templates: Vec::new(), synonyms };
        for path in paths {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            // Synonyms, metadata and properties are objects, not lists.
            let Value::Array(templates) = json::read(&path)? else { continue };
            for (index, template) in templates.into_iter().enumerate() {
                let template = serde_json::from_value(template).map_err(|error| {
                    Error::Template { path: path.clone(), index, reason: error.to_string() }
                })?;
                read.templates.push((name.clone(), index, template));
            }
        }
        if read.templates.is_empty() {
            let place = folder.display().to_string();
            let found = "no template".into();
            return Err(Error::Empty { place, found, expected: "files of question templates" });
        }
        let mut rng = conv_nn::rng::seeded(1, "templates are tried");
        (0..read.len()).try_for_each(|at| read.draw(at, &mut rng).map(drop))?;
        Ok(read)
    }

    /// How many templates there are.
    pub fn len(&self) -> usize {
        self.templates.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.templates.is_empty()
    }

    /// A question of template `at`, its slots filled at random, whatever scenes there are: each
    /// attribute is named or not with equal chances, and each synonym and each part in brackets
    /// likewise.
    ///
    /// # Errors
    /// [`Error::Template`], where the template makes no program.
    ///
    /// # Panics
    /// Where there are no so many templates.
    pub fn draw(&self, at: usize, rng: &mut impl Rng) -> Result<Drawn> {
        let (file, index, template) = &self.templates[at];
        let drawn = draw::draw(template, &self.synonyms, rng);
        let drawn = drawn.map_err(|reason| self.wrong(at, reason));
        drawn.map(|(question, program)| Drawn {
            question,
            program,
            file: file.clone(),
            index: *index,
        })
    }

    /// Template `at` cannot be used.
    fn wrong(&self, at: usize, reason: String) -> Error {
        let (file, index, _) = &self.templates[at];
        Error::Template { path: self.folder.join(file), index: *index, reason }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn folder(template: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let synonyms = r#"{"thing":["thing","object"],"left":["left of"],"cube":["cube","block"]}"#;
        std::fs::write(folder.path().join("synonyms.json"), synonyms).unwrap();
        std::fs::write(folder.path().join("metadata.json"), "{}").unwrap();
        std::fs::write(folder.path().join("own.json"), template).unwrap();
        folder
    }

    const HOP: &str = r#"[{"text":["How many <C2> <S2>s are [there] <R> the <C> <S>?"],"nodes":[{"type":"scene","inputs":[]},
        {"type":"filter_unique","inputs":[0],"side_inputs":["<C>","<S>"]},
        {"type":"relate_filter_count","inputs":[1],"side_inputs":["<R>","<C2>","<S2>"]}],
        "params":[{"name":"<C>","type":"Color"},{"name":"<S>","type":"Shape"},{"name":"<R>","type":"Relation"},
        {"name":"<C2>","type":"Color"},{"name":"<S2>","type":"Shape"}],"constraints":[{"type":"NULL","params":["<C>"]}]}]"#;

    #[test]
    fn text_and_program_say_the_same() {
        let folder = folder(HOP);
        let templates = Templates::read(folder.path()).unwrap();
        let mut rng = conv_nn::rng::seeded(1, "test");
        let (mut optional, mut synonym) = (0, 0);
        for _ in 0..200 {
            let Drawn { question, program, .. } = templates.draw(0, &mut rng).unwrap();
            assert!(question.starts_with("How many ") && question.ends_with('?'), "{question}");
            assert!(!question.contains(['<', '[']) && !question.contains("  "), "{question}");
            optional += usize::from(question.contains("there"));
            synonym += usize::from(question.contains("block") || question.contains("object"));
            let prefix = program.prefix().unwrap();
            assert_eq!(prefix[0].name(), "count");
            let filters = prefix.iter().filter(|f| f.name() == "filter_color").count();
            let colors = crate::Color::ALL.iter().filter(|c| question.contains(c.word())).count();
            assert!(filters <= 1 && filters == colors, "{question}: {program}");
        }
        assert!((60..140).contains(&optional) && synonym > 60, "{optional} {synonym}");
    }

    #[test]
    fn a_scenes_questions_have_their_one_object_and_balanced_answers() {
        let folder = folder(HOP);
        let templates = Templates::read(folder.path()).unwrap();
        let object = |color: &str, x: f64| {
            serde_json::json!({"color": color, "size": "small", "shape": "cube", "material": "metal",
                "3d_coords": [x, 0.0, 0.35], "pixel_coords": [0, 0, 1.0]})
        };
        let objects = ["red", "red", "blue", "green", "cyan"]
            .iter()
            .zip(0..)
            .map(|(color, x)| object(color, f64::from(x)));
        let objects: Vec<_> = objects.collect();
        // A cube alone is no "the cube" here, and the template allows no colour for it: only a
        // sphere can be spoken of.
        let mut scene: crate::Scene = serde_json::from_value(serde_json::json!({"image_index": 0, "image_filename": "a.png",
            "objects": objects, "directions": {"left": [-1, 0, 0], "right": [1, 0, 0], "behind": [0, 1, 0], "front": [0, -1, 0]}}))
        .unwrap();
        let make = |scene: &crate::Scene| {
            let mut generator =
                Generator::new(&templates, conv_nn::rng::seeded(1, "test")).unwrap();
            (0..60).flat_map(|_| generator.scene(scene, 10).unwrap()).collect::<Vec<_>>()
        };
        assert!(make(&scene).is_empty());
        scene.objects[2].shape = crate::Shape::Sphere;
        let made = make(&scene);
        let graph = scene.graph().unwrap();
        assert_eq!(make(&scene), made);
        let mut counts = std::collections::BTreeMap::new();
        for question in &made {
            let answer = question.program().unwrap().unwrap().execute(&graph).unwrap().answer;
            assert_eq!(Some(answer), question.answer, "{}", question.question);
            *counts.entry(answer).or_insert(0) += 1;
        }
        // No two cubes are left of the sphere and of one colour but the red ones; none of four can
        // be.
        assert!(made.len() > 10 && counts.len() >= 3, "{counts:?}");
        let mut sorted: Vec<i32> = counts.values().copied().collect();
        sorted.sort_unstable_by(|a, b| b.cmp(a));
        assert!(f64::from(sorted[0]) <= 1.1 * f64::from(sorted[1]) + 1.0, "{counts:?}");
        // More objects than a set has bits are refused, not lost.
        scene.objects = scene.objects.iter().cycle().take(65).cloned().collect();
        let error = templates.about(&[scene], 1, 1).unwrap_err().to_string();
        assert!(error.contains("a.png has 65 objects, expected at most 64"), "{error}");
    }

    #[test]
    fn a_template_that_makes_no_program_is_named() {
        for (from, to, expected) in [
            ("\"inputs\":[1]", "\"inputs\":[2]", "node 2 takes node 2"),
            ("relate_filter_count", "relate_count", "node 2: `relate_count`"),
            ("\"<R>\",\"<C2>\"", "\"<R>\",\"<C9>\"", "node 2: no slot `<C9>`"),
            (
                "\"name\":\"<R>\",\"type\":\"Relation\"",
                "\"name\":\"<R>\",\"type\":\"Place\"",
                "slot `<R>` is of type `Place`",
            ),
            ("relate_filter_count", "relate_filter_unique", "gives an object"),
            ("[\"How many <C2> <S2>s are [there] <R> the <C> <S>?\"]", "[]", "no text"),
        ] {
            let folder = folder(&HOP.replacen(from, to, 1));
            let error = Templates::read(folder.path()).unwrap_err().to_string();
            assert!(
                error.contains("own.json: template 0: ") && error.contains(expected),
                "{error}"
            );
        }
        let folder = folder("[]");
        let error = Templates::read(folder.path()).unwrap_err().to_string();
        assert!(error.contains("no template, expected"), "{error}");
    }
}
