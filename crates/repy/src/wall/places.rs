//! Which files, ports and processes can be reached: Landlock.
//!
//! What is open already stays open. UDP ports are told apart only by kernels with Landlock ABI 10; reading a
//! file's name, size and times (`stat`) by none.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, LandlockStatus, NetPort, PathBeneath, PathFd,
    Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
    make_bitflags,
};

use super::policy::WallPolicy;
use super::report::Level;

/// The newest interface that this wall knows how to use; older kernels do as much of it as they can.
const NEWEST: ABI = ABI::V10;
/// What the C library reads to resolve a name, and the sources of randomness.
const RESOLVER_FILES: &[&str] = &[
    "/etc/gai.conf",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/ld.so.cache",
    "/etc/nsswitch.conf",
    "/etc/protocols",
    "/etc/resolv.conf",
    "/etc/services",
    "/dev/null",
    "/dev/random",
    "/dev/urandom",
];
/// Where the C library's own name services are, which glibc before 2.34 loads when the first name is resolved.
const LIBRARY_FOLDERS: &[&str] = &[
    "/lib",
    "/lib64",
    "/usr/lib64",
    "/lib/x86_64-linux-gnu",
    "/lib/aarch64-linux-gnu",
    "/lib/riscv64-linux-gnu",
];
const RESOLVER_LIBRARIES: &[&str] = &["libnss_dns.so.2", "libnss_files.so.2", "libresolv.so.2"];

/// Restricts the process to the policy's places.
pub(super) fn restrict(policy: &WallPolicy) -> Level {
    match try_restrict(policy) {
        Ok(level) => level,
        Err(error) => Level::Missing(error.to_string()),
    }
}

fn try_restrict(policy: &WallPolicy) -> Result<Level, RulesetError> {
    let rules = Ruleset::default()
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(make_bitflags!(AccessNet::{BindTcp | BindUdp}))?
        .scope(Scope::from_all(NEWEST))?
        .create()?;
    let rules = allow_files(rules, policy)?;
    let rules = allow_ports(rules, policy)?;
    let status = rules.restrict_self()?;
    Ok(level(&status.ruleset, &status.landlock))
}

fn allow_files(
    mut rules: RulesetCreated,
    policy: &WallPolicy,
) -> Result<RulesetCreated, RulesetError> {
    let own = make_bitflags!(AccessFs::{ReadFile | ReadDir | WriteFile | Truncate | MakeReg | RemoveFile});
    let status = make_bitflags!(AccessFs::{WriteFile | Truncate | MakeReg | RemoveFile});
    if let Some(directory) = &policy.directory {
        rules = allow(rules, directory, own)?;
    }
    if let Some(folder) = &policy.status_folder {
        rules = allow(rules, folder, status)?;
    }
    for path in &policy.readable {
        let folder = if path.is_dir() {
            AccessFs::ReadDir.into()
        } else {
            BitFlags::EMPTY
        };
        rules = allow(rules, path, folder | AccessFs::ReadFile)?;
    }
    for path in resolver_files() {
        rules = allow(rules, &path, AccessFs::ReadFile.into())?;
    }
    Ok(rules)
}

fn resolver_files() -> impl Iterator<Item = PathBuf> {
    let libraries = LIBRARY_FOLDERS.iter().flat_map(|folder| {
        RESOLVER_LIBRARIES
            .iter()
            .map(move |library| Path::new(folder).join(library))
    });
    RESOLVER_FILES.iter().map(PathBuf::from).chain(libraries)
}

/// Allows `access` to a path and what is below; one that is not there needs no permission.
fn allow(
    rules: RulesetCreated,
    path: &Path,
    access: BitFlags<AccessFs>,
) -> Result<RulesetCreated, RulesetError> {
    match PathFd::new(path) {
        Ok(place) => rules.add_rule(PathBeneath::new(place, access)),
        Err(_) => Ok(rules),
    }
}

fn allow_ports(
    mut rules: RulesetCreated,
    policy: &WallPolicy,
) -> Result<RulesetCreated, RulesetError> {
    for &port in &policy.tcp_ports {
        rules = rules.add_rule(NetPort::new(port, AccessNet::BindTcp))?;
    }
    // Port 0: a socket that asks a name server, or the kernel for its own address, has any free port.
    for &port in policy.udp_ports.iter().chain(&[0]) {
        rules = rules.add_rule(NetPort::new(port, AccessNet::BindUdp))?;
    }
    Ok(rules)
}

fn level(rules: &RulesetStatus, kernel: &LandlockStatus) -> Level {
    let abi = match kernel {
        LandlockStatus::NotImplemented => {
            return Level::Missing("this kernel has no Landlock".to_owned());
        }
        LandlockStatus::NotEnabled => {
            return Level::Missing("Landlock is switched off in this kernel".to_owned());
        }
        LandlockStatus::Available { effective_abi, .. } => *effective_abi,
    };
    let lacks = match abi {
        _ if *rules == RulesetStatus::NotEnforced => {
            return Level::Missing("Landlock did not take the rules".to_owned());
        }
        abi if abi >= NEWEST => return Level::Full,
        abi if abi >= ABI::V6 => {
            return Level::Usual(format!(
                "Landlock {} has no rule for UDP ports: the language alone holds them",
                abi as i32
            ));
        }
        ABI::V4 | ABI::V5 => "UDP ports, signals to others",
        ABI::V3 => "TCP and UDP ports, signals to others",
        _ => "cutting off files, TCP and UDP ports, signals to others",
    };
    Level::Partial(format!("Landlock {} has no rule for {lacks}", abi as i32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_s_landlock_is_told_by_what_it_lacks() {
        let available = |effective_abi| LandlockStatus::Available {
            effective_abi,
            kernel_abi: None,
        };
        let part = RulesetStatus::PartiallyEnforced;
        let whole = RulesetStatus::FullyEnforced;
        assert_eq!(level(&whole, &available(ABI::V10)), Level::Full);
        assert_eq!(
            level(&part, &available(ABI::V7)),
            Level::Usual(
                "Landlock 7 has no rule for UDP ports: the language alone holds them".to_owned()
            )
        );
        assert_eq!(
            level(&part, &available(ABI::V3)),
            Level::Partial(
                "Landlock 3 has no rule for TCP and UDP ports, signals to others".to_owned()
            )
        );
        let none = RulesetStatus::NotEnforced;
        for kernel in [LandlockStatus::NotEnabled, LandlockStatus::NotImplemented] {
            assert!(!level(&none, &kernel).stands());
        }
    }
}
