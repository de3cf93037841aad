//! Convolutional sentence classification (Kim 2014) on candle: train, evaluate, explain and ship.
