//! openfile, readat, writeat, close, listfiles, removefile.

use overlord_resources::Resource;

use crate::files::FileTable;
use crate::sandbox::Ending;
use crate::sandbox::testing::Trial;

/// Logs what was used of both file resources since the last call.
const USED: &str = "\
def used():
  usage = getresources()[1]
  log(int(usage['fileread']), int(usage['filewrite']), usage['filesopened'], usage['diskused'], '\\n')
";

fn with_used(program: &str) -> Trial {
    Trial::new(&format!("{USED}{program}"))
}

#[test]
fn what_is_written_is_read_again_from_any_offset() {
    Trial::new(
        "f = openfile('data', True)
f.writeat('hello world', 0)
f.writeat('W', 6)
f.writeat('!', 11)
log(f.readat(None, 0), f.readat(5, 6), repr(f.readat(100, 12)), repr(f.readat(0, 0)), '\\n')
f.close()
g = openfile('data', False)
log(g.readat(3, 0), g.readat(10 ** 30, 6), '\\n')
",
    )
    .logs("hello World! World '' '' \nhel World! \n");
}

#[test]
fn names_outside_of_the_alphabet_are_refused_and_nothing_is_made() {
    let outcome = Trial::new(
        "for name in ['', '.', '..', '.hidden', 'A', 'a b', 'a/b', '../a', '/etc/passwd', 'a\\0', 'a\\n', '\\xe4', 'a;b']:
  for call in [0, 1]:
    try:
      if call:
        removefile(name)
      else:
        openfile(name, True)
      log('accepted', repr(name), '\\n')
    except RepyArgumentError:
      log('.')
openfile('a-z_0.9', True)
openfile('x' * 120, True)
",
    )
    .run();
    assert_eq!(
        outcome.log,
        ". . . . . . . . . . . . . . . . . . . . . . . . . ."
    );
    let mut names: Vec<_> = std::fs::read_dir(outcome.directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["a-z_0.9".to_owned(), "x".repeat(120)]);
}

#[test]
fn a_name_that_cannot_be_a_files_says_which_rule_it_breaks() {
    Trial::new(
        "for name in ['', '.', '..', '.hidden', 'a b', 'Upper', 'a/b', '.b/', 'x\\xff', 'x' * 121]:
  for call, arguments in [(openfile, (name, True)), (removefile, (name,))]:
    try:
      call(*arguments)
    except RepyArgumentError, e:
      log(repr(str(e)) + '\\n')
",
    )
    .logs(
        &[
            "'Illegal filename provided!'",
            "'Illegal filename provided!'",
            "'Illegal filename provided!'",
            "'Filename starts with a period, this is not allowed!'",
            "\"Filename has disallowed character ' '\"",
            "\"Filename has disallowed character 'U'\"",
            "\"Filename has disallowed character '/'\"",
            "\"Filename has disallowed character '/'\"",
            "\"Filename has disallowed character '\\xff'\"",
            "'Max string length is 120'",
        ]
        .map(|line| format!("{line}\n{line}\n"))
        .concat(),
    );
}

#[test]
fn each_error_of_files_is_raised() {
    Trial::new(
        "def attempt(call, *args):
  try:
    call(*args)
    log('fine\\n')
  except FileError, e:
    for kind in [FileNotFoundError, FileInUseError, SeekPastEndOfFileError, FileClosedError]:
      if isinstance(e, kind):
        log(kind, e, '\\n')
attempt(openfile, 'none', False)
attempt(removefile, 'none')
f = openfile('a', True)
attempt(openfile, 'a', False)
attempt(openfile, 'a', True)
attempt(removefile, 'a')
f.writeat('12345', 0)
attempt(f.readat, 1, 5)
attempt(f.readat, 1, 6)
attempt(f.writeat, 'x', 6)
attempt(f.close)
attempt(f.close)
attempt(f.readat, 1, 0)
attempt(f.writeat, 'x', 0)
attempt(removefile, 'a')
",
    )
    .logs(
        "<class 'exception_hierarchy.FileNotFoundError'> Cannot openfile non-existent file \"none\" without creating it! \n\
<class 'exception_hierarchy.FileNotFoundError'> Cannot remove non-existent file \"none\". \n\
<class 'exception_hierarchy.FileInUseError'> Cannot open file \"a\" because it is already open! \n\
<class 'exception_hierarchy.FileInUseError'> Cannot open file \"a\" because it is already open! \n\
<class 'exception_hierarchy.FileInUseError'> Cannot remove file \"a\" because it is in use! \n\
fine\n\
<class 'exception_hierarchy.SeekPastEndOfFileError'> Seek offset extends past the EOF! \n\
<class 'exception_hierarchy.SeekPastEndOfFileError'> Seek offset extends past the EOF! \n\
fine\n\
<class 'exception_hierarchy.FileClosedError'> File 'a' is already closed! \n\
<class 'exception_hierarchy.FileClosedError'> File 'a' is already closed! \n\
<class 'exception_hierarchy.FileClosedError'> File 'a' is already closed! \n\
fine\n",
    );
}

#[test]
fn every_call_is_charged_by_the_blocks_it_touches() {
    with_used(
        "f = openfile('a', True)
used()
f.writeat('x' * 4096, 0)
used()
f.writeat('y' * 2, 4095)
used()
f.writeat('', 10)
used()
f.readat(1, 0)
used()
f.readat(None, 0)
used()
f.readat(None, 4097)
used()
f.close()
used()
f = openfile('a', False)
used()
f.close()
listfiles()
used()
removefile('a')
used()
",
    )
    .logs(
        "4096 4096 1 4096 \n\
4096 8192 1 8192 \n\
4096 16384 1 8193 \n\
4096 16384 1 8193 \n\
8192 16384 1 8193 \n\
16384 16384 1 8193 \n\
16384 16384 1 8193 \n\
16384 16384 0 8193 \n\
20480 16384 1 8193 \n\
24576 16384 0 8193 \n\
28672 20480 0 0 \n",
    );
}

#[test]
fn looking_for_a_file_that_is_not_there_costs_the_look() {
    with_used(
        "for call, name in [(openfile, 'none'), (removefile, 'none')]:
  try:
    if call == openfile:
      call(name, False)
    else:
      call(name)
  except FileNotFoundError:
    used()
",
    )
    .logs("4096 0 0 0 \n8192 0 0 0 \n");
}

#[test]
fn files_are_listed_by_name_and_only_files() {
    let trial = Trial::new("log(listfiles(), '\\n')\n")
        .file("b.txt", b"b")
        .file("a", b"");
    let directory = trial.directory.path().to_owned();
    std::fs::create_dir(directory.join("folder")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", directory.join("link")).unwrap();
    trial.logs("['a', 'b.txt'] \n");
}

#[test]
fn links_folders_and_pipes_are_no_files() {
    let trial = Trial::new(
        "for name in ['link', 'folder', 'dangling', 'pipe']:
  for create in [False, True]:
    try:
      openfile(name, create)
      log('opened', name, '\\n')
    except FileError, e:
      log('refused\\n')
  try:
    removefile(name)
    log('removed', name, '\\n')
  except FileNotFoundError, e:
    log('refused\\n')
",
    );
    let directory = trial.directory.path().to_owned();
    std::fs::create_dir(directory.join("folder")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", directory.join("link")).unwrap();
    std::os::unix::fs::symlink("nowhere", directory.join("dangling")).unwrap();
    let pipe = directory.join("pipe");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
    let outcome = trial.logs(&"refused\n".repeat(12));
    assert!(!outcome.directory.path().join("nowhere").exists());
}

#[test]
fn no_more_files_are_open_than_allowed_and_dropped_handles_count_no_longer() {
    Trial::new(
        "a = openfile('a', True)
b = openfile('b', True)
try:
  openfile('c', True)
except ResourceExhaustedError, e:
  log(str(e) + '\\n')
b = None
c = openfile('c', True)
a.close()
def dropped():
  d = openfile('d', True)
dropped()
openfile('e', True)
log(getresources()[1]['filesopened'], listfiles(), '\\n')
b = openfile('b', False)
",
    )
    .limit(Resource::FilesOpened, 2.0)
    .logs(
        "Resource 'filesopened' limit exceeded!!\n\
1 ['a', 'b', 'c', 'd', 'e'] \n",
    );
}

#[test]
fn a_write_beyond_the_disk_limit_is_not_made_and_ends_the_program() {
    let outcome = Trial::new(
        "f = openfile('a', True)
f.writeat('x' * 5904, 0)
log('fits')
f.writeat('x', 0)
f.writeat('x', 5904)
log('not reached')
",
    )
    .limit(Resource::DiskUsed, 10_000.0)
    .run();
    assert_eq!(outcome.log, "fits");
    assert_eq!(outcome.ending, Ending::OverDisk { limit: 10_000 });
    assert_eq!(outcome.ending.code(&crate::dialect::V2.codes), 98);
    let size = outcome.directory.path().join("a").metadata().unwrap().len();
    assert_eq!(size, 5904);
}

#[test]
fn no_more_files_are_measured_than_reach_beyond_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..50 {
        std::fs::write(folder.path().join(format!("f{number}")), "").unwrap();
    }
    let table = |limit: f64| FileTable::open(folder.path(), limit).unwrap();
    assert_eq!(table(f64::INFINITY).disk_used(), 50 * 4096);
    assert_eq!(table(1e9).exceeded(), None);
    let full = table(10.0 * 4096.0);
    assert_eq!(full.disk_used(), 11 * 4096);
    assert_eq!(full.exceeded(), Some(10 * 4096));
}

#[test]
fn each_file_costs_a_block_of_disk_even_if_empty() {
    let outcome = Trial::new(
        "i = 0
while True:
  f = openfile('f' + str(i), True)
  f.close()
  i = i + 1
  log(i)
",
    )
    .limit(Resource::DiskUsed, 5.5 * 4096.0)
    .run();
    assert_eq!(outcome.log, "1 2 3 4 5");
    assert_eq!(outcome.ending, Ending::OverDisk { limit: 22528 });
}

#[test]
fn reading_faster_than_the_limit_is_slowed_to_it() {
    let outcome = Trial::new(
        "f = openfile('a', False)
for i in range(20):
  f.readat(4096, 0)
log(getruntime())
",
    )
    .file("a", &[7; 4096])
    .limit(Resource::FileRead, 8192.0)
    .run();
    // 21 blocks, of which two pass at once, at two a second.
    assert_eq!(outcome.log, "9.5");
}
