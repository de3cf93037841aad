//! Optimisers, schedules, a small training loop with exact resume, and offline run reports for candle.

pub mod files;
