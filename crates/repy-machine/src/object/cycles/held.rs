//! What objects hold of each other: where they live, how often they are referred to, what they hold, and emptying them.

use std::rc::Rc;

use crate::machine::safe_dict;
use crate::object::reclaim::can_close;
use crate::object::{ClassKind, DictObject, Payload, SetObject, Value, iter::Source};

/// Where a shared object lives; None for what cannot be part of a circle.
pub(super) fn place(value: &Value) -> Option<usize> {
    match value {
        // Builtin types hold functions of the machine only.
        Value::Class(class) if class.kind == ClassKind::Builtin => None,
        // `id()` of an instance may be that of its former place.
        Value::Instance(instance) => Some(Rc::as_ptr(instance).cast::<u8>() as usize),
        value if can_close(value) => value.address(),
        _ => None,
    }
}

/// How many references to it there are.
pub(super) fn references(value: &Value) -> usize {
    match value {
        Value::Tuple(rc) => Rc::strong_count(rc),
        Value::List(rc) => Rc::strong_count(rc),
        Value::Dict(rc) => Rc::strong_count(rc),
        Value::Set(rc) | Value::FrozenSet(rc) => Rc::strong_count(rc),
        Value::Slice(rc) => Rc::strong_count(rc),
        Value::Iter(rc) => Rc::strong_count(rc),
        Value::View(rc) => Rc::strong_count(rc),
        Value::Function(rc) => Rc::strong_count(rc),
        Value::Method(rc) => Rc::strong_count(rc),
        Value::NativeBound(rc) => Rc::strong_count(rc),
        Value::Class(rc) => Rc::strong_count(rc),
        Value::Instance(rc) => Rc::strong_count(rc),
        Value::Host(rc) => Rc::strong_count(rc),
        Value::Cell(rc) => Rc::strong_count(rc),
        Value::Raised(rc) => Rc::strong_count(rc),
        // Nothing else is looked at; a count no sum of references reaches keeps it.
        _ => usize::MAX,
    }
}

/// Calls `visit` with everything an object holds, as often as it holds it. What is borrowed at the moment is not
/// seen, and what it holds seems held from outside.
pub(super) fn each_held(value: &Value, visit: &mut dyn FnMut(&Value)) {
    match value {
        Value::Tuple(tuple) => tuple.iter().for_each(visit),
        Value::List(list) => {
            if let Ok(items) = list.items.try_borrow() {
                items.iter().for_each(visit);
            }
        }
        Value::Dict(dict) => each_in_table(dict, visit),
        Value::Set(set) | Value::FrozenSet(set) => {
            if let Some(set) = set.try_borrow() {
                set.iter().for_each(visit);
            }
        }
        Value::Slice(slice) => [&slice.start, &slice.stop, &slice.step]
            .into_iter()
            .for_each(visit),
        Value::Iter(iter) => match &iter.source {
            Source::List(list) => visit(&Value::List(list.clone())),
            Source::Tuple(tuple) => visit(&Value::Tuple(tuple.clone())),
            Source::Keys(dict) | Source::Values(dict) | Source::Items(dict) => {
                visit(&Value::Dict(dict.clone()));
            }
            Source::Set(set) => visit(&Value::Set(set.clone())),
            Source::Str(_) | Source::XRange(_) => {}
        },
        Value::View(view) => visit(&Value::Dict(view.dict.clone())),
        Value::Function(function) => {
            visit(&Value::Dict(function.globals.clone()));
            for cell in &function.closure {
                visit(&Value::Cell(cell.clone()));
            }
            function.defaults.iter().for_each(&mut *visit);
            if let Ok(attrs) = function.attrs.try_borrow() {
                attrs.iter().for_each(|(_, value)| visit(value));
            }
        }
        Value::Method(method) => {
            visit(&method.function);
            visit(&method.receiver);
            visit(&Value::Class(method.class.clone()));
        }
        Value::NativeBound(bound) => visit(&bound.receiver),
        Value::Class(class) => {
            for held in [&class.bases, &class.ancestors] {
                if let Ok(held) = held.try_borrow() {
                    held.iter().for_each(&mut *visit);
                }
            }
            if let Ok(attrs) = class.attrs.try_borrow() {
                attrs.values().for_each(visit);
            }
        }
        Value::Instance(instance) => {
            visit(&Value::Class(instance.class.clone()));
            if let Ok(slots) = instance.slots.try_borrow() {
                slots.iter().for_each(&mut *visit);
            }
            match &instance.payload {
                Payload::Plain => {}
                Payload::Value(value) => visit(value),
                Payload::Exception(part) => {
                    if let Ok(part) = part.try_borrow() {
                        visit(&part.args);
                        visit(&part.message);
                        part.extra.iter().for_each(|(_, value)| visit(value));
                    }
                }
            }
        }
        // A program's `_context` is a host object in its own namespace; what other host objects hold beside the attributes
        // that a program gave them is left alone.
        Value::Host(host) => {
            if let Ok(attrs) = host.attrs.try_borrow() {
                attrs.iter().for_each(|(_, value)| visit(value));
            }
            if let Some(context) = safe_dict::of(value) {
                visit(&Value::Dict(context.namespace()));
            }
        }
        Value::Cell(cell) => {
            if let Ok(value) = cell.value.try_borrow() {
                visit(&value);
            }
        }
        Value::Raised(raised) => {
            visit(&raised.value);
            if let Ok(held) = raised.held.try_borrow() {
                held.iter().for_each(visit);
            }
        }
        _ => {}
    }
}

fn each_in_table(dict: &DictObject, visit: &mut dyn FnMut(&Value)) {
    if let Some(table) = dict.try_borrow() {
        for (key, value) in table.iter() {
            visit(key);
            visit(value);
        }
    }
}

/// Takes out of an object what it holds and can be taken out.
pub(super) fn empty(value: &Value, taken: &mut Vec<Value>) {
    match value {
        Value::List(list) => {
            if let Ok(mut items) = list.items.try_borrow_mut() {
                let items = std::mem::take(&mut *items);
                // As they are: where memory is short, a copy of a long list is too much.
                taken.push(Value::list(items));
            }
        }
        Value::Dict(dict) => {
            if let Some(mut table) = dict.try_borrow_mut() {
                let old = table.clear();
                drop(table);
                taken.push(Value::dict(old));
            }
        }
        Value::Set(set) => {
            if let Some(mut table) = set.try_borrow_mut() {
                let old = table.clear();
                drop(table);
                taken.push(Value::Set(Rc::new(SetObject::new(old))));
            }
        }
        Value::Function(function) => {
            if let Ok(mut attrs) = function.attrs.try_borrow_mut() {
                taken.extend(attrs.drain(..).map(|(_, value)| value));
            }
        }
        Value::Host(host) => {
            if let Ok(mut attrs) = host.attrs.try_borrow_mut() {
                taken.extend(attrs.drain(..).map(|(_, value)| value));
            }
        }
        Value::Class(class) => {
            if let Ok(mut attrs) = class.attrs.try_borrow_mut() {
                taken.extend(std::mem::take(&mut *attrs).into_values());
            }
        }
        Value::Instance(instance) => {
            if let Ok(mut slots) = instance.slots.try_borrow_mut() {
                taken.append(&mut slots);
            }
            if let Payload::Exception(part) = &instance.payload
                && let Ok(mut part) = part.try_borrow_mut()
            {
                taken.push(std::mem::replace(&mut part.args, Value::tuple(Vec::new())));
                taken.push(std::mem::replace(&mut part.message, Value::None));
                taken.extend(part.extra.drain(..).map(|(_, value)| value));
            }
        }
        Value::Cell(cell) => {
            if let Ok(mut held) = cell.value.try_borrow_mut() {
                taken.push(std::mem::take(&mut held));
            }
        }
        Value::Raised(raised) => {
            if let Ok(mut held) = raised.held.try_borrow_mut() {
                taken.append(&mut held);
            }
        }
        // What cannot be changed goes when what it is part of a circle with has been emptied.
        _ => {}
    }
}
