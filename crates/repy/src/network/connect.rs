//! A connection being opened: a state that is asked, so that its caller can do other things while it waits.

use std::net::SocketAddrV4;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;

use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::sockopt;

use super::error::{NetworkError, from_bind, from_route, from_setup};
use super::registry::{Registration, Registry};
use super::tcp::{TcpSocket, new_socket, ready};

/// A connection being opened. Dropping it gives up.
pub struct Connecting {
    place: Registration,
    socket: Rc<OwnedFd>,
    local: SocketAddrV4,
    remote: SocketAddrV4,
}

/// How a connection being opened stands.
pub enum Progress {
    /// Not yet; ask again when the descriptor is writable.
    Waiting(Connecting),
    /// It is open.
    Open(TcpSocket),
}

impl Connecting {
    pub(super) fn start(
        registry: &Rc<Registry>,
        local: SocketAddrV4,
        remote: SocketAddrV4,
    ) -> Result<Connecting, NetworkError> {
        registry.may_connect(local, remote)?;
        let socket = new_socket()?;
        rustix::net::bind(&socket, &local).map_err(|errno| match from_bind(errno, local) {
            // Who else holds the address is told as a connection of one's own would be.
            NetworkError::AddressInUse(_) => NetworkError::DuplicateTuple { local, remote },
            other => other,
        })?;
        match rustix::net::connect(&socket, &remote) {
            // INTR: the kernel goes on by itself.
            Ok(()) | Err(Errno::INPROGRESS | Errno::INTR) => {}
            // The local address is bound, so it is the pair that is taken; and by no socket of this program. Who else
            // could use its port? So it is an old connection, of this process or of one before.
            Err(Errno::ADDRNOTAVAIL | Errno::ADDRINUSE) => {
                return Err(NetworkError::CleanupInProgress { local, remote });
            }
            Err(errno) => return Err(from_route(errno, local, remote)),
        }
        Ok(Connecting {
            place: registry.add_connection((local, remote)),
            socket: Rc::new(socket),
            local,
            remote,
        })
    }

    /// Whom it connects to.
    #[must_use]
    pub fn remote(&self) -> SocketAddrV4 {
        self.remote
    }

    /// What becomes writable when there is news.
    #[must_use]
    pub fn descriptor(&self) -> Rc<dyn AsFd> {
        self.socket.clone()
    }

    /// How it stands now.
    ///
    /// # Errors
    /// Refused, TimedOut (the kernel's own time, some two minutes), Unreachable.
    pub fn progress(self) -> Result<Progress, NetworkError> {
        if !ready(&self.socket, PollFlags::OUT)? {
            return Ok(Progress::Waiting(self));
        }
        match sockopt::socket_error(&self.socket).map_err(from_setup)? {
            Ok(()) => Ok(Progress::Open(TcpSocket::new(
                self.place,
                self.socket,
                self.remote,
            ))),
            Err(errno) => Err(from_route(errno, self.local, self.remote)),
        }
    }
}
