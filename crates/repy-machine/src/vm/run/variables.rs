//! Instructions that read and set variables, and take values by name from an object on the stack.

use super::cursor::{Cursor, Exit, GoOn, let_go};
use crate::machine::Machine;
use crate::machine::frame::Thread;
use crate::object::{Res, Sym, Value};

/// A value for the next instruction.
#[inline(always)]
pub(super) fn push(thread: &mut Thread, value: Value) -> GoOn {
    thread.stack.push(value);
    Ok(())
}

/// The same of one that is got by something that may throw.
#[inline(always)]
pub(super) fn push_result(thread: &mut Thread, value: Res) -> GoOn {
    thread.stack.push(value?);
    Ok(())
}

#[inline(always)]
pub(super) fn store_local(thread: &mut Thread, at: &Cursor<'_>, slot: u16) -> GoOn {
    let value = thread.pop()?;
    let_go(std::mem::replace(at.local_mut(thread, slot), value))
}

impl Machine<'_> {
    #[inline(always)]
    pub(super) fn load_local(&mut self, thread: &mut Thread, at: &Cursor<'_>, slot: u16) -> GoOn {
        let value = self.local(thread, at, slot)?;
        push(thread, value)
    }

    #[inline(always)]
    pub(super) fn store_global_top(
        &mut self,
        thread: &mut Thread,
        at: &Cursor<'_>,
        cache: u16,
        name: Sym,
    ) -> GoOn {
        let value = thread.pop()?;
        let old = self.store_global(at.function, cache, name, value);
        let_go(old)
    }

    #[inline(always)]
    pub(super) fn return_local(&mut self, thread: &mut Thread, at: &Cursor<'_>, slot: u16) -> GoOn {
        self.bound(thread, at, slot)?;
        Err(Exit::Return(std::mem::take(at.local_mut(thread, slot))))
    }

    #[inline(always)]
    pub(super) fn load_attr_top(
        &mut self,
        thread: &mut Thread,
        at: &Cursor<'_>,
        cache: u16,
        name: Sym,
    ) -> GoOn {
        let object = thread.pop()?;
        let value = self.load_attr(&object, at.code, cache, name)?;
        thread.stack.push(value);
        let_go(object)
    }

    #[inline(always)]
    pub(super) fn load_local_method(
        &mut self,
        thread: &mut Thread,
        at: &Cursor<'_>,
        slot: u16,
        cache: u16,
        name: Sym,
    ) -> GoOn {
        let object = self.local(thread, at, slot)?;
        Ok(self.load_method(thread, object, at.code, cache, name)?)
    }

    #[inline(always)]
    pub(super) fn load_method_top(
        &mut self,
        thread: &mut Thread,
        at: &Cursor<'_>,
        cache: u16,
        name: Sym,
    ) -> GoOn {
        let object = thread.pop()?;
        Ok(self.load_method(thread, object, at.code, cache, name)?)
    }
}
