//! Leaving a native stack and coming back to it: how others run while native code waits for its callback.
//!
//! A native function that calls back (a sort's key, a `__repr__`) has its state on the native stack. When the callback
//! must wait, the machine itself is handed back to the code that began that stack, which runs other threads on another one; what is
//! left in its place does nothing. The machine comes back the same way. Who goes on when is the scheduler's business.

use crate::depth;
use crate::machine::{Machine, NativeStack};
use crate::object::Interner;
use crate::object::instance::Shapes;

impl<'stack> Machine<'stack> {
    /// The same machine on this native stack.
    pub fn on_stack(mut self, stack: &'stack dyn NativeStack) -> Machine<'stack> {
        self.stack = Some(stack);
        self
    }

    /// Leaves the native stack until it is continued. False if it cannot be left.
    pub fn leave_stack(&mut self) -> bool {
        let Some(stack) = self.stack else {
            return false;
        };
        // What belongs to this stack: others begin without.
        let outer_frames = std::mem::take(&mut self.outer_frames);
        let showing = std::mem::take(&mut self.showing);
        let finalizes_since = std::mem::take(&mut self.finalizes_since);
        let aside = depth::put_aside();
        let vacant = self.vacant();
        let machine = std::mem::replace(self, vacant).off_stack();
        *self = stack.leave(machine).on_stack(stack);
        drop(aside);
        self.outer_frames = outer_frames;
        self.showing = showing;
        self.finalizes_since = finalizes_since;
        true
    }

    /// The same machine on no stack in particular.
    pub fn off_stack(self) -> Machine<'static> {
        Machine {
            names: self.names,
            shapes: self.shapes,
            types: self.types,
            exceptions: self.exceptions,
            builtins: self.builtins,
            type_function: self.type_function,
            method_cache: self.method_cache,
            next_version: self.next_version,
            stop: self.stop,
            turn_over: self.turn_over,
            call_over: self.call_over,
            turn_given_up: self.turn_given_up,
            has_finalizers: self.has_finalizers,
            finalizes_since: self.finalizes_since,
            outer_frames: self.outer_frames,
            spare: self.spare,
            showing: self.showing,
            nested_wait: self.nested_wait,
            nested_turn: self.nested_turn,
            nested_budget: self.nested_budget,
            stack: None,
            warnings: self.warnings,
            instructions: self.instructions,
            budget: self.budget,
        }
    }

    /// What stands where the machine was while it is away.
    fn vacant(&self) -> Machine<'stack> {
        Machine {
            names: Interner::empty(),
            shapes: Shapes::new(),
            types: Vec::new(),
            exceptions: Vec::new(),
            builtins: self.builtins.clone(),
            type_function: self.type_function.clone(),
            method_cache: Vec::new(),
            next_version: 0,
            stop: self.stop.clone(),
            turn_over: None,
            call_over: None,
            turn_given_up: false,
            has_finalizers: false,
            finalizes_since: 0,
            outer_frames: 0,
            spare: Vec::new(),
            showing: Vec::new(),
            nested_wait: None,
            nested_turn: None,
            nested_budget: 0,
            stack: None,
            warnings: None,
            instructions: 0,
            budget: self.budget.clone(),
        }
    }
}
