//! Layers, losses and a seeded parameter store for training convolutional networks on candle.
