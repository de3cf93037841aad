//! Checks over many drawn cases, and in a process of their own.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::process::Command;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

/// How often each kind must come up.
const OFTEN: u32 = 15;

/// Which kinds of case one is.
pub type Kinds = Vec<(&'static str, bool)>;

/// Calls `check` on `draws` cases of `strategy`, always the same ones.
///
/// # Panics
/// Where `check` fails, with the smallest such case; and unless each of the kinds that it names
/// came up at least 15 times.
pub fn check_many<S: Strategy, E: Display>(
    draws: u32,
    strategy: S,
    check: impl Fn(S::Value) -> Result<Kinds, E>,
) {
    let config = Config { cases: draws, failure_persistence: None, ..Config::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let seen = RefCell::new(BTreeMap::<&str, u32>::new());
    let result = TestRunner::new_with_rng(config, rng).run(&strategy, |case| {
        let kinds = check(case).map_err(|error| TestCaseError::fail(error.to_string()))?;
        for (kind, is) in kinds {
            *seen.borrow_mut().entry(kind).or_default() += u32::from(is);
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    let seen = seen.into_inner();
    let rare: Vec<_> = seen.iter().filter(|&(_, &count)| count < OFTEN).collect();
    assert!(rare.is_empty(), "hardly drawn: {rare:?} of {seen:?}");
}

/// Whether the environment's `variable` is `value` in this process. Where it is not, runs the test
/// called `test` in one where it is.
///
/// # Panics
/// Where that test does not pass there.
pub fn in_process_with(variable: &str, value: &str, test: &str) -> bool {
    if std::env::var(variable).is_ok_and(|found| found == value) {
        return true;
    }
    let run = std::env::current_exe()
        .and_then(|this| Command::new(this).args(["--exact", test]).env(variable, value).output());
    match run {
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success() && text.contains("1 passed"), "{test}: {text}");
        }
        Err(error) => panic!("{test}: {error}"),
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "hardly drawn: [(\"large\"")]
    fn a_kind_that_hardly_comes_up_is_named() {
        check_many(50, 0..100u32, |n| Ok::<_, String>(vec![("small", n < 90), ("large", n == 99)]));
    }

    #[test]
    #[should_panic(expected = "minimal failing input: 60")]
    fn the_smallest_case_that_fails_is_named() {
        check_many(50, 0..100u32, |n| if n < 60 { Ok(vec![]) } else { Err("too large") });
    }

    #[test]
    #[should_panic(expected = "no such test")]
    fn a_test_that_does_not_run_elsewhere_does_not_pass() {
        in_process_with("GRADCHECK_ELSEWHERE", "1", "no such test");
    }
}
