//! Descriptors of many pictures in one file, which says what they were made with.

use super::expand::Augmented;
use super::{Describer, Expansion, MadeBy, Metric};
use crate::data::Skipped;
use crate::picture::Limits;
use crate::stored::metadata;
use crate::{Error, Pretrained, Result};
use candle_core::{DType, Device, Tensor};
use conv_hub::InvalidField;
use conv_hub::files::write_atomic;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// The entry of the file's metadata that says what made it.
const MADE_BY: &str = "conv-vision index";
const DESCRIPTORS: &str = "descriptors";
const PATHS: &str = "paths";
const STAMPS: &str = "stamps";

/// The metadata of an index.
#[derive(Serialize, Deserialize)]
struct Described {
    made_by: MadeBy,
    model: PathBuf,
}

/// Pictures by their descriptors.
///
/// On disk it is a safetensors file: `descriptors` `[N, D]`, `paths` as bytes with a zero behind
/// each, `stamps` `[N, 2]`, each file's length and the time of its last change in nanoseconds; the
/// metadata hold [`MadeBy`] and where the weights were.
#[derive(Debug, Clone, PartialEq)]
pub struct Index {
    made_by: MadeBy,
    model: PathBuf,
    dimension: usize,
    descriptors: Vec<f32>,
    paths: Vec<PathBuf>,
    stamps: Vec<[i64; 2]>,
}

/// Whether a picture is still what was indexed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// By its length and its time.
    Same,
    /// It has another length or time: its place in the index may be wrong.
    Changed,
    /// There is no such file any more.
    Gone,
}

/// A picture that was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Neighbour {
    /// The picture.
    pub path: PathBuf,
    /// How far it is.
    pub distance: f32,
    /// Whether it is still what was indexed.
    pub state: State,
}

impl Index {
    /// Describes `files`; those that are no pictures are returned.
    ///
    /// # Errors
    /// No picture at all, a path that is not Unicode, or what [`Describer::describe_files`]
    /// refuses.
    pub fn new(
        describer: &Describer,
        files: &[PathBuf],
        limits: &Limits,
    ) -> Result<(Self, Vec<Skipped>)> {
        let mut index = Self {
            made_by: describer.made_by().clone(),
            model: describer.model().path.clone(),
            dimension: 0,
            descriptors: Vec::new(),
            paths: Vec::new(),
            stamps: Vec::new(),
        };
        let (_, skipped) = index.add(describer, files, limits)?;
        if index.paths.is_empty() {
            let hint = skipped.first().map_or_else(String::new, |first| format!("; {first}"));
            return Err(Error::NoPictures { place: format!("{} files", files.len()), hint });
        }
        Ok((index, skipped))
    }

    /// Describes `files` and adds them; those that are there and have not changed are left as they
    /// are, and those that have are described again. Those that are no pictures are returned.
    ///
    /// # Errors
    /// A path that is not Unicode; a describer that [`Index::check`] refuses; what
    /// [`Describer::describe_files`] refuses. The index is then as it was.
    pub fn add(
        &mut self,
        describer: &Describer,
        files: &[PathBuf],
        limits: &Limits,
    ) -> Result<(Added, Vec<Skipped>)> {
        self.check(describer, Path::new("the index"))?;
        if let Some(path) = files.iter().find(|path| path.to_str().is_none()) {
            let reason = "its name is not Unicode".into();
            return Err(Error::Unreadable { path: path.clone(), reason });
        }
        let places = self.paths.iter().enumerate().map(|(at, path)| (path.clone(), at));
        let mut places: HashMap<PathBuf, usize> = places.collect();
        let is_new = |path: &&PathBuf| {
            places.get(*path).is_none_or(|&at| state(path, self.stamps[at]) != State::Same)
        };
        let wanted: Vec<PathBuf> = files.iter().filter(is_new).cloned().collect();
        let mut described = Vec::new();
        let skipped = describer.describe_files(&wanted, limits, |path, descriptor| {
            described.push((path.to_path_buf(), stamp(path).unwrap_or_default(), descriptor));
        })?;
        let mut added = Added { unchanged: files.len() - wanted.len(), ..Added::default() };
        for (path, stamp, descriptor) in described {
            self.dimension = descriptor.len();
            match places.get(&path) {
                Some(&at) => {
                    let row = at * self.dimension..(at + 1) * self.dimension;
                    self.descriptors[row].copy_from_slice(&descriptor);
                    self.stamps[at] = stamp;
                    added.renewed += 1;
                }
                None => {
                    places.insert(path.clone(), self.paths.len());
                    self.descriptors.extend(descriptor);
                    self.stamps.push(stamp);
                    self.paths.push(path);
                    added.new += 1;
                }
            }
        }
        Ok((added, skipped))
    }

    /// Removes the pictures that `goes` says, by path and present state, and gives back how many
    /// they were.
    pub fn remove(&mut self, goes: impl Fn(&Path, State) -> bool) -> usize {
        let stays: Vec<bool> = self
            .paths
            .iter()
            .zip(&self.stamps)
            .map(|(path, &stamp)| !goes(path, state(path, stamp)))
            .collect();
        let before = self.paths.len();
        let kept = |at: &usize| stays[*at];
        let rows = (0..before).filter(kept);
        let row = |at: usize| &self.descriptors[at * self.dimension..(at + 1) * self.dimension];
        self.descriptors = rows.clone().flat_map(row).copied().collect();
        self.stamps = rows.clone().map(|at| self.stamps[at]).collect();
        self.paths = rows.map(|at| self.paths[at].clone()).collect();
        before - self.paths.len()
    }

    /// What its descriptors depend on.
    pub fn made_by(&self) -> &MadeBy {
        &self.made_by
    }

    /// Where the weights were when it was made.
    pub fn model(&self) -> &Path {
        &self.model
    }

    /// The pictures, in the order in which they were indexed.
    pub fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// Writes the file whole or not at all: what was there stays until the new one is on disk.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn write(&self, path: &Path) -> Result<()> {
        let count = self.paths.len();
        let mut paths = Vec::new();
        for path in &self.paths {
            paths.extend_from_slice(path.to_string_lossy().as_bytes());
            paths.push(0);
        }
        let bytes = paths.len();
        let stamps = self.stamps.as_flattened().to_vec();
        let cpu = &Device::Cpu;
        let tensors = BTreeMap::from([
            (DESCRIPTORS, Tensor::from_slice(&self.descriptors, (count, self.dimension), cpu)?),
            (PATHS, Tensor::from_vec(paths, bytes, cpu)?),
            (STAMPS, Tensor::from_vec(stamps, (count, 2), cpu)?),
        ]);
        let made_by = self.made_by.clone();
        let model = self.model.clone();
        let described = serde_json::to_string(&Described { made_by, model })
            .map_err(|error| Error::Write(std::io::Error::other(error)))?;
        let metadata = HashMap::from([(MADE_BY.to_string(), described)]);
        let bytes = safetensors::serialize(tensors, Some(metadata))
            .map_err(|error| Error::Write(std::io::Error::other(error)))?;
        write_atomic(path, &bytes).map_err(Error::Write)
    }

    /// Reads an index.
    ///
    /// # Errors
    /// [`Error::Index`] for a file that is none, or whose parts do not fit each other; a damaged
    /// file.
    pub fn open(path: &Path) -> Result<Self> {
        let wrong = |reason: String| Error::Index { path: path.to_path_buf(), reason };
        let mut tensors = conv_hub::read_safetensors(path, None)?;
        let described = metadata(path, MADE_BY)?
            .ok_or_else(|| wrong(format!("it has no `{MADE_BY}` in its metadata")))?;
        let Described { made_by, model } = serde_json::from_str(&described)
            .map_err(|error| wrong(format!("its metadata: {error}")))?;
        let mut take = |name: &str, dtype: DType, rank: usize| {
            let tensor =
                tensors.remove(name).ok_or_else(|| wrong(format!("`{name}` is missing")))?;
            if (tensor.dtype(), tensor.rank()) == (dtype, rank) {
                Ok(tensor)
            } else {
                Err(wrong(format!(
                    "`{name}` is {:?} of {} dimensions, expected {dtype:?} of {rank}",
                    tensor.dtype(),
                    tensor.rank()
                )))
            }
        };
        let descriptors = take(DESCRIPTORS, DType::F32, 2)?;
        let stamps = take(STAMPS, DType::I64, 2)?;
        let bytes = take(PATHS, DType::U8, 1)?.to_vec1::<u8>()?;
        let (count, dimension) = descriptors.dims2()?;
        let text = String::from_utf8(bytes).map_err(|_| wrong("`paths` is not UTF-8".into()))?;
        let paths: Vec<PathBuf> = text.split_terminator('\0').map(PathBuf::from).collect();
        if (paths.len(), stamps.dims()) != (count, &[count, 2]) {
            let paths = paths.len();
            let stamps = stamps.dims();
            return Err(wrong(format!("{count} descriptors, {paths} paths, stamps {stamps:?}")));
        }
        let descriptors: Vec<f32> = descriptors.flatten_all()?.to_vec1()?;
        if !descriptors.iter().all(|value| value.is_finite()) {
            return Err(wrong("`descriptors` holds what is no finite number".into()));
        }
        let stamps = stamps.flatten_all()?.to_vec1::<i64>()?;
        let (stamps, _) = stamps.as_chunks::<2>();
        Ok(Self { made_by, model, dimension, descriptors, paths, stamps: stamps.to_vec() })
    }

    /// What describes a picture as those of this index were described: by its layer, pooling and
    /// preprocessing.
    ///
    /// # Errors
    /// [`Error::OtherModel`] for another network or other weights; `path` is the index's file.
    pub fn describer(
        &self,
        mut model: Pretrained,
        path: &Path,
        device: &Device,
    ) -> Result<Describer> {
        let MadeBy { layer, pooling, preprocessing, views, .. } = &self.made_by;
        model.preprocessing = preprocessing.clone();
        let layer = (model.hash == self.made_by.weights).then_some(layer.as_str());
        let describer =
            Describer::new(model, layer, *pooling, device)?.with_views(views.clone())?;
        self.check(&describer, path)?;
        Ok(describer)
    }

    /// Refuses a describer whose descriptors cannot be compared with these.
    ///
    /// # Errors
    /// [`Error::OtherModel`] names what differs; `path` is the index's file.
    pub fn check(&self, describer: &Describer, path: &Path) -> Result<()> {
        let found = &self.made_by;
        let expected = describer.made_by();
        let text = |value: &dyn std::fmt::Debug| format!("{value:?}").to_lowercase();
        let fields = [
            ("network", found.network.clone(), expected.network.clone()),
            ("weights", found.weights.clone(), expected.weights.clone()),
            ("layer", found.layer.clone(), expected.layer.clone()),
            ("pooling", text(&found.pooling), text(&expected.pooling)),
            ("views", found.views.to_string(), expected.views.to_string()),
            ("preprocessing", found.preprocessing.to_string(), expected.preprocessing.to_string()),
        ];
        match fields.into_iter().find(|(_, found, expected)| found != expected) {
            None => Ok(()),
            Some((field, found, expected)) => {
                Err(Error::OtherModel { path: path.to_path_buf(), field, found, expected })
            }
        }
    }

    /// The `k` nearest pictures, the nearest first; of equals the one that was indexed first.
    ///
    /// # Errors
    /// A descriptor of another length.
    pub fn search(&self, descriptor: &[f32], metric: Metric, k: usize) -> Result<Vec<Neighbour>> {
        self.check_length(descriptor)?;
        let rows = self.descriptors.par_chunks_exact(self.dimension.max(1));
        let mut order: Vec<(f32, usize)> =
            rows.enumerate().map(|(at, row)| (metric.distance(descriptor, row), at)).collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        Ok(self.neighbours(order, k))
    }

    /// The index with descriptors that take in those near them. For the database that compares each
    /// picture with each, once.
    pub fn expanded(&self, expansion: Expansion) -> Expanded<'_> {
        let rows = self.descriptors.chunks_exact(self.dimension.max(1));
        let augmented = Augmented::new(rows.map(<[f32]>::to_vec).collect(), expansion);
        Expanded { index: self, augmented }
    }

    fn check_length(&self, descriptor: &[f32]) -> Result<()> {
        let found = format!("{} numbers", descriptor.len());
        let expected = format!("{}, as in the index", self.dimension);
        let fits = descriptor.len() == self.dimension;
        Ok(InvalidField::unless(fits, "descriptor", &found, &expected)?)
    }

    fn neighbours(&self, order: Vec<(f32, usize)>, k: usize) -> Vec<Neighbour> {
        let neighbour = |(distance, at): (f32, usize)| {
            let path = self.paths[at].clone();
            let state = state(&path, self.stamps[at]);
            Neighbour { path, distance, state }
        };
        order.into_iter().take(k).map(neighbour).collect()
    }
}

/// An [`Index`] to be searched by cosine with an [`Expansion`].
pub struct Expanded<'a> {
    index: &'a Index,
    augmented: Augmented,
}

impl Expanded<'_> {
    /// The `k` nearest pictures, as [`Index::search`]. `own` is the query's own picture, which it
    /// does not take in a second time.
    ///
    /// # Errors
    /// A descriptor of another length.
    pub fn search(
        &self,
        descriptor: &[f32],
        own: Option<&Path>,
        k: usize,
    ) -> Result<Vec<Neighbour>> {
        self.index.check_length(descriptor)?;
        let own = own.and_then(|own| self.index.paths.iter().position(|path| path == own));
        Ok(self.index.neighbours(self.augmented.search(descriptor, own), k))
    }
}

/// What [`Index::add`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Added {
    /// Pictures that were not there.
    pub new: usize,
    /// Those that had changed, and were described again.
    pub renewed: usize,
    /// Those that had not.
    pub unchanged: usize,
}

fn state(path: &Path, indexed: [i64; 2]) -> State {
    match stamp(path) {
        None => State::Gone,
        Some(stamp) if stamp == indexed => State::Same,
        Some(_) => State::Changed,
    }
}

/// A file's length and the time of its last change; `None` where there is none.
fn stamp(path: &Path) -> Option<[i64; 2]> {
    let metadata = path.metadata().ok()?;
    let changed = metadata.modified().ok()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Some([metadata.len() as i64, changed.as_nanos() as i64])
}
