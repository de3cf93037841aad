//! Folders in CLEVR's layout that are filled scene by scene: what is there stays, so that a run
//! that was broken off goes on.

use super::Stage;
use crate::{Error, Result, Scene, SceneFile, json};
use conv_hub::files::{in_file, write_atomic};
use conv_vision::Picture;
use serde::Serialize;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// What a folder is filled with by whom; a run with others is refused.
const SETTINGS: &str = "settings.json";

/// A folder with `images/`, `masks/` (a pixel is its object's number in the scene, from 1, or 0)
/// and `scenes/` (each scene, written last), and when all are there `scenes.json`.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
}

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Filled {
    /// Scenes that were rendered.
    pub made: usize,
    /// Scenes that were there.
    pub kept: usize,
}

impl Folder {
    /// Opens or makes a folder for scenes of these settings.
    ///
    /// # Errors
    /// A folder that cannot be written, that was begun with other settings, or that holds what was
    /// not made here.
    pub fn open(root: &Path, settings: &impl Serialize) -> Result<Self> {
        let path = root.join(SETTINGS);
        let wrong =
            |reason: String| Error::Json { path: path.clone(), field: String::new(), reason };
        let asked = serde_json::to_value(settings).map_err(|error| wrong(error.to_string()))?;
        if path.exists() {
            let found: Value = json::read(&path)?;
            if found != asked {
                return Err(wrong(format!("the folder was begun with {found}, expected {asked}")));
            }
        } else {
            // What somebody else has there is not to be mixed with or written over.
            if let Some(name) = first_of(root) {
                return Err(Error::Empty {
                    place: root.display().to_string(),
                    found: format!("{name}, but no {SETTINGS}"),
                    expected: "an empty folder, or one that was begun here",
                });
            }
            std::fs::create_dir_all(root).map_err(in_file("make", root)).map_err(Error::Write)?;
            json::write(&path, &asked)?;
        }
        for part in ["images", "masks", "scenes"] {
            let part = root.join(part);
            std::fs::create_dir_all(&part).map_err(in_file("make", &part)).map_err(Error::Write)?;
        }
        Ok(Self { root: root.into() })
    }

    /// Fills it with scenes by number, and writes `scenes.json`. `name` is a scene's picture's;
    /// `make` is asked for scenes that are not there; `told` hears of each scene with what was done
    /// so far.
    ///
    /// # Errors
    /// Those of `make`; a name that is none of a PNG file; files that cannot be written.
    pub fn fill(
        &self,
        info: Map<String, Value>,
        count: usize,
        name: impl Fn(usize) -> String,
        mut make: impl FnMut(usize) -> Result<(Scene, Stage)>,
        mut told: impl FnMut(Filled),
    ) -> Result<Filled> {
        let mut filled = Filled::default();
        let mut scenes = Vec::new();
        for at in 0..count {
            let name = name(at);
            let [image, mask, graph] = self.files(&name)?;
            let there = image.is_file() && mask.is_file();
            // A scene's file that cannot be read is made again.
            let scene = match json::read::<Scene>(&graph) {
                Ok(scene) if there && scene.image_filename == name => {
                    filled.kept += 1;
                    scene
                }
                _ => {
                    let (scene, stage) = make(at)?;
                    let (width, height) = stage.size();
                    let grey = stage.mask().into_iter().flat_map(|number| [number; 3]).collect();
                    let pictures = [
                        (&image, stage.picture(scene.image_index)?),
                        (&mask, Picture::new(width, height, grey)?),
                    ];
                    for (path, picture) in pictures {
                        write_atomic(path, &picture.to_png()?).map_err(Error::Write)?;
                    }
                    json::write(&graph, &scene)?;
                    filled.made += 1;
                    scene
                }
            };
            scenes.push(scene);
            told(filled);
        }
        SceneFile { info, scenes }.write(&self.root.join("scenes.json"))?;
        Ok(filled)
    }

    /// Picture, mask and graph of a scene.
    fn files(&self, name: &str) -> Result<[PathBuf; 3]> {
        let path = Path::new(name);
        if path.file_name() != Some(path.as_os_str())
            || path.extension().is_none_or(|end| end != "png")
        {
            let reason = format!("has image_filename {name:?}, expected the name of a PNG file");
            return Err(Error::Scene { image: name.into(), reason });
        }
        let graph = self.root.join("scenes").join(path.with_extension("json"));
        Ok([self.root.join("images").join(path), self.root.join("masks").join(path), graph])
    }
}

/// Something that a folder holds.
fn first_of(folder: &Path) -> Option<String> {
    let entry = std::fs::read_dir(folder).ok()?.next()?.ok()?;
    Some(entry.file_name().to_string_lossy().into_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::render::Stage;
    use crate::sample::Sampler;
    use std::collections::BTreeMap;

    const COUNT: usize = 3;

    fn fill(root: &Path, settings: u64) -> Result<Filled> {
        let sampler = Sampler { width: 64, height: 48, ..Sampler::default() };
        let make = |at| sampler.scene(at as u64).map(|sampled| (sampled.scene, sampled.stage));
        let name = |at| sampler.name(at as u64);
        Folder::open(root, &settings)?.fill(Map::new(), COUNT, name, make, |_| {})
    }

    fn files(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut open = vec![root.to_path_buf()];
        while let Some(folder) = open.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    let bytes = std::fs::read(&path).unwrap();
                    files.insert(path.strip_prefix(root).unwrap().into(), bytes);
                }
            }
        }
        files
    }

    #[test]
    fn what_was_broken_off_goes_on_to_the_same_bytes() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path();
        assert_eq!(fill(root, 1).unwrap(), Filled { made: COUNT, kept: 0 });
        let whole = files(root);
        assert_eq!(whole.len(), 3 * COUNT + 2);
        // One scene without its graph, one whose graph ends too early, and the file of all not
        // written.
        std::fs::remove_file(root.join("scenes.json")).unwrap();
        std::fs::remove_file(root.join("scenes/CLEVR_new_000002.json")).unwrap();
        std::fs::write(root.join("images/CLEVR_new_000002.png"), b"half").unwrap();
        std::fs::write(root.join("scenes/CLEVR_new_000000.json"), b"{\"image_index\":").unwrap();
        assert_eq!(fill(root, 1).unwrap(), Filled { made: 2, kept: 1 });
        assert!(files(root) == whole);
        assert_eq!(fill(root, 1).unwrap(), Filled { made: 0, kept: COUNT });
        // By other settings it would be a mixture.
        let error = fill(root, 2).unwrap_err().to_string();
        assert!(
            error.contains("settings.json: the folder was begun with 1, expected 2"),
            "{error}"
        );
    }

    #[test]
    fn what_somebody_else_has_there_stays() {
        let place = tempfile::tempdir().unwrap();
        let theirs = place.path().join("scenes.json");
        std::fs::write(&theirs, "theirs").unwrap();
        let error = fill(place.path(), 1).unwrap_err().to_string();
        assert!(error.contains("scenes.json, but no settings.json, expected an empty"), "{error}");
        assert_eq!(std::fs::read_to_string(&theirs).unwrap(), "theirs");
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 1);
    }

    /// A scene says how it was taken, so that rendering what was written gives the same picture;
    /// smaller, its pixels are in proportion.
    #[test]
    fn a_written_scene_is_rendered_again() {
        let place = tempfile::tempdir().unwrap();
        fill(place.path(), 1).unwrap();
        let scene = SceneFile::read(&place.path().join("scenes.json")).unwrap().scenes.remove(1);
        let (same, stage) = Stage::of(&scene, None).unwrap();
        assert_eq!(same, scene);
        let image = std::fs::read(place.path().join("images").join(&scene.image_filename)).unwrap();
        assert!(stage.picture(scene.image_index).unwrap().to_png().unwrap() == image);
        let (smaller, stage) = Stage::of(&scene, Some(32)).unwrap();
        assert_eq!(stage.size(), (32, 24));
        for (small, large) in smaller.objects.iter().zip(&scene.objects) {
            let off = |axis: usize| (small.pixel()[axis] - large.pixel()[axis] / 2.0).abs();
            assert!(off(0) <= 1.0 && off(1) <= 1.0);
        }
        let (again, _) = Stage::of(&smaller, None).unwrap();
        assert_eq!(again, smaller);
    }

    #[test]
    fn a_name_never_leaves_the_folder() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::open(place.path(), &1).unwrap();
        for name in ["../a.png", "/a.png", "a/b.png", "a.jpg", "", ".."] {
            let error = folder.files(name).unwrap_err().to_string();
            assert!(error.contains("expected the name of a PNG file"), "{error}");
        }
    }
}
