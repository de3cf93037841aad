//! Model folders, hub downloads, word vectors and PyTorch checkpoints for candle, read without trust.
