//! PyTorch checkpoints: what `torch.save` writes, its pickle interpreted by a machine that cannot
//! run anything.

mod archive;
mod container;
mod defect;
mod globals;
mod legacy;
mod node;
mod opcode;
mod pickle;
mod reader;
mod state;
mod tensor;
mod value;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use candle_core::Tensor;

pub use defect::PthDefect;
pub use tensor::{ElementType, View};
pub use value::{Object, Value};

use crate::{Error, Result};
use container::Container;

/// A checkpoint that `torch.save` wrote: a `.pth`, `.pt` or `.bin` file, be it the zip file of
/// PyTorch 1.6 and later or the older form.
///
/// Opening reads the structure; the tensors are read when they are asked for.
///
/// ```no_run
/// # fn main() -> conv_hub::Result<()> {
/// let mut checkpoint = conv_hub::Checkpoint::open("model.pt".as_ref())?;
/// let width = checkpoint.root().get("args").and_then(|args| args.get("encoder_embed_dim"));
/// println!("{:?}", width.and_then(|width| width.as_i64()));
/// let tensors = checkpoint.tensors()?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Checkpoint {
    path: PathBuf,
    container: Container<BufReader<File>>,
    root: Value,
}

impl Checkpoint {
    /// Opens the file and reads its structure.
    ///
    /// Nothing of what the pickle asks for is executed: the few constructors that tensors and
    /// dictionaries need are known by name, and whatever else was saved becomes a [`Value::Object`]
    /// that says which class it was.
    ///
    /// # Errors
    /// [`Error::Pth`] names the defect; TorchScript archives are refused by name. No more memory is
    /// taken than a small multiple of the file's length.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(Error::io("open", path))?;
        let length = file.metadata().map_err(Error::io("read", path))?.len();
        let (container, root) = Container::open(BufReader::new(file), length)
            .map_err(|defect| Self::named(path, defect))?;
        Ok(Self { path: path.to_path_buf(), container, root })
    }

    /// What was saved, tensors and all else.
    pub fn root(&self) -> &Value {
        &self.root
    }

    /// The tensors of the model's state by name, on the CPU.
    ///
    /// The state is what is saved under `state_dict`, `model_state_dict` or `model`, or else the
    /// whole. Names within nested dictionaries and lists, and what are subclasses of them, are
    /// joined by dots; a tensor saved by itself is named `tensor`. Tensors that PyTorch saved as
    /// one (tied weights) are one here.
    ///
    /// # Errors
    /// [`Error::Pth`]: no tensor there, or one in an object of another class; a storage that is
    /// missing or too short, a type without counterpart.
    pub fn tensors(&mut self) -> Result<BTreeMap<String, Tensor>> {
        let state = state::model_state(&self.root).clone();
        self.load(&state)
    }

    /// As [`Checkpoint::tensors`], for what is saved under the given keys, such as
    /// `["ema", "generator"]`.
    ///
    /// # Errors
    /// As [`Checkpoint::tensors`]; a key that is not there is named.
    pub fn tensors_at(&mut self, keys: &[&str]) -> Result<BTreeMap<String, Tensor>> {
        let state =
            state::at(&self.root, keys).map_err(|defect| Self::named(&self.path, defect))?.clone();
        self.load(&state)
    }

    fn load(&mut self, state: &Value) -> Result<BTreeMap<String, Tensor>> {
        state::views(state)
            .and_then(|views| tensor::load(&mut self.container, views))
            .map_err(|defect| Self::named(&self.path, defect))
    }

    fn named(path: &Path, defect: PthDefect) -> Error {
        match defect {
            PthDefect::Io(source) => Error::io("read", path)(source),
            PthDefect::Candle(error) => Error::from(error),
            defect => Error::Pth { path: path.to_path_buf(), defect },
        }
    }
}
