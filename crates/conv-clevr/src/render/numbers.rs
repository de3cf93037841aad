//! Numbers for rays that depend on the pixel and nothing else: no thread, no order.

/// Rays of a pixel at most; a power of two.
pub(super) const RAYS: u32 = 16;

/// Pairs of numbers from 0 to 1 for one ray of one pixel: points of a lattice that fills the square
/// evenly from ray to ray (Roberts's R2), moved by the pixel and by the use that is made of them.
#[derive(Debug, Clone)]
pub(super) struct Numbers {
    pixel: u32,
    ray: u32,
    used: u32,
}

impl Numbers {
    pub fn new(seed: u64, pixel: usize, ray: u32) -> Self {
        let pixel = mixed(pixel as u32 ^ mixed(seed as u32 ^ mixed((seed >> 32) as u32)));
        Self { pixel, ray, used: 0 }
    }

    /// The next pair.
    pub fn pair(&mut self) -> [f32; 2] {
        self.used += 1;
        let moved = mixed(self.pixel ^ self.used.wrapping_mul(0x9e37_79b9));
        // Another order of rays for each use, lest two uses go hand in hand.
        let place = (self.ray.wrapping_mul(4 * self.used + 1) % RAYS) as f32;
        let [first, second] = [moved & 0xffff, moved >> 16].map(|half| half as f32 / 65536.0);
        [(first + place * 0.754_877_7).fract(), (second + place * 0.569_840_3).fract()]
    }
}

/// Every bit depends on every other (Wellons's `lowbias32`).
fn mixed(mut bits: u32) -> u32 {
    bits = (bits ^ bits >> 16).wrapping_mul(0x7feb_352d);
    bits = (bits ^ bits >> 15).wrapping_mul(0x846c_a68b);
    bits ^ bits >> 16
}
