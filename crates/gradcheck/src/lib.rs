//! Finite-difference gradient checks for candle operations.
