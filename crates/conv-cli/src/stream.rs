//! Input that is answered as it comes.

use crate::{one_line, print};
use anyhow::{Result, bail};
use serde::Serialize;
use std::fmt;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

/// Calls `take` with all items in their order, as many at a time as are there, and at most
/// `together`: one that waits alone is not kept waiting for others. `open` and what it opens run on
/// a thread of their own, ahead by at most `together` items.
///
/// # Errors
/// Those of `take`; and of reading, once what came before has been taken.
pub fn each<T, I>(
    open: impl FnOnce() -> Result<I> + Send + 'static,
    together: usize,
    mut take: impl FnMut(Vec<T>) -> Result<()>,
) -> Result<()>
where
    T: Send + 'static,
    I: Iterator<Item = Result<T>>,
{
    let items = ahead(open, together.max(1));
    while let Ok(first) = items.recv() {
        let mut ready = Vec::new();
        for item in std::iter::once(first).chain(items.try_iter().take(together.max(1) - 1)) {
            match item {
                Ok(item) => ready.push(item),
                Err(error) => {
                    take(ready)?;
                    return Err(error);
                }
            }
        }
        take(ready)?;
    }
    Ok(())
}

fn ahead<T, I>(
    open: impl FnOnce() -> Result<I> + Send + 'static,
    together: usize,
) -> Receiver<Result<T>>
where
    T: Send + 'static,
    I: Iterator<Item = Result<T>>,
{
    let (sender, receiver) = sync_channel(together);
    thread::spawn(move || match open() {
        // Nobody listens any more once the other side has failed.
        Ok(mut items) => items.try_for_each(|item| sender.send(item)).unwrap_or_default(),
        Err(error) => sender.send(Err(error)).unwrap_or_default(),
    });
    receiver
}

/// Calls `answer` with all `items` together, and where one keeps the others from theirs, with ever
/// fewer: one that fails alone goes to `refuse`. Answers come in the items' order.
///
/// # Errors
/// The first for which `is_of_one` is false, and those of `refuse`.
pub fn apart<T>(
    items: &[T],
    is_of_one: impl Fn(&anyhow::Error) -> bool + Copy,
    answer: &mut impl FnMut(&[T]) -> Result<()>,
    refuse: &mut impl FnMut(&T, &anyhow::Error) -> Result<()>,
) -> Result<()> {
    let Err(error) = answer(items) else { return Ok(()) };
    match items {
        [one] if is_of_one(&error) => refuse(one, &error),
        [_, _, ..] if is_of_one(&error) => items
            .chunks(items.len().div_ceil(2))
            .try_for_each(|some| apart(some, is_of_one, answer, refuse)),
        _ => Err(error),
    }
}

/// Items of a stream that cannot be answered: each is told in its turn why, so that the others go
/// on.
#[derive(Debug)]
pub struct Refusals {
    json: bool,
    count: usize,
}

#[derive(Serialize)]
struct Refusal {
    /// From 1, as answers are numbered.
    #[serde(skip_serializing_if = "Option::is_none")]
    sentence: Option<usize>,
    error: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error\t{}", self.error)
    }
}

impl Refusals {
    /// None yet. `json` is how they are written.
    pub fn new(json: bool) -> Self {
        Self { json, count: 0 }
    }

    /// Writes `{"error": …}` or `error TAB …` on standard output, in the answer's place.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub fn tell(&mut self, reason: &anyhow::Error) -> Result<()> {
        self.write(None, reason)
    }

    /// The same where answers are numbered: `{"sentence": …, "error": …}` for that at `place`, from 0.
    ///
    /// # Errors
    /// As [`Refusals::tell`].
    pub fn tell_of(&mut self, place: usize, reason: &anyhow::Error) -> Result<()> {
        self.write(Some(place + 1), reason)
    }

    fn write(&mut self, sentence: Option<usize>, reason: &anyhow::Error) -> Result<()> {
        self.count += 1;
        print(self.json, &Refusal { sentence, error: one_line(reason) })
    }

    /// Ends the stream.
    ///
    /// # Errors
    /// How many there were, where there were any: the exit status tells.
    pub fn end(self) -> Result<()> {
        match self.count {
            0 => Ok(()),
            1 => bail!("1 line has no answer; why stands in its place"),
            count => bail!("{count} lines have no answer; why stands in their places"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;

    #[test]
    fn all_items_are_taken_in_order_and_never_too_many() -> Result<()> {
        let mut taken = Vec::new();
        let mut most = 0;
        each(
            || Ok((0..100).map(Ok)),
            8,
            |items| {
                most = most.max(items.len());
                taken.extend(items);
                Ok(())
            },
        )?;
        assert!(taken.into_iter().eq(0..100) && most <= 8, "{most}");
        Ok(())
    }

    #[test]
    fn an_item_alone_is_not_kept_waiting() -> Result<()> {
        let (ask, asked) = sync_channel(0);
        let mut taken = 0;
        // Each item but the first comes once the one before has been taken.
        let items =
            move || Ok((0..3).inspect(move |i| assert!(*i == 0 || asked.recv() == Ok(*i))).map(Ok));
        each(items, 8, |items: Vec<u32>| {
            taken += items.len();
            if taken < 3 {
                ask.send(taken as u32)?;
            }
            Ok(())
        })?;
        assert_eq!(taken, 3);
        Ok(())
    }

    #[test]
    fn one_that_cannot_be_answered_leaves_the_others() -> Result<()> {
        let mut told = Vec::new();
        let mut answered = Vec::new();
        let mut answer = |items: &[u32]| match items.iter().find(|item| *item % 7 == 3) {
            Some(item) => bail!("{item} is bad"),
            None => {
                answered.extend_from_slice(items);
                Ok(())
            }
        };
        let items: Vec<u32> = (0..20).collect();
        let mut refuse = |item: &u32, error: &anyhow::Error| {
            told.push((*item, error.to_string()));
            Ok(())
        };
        apart(&items, |_| true, &mut answer, &mut refuse)?;
        let fatal = apart(&items, |_| false, &mut answer, &mut refuse).map_err(|e| e.to_string());
        let bad = [3, 10, 17].map(|item| (item, format!("{item} is bad")));
        assert_eq!((told, fatal), (bad.to_vec(), Err("3 is bad".into())));
        assert!(answered.into_iter().eq((0..20).filter(|item| item % 7 != 3)));
        Ok(())
    }

    #[test]
    fn what_came_before_an_error_is_taken() {
        let mut taken = Vec::new();
        let items = || Ok([Ok(1), Ok(2), Err(anyhow::anyhow!("bad")), Ok(3)].into_iter());
        let error = each(items, 8, |items| {
            taken.extend(items);
            Ok(())
        });
        assert_eq!((taken, error.map_err(|e| e.to_string())), (vec![1, 2], Err("bad".into())));
        type None = std::iter::Empty<Result<u32>>;
        let closed = || -> Result<None> { bail!("none") };
        let closed = each(closed, 8, |_| Ok(())).map_err(|e| e.to_string());
        assert_eq!(closed, Err("none".into()));
    }
}
