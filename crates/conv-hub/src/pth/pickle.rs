//! The pickle machine: it builds data and runs nothing. Each instruction is checked; none can reach
//! outside.

use std::collections::HashMap;
use std::sync::Arc;

use super::node::{Id, Node, Nodes, within_limit};
use super::opcode::*;
use super::reader::Bytes;
use super::tensor::Storage;
use super::{PthDefect, Value, globals, value};

/// The longest pickle that is interpreted, in bytes: it takes several times as much memory. A
/// hundred thousand tensors fit well.
pub(super) const LONGEST_PICKLE: u64 = 64 << 20;

/// The longest name of a class, in bytes; two memorised texts could otherwise be joined again and
/// again.
const LONGEST_NAME: usize = 1 << 10;

/// What a pickle leaves.
pub(super) struct Pickled {
    pub(super) value: Value,
    /// Every storage that was named, as often as it was.
    pub(super) storages: Vec<Arc<Storage>>,
    /// Where the next byte after it stands.
    pub(super) end: usize,
}

/// Interprets the pickle that begins at byte `start`.
pub(super) fn interpret(bytes: &[u8], start: usize) -> Result<Pickled, PthDefect> {
    let mut machine = Machine {
        bytes: Bytes::new(bytes, start),
        nodes: Nodes::default(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
    };
    let root = machine.run()?;
    let value = value::finish(&machine.nodes, root)?;
    Ok(Pickled { value, storages: machine.nodes.storages(), end: machine.bytes.offset() })
}

struct Machine<'p> {
    bytes: Bytes<'p>,
    nodes: Nodes,
    stack: Vec<Id>,
    /// Heights of the stack at each open mark.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
}

impl Machine<'_> {
    fn run(&mut self) -> Result<Id, PthDefect> {
        loop {
            within_limit(self.stack.len().max(self.marks.len()).max(self.memo.len()))?;
            let offset = self.bytes.offset();
            let opcode = self.bytes.byte()?;
            match opcode {
                STOP => return self.pop(),
                PROTO => drop(self.bytes.byte()?),
                FRAME => drop(self.bytes.take(8)?),
                MARK => self.marks.push(self.stack.len()),
                POP => drop(self.pop()?),
                POP_MARK => drop(self.pop_mark()?),
                DUP => self.stack.push(self.top()?),
                BINPUT | LONG_BINPUT | MEMOIZE | BINGET | LONG_BINGET => self.memo(opcode)?,
                NONE | NEWTRUE | NEWFALSE | BININT | BININT1 | BININT2 | LONG1 | LONG4
                | BINFLOAT => {
                    self.number(opcode)?;
                }
                BINUNICODE | SHORT_BINUNICODE | BINUNICODE8 | BINSTRING | SHORT_BINSTRING
                | BINBYTES | SHORT_BINBYTES | BINBYTES8 | BYTEARRAY8 => self.string(opcode)?,
                EMPTY_LIST | EMPTY_TUPLE | EMPTY_SET | EMPTY_DICT | LIST | TUPLE | FROZENSET
                | DICT | TUPLE1 | TUPLE2 | TUPLE3 => self.container(opcode)?,
                APPEND | APPENDS | ADDITEMS | SETITEM | SETITEMS => self.extend(opcode)?,
                GLOBAL | STACK_GLOBAL => self.class(opcode)?,
                REDUCE | NEWOBJ | NEWOBJ_EX => self.construct(opcode)?,
                BUILD => self.build()?,
                BINPERSID => {
                    let id = self.pop()?;
                    let node = globals::persistent(&self.nodes, id)
                        .map_err(|reason| self.damaged(reason))?;
                    self.push(node)?;
                }
                _ => return Err(PthDefect::Opcode { opcode, offset }),
            }
        }
    }

    fn memo(&mut self, opcode: u8) -> Result<(), PthDefect> {
        let key = match opcode {
            BINPUT | BINGET => u32::from(self.bytes.byte()?),
            LONG_BINPUT | LONG_BINGET => u32::from_le_bytes(self.bytes.array()?),
            _ => self.memo.len() as u32,
        };
        if matches!(opcode, BINGET | LONG_BINGET) {
            let known = self.memo.get(&key).copied();
            self.stack.push(known.ok_or_else(|| self.damaged("an unknown object referred to"))?);
        } else {
            self.memo.insert(key, self.top()?);
        }
        Ok(())
    }

    fn number(&mut self, opcode: u8) -> Result<(), PthDefect> {
        let node = match opcode {
            NONE => Node::None,
            NEWTRUE => Node::Bool(true),
            NEWFALSE => Node::Bool(false),
            BININT => Node::Int(i32::from_le_bytes(self.bytes.array()?).into()),
            BININT1 => Node::Int(self.bytes.byte()?.into()),
            BININT2 => Node::Int(u16::from_le_bytes(self.bytes.array()?).into()),
            BINFLOAT => Node::Float(f64::from_be_bytes(self.bytes.array()?)),
            LONG1 => self.long::<1>()?,
            _ => self.long::<4>()?,
        };
        self.push(node)
    }

    /// An integer of any length; one of more than eight bytes is kept as bytes.
    fn long<const N: usize>(&mut self) -> Result<Node, PthDefect> {
        let bytes = self.bytes.counted::<N>()?;
        if bytes.len() > 8 {
            let bytes = self.nodes.add(Node::Bytes(bytes.into()))?;
            let arguments = self.nodes.add(Node::List(vec![bytes]))?;
            return Ok(globals::object("int".into(), arguments));
        }
        let negative = bytes.last().is_some_and(|last| last & 0x80 != 0);
        let mut wide = [if negative { 0xff } else { 0 }; 8];
        wide[..bytes.len()].copy_from_slice(bytes);
        Ok(Node::Int(i64::from_le_bytes(wide)))
    }

    fn string(&mut self, opcode: u8) -> Result<(), PthDefect> {
        let bytes = match opcode {
            SHORT_BINUNICODE | SHORT_BINSTRING | SHORT_BINBYTES => self.bytes.counted::<1>()?,
            BINUNICODE | BINSTRING | BINBYTES => self.bytes.counted::<4>()?,
            _ => self.bytes.counted::<8>()?,
        };
        let is_text = !matches!(opcode, BINBYTES | SHORT_BINBYTES | BINBYTES8 | BYTEARRAY8);
        self.push(match std::str::from_utf8(bytes) {
            Ok(text) if is_text => Node::Text(text.into()),
            _ => Node::Bytes(bytes.into()),
        })
    }

    fn container(&mut self, opcode: u8) -> Result<(), PthDefect> {
        let node = match opcode {
            EMPTY_DICT => Node::Dict(Vec::new()),
            EMPTY_LIST | EMPTY_TUPLE | EMPTY_SET => Node::List(Vec::new()),
            DICT => Node::Dict(self.pairs()?),
            TUPLE1 | TUPLE2 | TUPLE3 => {
                let mut items = Vec::new();
                for _ in TUPLE1..=opcode {
                    items.push(self.pop()?);
                }
                items.reverse();
                Node::List(items)
            }
            _ => Node::List(self.pop_mark()?),
        };
        self.push(node)
    }

    /// Adds to the container on top. A list's or a dictionary's subclass is an object with items, a
    /// list's numbered.
    fn extend(&mut self, opcode: u8) -> Result<(), PthDefect> {
        if matches!(opcode, SETITEM | SETITEMS) {
            let mut pairs = if opcode == SETITEM {
                let value = self.pop()?;
                vec![(self.pop()?, value)]
            } else {
                self.pairs()?
            };
            let target = self.top()?;
            match &mut self.nodes[target] {
                Node::Dict(items) => items.append(&mut pairs),
                Node::Object(object) => object.items.append(&mut pairs),
                _ => return Err(self.damaged("a dictionary expected")),
            }
            return Ok(());
        }
        let mut items = if opcode == APPEND { vec![self.pop()?] } else { self.pop_mark()? };
        let target = self.top()?;
        let already = match &mut self.nodes[target] {
            Node::List(list) => {
                list.append(&mut items);
                return Ok(());
            }
            Node::Object(object) => object.items.len(),
            _ => return Err(self.damaged("a list expected")),
        };
        for (index, item) in items.into_iter().enumerate() {
            let key = self.nodes.add(Node::Int((already + index) as i64))?;
            if let Node::Object(object) = &mut self.nodes[target] {
                object.items.push((key, item));
            }
        }
        Ok(())
    }

    fn class(&mut self, opcode: u8) -> Result<(), PthDefect> {
        let name = if opcode == GLOBAL {
            let module = self.bytes.line()?;
            let name = self.bytes.line()?;
            format!("{}.{}", String::from_utf8_lossy(module), String::from_utf8_lossy(name))
        } else {
            let name = self.pop()?;
            let module = self.pop()?;
            match (&self.nodes[module], &self.nodes[name]) {
                (Node::Text(module), Node::Text(name)) => format!("{module}.{name}"),
                _ => return Err(self.damaged("the name of a class expected")),
            }
        };
        if name.len() > LONGEST_NAME {
            return Err(self.damaged("a class name beyond all length"));
        }
        self.push(Node::Class(name.into()))
    }

    fn construct(&mut self, opcode: u8) -> Result<(), PthDefect> {
        let keywords = (opcode == NEWOBJ_EX).then(|| self.pop()).transpose()?;
        let arguments = self.pop()?;
        let class = self.pop()?;
        let Node::Class(class) = &self.nodes[class] else {
            return Err(self.damaged("a class to construct expected"));
        };
        let class = class.clone();
        let arguments = match keywords {
            Some(keywords) => self.nodes.add(Node::List(vec![arguments, keywords]))?,
            None => arguments,
        };
        let offset = self.bytes.offset();
        let node = globals::construct(&mut self.nodes, class, arguments, offset)?;
        self.push(node)
    }

    /// Gives the object on top its attributes. What is no plain object keeps none: a state
    /// dictionary's `_metadata`.
    fn build(&mut self) -> Result<(), PthDefect> {
        let state = self.pop()?;
        let target = self.top()?;
        if let Node::Object(object) = &mut self.nodes[target] {
            object.state = Some(state);
        }
        Ok(())
    }

    fn push(&mut self, node: Node) -> Result<(), PthDefect> {
        let id = self.nodes.add(node)?;
        self.stack.push(id);
        Ok(())
    }

    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn pop(&mut self) -> Result<Id, PthDefect> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    fn top(&self) -> Result<Id, PthDefect> {
        match self.stack.last() {
            Some(&top) if self.stack.len() > self.floor() => Ok(top),
            _ => Err(self.damaged("an empty stack")),
        }
    }

    /// Everything above the last mark.
    fn pop_mark(&mut self) -> Result<Vec<Id>, PthDefect> {
        let height = self.marks.pop().ok_or_else(|| self.damaged("no mark"))?;
        Ok(self.stack.split_off(height))
    }

    fn pairs(&mut self) -> Result<Vec<(Id, Id)>, PthDefect> {
        let items = self.pop_mark()?;
        if !items.len().is_multiple_of(2) {
            return Err(self.damaged("a key without a value"));
        }
        Ok(items.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect())
    }

    fn damaged(&self, reason: &str) -> PthDefect {
        PthDefect::Pickle { reason: reason.to_string(), offset: self.bytes.offset() }
    }
}
