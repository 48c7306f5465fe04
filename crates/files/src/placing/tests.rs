//! Files put in their place, on a real disk.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

const BOTH: [Durability; 2] = [Durability::PowerLoss, Durability::ProcessCrash];

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_file_is_replaced_whole_and_nothing_else_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    for durability in BOTH {
        replace(&path, b"a longer content", Access::Owner, durability).unwrap();
        replace(&path, b"short", Access::Owner, durability).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"short");
        assert_eq!(names(folder.path()), ["state.json"]);
    }
}

#[test]
fn a_reader_meanwhile_finds_the_old_or_the_new_content_and_never_a_part() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let contents = [vec![b'a'; 100_000], vec![b'b'; 50_000]];
    replace(&path, &contents[0], Access::Owner, Durability::ProcessCrash).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for turn in 0..200 {
                let content = &contents[turn % 2];
                replace(&path, content, Access::Owner, Durability::ProcessCrash).unwrap();
            }
            done.store(true, Ordering::Release);
        });
        while !done.load(Ordering::Acquire) {
            let found = fs::read(&path).unwrap();
            assert!(contents.contains(&found), "{} bytes", found.len());
        }
    });
}

#[cfg(unix)]
#[test]
fn who_may_use_a_file_is_what_the_writer_says_whatever_was_there() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    // What the umask of this process takes away, as a file of the standard library's shows it.
    let probe = folder.path().join("probe");
    fs::write(&probe, "").unwrap();
    let everybody = mode(&probe) & 0o644;
    for (access, wanted) in [
        (Access::OwnerRuns, 0o700),
        (Access::Owner, 0o600),
        (Access::Everybody, everybody),
    ] {
        replace(&path, b"x", access, Durability::ProcessCrash).unwrap();
        assert_eq!(mode(&path), wanted, "{access:?} by replacing");
        let new = folder.path().join(format!("{access:?}"));
        create(&new, b"x", access, Durability::ProcessCrash).unwrap();
        assert_eq!(mode(&new), wanted, "{access:?} by creating");
    }
}

#[cfg(unix)]
#[test]
fn what_a_crash_left_aside_is_not_written_into() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    let aside = folder.path().join("secret.incoming");
    let outside = folder.path().join("outside");
    fs::write(&outside, "untouched").unwrap();
    for left in ["a file that everybody reads", "a link"] {
        if left == "a link" {
            std::os::unix::fs::symlink(&outside, &aside).unwrap();
        } else {
            fs::write(&aside, "half a secre").unwrap();
            fs::set_permissions(&aside, fs::Permissions::from_mode(0o666)).unwrap();
        }
        replace(&path, b"secret", Access::Owner, Durability::PowerLoss).unwrap();
        let metadata = fs::symlink_metadata(&path).unwrap();
        assert!(metadata.is_file(), "{left}");
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{left}");
        assert_eq!(names(folder.path()), ["outside", "secret"], "{left}");
    }
    assert_eq!(fs::read(&outside).unwrap(), b"untouched");
}

#[test]
fn a_write_that_fails_leaves_the_old_file_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("taken");
    fs::create_dir(&path).unwrap();
    fs::write(path.join("inside"), "kept").unwrap();
    for durability in BOTH {
        replace(&path, b"new", Access::Owner, durability).unwrap_err();
        assert_eq!(names(folder.path()), ["taken"]);
        assert_eq!(fs::read(path.join("inside")).unwrap(), b"kept");
    }
    let nowhere = folder.path().join("none").join("file");
    let error = replace(&nowhere, b"x", Access::Owner, Durability::PowerLoss).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
    assert!(
        error.raw_os_error().is_some(),
        "the system's number is kept: {error}"
    );
}

#[test]
fn an_incoming_file_without_a_place_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let aside = folder.path().join("upload");
    let incoming =
        UnplacedFile::write(&aside, b"x", Access::OwnerRuns, Durability::ProcessCrash).unwrap();
    assert_eq!(names(folder.path()), ["upload"]);
    drop(incoming);
    assert_eq!(names(folder.path()), Vec::<String>::new());
}

#[test]
fn a_file_that_is_there_is_not_created_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    create(&path, b"precious", Access::Owner, Durability::PowerLoss).unwrap();
    let error = create(&path, b"other", Access::Owner, Durability::PowerLoss).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(fs::read(&path).unwrap(), b"precious");
    assert_eq!(names(folder.path()), ["key"]);
}

#[test]
fn of_several_that_create_a_file_at_once_one_succeeds_and_its_content_stays() {
    const WRITERS: u8 = 8;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let start = Barrier::new(usize::from(WRITERS));
    let write = |writer: u8| {
        start.wait();
        create(
            &path,
            &[writer; 10_000],
            Access::Owner,
            Durability::ProcessCrash,
        )
    };
    let winners: Vec<u8> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..WRITERS)
            .map(|writer| scope.spawn(move || write(writer)))
            .collect();
        (0..WRITERS)
            .zip(threads)
            .filter_map(|(writer, thread)| thread.join().unwrap().is_ok().then_some(writer))
            .collect()
    });
    assert_eq!(winners.len(), 1, "{winners:?}");
    assert_eq!(fs::read(&path).unwrap(), [winners[0]; 10_000]);
    assert_eq!(names(folder.path()), ["key"]);
}

/// What is flushed is not seen in a file, so it is made to fail: the kernel refuses `fsync` to one thread.
#[cfg(target_os = "linux")]
mod flushes {
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};

    use super::*;

    /// Does something on a thread that cannot flush anything from then on.
    fn without_fsync<T: Send>(work: impl FnOnce() -> T + Send) -> T {
        let refused = [(libc::SYS_fsync, Vec::new())].into();
        let program: BpfProgram = SeccompFilter::new(
            refused,
            SeccompAction::Allow,
            SeccompAction::Errno(libc::EIO.unsigned_abs()),
            TargetArch::try_from(std::env::consts::ARCH).unwrap(),
        )
        .unwrap()
        .try_into()
        .unwrap();
        let on_a_thread = || {
            seccompiler::apply_filter(&program).unwrap();
            work()
        };
        std::thread::scope(|scope| scope.spawn(on_a_thread).join().unwrap())
    }

    #[test]
    fn what_is_to_survive_a_power_cut_is_flushed_before_it_is_moved() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let saved = without_fsync(|| replace(&path, b"x", Access::Owner, Durability::PowerLoss));
        assert_eq!(saved.unwrap_err().raw_os_error(), Some(libc::EIO));
        assert_eq!(names(folder.path()), Vec::<String>::new());
    }

    #[test]
    fn what_is_to_survive_a_power_cut_has_its_name_flushed_after_it_was_moved() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let aside = folder.path().join("aside");
        let incoming =
            UnplacedFile::write(&aside, b"x", Access::Owner, Durability::PowerLoss).unwrap();
        let placed = without_fsync(|| incoming.place(&path));
        assert_eq!(placed.unwrap_err().raw_os_error(), Some(libc::EIO));
        assert_eq!(names(folder.path()), ["state"]);
    }

    #[test]
    fn what_is_to_survive_the_process_only_is_not_flushed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let saved = without_fsync(|| replace(&path, b"x", Access::Owner, Durability::ProcessCrash));
        saved.unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"x");
    }
}
