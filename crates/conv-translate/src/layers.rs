//! The layers of an encoder or decoder, in the reference's notation:
//! `[(512, 3)] * 9 + [(1024, 3)] * 4`.

use crate::{Error, Result};
use conv_hub::InvalidField;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// More layers than any network has, so that `* 1000000000` costs no memory.
const MOST_LAYERS: usize = 1000;
/// More channels, and wider kernels, than any layer has.
const LARGEST: usize = 1 << 20;

/// One convolution with its gated linear unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layer {
    /// Output channels, after the gate.
    pub channels: usize,
    /// Width of the kernel, in positions.
    pub width: usize,
    /// Which of the layers' inputs is added to the output: 1 the layer's own, 2 that of the layer
    /// before, and so on; 0 none.
    pub residual: usize,
}

/// The layers from the first to the last.
///
/// ```
/// let layers: conv_translate::Layers = "[(512, 3)] * 9 + [(1024, 3, 2)]".parse()?;
/// assert_eq!(layers.0.len(), 10);
/// assert_eq!((layers.0[9].channels, layers.0[9].width, layers.0[9].residual), (1024, 3, 2));
/// assert_eq!(layers.to_string(), "[(512, 3)] * 9 + [(1024, 3, 2)]");
/// # Ok::<(), conv_translate::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Layers(pub Vec<Layer>);

impl FromStr for Layers {
    type Err = Error;

    /// Lists of `(channels, width)` or `(channels, width, residual)`, repeated by `*` and joined by
    /// `+`.
    fn from_str(text: &str) -> Result<Self> {
        let mut parser = Parser::new("layers", text);
        let layers = parser.sum(Parser::layer)?;
        for (i, layer) in layers.iter().enumerate() {
            if layer.residual > i + 1 {
                return Err(Error::Residual { layer: i + 1, residual: layer.residual });
            }
        }
        Ok(Self(layers))
    }
}

/// Which decoder layers attend to the source: `True` for all, or a list such as
/// `[True] * 3 + [False]`.
///
/// # Errors
/// Anything else, or another number of layers.
pub(crate) fn attention(text: &str, layers: usize) -> Result<Vec<bool>> {
    let mut parser = Parser::new("attention", text);
    let attention = match parser.peek() {
        Some('[' | '(') => parser.sum(Parser::truth)?,
        _ => {
            let all = parser.truth()?;
            parser.end()?;
            vec![all; layers]
        }
    };
    let said = attention.len();
    if said != layers {
        let found = format!("for {said} layer{}", if said == 1 { "" } else { "s" });
        let expected = format!("{layers}, the decoder's layers");
        return Err(InvalidField::new("attention", found, expected).into());
    }
    Ok(attention)
}

struct Parser<'a> {
    what: &'static str,
    text: &'a str,
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn new(what: &'static str, text: &'a str) -> Self {
        Self { what, text, rest: text.trim_start() }
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn advance(&mut self, bytes: usize) {
        self.rest = self.rest[bytes..].trim_start();
    }

    fn unexpected<T>(&self, expected: &str) -> Result<T> {
        let character = self.text[..self.text.len() - self.rest.len()].chars().count() + 1;
        let found = self.peek().map_or("the end".into(), |found| format!("`{found}`"));
        let text = format!("{:.200}", self.text);
        Err(Error::Syntax { what: self.what, text, character, found, expected: expected.into() })
    }

    /// Whether `symbol` is next, which is then passed.
    fn passes(&mut self, symbol: char) -> bool {
        let is_next = self.peek() == Some(symbol);
        if is_next {
            self.advance(symbol.len_utf8());
        }
        is_next
    }

    fn expect(&mut self, symbol: char) -> Result<()> {
        if self.passes(symbol) { Ok(()) } else { self.unexpected(&format!("`{symbol}`")) }
    }

    fn end(&self) -> Result<()> {
        if self.rest.is_empty() { Ok(()) } else { self.unexpected("`*`, `+` or the end") }
    }

    /// `list * times + list * times + …`
    fn sum<T: Clone>(&mut self, item: fn(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let mut items = Vec::new();
        loop {
            let list = self.list(item)?;
            let times = if self.passes('*') { self.number()? } else { 1 };
            if list.len().saturating_mul(times).saturating_add(items.len()) > MOST_LAYERS {
                return self.unexpected(&format!("at most {MOST_LAYERS} layers before"));
            }
            (0..times).for_each(|_| items.extend_from_slice(&list));
            if !self.passes('+') {
                self.end()?;
                return if items.is_empty() {
                    self.unexpected("a layer before")
                } else {
                    Ok(items)
                };
            }
        }
    }

    /// `[item, item]`, or the same in round brackets; a comma may follow the last.
    fn list<T>(&mut self, item: fn(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let close = match self.peek() {
            Some('[') => ']',
            Some('(') => ')',
            _ => return self.unexpected("`[`"),
        };
        self.advance(1);
        let mut items = Vec::new();
        while !self.passes(close) {
            items.push(item(self)?);
            if !self.passes(',') {
                self.expect(close)?;
                break;
            }
        }
        Ok(items)
    }

    fn layer(&mut self) -> Result<Layer> {
        self.expect('(')?;
        let channels = self.positive()?;
        self.expect(',')?;
        let width = self.positive()?;
        let residual = if self.passes(',') { self.number()? } else { 1 };
        self.expect(')')?;
        Ok(Layer { channels, width, residual })
    }

    fn positive(&mut self) -> Result<usize> {
        if self.peek() == Some('0') { self.unexpected("a number above 0") } else { self.number() }
    }

    fn number(&mut self) -> Result<usize> {
        let digits = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        match self.rest[..digits].parse() {
            Ok(number) if number <= LARGEST => {
                self.advance(digits);
                Ok(number)
            }
            Ok(_) => self.unexpected(&format!("a number up to {LARGEST}")),
            Err(_) if digits > 0 => self.unexpected(&format!("a number up to {LARGEST}")),
            Err(_) => self.unexpected("a number"),
        }
    }

    fn truth(&mut self) -> Result<bool> {
        for (name, truth) in [("True", true), ("False", false)] {
            if self.rest.starts_with(name) {
                self.advance(name.len());
                return Ok(truth);
            }
        }
        self.unexpected("`True` or `False`")
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.residual {
            1 => write!(f, "({}, {})", self.channels, self.width),
            _ => write!(f, "({}, {}, {})", self.channels, self.width, self.residual),
        }
    }
}

impl fmt::Display for Layers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, alike) in self.0.chunk_by(|a, b| a == b).enumerate() {
            let plus = if i > 0 { " + " } else { "" };
            let layer = alike[0];
            match alike.len() {
                1 => write!(f, "{plus}[{layer}]")?,
                times => write!(f, "{plus}[{layer}] * {times}")?,
            }
        }
        Ok(())
    }
}

impl TryFrom<String> for Layers {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Layers> for String {
    fn from(layers: Layers) -> Self {
        layers.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_references_notation_is_read() -> Result<()> {
        let read = |text: &str| Ok::<_, Error>(text.parse::<Layers>()?.to_string());
        assert_eq!(read("[(512, 3)] * 20")?, "[(512, 3)] * 20");
        assert_eq!(read("((512,3),)*20")?, "[(512, 3)] * 20");
        assert_eq!(
            read(" [ (16,3) , (16,3,0), ]+[(8,1,2)]*2 ")?,
            "[(16, 3)] + [(16, 3, 0)] + [(8, 1, 2)] * 2"
        );
        assert_eq!(attention("True", 2)?, [true, true]);
        assert_eq!(attention("[True, False] + [True] * 1", 3)?, [true, false, true]);
        Ok(())
    }

    #[test]
    fn errors_point_at_the_character() {
        for (text, expected) in [
            ("[(512, 3)] * x", "at character 14, `x`, expected a number"),
            ("[(512 3)]", "at character 7, `3`, expected `,`"),
            ("[(512, 3)", "at character 10, the end, expected `]`"),
            ("[(0, 3)]", "at character 3, `0`, expected a number above 0"),
            ("[(512, 3)] 4", "at character 12, `4`, expected `*`, `+` or the end"),
            ("[(512, 3)] * 1001", "expected at most 1000 layers before"),
            ("[(99999999999999999999, 3)]", "at character 3, `9`, expected a number up to 1048576"),
            ("__import__('os')", "at character 1, `_`, expected `[`"),
            ("", "at character 1, the end, expected `[`"),
            ("[] * 3", "expected a layer before"),
            ("[(é, 3)]", "at character 3, `é`, expected a number"),
            ("[(512, 3, 2)]", "layer 1 adds the input of 2 layers before"),
        ] {
            let error = text.parse::<Layers>().err().map(|e| e.to_string()).unwrap_or_default();
            assert!(error.contains(expected), "{text}: {error}");
        }
        for (text, expected) in
            [("true", "`True` or `False`"), ("[True]", "1 layer"), ("True]", "the end")]
        {
            let error = attention(text, 2).err().map(|e| e.to_string()).unwrap_or_default();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*") {
            let _ = text.parse::<Layers>();
            let _ = attention(&text, 3);
        }

        #[test]
        fn what_is_written_is_read_again(layers in prop::collection::vec((1..999usize, 1..9usize, 0..2usize), 1..12)) {
            let layer = |(channels, width, residual)| Layer { channels, width, residual };
            let layers = Layers(layers.into_iter().map(layer).collect());
            prop_assert_eq!(layers.to_string().parse::<Layers>().ok(), Some(layers));
        }
    }
}
