//! How fast the house is, beside PyTorch and candle.
//!
//! [`cases`] lists operations and shapes; [`convoke`] and [`mod@candle`] compute them. The program prints their times, and
//! `tests/reference/peers/speed.py` runs it in turns with PyTorch, each in a process of its own: two runtimes in one process
//! would take each other's cores.

pub mod candle;
pub mod cases;
pub mod convoke;
