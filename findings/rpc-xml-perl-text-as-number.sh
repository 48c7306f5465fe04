#!/usr/bin/env bash
# RPC::XML 1.61 for Perl, Debian 12's librpc-xml-perl 0.82-1 (its lists must be there: apt-get update).
#
# Guess: what is quoted as a string in a Perl program, a user's name or a key, goes out as <string>.
# Seen: the writer looks at the text. What looks like a number is sent as one: the user "007" as an integer, "1e5" as
# 100000.0, and an API key of a Seattle clearinghouse, 32 of 0-9A-Z, as 0.0 when it happens to be zeros, an E and digits.
# Ten digits more or less choose between <int> and <i8>, and a date in a name becomes one. A blank in front keeps a string.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -qq -o APT::Sandbox::User=root librpc-xml-perl=0.82-1
dpkg -x librpc-xml-perl_0.82-1_all.deb package

cat > seen.pl <<'PERL'
use RPC::XML;
for my $text ("alice", "007", "1e5", "00000000000000000000000000000E10", "99999999999", "20261129T07:00:00", " 7") {
    my ($written) = RPC::XML::request->new('m', "$text")->as_string =~ m{<value>(.*)</value>};
    print "'$text' is written as $written\n";
}
PERL
perl -Ipackage/usr/share/perl5 seen.pl | tee seen

diff - seen <<'EXPECTED' && echo "as found"
'alice' is written as <string>alice</string>
'007' is written as <int>007</int>
'1e5' is written as <double>100000.0</double>
'00000000000000000000000000000E10' is written as <double>0.0</double>
'99999999999' is written as <i8>99999999999</i8>
'20261129T07:00:00' is written as <dateTime.iso8601>20261129T07:00:00</dateTime.iso8601>
' 7' is written as <string> 7</string>
EXPECTED
