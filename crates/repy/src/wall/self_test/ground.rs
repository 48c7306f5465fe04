//! What the wall is tried on: folders, files and ports, and the limits that the process gets.

use std::fs::{self, Permissions};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Memory that the process may have beyond its own, in bytes: a vessel's.
pub(super) const MEMORY: u64 = 30_000_000;
/// Descriptors that the process may have.
pub(super) const DESCRIPTORS: u64 = 64;
/// Longest file, in bytes.
pub(super) const FILE_BYTES: u64 = 1_000_000;

/// What the attempts need, made before the wall is raised.
pub(super) struct Ground {
    /// The vessel's folder.
    pub(super) own: PathBuf,
    /// A folder beside it, with the files `secret` and `program`.
    pub(super) outside: PathBuf,
    pub(super) tcp_port: u16,
    pub(super) other_port: u16,
    pub(super) udp_port: u16,
}

impl Ground {
    pub(super) fn make(base: &Path) -> io::Result<Self> {
        let (own, outside) = (base.join("vessel"), base.join("outside"));
        fs::create_dir_all(&own)?;
        fs::create_dir_all(&outside)?;
        fs::write(outside.join("secret"), "secret")?;
        let program = outside.join("program");
        fs::write(&program, "#!/no/such/interpreter\n")?;
        fs::set_permissions(&program, Permissions::from_mode(0o755))?;
        std::os::unix::fs::symlink(outside.join("secret"), own.join("link"))?;
        let [tcp_port, other_port, udp_port] = free_ports()?;
        Ok(Self {
            own,
            outside,
            tcp_port,
            other_port,
            udp_port,
        })
    }
}

/// Ports that were free a moment ago; all held at once, so that they differ.
fn free_ports() -> io::Result<[u16; 3]> {
    let listen = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let held = [listen()?, listen()?, listen()?];
    let port = |listener: &TcpListener| listener.local_addr().map(|address| address.port());
    Ok([port(&held[0])?, port(&held[1])?, port(&held[2])?])
}
