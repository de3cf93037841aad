//! Three numbers: a place, a direction, or light by red, green and blue.

use std::ops::{Add, Mul, Neg, Sub};

/// Places in units of the scene, light as a screen of linear response would show it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Vector(pub [f32; 3]);

impl Vector {
    /// The vertical, upwards.
    pub const UP: Self = Self([0.0, 0.0, 1.0]);

    /// Three times the same.
    pub const fn all(value: f32) -> Self {
        Self([value; 3])
    }

    pub fn dot(self, other: Self) -> f32 {
        let ([a, b, c], [x, y, z]) = (self.0, other.0);
        a * x + b * y + c * z
    }

    pub fn cross(self, other: Self) -> Self {
        let ([a, b, c], [x, y, z]) = (self.0, other.0);
        Self([b * z - c * y, c * x - a * z, a * y - b * x])
    }

    pub fn length(self) -> f32 {
        self.dot(self).sqrt()
    }

    /// Of length 1; of no length, itself.
    pub fn unit(self) -> Self {
        let length = self.length();
        if length > 0.0 { self * length.recip() } else { self }
    }

    /// Two unit vectors that make a right-handed frame with this one, which is of length 1.
    pub fn frame(self) -> [Self; 2] {
        let [x, _, z] = self.0;
        let other = if z.abs() < 0.9 {
            Self::UP
        } else if x.abs() < 0.9 {
            Self([1.0, 0.0, 0.0])
        } else {
            Self([0.0, 1.0, 0.0])
        };
        let across = other.cross(self).unit();
        [across, self.cross(across)]
    }

    /// Thrown back by a surface of this normal.
    pub fn reflected(self, normal: Self) -> Self {
        self - normal * (2.0 * self.dot(normal))
    }
}

impl Add for Vector {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(std::array::from_fn(|at| self.0[at] + other.0[at]))
    }
}

impl Sub for Vector {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(std::array::from_fn(|at| self.0[at] - other.0[at]))
    }
}

impl Neg for Vector {
    type Output = Self;

    fn neg(self) -> Self {
        self * -1.0
    }
}

impl Mul<f32> for Vector {
    type Output = Self;

    fn mul(self, factor: f32) -> Self {
        Self(self.0.map(|value| value * factor))
    }
}

/// By component: light that a colour lets through.
impl Mul for Vector {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        Self(std::array::from_fn(|at| self.0[at] * other.0[at]))
    }
}
