//! Names to addresses. The system's resolver blocks, so it runs on helper threads that take a name, give back an
//! address, and touch nothing else; those who asked poll one pipe, which all questions share: a thousand of them take no
//! more descriptors than one.

use std::cell::OnceCell;
use std::collections::VecDeque;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::net::{IpAddr, Ipv4Addr, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use super::error::NetworkError;

/// Longest name that is looked up: the longest that DNS has.
pub const NAME_BYTES_MAX: usize = 255;

/// Names resolved at one time; more wait their turn. A name that nobody answers for holds a thread for the resolver's
/// patience (about 10 s), so one alone would let it hold up the others.
const HELPERS_MAX: usize = 4;

/// The stack of a helper: the C library's resolver puts buffers of up to 64 KiB on it.
const HELPER_STACK_BYTES: usize = 512 << 10;

/// Asks the system for the IPv4 address of a name.
#[must_use]
pub fn resolve_with_system(name: &str) -> Option<Ipv4Addr> {
    (name, 0)
        .to_socket_addrs()
        .ok()?
        .find_map(|address| match address.ip() {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        })
}

/// Resolves names on helper threads.
pub struct Resolver {
    shared: Arc<Shared>,
    resolve: fn(&str) -> Option<Ipv4Addr>,
    /// Made with the first question.
    wake: OnceCell<Arc<Wake>>,
}

/// Tells those who asked that there are answers.
struct Wake {
    /// Answers that nobody has taken yet. The pipe holds a byte, and so is readable, as long as there are any.
    untaken: Mutex<usize>,
    reader: PipeReader,
    writer: PipeWriter,
}

impl Wake {
    fn new() -> io::Result<Wake> {
        let (reader, writer) = io::pipe()?;
        Ok(Wake {
            untaken: Mutex::new(0),
            reader,
            writer,
        })
    }

    /// Hands an answer over, unless nobody waits for it any more.
    fn put(&self, answer: &Answer, address: Option<Ipv4Addr>) {
        let mut untaken = self.untaken.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = answer.lock().unwrap_or_else(PoisonError::into_inner);
        if *state != State::Waiting {
            return;
        }
        *state = State::Untaken(address);
        if *untaken == 0 {
            // One byte always has room; there is none in it.
            let _ = (&self.writer).write(&[0]);
        }
        *untaken += 1;
    }

    /// Takes an answer if it is there; with `give_up`, nobody waits for it from now on.
    fn take(&self, answer: &Answer, give_up: bool) -> Option<Option<Ipv4Addr>> {
        let mut untaken = self.untaken.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = answer.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = match *state {
            State::Untaken(address) => {
                *untaken -= 1;
                if *untaken == 0 {
                    let _ = (&self.reader).read(&mut [0]);
                }
                *state = State::Taken(address);
                Some(address)
            }
            State::Taken(address) => Some(address),
            State::Waiting | State::GivenUp => None,
        };
        if give_up {
            *state = State::GivenUp;
        }
        taken
    }
}

impl AsFd for Wake {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }
}

#[derive(Default)]
struct Shared {
    work: Mutex<Work>,
    changed: Condvar,
}

#[derive(Default)]
struct Work {
    waiting: VecDeque<Question>,
    helpers: usize,
    idle: usize,
    closed: bool,
}

struct Question {
    name: String,
    answer: Answer,
    wake: Arc<Wake>,
}

/// What has become of a question; None is a name without an address.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Untaken(Option<Ipv4Addr>),
    Taken(Option<Ipv4Addr>),
    GivenUp,
}

/// Locked after [`Wake::untaken`], if both are.
type Answer = Arc<Mutex<State>>;

/// A name being resolved. Its descriptor is readable when there are answers, to this question or another. Dropping
/// it gives up; the caller who starts one holds it, so there are never more than callers.
pub struct Lookup {
    name: String,
    answer: Answer,
    /// None if the answer is there from the start.
    wake: Option<Arc<Wake>>,
}

impl Resolver {
    /// A resolver that asks this function, from other threads.
    #[must_use]
    pub fn new(resolve: fn(&str) -> Option<Ipv4Addr>) -> Resolver {
        Resolver {
            shared: Arc::default(),
            resolve,
            wake: OnceCell::new(),
        }
    }

    /// Starts to resolve a name. An address is its own name, and text that cannot be a name is not asked about: both are
    /// answered at once.
    ///
    /// # Errors
    /// [`NetworkError::Exhausted`] or [`NetworkError::NoThread`] if the process has no descriptor or thread for it.
    pub fn start(&self, name: &[u8]) -> Result<Lookup, NetworkError> {
        let text = String::from_utf8_lossy(name).into_owned();
        let at_once = if let Ok(address) = text.parse() {
            Some(Some(address))
        } else if name.is_empty()
            || name.len() > NAME_BYTES_MAX
            || !name.iter().all(u8::is_ascii_graphic)
        {
            Some(None)
        } else {
            None
        };
        let answer = Arc::new(Mutex::new(at_once.map_or(State::Waiting, State::Taken)));
        let mut lookup = Lookup {
            name: text,
            answer,
            wake: None,
        };
        if at_once.is_none() {
            let wake = self.wake().map_err(NetworkError::Exhausted)?;
            lookup.wake = Some(wake.clone());
            self.ask(Question {
                name: lookup.name.clone(),
                answer: lookup.answer.clone(),
                wake,
            })?;
        }
        Ok(lookup)
    }

    fn wake(&self) -> io::Result<Arc<Wake>> {
        if let Some(wake) = self.wake.get() {
            return Ok(wake.clone());
        }
        let made = Arc::new(Wake::new()?);
        Ok(self.wake.get_or_init(|| made).clone())
    }

    fn ask(&self, question: Question) -> Result<(), NetworkError> {
        let mut work = self
            .shared
            .work
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        work.waiting.push_back(question);
        if work.idle < work.waiting.len() && work.helpers < HELPERS_MAX {
            let (shared, resolve) = (self.shared.clone(), self.resolve);
            let started = std::thread::Builder::new()
                .name("resolver".to_owned())
                .stack_size(HELPER_STACK_BYTES)
                .spawn(move || help(&shared, resolve));
            match started {
                Ok(_) => work.helpers += 1,
                Err(error) if work.helpers == 0 => {
                    work.waiting.pop_back();
                    return Err(NetworkError::NoThread(error));
                }
                // One of those at work will come to it.
                Err(_) => {}
            }
        }
        drop(work);
        self.shared.changed.notify_one();
        Ok(())
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        let mut work = self
            .shared
            .work
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        work.closed = true;
        work.waiting.clear();
        drop(work);
        self.shared.changed.notify_all();
    }
}

/// The life of a helper.
fn help(shared: &Shared, resolve: fn(&str) -> Option<Ipv4Addr>) {
    let mut work = shared.work.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        if work.closed {
            return;
        }
        let Some(question) = work.waiting.pop_front() else {
            work.idle += 1;
            work = shared
                .changed
                .wait(work)
                .unwrap_or_else(PoisonError::into_inner);
            work.idle -= 1;
            continue;
        };
        drop(work);
        // Nobody waits any more if only the question holds the answer's place.
        if Arc::strong_count(&question.answer) > 1 {
            let address = resolve(&question.name);
            question.wake.put(&question.answer, address);
        }
        drop(question);
        work = shared.work.lock().unwrap_or_else(PoisonError::into_inner);
    }
}

impl Lookup {
    /// The address, or None if the answer is not there yet.
    ///
    /// # Errors
    /// [`NetworkError::Unresolved`] if the name has no address.
    pub fn answer(&self) -> Result<Option<Ipv4Addr>, NetworkError> {
        let answer = match &self.wake {
            Some(wake) => wake.take(&self.answer, false),
            None => match *self.answer.lock().unwrap_or_else(PoisonError::into_inner) {
                State::Taken(address) => Some(address),
                _ => None,
            },
        };
        match answer {
            None => Ok(None),
            Some(Some(address)) => Ok(Some(address)),
            Some(None) => Err(NetworkError::Unresolved(self.name.clone())),
        }
    }

    /// What is readable when answers are there, perhaps this one; None if it is there from the start.
    #[must_use]
    pub fn descriptor(&self) -> Option<Rc<dyn AsFd>> {
        Some(Rc::new(self.wake.clone()?))
    }
}

impl Drop for Lookup {
    fn drop(&mut self) {
        if let Some(wake) = &self.wake {
            wake.take(&self.answer, true);
        }
    }
}
