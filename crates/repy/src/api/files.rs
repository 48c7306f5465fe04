//! The calls for files: names of a narrow alphabet, one handle a file. Where the files are, and what they take there, is
//! [`crate::files`]'s.

use std::cell::RefCell;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::rc::Rc;

use overlord_resources::Resource;
use rustix::fs::{AtFlags, Mode, OFlags, openat, unlinkat};

use super::arguments::{self, Parameter, argument_error, flag, integer, text};
use super::entry::Entry;
use crate::accounting::Item;
use crate::files::BLOCK;
use crate::sandbox::Sandbox;
use overlord_repy_machine::HostType;
use overlord_repy_machine::Machine;
use overlord_repy_machine::attribute_error;
use overlord_repy_machine::memory;
use overlord_repy_machine::{Args, ExceptionKind, Res, Thrown, Value};

pub(super) const CALLS: &[Entry] = &[
    Entry {
        name: "openfile",
        parameters: &[Parameter::TextUpTo(NAME_BYTES_MAX), Parameter::Flag],
        call: openfile,
    },
    Entry {
        name: "listfiles",
        parameters: &[],
        call: listfiles,
    },
    Entry {
        name: "removefile",
        parameters: &[Parameter::TextUpTo(NAME_BYTES_MAX)],
        call: removefile,
    },
];

/// Longest file name, the original's.
const NAME_BYTES_MAX: usize = 120;

/// Names listed between two looks at the memory, and what each may take there: a file system's longest, as a string
/// and in a list.
const NAMES_AT_ONCE: usize = 64;
const NAME_BYTES: usize = 320;

/// What a call that opens, lists or removes costs.
const LOOKUP: (Resource, u64) = (Resource::FileRead, BLOCK);
const CHANGE: (Resource, u64) = (Resource::FileWrite, BLOCK);

/// The name as a string, if files may be called so.
fn file_name(value: Value) -> Res<String> {
    let bytes = text(value);
    if matches!(&bytes[..], b"" | b"." | b"..") {
        return Err(argument_error("Illegal filename provided!"));
    }
    let is_allowed = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
    if let Some(&other) = bytes.iter().find(|byte| !is_allowed(byte)) {
        let mut message = b"Filename has disallowed character '".to_vec();
        message.extend([other, b'\'']);
        return Err(Thrown::with_bytes(
            ExceptionKind::RepyArgumentError,
            message,
        ));
    }
    if bytes.first() == Some(&b'.') {
        return Err(argument_error(
            "Filename starts with a period, this is not allowed!",
        ));
    }
    // Nothing but ASCII is left.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn already_open(name: &str) -> Thrown {
    Thrown::new(
        ExceptionKind::FileInUseError,
        format!("Cannot open file \"{name}\" because it is already open!"),
    )
}

/// A fault of the file system, of which the original's programs know nothing.
fn system_error(what: &str, error: io::Error) -> Thrown {
    Thrown::new(ExceptionKind::FileError, format!("{what}: {error}"))
}

fn openfile(sandbox: &Rc<Sandbox>, machine: &mut Machine, args: &mut Args<'_>) -> Res {
    let name = file_name(args.take(0))?;
    let create = flag(&args.take(1));
    let shared = sandbox.clone();
    sandbox.when_below(machine, &[Resource::FileRead], move |machine| {
        let files = &shared.files;
        if files.open.borrow().contains(&name) {
            return Err(already_open(&name));
        }
        if files.size_of(&name).is_some() {
            let file = open(&shared, machine, name, OFlags::empty())?;
            return shared.charge(&[LOOKUP], Ok(file));
        }
        if !create {
            let missing = Thrown::new(
                ExceptionKind::FileNotFoundError,
                format!("Cannot openfile non-existent file \"{name}\" without creating it!"),
            );
            return shared.charge(&[LOOKUP], Err(missing));
        }
        let again = shared.clone();
        shared.when_below(machine, &[Resource::FileWrite], move |machine| {
            if again.files.open.borrow().contains(&name) {
                return Err(already_open(&name));
            }
            let new = again.files.size_of(&name).is_none();
            let flags = if new {
                OFlags::CREATE | OFlags::EXCL
            } else {
                OFlags::empty()
            };
            let file = open(&again, machine, name, flags)?;
            again.charge(&[LOOKUP, CHANGE], Ok(file))
        })
    })
}

/// Opens a file and makes its handle.
fn open(sandbox: &Rc<Sandbox>, machine: &mut Machine, name: String, create: OFlags) -> Res {
    let item = sandbox.take_item(Resource::FilesOpened)?;
    if !create.is_empty() {
        sandbox.files.grow(BLOCK)?;
    }
    // Neither links nor, by not blocking, pipes lead anywhere.
    let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK | create;
    let mode = Mode::RUSR | Mode::WUSR;
    let opened = sandbox.files.directory().and_then(|directory| {
        openat(directory, name.as_str(), flags, mode).map_err(io::Error::from)
    });
    let file = match opened {
        Ok(file) => File::from(file),
        Err(error) => {
            if !create.is_empty() {
                sandbox.files.shrink(BLOCK);
            }
            return Err(system_error("the file cannot be opened", error));
        }
    };
    sandbox.files.open.borrow_mut().insert(name.clone());
    let open = OpenFile {
        file,
        name: name.clone(),
        sandbox: sandbox.clone(),
        _item: item,
    };
    Ok(machine.host_object(FileHandle {
        sandbox: sandbox.clone(),
        name: name.into(),
        open: Rc::new(RefCell::new(Some(open))),
    }))
}

fn listfiles(sandbox: &Rc<Sandbox>, machine: &mut Machine, _args: &mut Args<'_>) -> Res {
    let shared = sandbox.clone();
    sandbox.when_below(machine, &[Resource::FileRead], move |_| {
        let (mut names, mut stopped) = (Vec::new(), None);
        let listed = shared.files.each_file(|name, _| {
            // However many there are, they stop the machine before they exceed its memory.
            if names.len() % NAMES_AT_ONCE == 0 {
                stopped = memory::reserve(NAMES_AT_ONCE * NAME_BYTES).err();
            }
            names.push(name.to_vec());
            stopped.is_some()
        });
        if let Some(stop) = stopped {
            return Err(stop.into());
        }
        listed.map_err(|error| system_error("the files cannot be listed", error))?;
        names.sort();
        let names = names.into_iter().map(Value::from_vec).collect();
        shared.charge(&[LOOKUP], Ok(Value::list(names)))
    })
}

fn removefile(sandbox: &Rc<Sandbox>, machine: &mut Machine, args: &mut Args<'_>) -> Res {
    let name = file_name(args.take(0))?;
    let shared = sandbox.clone();
    let resources = &[Resource::FileRead, Resource::FileWrite];
    sandbox.when_below(machine, resources, move |_| {
        let files = &shared.files;
        if files.open.borrow().contains(&name) {
            return Err(Thrown::new(
                ExceptionKind::FileInUseError,
                format!("Cannot remove file \"{name}\" because it is in use!"),
            ));
        }
        let Some(size) = files.size_of(&name) else {
            let missing = Thrown::new(
                ExceptionKind::FileNotFoundError,
                format!("Cannot remove non-existent file \"{name}\"."),
            );
            return shared.charge(&[LOOKUP], Err(missing));
        };
        files
            .directory()
            .and_then(|directory| {
                unlinkat(directory, name.as_str(), AtFlags::empty()).map_err(io::Error::from)
            })
            .map_err(|error| system_error("the file cannot be removed", error))?;
        files.shrink(size + BLOCK);
        shared.charge(&[LOOKUP, CHANGE], Ok(Value::None))
    })
}

/// A file a program has open; dropping it closes it.
struct OpenFile {
    file: File,
    name: String,
    sandbox: Rc<Sandbox>,
    _item: Item,
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        self.sandbox.files.open.borrow_mut().remove(&self.name);
    }
}

/// A file as programs hold it.
struct FileHandle {
    sandbox: Rc<Sandbox>,
    name: Rc<str>,
    /// None once it is closed.
    open: Rc<RefCell<Option<OpenFile>>>,
}

impl HostType for FileHandle {
    fn type_name(&self) -> &str {
        "file"
    }

    fn methods(&self) -> &[&'static str] {
        &["close", "readat", "writeat"]
    }

    fn call(&self, machine: &mut Machine, method: &str, args: &mut Args<'_>) -> Res {
        match method {
            "close" => {
                arguments::check(machine, method, &[], args)?;
                match self.open.borrow_mut().take() {
                    Some(open) => drop(open),
                    None => return Err(closed(&self.name)),
                }
                Ok(Value::None)
            }
            "readat" => {
                let parameters = [Parameter::IntegerOrNone, Parameter::Integer(0)];
                arguments::check(machine, method, &parameters, args)?;
                self.readat(machine, &args.take(0), integer(&args.take(1)) as u64)
            }
            "writeat" => {
                let parameters = [Parameter::Text, Parameter::Integer(0)];
                arguments::check(machine, method, &parameters, args)?;
                let data = args.take(0);
                self.writeat(machine, data, integer(&args.take(1)) as u64)
            }
            other => Err(attribute_error(other)),
        }
    }
}

fn closed(name: &str) -> Thrown {
    Thrown::new(
        ExceptionKind::FileClosedError,
        format!("File '{name}' is already closed!"),
    )
}

fn past_end() -> Thrown {
    Thrown::new(
        ExceptionKind::SeekPastEndOfFileError,
        "Seek offset extends past the EOF!",
    )
}

/// How many blocks a part of a file touches, in bytes.
fn blocks(offset: u64, length: u64) -> u64 {
    if length == 0 {
        return 0;
    }
    ((offset + length - 1) / BLOCK - offset / BLOCK + 1) * BLOCK
}

impl FileHandle {
    /// At most `most` bytes from `offset` on; all up to the end if it is None.
    fn readat(&self, machine: &mut Machine, most: &Value, offset: u64) -> Res {
        let most = match most {
            Value::None => u64::MAX,
            number => u64::try_from(integer(number))
                .map_err(|_| argument_error("Negative sizelimit specified!"))?,
        };
        let (sandbox, open) = (self.sandbox.clone(), self.open.clone());
        let name = self.name.clone();
        self.sandbox
            .when_below(machine, &[Resource::FileRead], move |machine| {
                let open = open.borrow();
                let open = open.as_ref().ok_or_else(|| closed(&name))?;
                let failed = |error| system_error("the file cannot be read", error);
                let size = open.file.metadata().map_err(failed)?.len();
                if offset > size {
                    return Err(past_end());
                }
                let length = usize::try_from(most.min(size - offset)).unwrap_or(usize::MAX);
                machine.reserve(length)?;
                let mut data = vec![0; length];
                let mut filled = 0;
                while filled < length {
                    match open
                        .file
                        .read_at(&mut data[filled..], offset + filled as u64)
                    {
                        Ok(0) => break,
                        Ok(more) => filled += more,
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        Err(error) => return Err(failed(error)),
                    }
                }
                data.truncate(filled);
                let charge = (Resource::FileRead, blocks(offset, filled as u64));
                sandbox.charge(&[charge], Ok(Value::from_vec(data)))
            })
    }

    /// Writes all of `data` at `offset`, which may be at most the end of the file.
    fn writeat(&self, machine: &mut Machine, data: Value, offset: u64) -> Res {
        let (sandbox, open) = (self.sandbox.clone(), self.open.clone());
        let name = self.name.clone();
        self.sandbox
            .when_below(machine, &[Resource::FileWrite], move |_| {
                let Value::Str(data) = &data else {
                    return Err(argument_error("Invalid type"));
                };
                let open = open.borrow();
                let open = open.as_ref().ok_or_else(|| closed(&name))?;
                let failed = |error| system_error("the file cannot be written", error);
                let size = open.file.metadata().map_err(failed)?.len();
                if offset > size {
                    return Err(past_end());
                }
                let length = data.len() as u64;
                let more = (offset + length).saturating_sub(size);
                sandbox.files.grow(more)?;
                if let Err(error) = open.file.write_all_at(data.as_bytes(), offset) {
                    // How much was written is not known; the files are measured again.
                    let _ = sandbox.files.measure();
                    return Err(failed(error));
                }
                let charge = (Resource::FileWrite, blocks(offset, length));
                sandbox.charge(&[charge], Ok(Value::None))
            })
    }
}
