//! `createvirtualnamespace`: code that a program judges, loads and runs in a context of its own making.

use std::rc::Rc;

use super::arguments::{self, Parameter, text};
use super::entry::Entry;
use crate::check::Refusal;
use crate::sandbox::{self, Sandbox};
use overlord_repy_machine::HostType;
use overlord_repy_machine::Machine;
use overlord_repy_machine::ProgramError;
use overlord_repy_machine::attribute_error;
use overlord_repy_machine::deep_copy;
use overlord_repy_machine::safe_dict::{self, SafeDict};
use overlord_repy_machine::{Args, ExceptionKind, Res, Thrown, Value};

pub(super) const CALLS: &[Entry] = &[Entry {
    name: "createvirtualnamespace",
    parameters: &[Parameter::Text, Parameter::Text],
    call: createvirtualnamespace,
}];

fn unsafe_code(refusal: &Refusal) -> Thrown {
    Thrown::new(
        ExceptionKind::CodeUnsafeError,
        sandbox::unsafe_code(refusal),
    )
}

/// Judges and keeps code under a name, which tracebacks show.
fn createvirtualnamespace(
    sandbox: &Rc<Sandbox>,
    machine: &mut Machine,
    args: &mut Args<'_>,
) -> Res {
    let Value::Str(code) = args.take(0) else {
        return Err(arguments::argument_error("Code must be a string!"));
    };
    let name = String::from_utf8_lossy(&text(args.take(1))).into_owned();
    // The tree takes many times the room of its source.
    machine.reserve(code.len().saturating_mul(TREE_BYTES_PER_SOURCE_BYTE))?;
    let program = sandbox
        .dialect
        .program(code.as_bytes(), &name)
        .map_err(|refusal| unsafe_code(&refusal))?;
    let nowhere = machine.new_globals();
    let body = machine
        .load(&program, &nowhere)
        .map_err(|error| syntax_error(machine, error))?;
    Ok(machine.host_object(VirtualNamespace { body }))
}

/// What only the compiler refuses is no matter of safety: it comes as the compiler's own error, as in the original.
fn syntax_error(machine: &mut Machine, error: ProgramError) -> Thrown {
    let place = vec![
        Value::text(&error.file),
        Value::Int(i64::from(error.line)),
        Value::None,
        Value::None,
    ];
    let args = vec![Value::text(&error.message), Value::tuple(place)];
    machine.called_exception(ExceptionKind::SyntaxError, args)
}

/// What the tree of a source takes, roughly, for asking whether there is room.
const TREE_BYTES_PER_SOURCE_BYTE: usize = 30;

/// Judged code that can be run in any context.
struct VirtualNamespace {
    /// The compiled code, bound to no context yet.
    body: Value,
}

impl HostType for VirtualNamespace {
    fn type_name(&self) -> &str {
        "VirtualNamespace"
    }

    fn methods(&self) -> &[&'static str] {
        &["evaluate"]
    }

    fn call(&self, machine: &mut Machine, method: &str, args: &mut Args<'_>) -> Res {
        match method {
            "evaluate" => {
                arguments::check(machine, method, &[Parameter::Context], args)?;
                self.evaluate(machine, args.take(0))
            }
            other => Err(attribute_error(other)),
        }
    }
}

impl VirtualNamespace {
    /// Runs the code with a context as its globals, in frames of the calling thread, and returns the context: a
    /// SafeDict as it is, a dictionary as the SafeDict of its deep copy, so that the code cannot change what its
    /// caller holds.
    fn evaluate(&self, machine: &mut Machine, context: Value) -> Res {
        let given = match context {
            Value::Dict(_) => deep_copy(&context)?,
            other => other,
        };
        let context = match &given {
            Value::Dict(dict) => {
                let copy =
                    SafeDict::copy_of(dict).map_err(|thrown| unsafe_context(machine, thrown))?;
                machine.host_object(copy)
            }
            _ => given,
        };
        let globals = safe_dict::of(&context)
            .and_then(|_| machine.globals_of(&context))
            .ok_or_else(|| {
                arguments::argument_error("Provided context is not a safe dictionary!")
            })?;
        Err(Thrown::enter(globals.bind(&self.body), context))
    }
}

fn unsafe_context(machine: &mut Machine, thrown: Thrown) -> Thrown {
    match machine.message_of(thrown) {
        Ok(Some(text)) => {
            let mut message = b"Provided context is not safe! Exception: ".to_vec();
            message.extend(text);
            Thrown::with_bytes(ExceptionKind::ContextUnsafeError, message)
        }
        Ok(None) => Thrown::new(
            ExceptionKind::ContextUnsafeError,
            "Provided context is not safe!",
        ),
        Err(thrown) => thrown,
    }
}
