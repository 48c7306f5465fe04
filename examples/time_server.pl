#!/usr/bin/perl
# A time server: answers each TCP connection with one line and closes it.
#
#   overlord run --local examples/time_server.pl -- {port}
#
# The line says the time, the address that answered, the process, and how many answers it has given:
#
#   2026-03-01T12:00:00Z 127.1.3.1:63100 pid 4711 answer 1
#
# It runs on the `native` platform: as an ordinary process, without a sandbox, so on a testbed of one's own
# only. It listens on the address of its vessel (OVERLORD_VESSEL_IP) and the port given as its argument,
# writes one line to its log when it starts, and ends on SIGTERM.
use strict;
use warnings;
use IO::Socket::INET;
use POSIX qw(strftime);

my $port = shift // '';
$port =~ /^[1-9][0-9]{0,4}$/ && $port <= 65535
    or die "usage: time_server.pl PORT (a number from 1 to 65535)\n";
my $address = $ENV{OVERLORD_VESSEL_IP} // '127.0.0.1';

$| = 1;
# A client that closes before it has read the line is no reason to end.
$SIG{PIPE} = 'IGNORE';

my $server = IO::Socket::INET->new(
    LocalAddr => $address,
    LocalPort => $port,
    Proto     => 'tcp',
    Listen    => 64,
    ReuseAddr => 1,
) or die "cannot listen on $address port $port: $!\n";

sub now { return strftime('%Y-%m-%dT%H:%M:%SZ', gmtime) }

print now(), " serving on $address:$port, pid $$\n";

my $answers = 0;
$SIG{TERM} = sub {
    print now(), " ended after $answers answers\n";
    exit 0;
};
while (1) {
    my $client = $server->accept or next;
    $answers++;
    print {$client} now(), " $address:$port pid $$ answer $answers\n";
    close $client;
}
