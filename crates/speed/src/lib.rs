//! How fast Convoke is, beside PyTorch and candle.
//!
//! [`cases`] lists operations and shapes; [`convoke`] and [`mod@candle`] compute them; [`steps`]
//! has whole training steps. The programs print times, and `tests/reference/peers/speed.py` and
//! `steps.py` run them in turns with PyTorch, each in a process of its own: two runtimes in one
//! process would take each other's cores.

pub mod candle;
pub mod cases;
pub mod convoke;
pub mod steps;
