//! Networks as plain data, and what computes them.

mod address;
mod alexnet;
mod architecture;
mod conv4;
mod fold;
mod forward;
mod googlenet;
mod graph;
mod layer;
mod resnet;
mod shapes;
mod squeezenet;
mod torchvision;
mod vgg;

pub use address::Address;
pub(crate) use architecture::misfits;
pub use architecture::{Architecture, Misfit};
pub use forward::{Network, network};
pub use graph::Graph;
pub use layer::{Layer, Operation};
pub use shapes::{LayerReport, ReceptiveField};
