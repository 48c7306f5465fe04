//! `gethostbyname` and `getmyip`.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Bench;
use crate::network::{AddressRules, MachineAddresses, Network, Preference, Resolver, ThisMachine};

fn with_names(resolve: fn(&str) -> Option<Ipv4Addr>) -> Bench {
    let mut bench = Bench::new();
    bench.network = Some(Network::with(
        AddressRules::default(),
        Box::new(ThisMachine::default()),
        Resolver::new(resolve),
    ));
    bench
}

#[test]
fn names_become_addresses_and_addresses_stay_what_they_are() {
    with_names(|name| (name == "here.example").then_some(Ipv4Addr::new(192, 0, 2, 1))).expect(
        r"
log(gethostbyname('here.example'), gethostbyname('198.51.100.7'), '\n')
for name in ['nowhere.example', '', 'a b', 'a\0', 'x' * 1000, '\xff']:
  log(raised(gethostbyname, name))
",
        &format!(
            "192.0.2.1 198.51.100.7\n{}",
            ["NetworkAddressError"; 6].join(" ")
        ),
    );
}

#[test]
fn who_waits_for_a_name_does_not_hold_up_the_others() {
    static ASKED: AtomicBool = AtomicBool::new(false);
    // The first name is answered when the second has been asked about.
    let bench = with_names(|name| {
        if name == "second.example" {
            ASKED.store(true, Ordering::SeqCst);
            return None;
        }
        while !ASKED.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        Some(Ipv4Addr::new(192, 0, 2, 2))
    });
    bench.expect(
        r"
answers = []
def ask():
  answers.append(gethostbyname('first.example'))
createthread(ask)
sleep(1)
log(len(answers), raised(gethostbyname, 'second.example'))
while not answers:
  sleep(1)
log(answers)
",
        "0 NetworkAddressError ['192.0.2.2']",
    );
}

/// A machine with one address and no way to the Internet.
struct Island;

impl MachineAddresses for Island {
    fn is_ours(&self, address: Ipv4Addr) -> bool {
        address == Ipv4Addr::new(192, 0, 2, 9)
    }

    fn of_interface(&self, _name: &str) -> Vec<Ipv4Addr> {
        Vec::new()
    }

    fn towards_internet(&self) -> Option<Ipv4Addr> {
        None
    }
}

fn on_island(preferences: Vec<Preference>) -> Bench {
    let mut bench = Bench::new();
    let rules = AddressRules {
        preferences,
        no_others: true,
    };
    bench.network = Some(Network::with(
        rules,
        Box::new(Island),
        Resolver::new(|_| None),
    ));
    bench
}

#[test]
fn my_address_is_the_one_preferred_or_the_one_towards_the_internet() {
    let preferred = Preference::Address(Ipv4Addr::new(192, 0, 2, 9));
    on_island(vec![preferred]).expect("log(getmyip())", "192.0.2.9");
    on_island(Vec::new()).expect("log(raised(getmyip))", "InternetConnectivityError");
}

#[test]
fn addresses_that_are_not_the_programs_are_forbidden_to_every_call() {
    let preferred = Preference::Address(Ipv4Addr::new(192, 0, 2, 9));
    on_island(vec![preferred]).expect(
        r"
log(raised(listenformessage, ip, port), raised(listenforconnection, ip, port), '\n')
log(raised(sendmessage, ip, port, 'x', ip, other), raised(openconnection, ip, port, ip, other, 1), '\n')
# 127.0.0.1 is everybody's.
server = listenformessage('127.0.0.1', port)
log(sendmessage('127.0.0.1', port, 'x', '127.0.0.1', port + 1))
",
        "ResourceForbiddenError ResourceForbiddenError\nResourceForbiddenError ResourceForbiddenError\n1",
    );
}
