//! What is tried against the wall, and what a program needs in spite of it.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream, ToSocketAddrs as _, UdpSocket};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use rustix::fs::{CWD, FileType, MemfdFlags, Mode, inotify, memfd_create, mknodat};
use rustix::net::{AddressFamily, SocketType, ipproto, socket};
use rustix::process::{
    Pid, PidfdFlags, Resource, Rlimit, chroot, getppid, getpriority_process, getrlimit, pidfd_open,
    prlimit, setpriority_process, setrlimit, test_kill_current_process_group, test_kill_process,
};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, set_thread_uid};
use rustix::time::{ClockId, Timespec, clock_settime};

use super::ground::{DESCRIPTORS, Ground, MEMORY};
use crate::wall::Layer;

/// How an attempt should end.
pub(super) enum Expectation {
    /// A program needs it.
    Works,
    /// Any of these layers refuses it.
    RefusedBy(&'static [Layer]),
}

/// Something that is tried.
pub(super) struct Attempt {
    pub(super) what: &'static str,
    pub(super) expectation: Expectation,
    pub(super) act: fn(&Ground) -> io::Result<()>,
}

const PLACES: &[Layer] = &[Layer::Places];
const CALLS: &[Layer] = &[Layer::Calls];
const PLACES_OR_CALLS: &[Layer] = &[Layer::Places, Layer::Calls];
const NO_LAYER: &[Layer] = &[];
const LIMITS: &[Layer] = &[Layer::Limits];
const PRIVILEGES_OR_CALLS: &[Layer] = &[Layer::Privileges, Layer::Calls];
const LIMITS_OR_CALLS: &[Layer] = &[Layer::Limits, Layer::Calls];

/// All attempts, what a program needs first.
pub(super) fn all() -> Vec<Attempt> {
    let works = |(what, act)| Attempt {
        what,
        expectation: Expectation::Works,
        act,
    };
    let refused = |layers| {
        move |(what, act)| Attempt {
            what,
            expectation: Expectation::RefusedBy(layers),
            act,
        }
    };
    let mut all: Vec<Attempt> = NEEDED.iter().copied().map(works).collect();
    for (layers, attempts) in [
        (PLACES, FILES),
        (PLACES, PORTS),
        (NO_LAYER, UDP_PORTS),
        (CALLS, CHANGES),
        (PLACES_OR_CALLS, PROCESSES),
        (CALLS, SOCKETS),
        (PRIVILEGES_OR_CALLS, PRIVILEGES),
        (CALLS, KERNEL),
        (LIMITS, FLOODS),
        (LIMITS_OR_CALLS, LIMIT_CHANGES),
    ] {
        all.extend(attempts.iter().copied().map(refused(layers)));
    }
    all
}

type Act = (&'static str, fn(&Ground) -> io::Result<()>);

const NEEDED: &[Act] = &[
    ("write, read, list and remove a file of its own", |ground| {
        let path = ground.own.join("file");
        fs::write(&path, "text")?;
        let read = fs::read(&path)?;
        let listed = fs::read_dir(&ground.own)?.count();
        fs::remove_file(&path)?;
        truth(read == b"text" && listed == 2)
    }),
    ("exchange bytes over TCP on its own port", |ground| {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, ground.tcp_port))?;
        let mut one = TcpStream::connect(listener.local_addr()?)?;
        let (mut other, _) = listener.accept()?;
        one.write_all(b"x")?;
        other.set_nonblocking(true)?;
        other.set_nonblocking(false)?;
        other.read_exact(&mut [0])
    }),
    ("exchange messages over UDP on its own port", |ground| {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, ground.udp_port))?;
        socket.send_to(b"x", socket.local_addr()?)?;
        truth(socket.recv(&mut [0; 8])? == 1)
    }),
    ("ask the kernel for its own address", |_| {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        socket.connect((Ipv4Addr::LOCALHOST, 9))?;
        truth(socket.local_addr()?.ip().is_loopback())
    }),
    ("resolve a name of /etc/hosts on a thread", |_| {
        std::thread::Builder::new()
            .spawn(|| ("localhost", 80).to_socket_addrs().map(drop))?
            .join()
            .map_err(|_| io::Error::other("the thread panicked"))?
    }),
    ("take random bytes", |_| {
        File::open("/dev/urandom")?.read_exact(&mut [0; 16])
    }),
];

const FILES: &[Act] = &[
    ("read a file outside", |ground| {
        read(&ground.outside.join("secret"))
    }),
    ("read a file outside through ..", |ground| {
        read(&ground.own.join("../outside/secret"))
    }),
    ("read a file outside through a link inside", |ground| {
        read(&ground.own.join("link"))
    }),
    ("overwrite a file outside through a link inside", |ground| {
        OpenOptions::new()
            .write(true)
            .open(ground.own.join("link"))
            .map(drop)
    }),
    ("list a folder outside", |ground| {
        fs::read_dir(&ground.outside).map(drop)
    }),
    ("write a file outside", |ground| {
        fs::write(ground.outside.join("new"), "x")
    }),
    ("remove a file outside", |ground| {
        fs::remove_file(ground.outside.join("secret"))
    }),
    ("move a file of its own outside", |ground| {
        fs::write(ground.own.join("moved"), "x")?;
        fs::rename(ground.own.join("moved"), ground.outside.join("moved"))
    }),
    ("move a file from outside inside", |ground| {
        fs::rename(ground.outside.join("secret"), ground.own.join("taken"))
    }),
    ("read /etc/passwd", |_| read("/etc/passwd".as_ref())),
    ("list /", |_| fs::read_dir("/").map(drop)),
    ("list /proc", |_| fs::read_dir("/proc").map(drop)),
    ("read its own /proc/self/environ", |_| {
        read("/proc/self/environ".as_ref())
    }),
    ("read the environment of its parent", |_| {
        read(format!("/proc/{}/environ", parent()?).as_ref())
    }),
    ("open the memory of its parent", |_| {
        File::open(format!("/proc/{}/mem", parent()?)).map(drop)
    }),
    ("open its own memory", |_| {
        OpenOptions::new()
            .write(true)
            .open("/proc/self/mem")
            .map(drop)
    }),
    ("read the kernel's messages", |_| {
        File::open("/dev/kmsg").map(drop)
    }),
    ("open its own program for reading", |_| {
        read("/proc/self/exe".as_ref())
    }),
];

const PORTS: &[Act] = &[("listen on another TCP port", |ground| {
    TcpListener::bind((Ipv4Addr::LOCALHOST, ground.other_port)).map(drop)
})];

/// Left to the language by kernels before Landlock ABI 10.
const UDP_PORTS: &[Act] = &[("receive on another UDP port", |ground| {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, ground.other_port)).map(drop)
})];

const CHANGES: &[Act] = &[
    ("make a symbolic link", |ground| {
        symlink("/etc/passwd", ground.own.join("another"))
    }),
    ("make a hard link", |ground| {
        fs::hard_link(ground.own.join("link"), ground.own.join("hard"))
    }),
    ("make a folder", |ground| {
        fs::create_dir(ground.own.join("folder"))
    }),
    ("make a pipe with a name", |ground| {
        let path = ground.own.join("pipe");
        Ok(mknodat(CWD, &path, FileType::Fifo, Mode::RUSR, 0)?)
    }),
    ("make a file executable", |ground| {
        let path = ground.own.join("program");
        fs::write(&path, "#!/bin/sh\n")?;
        fs::set_permissions(&path, Permissions::from_mode(0o4755))
    }),
    ("change the working folder", |_| {
        std::env::set_current_dir("/")
    }),
];

const PROCESSES: &[Act] = &[
    ("start a program", |_| {
        Command::new("/bin/true").status().map(drop)
    }),
    ("become another program", |ground| {
        // Its interpreter does not exist, so that this process goes on where the call is not refused.
        match Command::new(ground.outside.join("program")).exec() {
            error if error.kind() == io::ErrorKind::NotFound => Ok(()),
            error => Err(error),
        }
    }),
    ("signal its parent", |_| {
        Ok(test_kill_process(parent_pid()?)?)
    }),
];

const SOCKETS: &[Act] = &[
    ("signal its process group", |_| {
        Ok(test_kill_current_process_group()?)
    }),
    ("hold on to its parent (pidfd)", |_| {
        Ok(pidfd_open(parent_pid()?, PidfdFlags::empty()).map(drop)?)
    }),
    ("open a local socket", |_| UnixDatagram::unbound().map(drop)),
    ("make a pair of local sockets", |_| {
        UnixStream::pair().map(drop)
    }),
    ("listen on a local socket in its folder", |ground| {
        UnixListener::bind(ground.own.join("socket")).map(drop)
    }),
    ("connect to an abstract local socket", |_| {
        UnixStream::connect_addr(&SocketAddr::from_abstract_name("repy-wall-test")?).map(drop)
    }),
    ("open a raw socket", |_| {
        Ok(socket(AddressFamily::INET, SocketType::RAW, Some(ipproto::ICMP)).map(drop)?)
    }),
    ("open a ping socket", |_| {
        Ok(socket(AddressFamily::INET, SocketType::DGRAM, Some(ipproto::ICMP)).map(drop)?)
    }),
    ("open a packet socket", |_| {
        Ok(socket(AddressFamily::PACKET, SocketType::RAW, None).map(drop)?)
    }),
    ("open a netlink socket", |_| {
        Ok(socket(AddressFamily::NETLINK, SocketType::RAW, None).map(drop)?)
    }),
    ("open a socket of another kind (SCTP)", |_| {
        Ok(socket(AddressFamily::INET, SocketType::STREAM, Some(ipproto::SCTP)).map(drop)?)
    }),
];

const PRIVILEGES: &[Act] = &[
    ("mount a file system", |ground| {
        let flags = rustix::mount::MountFlags::empty();
        Ok(rustix::mount::mount(
            "none",
            &ground.own,
            "tmpfs",
            flags,
            None,
        )?)
    }),
    ("change the root folder", |ground| Ok(chroot(&ground.own)?)),
    ("name the machine anew", |_| {
        let name = rustix::system::uname().nodename().to_bytes().to_vec();
        Ok(rustix::system::sethostname(&name)?)
    }),
    ("raise its priority", |_| {
        let now = getpriority_process(None)?;
        Ok(setpriority_process(None, now - 1)?)
    }),
];

const KERNEL: &[Act] = &[
    ("set the clock", |_| {
        let never = Timespec {
            tv_sec: 0,
            tv_nsec: 2_000_000_000,
        };
        match clock_settime(ClockId::Realtime, never) {
            // The kernel has the call, and dislikes the time: that is not a refusal.
            Err(rustix::io::Errno::INVAL) => Ok(()),
            other => Ok(other?),
        }
    }),
    ("become another user", |_| {
        Ok(set_thread_uid(rustix::process::getuid())?)
    }),
    ("enter another name space", |_| {
        let own = File::open("/dev/null")?;
        let kind = LinkNameSpaceType::Network;
        match move_into_link_name_space(std::os::fd::AsFd::as_fd(&own), Some(kind)) {
            // The kernel has the call, and dislikes the file: that is not a refusal.
            Err(rustix::io::Errno::INVAL) => Ok(()),
            other => Ok(other?),
        }
    }),
    ("make a name space of its own", |_| unshare_files()),
    ("make a file that is nowhere", |_| {
        Ok(memfd_create("x", MemfdFlags::empty()).map(drop)?)
    }),
    ("watch files", |_| {
        Ok(inotify::init(inotify::CreateFlags::empty()).map(drop)?)
    }),
    ("change a limit of its parent", |_| {
        let own = getrlimit(Resource::Core);
        Ok(prlimit(Some(parent_pid()?), Resource::Core, own).map(drop)?)
    }),
];

const FLOODS: &[Act] = &[
    ("open more descriptors than its limit", |_| {
        let mut held = Vec::new();
        for _ in 0..=DESCRIPTORS {
            held.push(File::open("/dev/null")?);
        }
        Ok(())
    }),
    ("take more memory than its limit", |_| {
        // Asked for and never touched, so that nothing happens to the machine where it is not refused.
        let bytes = usize::try_from(MEMORY)
            .unwrap_or(usize::MAX)
            .saturating_mul(40);
        let mut memory: Vec<u8> = Vec::new();
        memory
            .try_reserve_exact(bytes)
            .map_err(|_| io::ErrorKind::OutOfMemory)?;
        std::hint::black_box(&memory);
        Ok(())
    }),
];

const LIMIT_CHANGES: &[Act] = &[("raise its own limit of descriptors", |_| {
    let most = getrlimit(Resource::Nofile).maximum;
    let more = Some(most.map_or(DESCRIPTORS, |most| most.saturating_add(1)));
    Ok(setrlimit(
        Resource::Nofile,
        Rlimit {
            current: more,
            maximum: more,
        },
    )?)
})];

#[expect(
    deprecated,
    reason = "its successor is unsafe for flags that this does not use"
)]
fn unshare_files() -> io::Result<()> {
    Ok(rustix::thread::unshare(UnshareFlags::NEWUSER)?)
}

fn read(path: &std::path::Path) -> io::Result<()> {
    File::open(path)?.read(&mut [0; 16]).map(drop)
}

fn truth(holds: bool) -> io::Result<()> {
    if holds {
        Ok(())
    } else {
        Err(io::Error::other("something else than what was written"))
    }
}

fn parent_pid() -> io::Result<Pid> {
    getppid().ok_or_else(|| io::Error::other("no parent"))
}

fn parent() -> io::Result<i32> {
    Ok(parent_pid()?.as_raw_nonzero().get())
}
