//! Which system calls the process can make: seccomp, with a list of those that the runtime needs.
//!
//! Every other call answers `ENOSYS`, as on a kernel that does not have it: libraries are prepared for that, so
//! a C library that tries a newer call falls back to an older one. Paths and addresses cannot be looked at here,
//! only numbers: files and ports are [`super::places`]' business.

use std::collections::BTreeMap;

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch,
};

use super::report::Level;

/// Allows only the calls of the list, on all threads of the process, for ever.
pub(super) fn restrict() -> Level {
    let Ok(arch) = TargetArch::try_from(std::env::consts::ARCH) else {
        return Level::Missing(format!("no list for {}", std::env::consts::ARCH));
    };
    let applied = filter(arch, u64::from(std::process::id()))
        .map_err(|error| error.to_string())
        .and_then(|program| {
            seccompiler::apply_filter_all_threads(&program).map_err(|error| error.to_string())
        });
    match applied {
        Ok(()) => Level::Full,
        Err(error) => Level::Missing(error),
    }
}

fn filter(arch: TargetArch, own_pid: u64) -> Result<BpfProgram, BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        ALLOWED.iter().map(|&call| (call, Vec::new())).collect();
    rules.extend(conditional(own_pid)?);
    SeccompFilter::new(
        rules,
        SeccompAction::Errno(libc::ENOSYS.unsigned_abs()),
        SeccompAction::Allow,
        arch,
    )?
    .try_into()
}

/// Calls that are harmless, or bounded by the other layers, whatever their arguments.
const ALLOWED: &[i64] = &[
    // Memory.
    libc::SYS_brk,
    libc::SYS_madvise,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_munmap,
    // Threads of this process, and waiting.
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_futex,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_membarrier,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_sigaltstack,
    // Time, randomness, what the process is and has used.
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getppid,
    libc::SYS_getrandom,
    libc::SYS_getrusage,
    libc::SYS_gettimeofday,
    libc::SYS_getuid,
    libc::SYS_nanosleep,
    libc::SYS_sysinfo,
    libc::SYS_times,
    libc::SYS_uname,
    // Files: which ones is the other layers' business. No links, folders, devices, modes, or owners.
    libc::SYS_close,
    libc::SYS_close_range,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_fadvise64,
    libc::SYS_fdatasync,
    libc::SYS_fstat,
    libc::SYS_fstatfs,
    libc::SYS_fsync,
    libc::SYS_ftruncate,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    libc::SYS_lseek,
    libc::SYS_newfstatat,
    libc::SYS_openat,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_read,
    libc::SYS_readlinkat,
    libc::SYS_readv,
    libc::SYS_renameat2,
    libc::SYS_statx,
    libc::SYS_unlinkat,
    libc::SYS_write,
    libc::SYS_writev,
    // Waiting for descriptors, waking up.
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_eventfd2,
    libc::SYS_pipe2,
    libc::SYS_ppoll,
    libc::SYS_pselect6,
    // Sockets: which kinds is said below, which TCP ports by the layer of places.
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_bind,
    libc::SYS_connect,
    libc::SYS_getpeername,
    libc::SYS_getsockname,
    libc::SYS_getsockopt,
    libc::SYS_listen,
    libc::SYS_recvfrom,
    libc::SYS_recvmmsg,
    libc::SYS_recvmsg,
    libc::SYS_sendmmsg,
    libc::SYS_sendmsg,
    libc::SYS_sendto,
    libc::SYS_setsockopt,
    libc::SYS_shutdown,
    // The forerunners of the above, which newer machines do not have.
    #[cfg(target_arch = "x86_64")]
    libc::SYS_access,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_dup2,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_epoll_create,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_epoll_wait,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_getdents,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lstat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_open,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_pipe,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_readlink,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rename,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_select,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_stat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_time,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_unlink,
];

/// Commands of `fcntl`: no owner of signals, no leases, no sealing.
const FCNTL_COMMANDS: &[libc::c_int] = &[
    libc::F_DUPFD,
    libc::F_DUPFD_CLOEXEC,
    libc::F_GETFD,
    libc::F_GETFL,
    libc::F_SETFD,
    libc::F_SETFL,
];
/// Requests of `ioctl`: whether to wait, how much is there, and whether this is a terminal.
#[allow(
    clippy::unnecessary_cast,
    reason = "C libraries differ in the type of these numbers"
)]
const IOCTL_REQUESTS: &[u64] = &[
    libc::FIOCLEX as u64,
    libc::FIONBIO as u64,
    libc::FIONREAD as u64,
    libc::TCGETS as u64,
];
/// Names for threads and, where glibc gives one, for memory.
const PRCTL_OPTIONS: &[libc::c_int] = &[libc::PR_SET_NAME, libc::PR_GET_NAME, libc::PR_SET_VMA];
/// The bits of a socket's type that say its kind; others ask not to wait.
const SOCKET_KIND_BITS: u64 = 0xf;
/// Kinds of sockets, each with its protocol of the internet.
const SOCKETS: &[(libc::c_int, libc::c_int)] = &[
    (libc::SOCK_STREAM, libc::IPPROTO_TCP),
    (libc::SOCK_DGRAM, libc::IPPROTO_UDP),
];

/// Calls that are allowed with some arguments only.
fn conditional(own_pid: u64) -> Result<Vec<(i64, Vec<SeccompRule>)>, BackendError> {
    let signed = |number: libc::c_int| u64::from(number.unsigned_abs());
    let any = |argument: u8, values: Vec<u64>| {
        values
            .into_iter()
            .map(|value| rule(&[(argument, SeccompCmpOp::Eq, value)]))
            .collect::<Result<Vec<_>, _>>()
    };
    let mut sockets = Vec::new();
    for family in [libc::AF_INET, libc::AF_INET6] {
        for &(kind, protocol) in SOCKETS {
            for protocol in [0, protocol] {
                sockets.push(rule(&[
                    (0, SeccompCmpOp::Eq, signed(family)),
                    (1, SeccompCmpOp::MaskedEq(SOCKET_KIND_BITS), signed(kind)),
                    (2, SeccompCmpOp::Eq, signed(protocol)),
                ])?);
            }
        }
    }
    let thread = signed(libc::CLONE_THREAD);
    Ok(vec![
        // A thread, never a process. `clone3` keeps its flags in memory, out of sight, and so is not allowed;
        // C libraries then use this one.
        (
            libc::SYS_clone,
            vec![rule(&[(0, SeccompCmpOp::MaskedEq(thread), thread)])?],
        ),
        (libc::SYS_socket, sockets),
        // A process that aborts signals itself.
        (libc::SYS_kill, any(0, vec![own_pid])?),
        (libc::SYS_tgkill, any(0, vec![own_pid])?),
        // Limits can be read, of this process; lowering what is lowered changes nothing.
        (libc::SYS_prlimit64, any(0, vec![0, own_pid])?),
        (
            libc::SYS_fcntl,
            any(1, FCNTL_COMMANDS.iter().copied().map(signed).collect())?,
        ),
        (libc::SYS_ioctl, any(1, IOCTL_REQUESTS.to_vec())?),
        (
            libc::SYS_prctl,
            any(0, PRCTL_OPTIONS.iter().copied().map(signed).collect())?,
        ),
    ])
}

/// A rule that holds when every argument does. Numbers are compared as the kernel reads them: 32 bits.
fn rule(arguments: &[(u8, SeccompCmpOp, u64)]) -> Result<SeccompRule, BackendError> {
    let conditions = arguments
        .iter()
        .map(|(argument, operation, value)| {
            SeccompCondition::new(
                *argument,
                SeccompCmpArgLen::Dword,
                operation.clone(),
                *value,
            )
        })
        .collect::<Result<Vec<_>, _>>()?;
    SeccompRule::new(conditions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_makes_a_filter_that_the_kernel_takes() {
        let arch = TargetArch::try_from(std::env::consts::ARCH).unwrap();
        let program = filter(arch, 4242).unwrap();
        assert!(program.len() < 4096, "{} instructions", program.len());
    }

    #[test]
    fn no_call_is_listed_with_and_without_conditions() {
        for (call, rules) in conditional(4242).unwrap() {
            assert!(!ALLOWED.contains(&call), "call {call}");
            assert!(!rules.is_empty(), "call {call} would be allowed always");
        }
    }

    #[test]
    fn calls_that_reach_beyond_the_process_are_not_listed() {
        for call in [
            libc::SYS_bpf,
            libc::SYS_clone3,
            libc::SYS_execve,
            libc::SYS_execveat,
            libc::SYS_io_uring_setup,
            libc::SYS_keyctl,
            libc::SYS_mount,
            libc::SYS_perf_event_open,
            libc::SYS_pidfd_getfd,
            libc::SYS_process_vm_readv,
            libc::SYS_process_vm_writev,
            libc::SYS_ptrace,
            libc::SYS_setns,
            libc::SYS_shmget,
            libc::SYS_socketpair,
            libc::SYS_unshare,
            libc::SYS_userfaultfd,
        ] {
            assert!(!ALLOWED.contains(&call), "call {call}");
        }
    }
}
