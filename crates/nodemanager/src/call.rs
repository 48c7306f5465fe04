//! The eighteen calls of a node manager: what each is called, takes and needs.
//!
//! A call is written and read here without its signature ([`crate::signed_request`]); whether its
//! arguments make sense on a node is left to that node ([`crate::refusals`] has the original's checks).

use bytes::Bytes;
use overlord_keys::PublicKey;
use overlord_types::{FileName, Platform, ProgramArguments, VesselName};
use thiserror::Error;

use crate::parts::MessageParts;
use crate::wire_text::WireText;

/// What separates a call's name and its arguments.
const SEPARATOR: u8 = b'|';

/// Who may make a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    /// Everybody, without a signature.
    Public,
    /// The vessel's owner and its users.
    User,
    /// The vessel's owner only.
    Owner,
}

/// Why a text is no call.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CallError {
    /// No call has this name. Nodes answer `Unknown Call`.
    #[error("no call of a node manager is named {0:?}")]
    Unknown(WireText),
    /// Too few arguments. Nodes answer `Internal Error`.
    #[error("{name} takes {wanted} arguments, and has {got}")]
    Arguments {
        /// The call's name.
        name: &'static str,
        /// How many it takes.
        wanted: usize,
        /// How many there are.
        got: usize,
    },
}

/// Name, number of arguments and permission of a call: what is known before it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallKind {
    /// The name on the wire.
    pub name: &'static str,
    /// How many arguments it takes. The last one may contain separators.
    pub arguments: usize,
    /// Who may make it.
    pub permission: Permission,
}

/// Declares the calls once: variants, their arguments in the order of the wire, names, permissions.
macro_rules! calls {
    ($( $(#[$doc:meta])* $name:ident($permission:ident) { $( $(#[$arg_doc:meta])* $arg:ident: $kind:ty ),* $(,)? } )*) => {
        /// A call with its arguments, as any bytes that a caller may send: a node decides about each
        /// of them. The functions below make calls that a node of the original understands.
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum NodeCall {
            $( $(#[$doc])* $name { $( $(#[$arg_doc])* $arg: $kind ),* }, )*
        }

        /// Every call, in the order of [`NodeCall`]'s variants.
        pub const CALLS: [CallKind; <[&str]>::len(&[$(stringify!($name)),*])] = [
            $( CallKind {
                name: stringify!($name),
                arguments: <[&str]>::len(&[$(stringify!($arg)),*]),
                permission: Permission::$permission,
            } ),*
        ];

        impl NodeCall {
            /// Name, number of arguments and permission.
            #[must_use]
            pub fn kind(&self) -> CallKind {
                match self {
                    $( Self::$name { .. } => CallKind {
                        name: stringify!($name),
                        arguments: <[&str]>::len(&[$(stringify!($arg)),*]),
                        permission: Permission::$permission,
                    }, )*
                }
            }

            /// The arguments in the order of the wire.
            #[must_use]
            pub fn arguments(&self) -> Vec<&[u8]> {
                match self {
                    $( Self::$name { $($arg),* } => vec![$( $arg.as_ref() ),*], )*
                }
            }

            /// Puts the arguments into their places; there are as many as the kind says.
            fn assemble(kind: CallKind, arguments: Vec<Bytes>) -> Option<Self> {
                let mut arguments = arguments.into_iter();
                Some(match kind.name {
                    $( stringify!($name) => Self::$name { $( $arg: arguments.next()?.into() ),* }, )*
                    _ => return None,
                })
            }
        }
    };
}

impl AsRef<[u8]> for WireText {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

calls! {
    /// The node's version, name and key, and all its vessels.
    GetVessels(Public) {}
    /// A vessel's resource file.
    GetVesselResources(Public) {
        /// The vessel's name.
        vessel: WireText,
    }
    /// What a split costs.
    GetOffcutResources(Public) {}
    /// Starts a program on the platform repyV1: the old form.
    StartVessel(User) {
        /// The vessel's name.
        vessel: WireText,
        /// The program's name and its arguments with blanks between.
        program_line: WireText,
    }
    /// Starts a program.
    StartVesselEx(User) {
        /// The vessel's name.
        vessel: WireText,
        /// The platform, in any case.
        platform: WireText,
        /// The program's name and its arguments with blanks between.
        program_line: WireText,
    }
    /// Stops the program.
    StopVessel(User) {
        /// The vessel's name.
        vessel: WireText,
    }
    /// Writes a file, over one of the same name.
    AddFileToVessel(User) {
        /// The vessel's name.
        vessel: WireText,
        /// The file's name.
        file: WireText,
        /// What is written: any bytes.
        content: Bytes,
    }
    /// The names of all files.
    ListFilesInVessel(User) {
        /// The vessel's name.
        vessel: WireText,
    }
    /// A file's content.
    RetrieveFileFromVessel(User) {
        /// The vessel's name.
        vessel: WireText,
        /// The file's name.
        file: WireText,
    }
    /// Deletes a file.
    DeleteFileInVessel(User) {
        /// The vessel's name.
        vessel: WireText,
        /// The file's name.
        file: WireText,
    }
    /// The last 16 KiB of the log.
    ReadVesselLog(User) {
        /// The vessel's name.
        vessel: WireText,
    }
    /// Stops the program and deletes files and log.
    ResetVessel(User) {
        /// The vessel's name.
        vessel: WireText,
    }
    /// Gives the vessel to another owner.
    ChangeOwner(Owner) {
        /// The vessel's name.
        vessel: WireText,
        /// The new owner's public key.
        key: WireText,
    }
    /// Sets who may use the vessel.
    ChangeUsers(Owner) {
        /// The vessel's name.
        vessel: WireText,
        /// Public keys with `|` between; empty items are ignored.
        keys: WireText,
    }
    /// Sets the owner's note.
    ChangeOwnerInformation(Owner) {
        /// The vessel's name.
        vessel: WireText,
        /// The note: one line of at most 256 bytes.
        information: WireText,
    }
    /// Sets whether the vessel is advertised.
    ChangeAdvertise(Owner) {
        /// The vessel's name.
        vessel: WireText,
        /// `True` or `False`.
        setting: WireText,
    }
    /// Splits the vessel in two: what is left, and what was asked for.
    SplitVessel(Owner) {
        /// The vessel's name.
        vessel: WireText,
        /// The resource file of what is asked for.
        resources: WireText,
    }
    /// Joins two vessels of one owner.
    JoinVessels(Owner) {
        /// The first vessel's name; its owner must sign.
        vessel: WireText,
        /// The second vessel's name.
        other: WireText,
    }
}

impl CallKind {
    /// The kind of the call that starts with this text, as nodes look it up: all before the first `|`.
    ///
    /// # Errors
    /// When no call has that name.
    pub fn of(request: &[u8]) -> Result<Self, CallError> {
        let name = request
            .split(|&byte| byte == SEPARATOR)
            .next()
            .unwrap_or_default();
        CALLS
            .into_iter()
            .find(|kind| kind.name.as_bytes() == name)
            .ok_or_else(|| CallError::Unknown(crate::reply::excerpt(name)))
    }
}

impl NodeCall {
    /// The name on the wire.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.kind().name
    }

    /// Who may make it.
    #[must_use]
    pub fn permission(&self) -> Permission {
        self.kind().permission
    }

    /// The vessel that it is about; `None` for the two calls about the node.
    #[must_use]
    pub fn vessel(&self) -> Option<WireText> {
        // Every call that has arguments has the vessel's name first.
        self.arguments().first().map(|&name| name.into())
    }

    /// The request without a signature. An upload's content is a part of its own, not copied.
    #[must_use]
    pub fn encode(&self) -> MessageParts {
        let (arguments, upload) = match self {
            Self::AddFileToVessel {
                vessel,
                file,
                content,
            } => (
                vec![vessel.as_bytes(), file.as_bytes(), b""],
                content.clone(),
            ),
            _ => (self.arguments(), Bytes::new()),
        };
        let mut head = self.name().as_bytes().to_vec();
        for argument in arguments {
            head.push(SEPARATOR);
            head.extend_from_slice(argument);
        }
        let mut parts = MessageParts::from(head);
        if !upload.is_empty() {
            parts.push_back(upload);
        }
        parts
    }

    /// Reads a request without its signature. Only as many separators count as the call has arguments. The content
    /// of an upload stays where it is, a part of `request`.
    ///
    /// What follows the name of a call without arguments is dropped, as nodes do.
    ///
    /// # Errors
    /// When no call has that name, or arguments are missing.
    pub fn parse(request: impl Into<Bytes>) -> Result<Self, CallError> {
        let request = request.into();
        let kind = CallKind::of(&request)?;
        let arguments: Vec<Bytes> = request
            .splitn(kind.arguments + 1, |&byte| byte == SEPARATOR)
            .skip(1)
            .map(|argument| request.slice_ref(argument))
            .collect();
        let got = arguments.len();
        Self::assemble(kind, arguments).ok_or(CallError::Arguments {
            name: kind.name,
            wanted: kind.arguments,
            got,
        })
    }

    /// Starts an uploaded program.
    #[must_use]
    pub fn start(
        vessel: &VesselName,
        platform: Platform,
        program: &FileName,
        arguments: &ProgramArguments,
    ) -> Self {
        Self::StartVesselEx {
            vessel: vessel.into(),
            platform: platform.as_str().into(),
            program_line: arguments.program_line(program).into(),
        }
    }

    /// Uploads a file.
    #[must_use]
    pub fn add_file(vessel: &VesselName, file: &FileName, content: impl Into<Bytes>) -> Self {
        Self::AddFileToVessel {
            vessel: vessel.into(),
            file: file.into(),
            content: content.into(),
        }
    }

    /// Sets the users of a vessel; none takes it from all.
    #[must_use]
    pub fn change_users(vessel: &VesselName, users: &[PublicKey]) -> Self {
        let keys: Vec<String> = users.iter().map(ToString::to_string).collect();
        Self::ChangeUsers {
            vessel: vessel.into(),
            keys: keys.join("|").into(),
        }
    }

    /// Gives a vessel to another owner.
    #[must_use]
    pub fn change_owner(vessel: &VesselName, owner: &PublicKey) -> Self {
        Self::ChangeOwner {
            vessel: vessel.into(),
            key: owner.to_string().into(),
        }
    }

    /// Sets whether a vessel is advertised.
    #[must_use]
    pub fn change_advertise(vessel: &VesselName, advertise: bool) -> Self {
        Self::ChangeAdvertise {
            vessel: vessel.into(),
            setting: if advertise { "True" } else { "False" }.into(),
        }
    }
}

#[cfg(test)]
mod tests;
