#!/usr/bin/perl
# docs.pl: every setting, SQL function, view, opclass option and reloption is in README.md.
use strict;
use warnings;

sub slurp
{
	my ($text, $in) = ('');

	for my $file (@_)
	{
		open $in, '<', $file or die "$file: $!\n";
		local $/;
		$text .= <$in>;
		close $in;
	}
	return $text;
}

my $source = slurp(glob('src/*.c src/*/*.c'));
my $scripts = slurp(glob('sql/omendb--*.sql'));
my $readme = -e 'README.md' ? slurp('README.md') : '';
my %wanted;

# DefineCustomIntVariable("omendb.name", ...
$wanted{$1} = 'setting' while $source =~ /\bDefineCustom\w+Variable\s*\(\s*"([^"]+)"/g;
# add_int_reloption(kind, "name", ...
$wanted{$1} = 'reloption' while $source =~ /\badd_\w+_reloption\s*\([^,"]*,\s*"([^"]+)"/g;

# What a user can call.  Support and handler functions, which only the catalog calls, take or give internal types.
$scripts =~ s/--[^\n]*//g;
while ($scripts =~ /\bCREATE\s+(?:OR\s+REPLACE\s+)?(FUNCTION|PROCEDURE|VIEW|AGGREGATE)\s+(?:(?:omendb|\@extschema\@)\.)?"?(\w+)"?\s*([^;]*)/gi)
{
	my ($kind, $name, $rest) = (lc $1, $2, $3);
	next if $kind eq 'function' && $rest =~ /\binternal\b|\b(?:index|table)_am_handler\b/i && $rest !~ /\bLANGUAGE\s+internal\b/i;
	$wanted{"omendb.$name"} = $kind;
}

my $bad = 0;
for my $name (sort keys %wanted)
{
	my $quoted = quotemeta($name);
	next if $readme =~ /(?<![\w.])$quoted(?!\w)/;
	print "README.md does not mention the $wanted{$name} $name\n";
	$bad = 1;
}
exit $bad;
