//! Instructions that reach into objects: attributes, items, variables that functions share, and making containers.

use std::rc::Rc;

use super::cursor::{Cursor, Exit, GoOn, attended};
use crate::bytecode::{Op, Site};
use crate::machine::Machine;
use crate::machine::frame::{Thread, out_of_place};
use crate::object::{Sym, TupleObject, Value};

impl Machine<'_> {
    #[inline(always)]
    pub(super) fn load_local_attr(
        &mut self,
        thread: &mut Thread,
        at: &Cursor<'_>,
        slot: u16,
        cache: u16,
        name: Sym,
    ) -> GoOn {
        if let Value::Instance(instance) = at.local(thread, slot)
            && let Site::Own { shape, slot } = at.code.remembered(cache)
            && shape == instance.shape.get()
        {
            let value = instance.slots.borrow().get(slot as usize).cloned();
            if let Some(value) = value {
                thread.stack.push(value);
                return Ok(());
            }
        }
        let object = self.local(thread, at, slot)?;
        let value = self.load_attr(&object, at.code, cache, name)?;
        thread.stack.push(value);
        Ok(())
    }

    #[inline(always)]
    pub(super) fn store_attr_stack(
        &mut self,
        thread: &mut Thread,
        at: &Cursor<'_>,
        cache: u16,
        name: Sym,
    ) -> GoOn {
        let object = thread.pop()?;
        let value = thread.pop()?;
        let old = self.store_attr(&object, at.code, cache, name, value)?;
        drop((object, old));
        attended()
    }

    #[inline(always)]
    pub(super) fn subscript_locals(
        &mut self,
        thread: &mut Thread,
        at: &Cursor<'_>,
        a: u16,
        b: u16,
    ) -> GoOn {
        if let (Value::List(list), Value::Int(index)) = (at.local(thread, a), at.local(thread, b)) {
            // A negative index becomes one far too large.
            let item = list.items.borrow().get(*index as usize).cloned();
            if let Some(item) = item {
                thread.stack.push(item);
                return Ok(());
            }
        }
        self.bound(thread, at, a)?;
        self.bound(thread, at, b)?;
        let value = self.subscript(at.local(thread, a), at.local(thread, b))?;
        thread.stack.push(value);
        Ok(())
    }

    #[inline(always)]
    pub(super) fn subscript_stack(&mut self, thread: &mut Thread) -> GoOn {
        let index = thread.pop()?;
        let object = thread.pop()?;
        let value = self.subscript(&object, &index)?;
        thread.stack.push(value);
        object.discard();
        index.discard();
        attended()
    }

    #[inline(always)]
    pub(super) fn store_subscript_stack(&mut self, thread: &mut Thread) -> GoOn {
        let index = thread.pop()?;
        let object = thread.pop()?;
        let value = thread.pop()?;
        self.store_subscript(&object, index, value)?;
        drop(object);
        attended()
    }

    #[inline(always)]
    pub(super) fn store_subscript_locals(
        &mut self,
        thread: &mut Thread,
        at: &Cursor<'_>,
        a: u16,
        b: u16,
    ) -> GoOn {
        let value = thread.pop()?;
        match (at.local(thread, a), at.local(thread, b)) {
            (Value::Dict(dict), key) if !key.is_nil() => dict.set(key.clone(), value)?,
            _ => {
                let object = self.local(thread, at, a)?;
                let index = self.local(thread, at, b)?;
                self.store_subscript(&object, index, value)?;
            }
        }
        attended()
    }

    #[inline(always)]
    pub(super) fn load_cell(&mut self, thread: &mut Thread, at: &Cursor<'_>, slot: u16) -> GoOn {
        let Value::Cell(cell) = at.local(thread, slot) else {
            return Err(Exit::Thrown(out_of_place(Some(&Op::LoadCell(slot)))));
        };
        let value = cell.value.borrow().clone();
        if value.is_nil() {
            return Err(Exit::Thrown(self.unbound(at.code, slot)));
        }
        thread.stack.push(value);
        Ok(())
    }
}

#[inline(always)]
pub(super) fn store_cell(thread: &mut Thread, at: &Cursor<'_>, slot: u16) -> GoOn {
    let value = thread.pop()?;
    let Value::Cell(cell) = at.local(thread, slot) else {
        return Err(Exit::Thrown(out_of_place(Some(&Op::StoreCell(slot)))));
    };
    let old = cell.value.replace(value);
    drop(old);
    attended()
}

#[inline(always)]
pub(super) fn build_tuple(thread: &mut Thread, count: u32) -> GoOn {
    let tuple = match count {
        2 => {
            let second = thread.pop()?;
            let first = thread.pop()?;
            Value::pair(first, second)
        }
        3 => {
            let third = thread.pop()?;
            let second = thread.pop()?;
            let first = thread.pop()?;
            Value::Tuple(Rc::new(TupleObject::triple([first, second, third])))
        }
        _ => {
            let first = thread.stack.len() - count as usize;
            Value::tuple(thread.stack.drain(first..).collect())
        }
    };
    thread.stack.push(tuple);
    Ok(())
}

#[inline(always)]
pub(super) fn build_list(thread: &mut Thread, count: u32) -> GoOn {
    let first = thread.stack.len() - count as usize;
    let list = Value::list(thread.stack.drain(first..).collect());
    thread.stack.push(list);
    Ok(())
}

/// Appends to the list of a comprehension.
#[inline(always)]
pub(super) fn list_append(thread: &mut Thread, below: u32) -> GoOn {
    let item = thread.pop()?;
    let Value::List(list) = thread.peek(below as usize)? else {
        return Err(Exit::Thrown(out_of_place(Some(&Op::ListAppend(below)))));
    };
    list.items.borrow_mut().push(item);
    Ok(())
}
