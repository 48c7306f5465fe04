//! `repr()` and `str()` of everything.

use std::rc::Rc;

use super::float_format::{repr_float, repr_part, str_float, str_part};
use crate::depth::{self, DATA, DepthGuard};
use crate::machine::Machine;
use crate::number::long;
use crate::object::bytes;
use crate::object::exception::type_error;
use crate::object::{
    BoundMethod, Class, ClassKind, ExceptionKind, NativeFunction, Payload, Res, Str, Value, XRange,
};
use crate::symbol::known;
use crate::{memory, work};

const OF_A_LIST: &str = " while getting the repr of a list";
const OF_A_TUPLE: &str = " while getting the repr of a tuple";

/// Enough for a number and what stands around it.
const SHORT_BYTES: usize = 64;

/// An int in decimal.
pub(crate) fn int_text(int: i64) -> Str {
    let mut buffer = [0u8; 20];
    let mut at = buffer.len();
    let mut left = int.unsigned_abs();
    loop {
        at -= 1;
        buffer[at] = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 {
            break;
        }
    }
    if int < 0 {
        at -= 1;
        buffer[at] = b'-';
    }
    Str::new(buffer.get(at..).unwrap_or(&[]))
}

fn repr_complex(value: (f64, f64), part: fn(f64) -> String) -> String {
    let (real, imaginary) = value;
    if real == 0.0 && real.is_sign_positive() {
        return format!("{}j", part(imaginary));
    }
    let sign = if imaginary.is_nan() || imaginary.is_sign_positive() {
        "+"
    } else {
        ""
    };
    format!("({}{sign}{}j)", part(real), part(imaginary))
}

fn repr_range(range: &XRange) -> String {
    let stop = i128::from(range.start) + i128::from(range.len) * i128::from(range.step);
    if range.step != 1 {
        format!("xrange({}, {stop}, {})", range.start, range.step)
    } else if range.start != 0 {
        format!("xrange({}, {stop})", range.start)
    } else {
        format!("xrange({stop})")
    }
}

impl Machine<'_> {
    /// `repr(value)`.
    ///
    /// # Errors
    /// Whatever a `__repr__` of the program throws.
    pub fn repr_of(&mut self, value: &Value) -> Res<Vec<u8>> {
        let mut out = Vec::new();
        let outer = self.showing.len();
        let result = self.write_repr(value, &mut out);
        self.showing.truncate(outer);
        result.map(|()| out)
    }

    /// `str(value)`.
    ///
    /// # Errors
    /// Whatever a `__str__` or `__repr__` of the program throws.
    pub fn str_of(&mut self, value: &Value) -> Res<Vec<u8>> {
        Ok(match value {
            Value::Str(string) => bytes::copied(string)?,
            Value::Float(float) => str_float(float.get()).into_bytes(),
            Value::Complex(complex) => repr_complex(**complex, str_part).into_bytes(),
            Value::Long(long) => long::to_decimal(long)?.into_bytes(),
            Value::Class(class) if class.is_old() => class.qualified_name(),
            Value::Instance(instance) => {
                let method = self.find_method(value, known::str_)?;
                if !method.is_nil() {
                    return self.text_of_call(&method, "__str__");
                }
                if instance.exception().is_some() {
                    let _level = depth::enter(DATA, " while getting the str of an object")?;
                    return self.str_of_exception(value);
                }
                let method = self.find_method(value, known::repr)?;
                if !method.is_nil() {
                    return self.text_of_call(&method, "__str__");
                }
                match &instance.payload {
                    // Sets have no text of their own, and so are shown with the class' name.
                    Payload::Value(Value::Set(_) | Value::FrozenSet(_)) => self.repr_of(value)?,
                    Payload::Value(inner) => self.str_of(&inner.clone())?,
                    _ => self.repr_of(value)?,
                }
            }
            other => self.repr_of(other)?,
        })
    }

    fn text_of_call(&mut self, method: &Value, name: &str) -> Res<Vec<u8>> {
        match self.call_value(method, Vec::new())?.unwrapped() {
            Value::Str(string) => bytes::copied(string),
            other => Err(type_error(format!(
                "{name} returned non-string (type {})",
                self.type_name(other)
            ))),
        }
    }

    /// `BaseException.__str__` and what some of its classes do instead.
    pub(crate) fn str_of_exception(&mut self, value: &Value) -> Res<Vec<u8>> {
        let Value::Instance(instance) = value else {
            return Ok(Vec::new());
        };
        let Some(part) = instance.exception() else {
            return Ok(Vec::new());
        };
        let (args, extra) = {
            let part = part.borrow();
            (part.args.clone(), part.extra.clone())
        };
        let is = |machine: &Machine, kind: ExceptionKind| {
            instance
                .class
                .is_subclass_of(&machine.exceptions[kind as usize])
        };
        let Value::Tuple(items) = &args else {
            return Ok(Vec::new());
        };
        if is(self, ExceptionKind::EnvironmentError) && extra.len() >= 2 {
            let find = |name| {
                extra
                    .iter()
                    .find(|(own, _)| *own == name)
                    .map(|(_, v)| v.clone())
                    .unwrap_or(Value::None)
            };
            let (errno, text, file) = (
                find(known::errno),
                find(known::strerror),
                find(known::filename),
            );
            if !errno.is_none() || !text.is_none() {
                let mut out = b"[Errno ".to_vec();
                memory::extend(&mut out, &self.str_of(&errno)?)?;
                out.extend_from_slice(b"] ");
                memory::extend(&mut out, &self.str_of(&text)?)?;
                if !file.is_none() {
                    out.extend_from_slice(b": ");
                    memory::extend(&mut out, &self.repr_of(&file)?)?;
                }
                return Ok(out);
            }
        }
        let find = |name| {
            extra
                .iter()
                .find(|(own, _)| *own == name)
                .map(|(_, value)| value)
        };
        if is(self, ExceptionKind::SyntaxError) && !extra.is_empty() {
            let mut out = self.str_of(find(known::msg).unwrap_or(&Value::None))?;
            let file = match find(known::filename).map(Value::unwrapped) {
                Some(Value::Str(file)) => file.as_bytes().rsplit(|byte| *byte == b'/').next(),
                _ => None,
            };
            let line = match find(known::lineno) {
                Some(Value::Int(line)) => Some(format!("line {line}")),
                _ => None,
            };
            let place = [file.map(<[u8]>::to_vec), line.map(String::into_bytes)];
            let place: Vec<Vec<u8>> = place.into_iter().flatten().collect();
            if !place.is_empty() {
                out.extend_from_slice(b" (");
                out.extend(place.join(&b", "[..]));
                out.push(b')');
            }
            return Ok(out);
        }
        if is(self, ExceptionKind::UnicodeDecodeError)
            && let (Some(encoding), Some(Value::Str(object)), Some(reason)) = (
                find(known::encoding),
                find(known::object).map(Value::unwrapped),
                find(known::reason),
            )
            && let (Some(Value::Int(start)), Some(Value::Int(end))) =
                (find(known::start), find(known::end))
        {
            let byte = usize::try_from(*start)
                .ok()
                .and_then(|at| object.as_bytes().get(at));
            let what = match byte {
                Some(byte) if *end == start.saturating_add(1) => {
                    format!("byte 0x{byte:02x} in position {start}")
                }
                _ => format!("bytes in position {start}-{}", end.saturating_sub(1)),
            };
            let mut out = b"'".to_vec();
            out.extend(self.str_of(encoding)?);
            out.extend_from_slice(b"' codec can't decode ");
            out.extend(what.into_bytes());
            out.extend_from_slice(b": ");
            out.extend(self.str_of(reason)?);
            return Ok(out);
        }
        match &items[..] {
            [] => Ok(Vec::new()),
            [only] if is(self, ExceptionKind::KeyError) => self.repr_of(only),
            [only] => self.str_of(only),
            _ => self.repr_of(&args),
        }
    }

    fn write_repr(&mut self, value: &Value, out: &mut Vec<u8>) -> Res<()> {
        // Finding out what it is inside of takes as long as that is deep.
        work::spend(1 + self.showing.len() / 16)?;
        memory::grow(out, SHORT_BYTES)?;
        match value {
            Value::Nil => out.extend_from_slice(b"<NULL>"),
            Value::None => out.extend_from_slice(b"None"),
            Value::Bool(truth) => {
                out.extend_from_slice(if truth.get() { &b"True"[..] } else { b"False" })
            }
            Value::Int(int) => out.extend_from_slice(int_text(*int).as_bytes()),
            Value::Long(long) => {
                let digits = long::to_decimal(long)? + "L";
                memory::extend(out, digits.as_bytes())?;
            }
            Value::Float(float) => out.extend_from_slice(repr_float(float.get()).as_bytes()),
            Value::Complex(complex) => {
                out.extend_from_slice(repr_complex(**complex, repr_part).as_bytes())
            }
            Value::Str(string) => {
                bytes::write_repr(string.as_bytes(), out)?;
            }
            Value::Tuple(tuple) => {
                let items = tuple.to_vec();
                let close = if items.len() == 1 { ",)" } else { ")" };
                self.write_items(value, &items, ["(", close, "(...)"], OF_A_TUPLE, out)?;
            }
            Value::List(list) => {
                let items = list.to_vec();
                self.write_items(value, &items, ["[", "]", "[...]"], OF_A_LIST, out)?;
            }
            Value::Dict(dict) => {
                let pairs: Vec<(Value, Value)> = dict
                    .borrow()
                    .iter()
                    .map(|(key, value)| (key.clone(), value.clone()))
                    .collect();
                self.write_pairs(value, &pairs, out)?;
            }
            Value::Host(host) if crate::machine::safe_dict::of(value).is_some() => {
                let mut pairs = Vec::new();
                if let Some(mapping) = host.inner.mapping() {
                    for key in mapping.keys() {
                        let item = mapping.item(&key)?;
                        pairs.push((key, item));
                    }
                }
                self.write_pairs(value, &pairs, out)?;
            }
            Value::Set(set) | Value::FrozenSet(set) => {
                let items: Vec<Value> = set.borrow().iter().cloned().collect();
                let name = value.tag().name();
                self.write_set(value, name, &items, out)?;
            }
            Value::View(view) => {
                let items = view.items();
                let name = value.tag().name();
                let open = format!("{name}([");
                self.write_items(value, &items, [&open, "])", "..."], OF_A_LIST, out)?;
            }
            Value::Slice(slice) => {
                let parts = [slice.start.clone(), slice.stop.clone(), slice.step.clone()];
                self.write_items(
                    value,
                    &parts,
                    ["slice(", ")", "slice(...)"],
                    " while getting the repr of a slice",
                    out,
                )?;
            }
            Value::XRange(range) => out.extend_from_slice(repr_range(range).as_bytes()),
            Value::Instance(instance) => {
                let instance = instance.clone();
                self.write_instance(value, &instance, out)?;
            }
            Value::Method(method) => self.write_method(&method.clone(), out)?,
            other => {
                let text = self.repr_opaque(other)?;
                out.extend(text);
            }
        }
        Ok(())
    }

    /// Begins to show what a value holds: None if it is being shown further out already. Each `leave` ends one.
    fn enter(&mut self, value: &Value, what: &str) -> Res<Option<DepthGuard>> {
        let address = value.address().unwrap_or(0);
        if self.showing.contains(&address) {
            return Ok(None);
        }
        let level = depth::enter(DATA, what)?;
        self.showing.push(address);
        Ok(Some(level))
    }

    fn leave(&mut self, level: DepthGuard) {
        drop(level);
        self.showing.pop();
    }

    fn write_items(
        &mut self,
        value: &Value,
        items: &[Value],
        [open, close, again]: [&str; 3],
        what: &'static str,
        out: &mut Vec<u8>,
    ) -> Res<()> {
        let Some(level) = self.enter(value, what)? else {
            out.extend_from_slice(again.as_bytes());
            return Ok(());
        };
        out.extend_from_slice(open.as_bytes());
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                out.extend_from_slice(b", ");
            }
            self.write_repr(item, out)?;
        }
        memory::grow(out, SHORT_BYTES)?;
        out.extend_from_slice(close.as_bytes());
        self.leave(level);
        Ok(())
    }

    fn write_set(
        &mut self,
        value: &Value,
        name: &str,
        items: &[Value],
        out: &mut Vec<u8>,
    ) -> Res<()> {
        let again = format!("{name}(...)");
        if items.is_empty() {
            out.extend_from_slice(format!("{name}([])").as_bytes());
            return Ok(());
        }
        let open = format!("{name}([");
        self.write_items(value, items, [&open, "])", &again], OF_A_LIST, out)
    }

    fn write_pairs(
        &mut self,
        value: &Value,
        pairs: &[(Value, Value)],
        out: &mut Vec<u8>,
    ) -> Res<()> {
        let Some(level) = self.enter(value, " while getting the repr of a dict")? else {
            out.extend_from_slice(b"{...}");
            return Ok(());
        };
        out.push(b'{');
        for (at, (key, value)) in pairs.iter().enumerate() {
            if at > 0 {
                out.extend_from_slice(b", ");
            }
            self.write_repr(key, out)?;
            out.extend_from_slice(b": ");
            self.write_repr(value, out)?;
        }
        memory::grow(out, SHORT_BYTES)?;
        out.push(b'}');
        self.leave(level);
        Ok(())
    }

    fn write_instance(
        &mut self,
        value: &Value,
        instance: &Rc<crate::object::Instance>,
        out: &mut Vec<u8>,
    ) -> Res<()> {
        let method = self.find_method(value, known::repr)?;
        if !method.is_nil() {
            memory::extend(out, &self.text_of_call(&method, "__repr__")?)?;
            return Ok(());
        }
        match &instance.payload {
            Payload::Value(Value::Set(set) | Value::FrozenSet(set)) => {
                let items: Vec<Value> = set.borrow().iter().cloned().collect();
                let name = instance.class.name.lossy().into_owned();
                return self.write_set(value, &name, &items, out);
            }
            Payload::Value(inner) if !inner.is_nil() => {
                let inner = inner.clone();
                return self.write_repr(&inner, out);
            }
            Payload::Exception(part) => {
                let args = part.borrow().args.clone();
                out.extend_from_slice(instance.class.name.as_bytes());
                let Some(level) = self.enter(value, OF_A_TUPLE)? else {
                    out.extend_from_slice(b"(...)");
                    return Ok(());
                };
                self.write_repr(&args, out)?;
                self.leave(level);
                return Ok(());
            }
            _ => {}
        }
        out.extend(self.plain_repr(value));
        Ok(())
    }

    /// `<.Name object at 0x...>`.
    pub(crate) fn plain_repr(&self, value: &Value) -> Vec<u8> {
        let Value::Instance(instance) = value else {
            return Vec::new();
        };
        let kind = if instance.class.is_old() {
            "instance"
        } else {
            "object"
        };
        let mut out = b"<".to_vec();
        out.extend(instance.class.qualified_name());
        out.extend_from_slice(format!(" {kind} at {}>", address(value)).as_bytes());
        out
    }

    fn write_method(&mut self, method: &BoundMethod, out: &mut Vec<u8>) -> Res<()> {
        let is_bound = !method.receiver.is_nil();
        out.extend_from_slice(if is_bound {
            b"<bound method "
        } else {
            b"<unbound method "
        });
        out.extend_from_slice(method.class.name.as_bytes());
        out.push(b'.');
        out.extend(self.callable_name(&method.function).into_bytes());
        if is_bound {
            let _level = depth::enter(DATA, " while getting the repr of a method")?;
            out.extend_from_slice(b" of ");
            self.write_repr(&method.receiver, out)?;
        }
        out.push(b'>');
        Ok(())
    }

    fn repr_opaque(&mut self, value: &Value) -> Res<Vec<u8>> {
        Ok(match value {
            Value::Ellipsis => b"Ellipsis".to_vec(),
            Value::NotImplemented => b"NotImplemented".to_vec(),
            Value::Function(function) => {
                let mut out = b"<function ".to_vec();
                out.extend_from_slice(function.code.name.as_bytes());
                out.extend_from_slice(format!(" at {}>", address(value)).as_bytes());
                out
            }
            Value::Native(native) => repr_native(native),
            Value::NativeBound(bound) => {
                let text = format!(
                    "<built-in method {} of {} object at {}>",
                    bound.native.name,
                    self.type_name(&bound.receiver),
                    address(&bound.receiver)
                );
                text.into_bytes()
            }
            Value::Class(class) => repr_class(class, value),
            Value::Host(host) => host.inner.repr().unwrap_or_else(|| {
                format!("<{} object at {}>", host.inner.type_name(), address(value)).into_bytes()
            }),
            other => format!("<{} object at {}>", other.tag().name(), address(other)).into_bytes(),
        })
    }
}

fn address(value: &Value) -> String {
    format!("{:#x}", value.id())
}

fn repr_native(native: &NativeFunction) -> Vec<u8> {
    match native.owner {
        None if native.name == crate::machine::safe_dict::NAME => {
            format!("<class 'safe.{}'>", native.name)
        }
        None => format!("<built-in function {}>", native.name),
        Some(owner) if native.name.starts_with("__") => {
            format!(
                "<slot wrapper '{}' of '{}' objects>",
                native.name,
                owner.name()
            )
        }
        Some(owner) => format!("<method '{}' of '{}' objects>", native.name, owner.name()),
    }
    .into_bytes()
}

fn repr_class(class: &Class, value: &Value) -> Vec<u8> {
    let mut out = match class.kind {
        ClassKind::Old => b"<class ".to_vec(),
        ClassKind::New => b"<class '".to_vec(),
        ClassKind::Builtin
            if class
                .exception
                .is_some_and(|kind| kind.module() != "exceptions") =>
        {
            b"<class '".to_vec()
        }
        ClassKind::Builtin => b"<type '".to_vec(),
    };
    out.extend(class.qualified_name());
    if class.kind == ClassKind::Old {
        out.extend_from_slice(format!(" at {}>", address(value)).as_bytes());
    } else {
        out.extend_from_slice(b"'>");
    }
    out
}
