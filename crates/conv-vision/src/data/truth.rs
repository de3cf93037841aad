//! The class that a file's name or folder tells.

use super::Labels;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The class of the picture at `path`, from what stands before the first `_` of its name, such as
/// `n01440764_tench.jpg`, or else from the nearest of its folders within `root` that is called as a
/// class.
pub fn truth(path: &Path, root: &Path, labels: &Labels) -> Option<usize> {
    let stem = path.file_stem().and_then(OsStr::to_str)?;
    let of_name = stem.split_once('_').and_then(|(label, _)| labels.find(label));
    let within = path.strip_prefix(root).unwrap_or(path);
    let folders = within.parent().into_iter().flat_map(Path::ancestors).map(Path::file_name);
    let of_folder = || folders.flatten().find_map(|folder| labels.find(folder.to_str()?));
    // The folder that is evaluated may itself be called as a class.
    let of_root = || labels.find(root.file_name()?.to_str()?);
    of_name.or_else(of_folder).or_else(of_root)
}

/// The pictures of a tree of folders, in which a picture's category is the path of its folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Categories {
    /// The categories by name: the folders with files in them, as paths within the tree.
    pub names: Vec<String>,
    /// The files, each with its category.
    pub files: Vec<(PathBuf, usize)>,
}

impl Categories {
    /// Sorts `files`, which lie below `root`, by their folders.
    pub fn new(root: &Path, files: Vec<PathBuf>) -> Self {
        let of = |path: &Path| {
            let folder = path.strip_prefix(root).unwrap_or(path).parent();
            folder.map_or_else(String::new, |folder| folder.to_string_lossy().into_owned())
        };
        let mut names: Vec<String> = files.iter().map(|path| of(path)).collect();
        names.sort();
        names.dedup();
        let place = |path: PathBuf| {
            let category = names.binary_search(&of(&path)).unwrap_or_default();
            (path, category)
        };
        Self { files: files.into_iter().map(place).collect(), names: names.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_then_folders_tell_the_class() {
        let labels = Labels::parse(&["n01440764 tench", "n01443537 goldfish"]);
        let class = |path: &str| truth(Path::new(path), Path::new("data"), &labels);
        assert_eq!(class("data/n01443537_goldfish.jpg"), Some(1));
        assert_eq!(class("data/n01443537/7.jpg"), Some(1));
        assert_eq!(class("data/val/goldfish/a/7_b.jpg"), Some(1));
        assert_eq!(class("data/cat_7.jpg"), None);
        assert_eq!(truth(Path::new("x/tench/7.jpg"), Path::new("x/tench"), &labels), Some(0));
    }

    #[test]
    fn categories_are_folders() {
        let files = ["t/b/2.jpg", "t/a/1.jpg", "t/b/1.jpg"].map(PathBuf::from);
        let categories = Categories::new(Path::new("t"), files.to_vec());
        assert_eq!(categories.names, ["a", "b"]);
        let of: Vec<usize> = categories.files.iter().map(|(_, of)| *of).collect();
        assert_eq!(of, [1, 0, 1]);
    }
}
