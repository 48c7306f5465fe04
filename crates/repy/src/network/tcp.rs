//! Connections: listening for them, receiving and sending on them. Opening one is in `connect`.

use std::net::{SocketAddr, SocketAddrV4};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;

use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, sockopt};

use super::error::{HUNG_UP, NetworkError, from_bind, from_setup, would_block};
use super::registry::{Registration, Registry};

/// The kernel's buffers of a TCP socket each way, the original's.
pub const TCP_BUFFER_BYTES: usize = 10_000;

/// Most bytes one call receives. The kernel's buffer (twice [`TCP_BUFFER_BYTES`]) never has more, so a program that asks
/// for a gigabyte loses nothing but the allocation.
pub const RECEIVE_BYTES_MAX: usize = 1 << 16;

/// Most connections that wait to be taken, whatever the program's number of sockets: the kernel's usual bound.
const BACKLOG_MAX: u32 = 4096;

/// What is said if no connection waits to be taken.
pub const NO_CONNECTION: &str = "No connections currently available!";

/// A socket that listens for connections.
pub struct TcpServer {
    _place: Registration,
    socket: OwnedFd,
    local: SocketAddrV4,
    registry: Rc<Registry>,
}

/// A connection that has come in.
pub struct Accepted {
    /// The other end.
    pub remote: SocketAddrV4,
    /// Ours.
    pub socket: TcpSocket,
}

impl TcpServer {
    pub(super) fn listen(
        registry: &Rc<Registry>,
        local: SocketAddrV4,
        backlog: u32,
    ) -> Result<TcpServer, NetworkError> {
        registry.may_listen_for_connections(local)?;
        let refused = |errno| from_bind(errno, local);
        let socket = new_socket()?;
        rustix::net::bind(&socket, &local).map_err(refused)?;
        let backlog = i32::try_from(backlog.min(BACKLOG_MAX)).unwrap_or(i32::MAX);
        rustix::net::listen(&socket, backlog).map_err(refused)?;
        Ok(TcpServer {
            _place: registry.add_connection_server(local),
            socket,
            local,
            registry: registry.clone(),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn local(&self) -> SocketAddrV4 {
        self.local
    }

    /// Whether a connection waits to be taken. It stays waiting.
    ///
    /// # Errors
    /// If the kernel cannot say.
    pub fn has_connection(&self) -> Result<bool, NetworkError> {
        ready(&self.socket, PollFlags::IN)
    }

    /// Takes the next connection that has come in.
    ///
    /// # Errors
    /// WouldBlock if there is none, Exhausted if the process has no descriptor left, ServerInvalid if there will never
    /// be one.
    pub fn accept(&self) -> Result<Accepted, NetworkError> {
        loop {
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            match rustix::net::acceptfrom_with(&self.socket, flags) {
                Ok((socket, from)) => {
                    let Some(Ok(SocketAddr::V4(remote))) = from.map(SocketAddr::try_from) else {
                        // Gone before it was taken.
                        continue;
                    };
                    let place = self.registry.add_connection((self.local, remote));
                    return Ok(Accepted {
                        remote,
                        socket: TcpSocket {
                            _place: place,
                            socket: Rc::new(socket),
                            remote,
                        },
                    });
                }
                Err(Errno::INTR) => {}
                Err(errno @ (Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM)) => {
                    return Err(NetworkError::Exhausted(errno.into()));
                }
                Err(errno @ (Errno::BADF | Errno::INVAL | Errno::NOTSOCK)) => {
                    return Err(NetworkError::ServerInvalid(errno.into()));
                }
                // Everything else is about one connection that came to nothing (accept(2) has the list).
                Err(errno) if would_block(errno) => {
                    return Err(NetworkError::WouldBlock(NO_CONNECTION));
                }
                Err(_) => return Err(NetworkError::WouldBlock(HUNG_UP)),
            }
        }
    }
}

impl AsFd for TcpServer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// One end of a connection.
pub struct TcpSocket {
    _place: Registration,
    socket: Rc<OwnedFd>,
    remote: SocketAddrV4,
}

impl TcpSocket {
    pub(super) fn new(place: Registration, socket: Rc<OwnedFd>, remote: SocketAddrV4) -> TcpSocket {
        TcpSocket {
            _place: place,
            socket,
            remote,
        }
    }

    /// The other end's address.
    #[must_use]
    pub fn remote(&self) -> SocketAddrV4 {
        self.remote
    }

    /// What has come in, at least a byte and at most `bytes` and [`RECEIVE_BYTES_MAX`].
    ///
    /// # Errors
    /// WouldBlock if nothing has, ClosedRemotely if nothing will.
    pub fn receive(&self, bytes: usize) -> Result<Vec<u8>, NetworkError> {
        let mut data = Vec::with_capacity(bytes.clamp(1, RECEIVE_BYTES_MAX));
        loop {
            let received =
                rustix::net::recv(&self.socket, spare_capacity(&mut data), RecvFlags::DONTWAIT);
            match received {
                Ok((_, 0)) => return Err(NetworkError::ClosedRemotely),
                Ok(_) => {
                    // The allocator may have given more room than was asked for.
                    data.truncate(bytes.max(1));
                    return Ok(data);
                }
                Err(Errno::INTR) => {}
                Err(errno) => {
                    return Err(of_stream(errno, "There is no data! recv() would block."));
                }
            }
        }
    }

    /// Whether nothing is left to receive and nothing will come.
    fn has_ended(&self) -> Result<bool, NetworkError> {
        let mut byte = [0];
        loop {
            let flags = RecvFlags::DONTWAIT | RecvFlags::PEEK;
            match rustix::net::recv(&self.socket, &mut byte, flags) {
                Ok((_, bytes)) => return Ok(bytes == 0),
                Err(Errno::INTR) => {}
                Err(errno) if would_block(errno) => return Ok(false),
                Err(errno) => return Err(of_stream(errno, "send() would block.")),
            }
        }
    }

    /// Sends as much of `data` as the kernel takes; the result is how much that was.
    ///
    /// # Errors
    /// WouldBlock if that is nothing, ClosedBeforeSending or ClosedRemotely if the other end takes no more: as in the
    /// original it is asked for first whether the other side has closed, though the kernel would take a first message.
    /// What came in before and is not read yet hides that it has, there too.
    pub fn send(&self, data: &[u8]) -> Result<usize, NetworkError> {
        if self.has_ended()? {
            return Err(NetworkError::ClosedBeforeSending);
        }
        loop {
            let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
            match rustix::net::send(&self.socket, data, flags) {
                Ok(bytes) => return Ok(bytes),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(of_stream(errno, "send() would block.")),
            }
        }
    }
}

impl AsFd for TcpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn of_stream(errno: Errno, waiting: &'static str) -> NetworkError {
    if would_block(errno) {
        return NetworkError::WouldBlock(waiting);
    }
    match errno {
        Errno::PIPE
        | Errno::CONNRESET
        | Errno::CONNABORTED
        | Errno::TIMEDOUT
        | Errno::NETDOWN
        | Errno::NETUNREACH
        | Errno::NETRESET
        | Errno::HOSTDOWN
        | Errno::HOSTUNREACH
        | Errno::NOTCONN => NetworkError::ClosedRemotely,
        errno => from_setup(errno),
    }
}

/// A TCP socket that does not block. It may share its address with connections that are over (SO_REUSEADDR), and with
/// others of this program to other ends; two listeners never share one.
pub(super) fn new_socket() -> Result<OwnedFd, NetworkError> {
    let socket = rustix::net::socket_with(
        AddressFamily::INET,
        SocketType::STREAM,
        SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
        None,
    )
    .map_err(from_setup)?;
    sockopt::set_socket_reuseaddr(&socket, true).map_err(from_setup)?;
    sockopt::set_socket_send_buffer_size(&socket, TCP_BUFFER_BYTES).map_err(from_setup)?;
    sockopt::set_socket_recv_buffer_size(&socket, TCP_BUFFER_BYTES).map_err(from_setup)?;
    Ok(socket)
}

/// Whether a socket is ready now.
pub(super) fn ready(socket: &OwnedFd, wanted: PollFlags) -> Result<bool, NetworkError> {
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let mut polled = [PollFd::new(socket, wanted)];
    loop {
        match rustix::event::poll(&mut polled, Some(&now)) {
            Ok(count) => return Ok(count > 0),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(from_setup(errno)),
        }
    }
}
