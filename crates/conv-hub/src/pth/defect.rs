//! What can be wrong with a PyTorch checkpoint.

/// What can be wrong with a PyTorch checkpoint.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PthDefect {
    /// The file system refused to go on.
    #[error(transparent)]
    Io(std::io::Error),
    /// The tensor library refused something underneath.
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
    /// A program, not weights.
    #[error(
        "it is a TorchScript archive, which is not supported; save the model's state_dict() instead"
    )]
    TorchScript,
    /// Neither a zip file nor the older form.
    #[error(
        "it is not a PyTorch checkpoint: it starts with {found:02x?}, expected a zip file or the older form's magic number"
    )]
    NotZip {
        /// The first bytes.
        found: Vec<u8>,
    },
    /// The zip container is truncated or corrupt.
    #[error("its zip container is damaged: {reason}")]
    Zip {
        /// What the zip reader found.
        reason: String,
    },
    /// A zip file, but not a checkpoint.
    #[error(
        "it is a zip file without a data.pkl in its one folder, expected what torch.save writes"
    )]
    NoPickle,
    /// An entry that `torch.save` would not have written.
    #[error("its entry `{entry}` {reason}")]
    Entry {
        /// The entry's name.
        entry: String,
        /// What was found and what was expected.
        reason: String,
    },
    /// A file of the older form, which has no zip container, does not add up.
    #[error("it is in PyTorch's older form, and {reason}")]
    Legacy {
        /// What was found and what was expected.
        reason: String,
    },
    /// Numbers in the other byte order.
    #[error("its numbers are big-endian, which is not supported")]
    BigEndian,
    /// The pickle ends too early.
    #[error("its pickle ends within an instruction, at byte {offset}")]
    Truncated {
        /// Where the next bytes were expected.
        offset: usize,
    },
    /// An instruction that pickles of PyTorch do not use.
    #[error("its pickle has the unsupported instruction {opcode:#04x} at byte {offset}")]
    Opcode {
        /// The instruction.
        opcode: u8,
        /// Where it stands.
        offset: usize,
    },
    /// An instruction without what it needs.
    #[error("its pickle is damaged: {reason} at byte {offset}")]
    Pickle {
        /// What was found and what was expected.
        reason: String,
        /// The byte after the instruction.
        offset: usize,
    },
    /// More objects, or deeper ones, than any checkpoint has.
    #[error("its pickle holds more than {limit} {what}")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// How many are accepted.
        limit: usize,
    },
    /// A list or dictionary that contains itself.
    #[error("its pickle holds a list or dictionary that contains itself")]
    Cycle,
    /// A tensor of a kind that has no counterpart here.
    #[error("it holds a tensor made by `{constructor}`, which is not supported")]
    Constructor {
        /// The function that PyTorch would call.
        constructor: String,
    },
    /// A tensor whose elements have no counterpart here.
    #[error("tensor `{tensor}` has elements of the unsupported type {element}")]
    Element {
        /// The tensor's name.
        tensor: String,
        /// PyTorch's name for its storage.
        element: String,
    },
    /// A tensor reaches beyond its storage, or its sizes are impossible.
    #[error("tensor `{tensor}` {reason}")]
    View {
        /// The tensor's name.
        tensor: String,
        /// The numbers that do not fit.
        reason: String,
    },
    /// The tensors would take far more memory than the file has bytes.
    #[error("its tensors would take more than {limit} bytes, four times the file's length")]
    Expansion {
        /// The most that is accepted.
        limit: u64,
    },
    /// Nothing to load.
    #[error("it has no tensors there: {found}")]
    NoTensors {
        /// What there is instead.
        found: String,
    },
    /// Tensors within an object whose class means nothing here.
    #[error(
        "tensors lie in `{name}`, an object of the class `{class}`; save its state_dict() instead"
    )]
    Object {
        /// The object's joined name; empty for what was saved itself.
        name: String,
        /// Its class.
        class: String,
    },
    /// A key that is not there.
    #[error("it has no `{key}`; there are {present}")]
    Key {
        /// The key that was asked for.
        key: String,
        /// The keys that there are.
        present: String,
    },
    /// Two tensors whose joined names are the same.
    #[error("it has two tensors named `{tensor}`")]
    DuplicateName {
        /// The name.
        tensor: String,
    },
}
