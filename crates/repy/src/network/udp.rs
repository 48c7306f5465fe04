//! Messages: sending one, listening for them.

use std::net::{SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;

use rustix::buffer::spare_capacity;
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, sockopt};

use super::error::{NetworkError, from_bind, from_route, from_setup, would_block};
use super::registry::{Registration, Registry};

/// Longest message a program may send, the API's own limit.
pub const MESSAGE_BYTES_MAX: usize = 9216;

/// The kernel's buffers of a UDP socket each way: room for the longest datagram.
pub const UDP_BUFFER_BYTES: usize = 66_000;

/// Longest datagram there is.
const DATAGRAM_BYTES_MAX: usize = 65_535;

/// A message that has come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Who sent it.
    pub from: SocketAddrV4,
    /// What it says.
    pub message: Vec<u8>,
}

/// A socket that listens for messages.
pub struct UdpServer {
    _place: Registration,
    socket: Rc<UdpSocket>,
    local: SocketAddrV4,
}

impl UdpServer {
    pub(super) fn listen(
        registry: &Rc<Registry>,
        local: SocketAddrV4,
    ) -> Result<UdpServer, NetworkError> {
        registry.may_listen_for_messages(local)?;
        let socket = Rc::new(bound(local)?);
        Ok(UdpServer {
            _place: registry.add_message_server(local, &socket),
            socket,
            local,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn local(&self) -> SocketAddrV4 {
        self.local
    }

    /// The next message that has come in.
    ///
    /// # Errors
    /// [`NetworkError::WouldBlock`] if there is none.
    pub fn receive(&self) -> Result<Received, NetworkError> {
        let mut message = Vec::with_capacity(DATAGRAM_BYTES_MAX);
        loop {
            let received = rustix::net::recvfrom(
                &*self.socket,
                spare_capacity(&mut message),
                RecvFlags::DONTWAIT,
            );
            match received {
                Ok((_, _, from)) => {
                    // Only IPv4 comes in on an IPv4 socket.
                    let from = match from.map(SocketAddr::try_from) {
                        Some(Ok(SocketAddr::V4(from))) => from,
                        _ => return Err(NetworkError::System(Errno::AFNOSUPPORT.into())),
                    };
                    return Ok(Received { from, message });
                }
                Err(Errno::INTR) => {}
                // A message lost on the way in (a bad checksum, a full buffer) is no message.
                Err(errno) if would_block(errno) => {
                    return Err(NetworkError::WouldBlock("No messages currently available!"));
                }
                Err(errno) => return Err(from_setup(errno)),
            }
        }
    }
}

impl AsFd for UdpServer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// A message on its way: ready to be sent as soon as the kernel takes it, which is nearly always at once.
pub struct Sending {
    socket: Rc<UdpSocket>,
    local: SocketAddrV4,
    remote: SocketAddrV4,
}

impl Sending {
    pub(super) fn prepare(
        registry: &Registry,
        local: SocketAddrV4,
        remote: SocketAddrV4,
    ) -> Result<Sending, NetworkError> {
        let socket = match registry.message_server(local) {
            Some(socket) => socket,
            None => Rc::new(bound(local)?),
        };
        Ok(Sending {
            socket,
            local,
            remote,
        })
    }

    /// What must become writable if the message could not be sent.
    #[must_use]
    pub fn descriptor(&self) -> Rc<dyn AsFd> {
        self.socket.clone()
    }

    /// Sends the message; the result is the number of bytes sent, or None if the socket must become writable first.
    ///
    /// # Errors
    /// Unreachable, TooLong, or what the kernel says otherwise.
    pub fn send(&self, message: &[u8]) -> Result<Option<usize>, NetworkError> {
        loop {
            let sent = rustix::net::sendto(
                &*self.socket,
                message,
                rustix::net::SendFlags::DONTWAIT,
                &self.remote,
            );
            match sent {
                Ok(bytes) => return Ok(Some(bytes)),
                Err(Errno::INTR) => {}
                Err(errno) if would_block(errno) => return Ok(None),
                Err(errno) => return Err(from_route(errno, self.local, self.remote)),
            }
        }
    }
}

/// A socket bound to this address. It does not share it: on Linux SO_REUSEADDR would let two programs listen for the
/// same messages, and one of them lose its own.
fn bound(local: SocketAddrV4) -> Result<UdpSocket, NetworkError> {
    let socket: OwnedFd = rustix::net::socket_with(
        AddressFamily::INET,
        SocketType::DGRAM,
        SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
        None,
    )
    .map_err(from_setup)?;
    sockopt::set_socket_send_buffer_size(&socket, UDP_BUFFER_BYTES).map_err(from_setup)?;
    sockopt::set_socket_recv_buffer_size(&socket, UDP_BUFFER_BYTES).map_err(from_setup)?;
    rustix::net::bind(&socket, &local).map_err(|errno| from_bind(errno, local))?;
    Ok(socket.into())
}
