//! Variables by name: the program's, those of class bodies, the builtins, and what is said of one that has no value.
//!
//! Variables of functions are slots of the value stack and have no name when a program runs, but where one is missed.

use overlord_bug::bug;

use crate::bytecode::{CodeKind, Site};
use crate::machine::Machine;
use crate::machine::frame::Thread;
use crate::object::function::Function;
use crate::object::{Code, DictObject, ExceptionKind, Res, Sym, Thrown, Value};

impl Machine<'_> {
    /// A global variable or builtin, by what its place remembers or else by name.
    #[inline(always)]
    pub(super) fn load_global(&mut self, function: &Function, cache: u16, name: Sym) -> Res {
        let globals = function.globals.borrow();
        let code = &function.code;
        let version = globals.version();
        let found = match code.remembered(cache) {
            Site::Global {
                version: same,
                slot,
            } if same == version => globals.slot_value(slot as usize).cloned(),
            Site::Builtin {
                version: same,
                slot,
            } if same == version => self.builtins.borrow().slot_value(slot as usize).cloned(),
            _ => None,
        };
        match found {
            Some(value) => Ok(value),
            None => self.look_up_global(function, cache, name),
        }
    }

    /// A global variable or builtin by name, which its place remembers.
    #[cold]
    #[inline(never)]
    fn look_up_global(&mut self, function: &Function, cache: u16, name: Sym) -> Res {
        let globals = function.globals.borrow();
        let (code, version) = (&function.code, globals.version());
        let text = self.name(name);
        if let Some(at) = globals.find_name(&text) {
            let slot = at as u32;
            code.remember(cache, Site::Global { version, slot });
            return globals.slot_value(at).cloned().ok_or_else(no_variable);
        }
        let builtins = self.builtins.borrow();
        match builtins.find_name(&text) {
            Some(at) => {
                let slot = at as u32;
                code.remember(cache, Site::Builtin { version, slot });
                builtins.slot_value(at).cloned().ok_or_else(no_variable)
            }
            None if code.kind == CodeKind::Function => Err(global_name_error(&text.lossy())),
            None => Err(name_error(&text.lossy())),
        }
    }

    /// Sets a global variable; the old value is returned, `Nil` if there was none.
    #[inline]
    pub(super) fn store_global(
        &mut self,
        function: &Function,
        cache: u16,
        name: Sym,
        value: Value,
    ) -> Value {
        let mut globals = function.globals.borrow_mut();
        let code = &function.code;
        if let Site::Global { version, slot } = code.remembered(cache)
            && version == globals.version()
        {
            return globals.set_slot(slot as usize, value);
        }
        let text = self.name(name);
        let old = globals.insert_name(&text, value);
        if let Some(at) = globals.find_name(&text) {
            let (version, slot) = (globals.version(), at as u32);
            code.remember(cache, Site::Global { version, slot });
        }
        old.unwrap_or_default()
    }

    /// A variable of a class body, or else of the program.
    pub(super) fn load_name(&self, thread: &Thread, name: Sym) -> Res {
        let text = self.name(name);
        let frame = thread.top_frame()?;
        if let Some(value) = frame
            .names()
            .and_then(|names| names.borrow().get_name(&text).cloned())
        {
            return Ok(value);
        }
        if let Some(value) = frame.function.globals.borrow().get_name(&text) {
            return Ok(value.clone());
        }
        self.builtins
            .borrow()
            .get_name(&text)
            .cloned()
            .ok_or_else(|| name_error(&text.lossy()))
    }

    /// `del NAME` in one of the program's namespaces.
    pub(super) fn delete_name(&self, names: &DictObject, name: Sym) -> Res<()> {
        let text = self.name(name);
        let removed = names.borrow_mut().remove(&Value::Str(text.clone()))?;
        match removed {
            Some(_) => Ok(()),
            None => Err(name_error(&text.lossy())),
        }
    }

    /// A variable of a function that has no value.
    #[cold]
    #[inline(never)]
    pub(super) fn unbound(&self, code: &Code, slot: u16) -> Thrown {
        let name = code
            .slot_names
            .get(slot as usize)
            .map_or_else(String::new, |sym| self.name(*sym).lossy().into_owned());
        if slot as usize >= code.first_free() {
            return Thrown::new(
                ExceptionKind::NameError,
                format!("free variable '{name}' referenced before assignment in enclosing scope"),
            );
        }
        Thrown::new(
            ExceptionKind::UnboundLocalError,
            format!("local variable '{name}' referenced before assignment"),
        )
    }
}

fn name_error(name: &str) -> Thrown {
    Thrown::new(
        ExceptionKind::NameError,
        format!("name '{name}' is not defined"),
    )
}

fn global_name_error(name: &str) -> Thrown {
    Thrown::new(
        ExceptionKind::NameError,
        format!("global name '{name}' is not defined"),
    )
}

#[cold]
fn no_variable() -> Thrown {
    Thrown::bug(bug!("a name was found in a namespace, and no value for it"))
}
