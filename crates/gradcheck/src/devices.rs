//! The same operations on a CUDA device and on the CPU.

use candle_core::{DType, Device, Error, Result, Tensor, Var};

use crate::values;

/// Compares operations on the first CUDA device with the same on the CPU, one after the other, and
/// says at the end how many were wrong.
pub struct OnCuda {
    device: Device,
    /// What the inputs are given in.
    pub dtype: DType,
    /// The largest difference allowed, of the largest value.
    pub tolerance: f64,
    done: usize,
    wrong: usize,
}

impl OnCuda {
    /// In f32, to 1e-4 of the largest value; nothing, which is said, where there is no device.
    ///
    /// # Errors
    /// That there is none, where `CONVOKE_CUDA` is in the environment to say that there is one.
    #[allow(clippy::print_stderr)]
    pub fn new() -> Result<Option<Self>> {
        match Device::new_cuda(0) {
            Ok(device) => {
                let (dtype, tolerance, done, wrong) = (DType::F32, 1e-4, 0, 0);
                Ok(Some(Self { device, dtype, tolerance, done, wrong }))
            }
            Err(error) if std::env::var_os("CONVOKE_CUDA").is_some() => Err(error),
            Err(error) => {
                eprintln!("SKIPPED, for there is no CUDA device: {error}");
                Ok(None)
            }
        }
    }

    /// The device.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Compares an operation on inputs of these shapes, with values drawn for them.
    ///
    /// # Errors
    /// Those on the CPU. What is wrong on the device is written down and counted.
    pub fn check<E: Into<Error>>(
        &mut self,
        name: &str,
        shapes: &[&[usize]],
        f: impl Fn(&[Tensor]) -> std::result::Result<Tensor, E>,
    ) -> Result<()> {
        let inputs = shapes.iter().zip(1..).map(|(&shape, seed)| values(shape, seed));
        self.check_on(name, &inputs.collect::<Vec<_>>(), f)
    }

    /// [`check`](Self::check) on these inputs.
    ///
    /// # Errors
    /// As there.
    #[allow(clippy::print_stderr)]
    pub fn check_on<E: Into<Error>>(
        &mut self,
        name: &str,
        inputs: &[Tensor],
        f: impl Fn(&[Tensor]) -> std::result::Result<Tensor, E>,
    ) -> Result<()> {
        self.done += 1;
        if let Some(error) = self.wrong(inputs, f)? {
            let shapes: Vec<_> = inputs.iter().map(Tensor::dims).collect();
            eprintln!("WRONG on CUDA: {name} of {shapes:?} in {:?}: {error}", self.dtype);
            self.wrong += 1;
        }
        Ok(())
    }

    /// What is wrong on the device with the values and the gradients of `f`, if anything is.
    ///
    /// # Errors
    /// Those on the CPU.
    pub fn wrong<E: Into<Error>>(
        &self,
        inputs: &[Tensor],
        f: impl Fn(&[Tensor]) -> std::result::Result<Tensor, E>,
    ) -> Result<Option<String>> {
        let f = |inputs: &[Tensor]| f(inputs).map_err(Into::into);
        let expected = results(inputs, self.dtype, &Device::Cpu, &f)?;
        let found = match results(inputs, self.dtype, &self.device, &f) {
            Ok(found) => found,
            Err(error) => return Ok(Some(format!("refused: {error}"))),
        };
        for ((what, found), (_, expected)) in found.iter().zip(&expected) {
            if found.dims() != expected.dims() {
                let (found, expected) = (found.dims(), expected.dims());
                return Ok(Some(format!("{what}: shape {found:?}, expected {expected:?}")));
            }
            let difference = difference(found, expected)?;
            if difference > self.tolerance {
                return Ok(Some(format!("{what}: {difference:.1e} of the largest value apart")));
            }
        }
        Ok(None)
    }

    /// # Panics
    /// Where an operation was wrong.
    pub fn end(self) {
        assert!(self.wrong == 0, "{} of {} operations are wrong on CUDA", self.wrong, self.done);
    }
}

/// What `f` gives without variables and with them, and the gradients; back on the CPU, in f64.
fn results(
    inputs: &[Tensor],
    dtype: DType,
    device: &Device,
    f: &dyn Fn(&[Tensor]) -> Result<Tensor>,
) -> Result<Vec<(String, Tensor)>> {
    let inputs = inputs.iter().map(|input| input.to_dtype(dtype)?.to_device(device));
    let inputs = inputs.collect::<Result<Vec<_>>>()?;
    let leaves = inputs.iter().map(Var::from_tensor).collect::<Result<Vec<_>>>()?;
    // Intermediates, to see that their gradients go on.
    let tracked = leaves.iter().map(|leaf| leaf.affine(1.0, 0.0)).collect::<Result<Vec<_>>>()?;
    let y = f(&tracked)?;
    let cotangent = values(y.shape(), 0xC07A).to_dtype(dtype)?.to_device(device)?;
    let gradients = y.mul(&cotangent)?.sum_all()?.backward()?;
    let mut results = vec![("value".into(), f(&inputs)?), ("value of variables".into(), y)];
    for (number, leaf) in leaves.iter().enumerate() {
        let what = format!("gradient of input {number}");
        let Some(gradient) = gradients.get(leaf) else { candle_core::bail!("no {what}") };
        results.push((what, gradient.clone()));
    }
    let here = |tensor: Tensor| tensor.to_device(&Device::Cpu)?.to_dtype(DType::F64);
    results.into_iter().map(|(what, tensor)| Ok((what, here(tensor)?))).collect()
}

/// The largest difference, of the largest value that is expected; infinity where only one of the
/// two is a number.
fn difference(found: &Tensor, expected: &Tensor) -> Result<f64> {
    let flat = |tensor: &Tensor| tensor.flatten_all()?.to_vec1::<f64>();
    let (found, expected) = (flat(found)?, flat(expected)?);
    let finite = expected.iter().filter(|value| value.is_finite());
    let largest = finite.fold(f64::MIN_POSITIVE, |largest, value| value.abs().max(largest));
    let apart = found.iter().zip(&expected).map(|(found, expected)| {
        match (found.is_nan(), expected.is_nan()) {
            (true, true) => 0.0,
            (false, false) if found == expected => 0.0,
            (false, false) => (found - expected).abs() / largest,
            _ => f64::INFINITY,
        }
    });
    Ok(apart.fold(0.0, f64::max))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On the CPU in the device's place.
    fn checks() -> OnCuda {
        OnCuda { device: Device::Cpu, dtype: DType::F32, tolerance: 1e-4, done: 0, wrong: 0 }
    }

    #[test]
    fn what_agrees_passes() -> Result<()> {
        let mut checks = checks();
        checks.check("matmul", &[&[2, 3], &[3, 4]], |t| t[0].matmul(&t[1]))?;
        let nan = Tensor::new(&[f64::NAN, 1.0, f64::INFINITY], &Device::Cpu)?;
        checks.check_on("abs", &[nan], |t| t[0].relu())?;
        checks.end();
        Ok(())
    }

    #[test]
    #[should_panic(expected = "2 of 2 operations are wrong on CUDA")]
    fn what_does_not_is_counted() {
        let mut checks = checks();
        let calls = std::cell::Cell::new(0);
        let count = || calls.replace(calls.get() + 1);
        // On the CPU twice, and then once more for the device.
        let late = |t: &[Tensor]| t[0].affine(1.0, if count() < 2 { 0.0 } else { 1e-2 });
        let done = checks.check("late", &[&[3]], late);
        calls.set(0);
        let refused = |t: &[Tensor]| match count() {
            0 | 1 => Ok(t[0].clone()),
            _ => Err(Error::Msg("no".into())),
        };
        let done = done.and_then(|()| checks.check("refused", &[&[3]], refused));
        assert!(done.is_ok());
        checks.end();
    }

    #[test]
    fn one_that_is_not_a_number_differs() -> Result<()> {
        let [a, b] = [[1.0, f64::NAN], [1.0, 2.0]].map(|values| Tensor::new(&values, &Device::Cpu));
        let (a, b) = (a?, b?);
        assert_eq!(difference(&a, &b)?, f64::INFINITY);
        assert_eq!(difference(&b, &a)?, f64::INFINITY);
        assert_eq!(difference(&a, &a)?, 0.0);
        Ok(())
    }
}
