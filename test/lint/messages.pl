#!/usr/bin/perl
# messages.pl FILE...: wording of error messages, after PostgreSQL's style guide.
# See "Errors" in the house style: each rule names itself in its complaint.
use strict;
use warnings;

my $bad = 0;
my $string = qr/"(?:[^"\\]|\\.)*"/;

# The text of a call's parentheses, starting behind the opening one.
sub inside
{
	my ($text, $from) = @_;
	my $depth = 1;

	pos($text) = $from;
	while ($text =~ /\G(?:$string|'(?:[^'\\]|\\.)'|([()])|.)/gcs)
	{
		next unless defined $1;
		$depth += $1 eq '(' ? 1 : -1;
		return substr($text, $from, pos($text) - 1 - $from) if $depth == 0;
	}
	return substr($text, $from);
}

# The first string literal of some arguments, adjacent pieces joined.
sub literal
{
	my ($args) = @_;

	return undef unless $args =~ /^\s*((?:$string|\b(?:[A-Z]+[0-9]*_FORMAT|PRI[a-zA-Z0-9]+)\b|\s)+)/;
	return join('', map { /^"(.*)"$/s ? $1 : '%d' } $1 =~ /($string|\w+)/g);
}

for my $file (@ARGV)
{
	open my $in, '<', $file or die "$file: $!\n";
	my $text = do { local $/; <$in> };
	close $in;

	# blank comments and preprocessor definitions of the words themselves, keeping line numbers
	$text =~ s{($string)|(/\*.*?\*/)|(//[^\n]*)}{
		defined $1 ? $1 : do { my $c = $2 // $3; $c =~ s/[^\n]/ /g; $c } }gse;

	my $complain = sub {
		my ($at, $what) = @_;
		my $line = 1 + (substr($text, 0, $at) =~ tr/\n//);
		print "$file:$line: $what\n";
		$bad = 1;
	};

	while ($text =~ /\b(errmsg|errmsg_internal|errmsg_plural|errdetail|errdetail_internal|errdetail_plural|errdetail_log|errhint|errhint_plural)\s*\(/g)
	{
		my ($what, $at, $from) = ($1, $-[0], $+[0]);
		my $message = literal(inside($text, $from));
		next unless defined $message;

		if ($what =~ /^errmsg/)
		{
			# an identifier in capitals (a type, a setting, SQL) may come first
			$complain->($at, "message starts with a capital: \"$message\"")
			  if $message =~ /^[A-Z][a-z]/;
			$complain->($at, "message ends with a period: \"$message\"") if $message =~ /\.$/;
			$complain->($at, "message ends with a newline: \"$message\"") if $message =~ /\\n$/;
		}
		else
		{
			$complain->($at, "detail or hint is no sentence (capital first): \"$message\"")
			  unless $message =~ /^(?:[A-Z]|%|\\")/;
			$complain->($at, "detail or hint is no sentence (period last): \"$message\"")
			  unless $message =~ /[.?]\s*(?:\\")?$/;
		}
		# core's own hint is "Please REINDEX it."
		my $words = $message =~ s/^Please REINDEX it\.$//r;
		$complain->($at, "word \"$1\" says nothing or blames: \"$message\"")
		  if $words =~ /\b(unable|bad|illegal|unknown|can't|please)\b/i;
	}

	# base/check.h's macros bring their errcode along
	while ($text =~ /\bereport\s*\(\s*(ERROR|FATAL|PANIC)\s*,/g)
	{
		my ($level, $at, $from) = ($1, $-[0], $+[0]);
		my $args = inside($text, $from);
		$complain->($at, "ereport($level) without errcode")
		  unless $args =~ /\berrcode\w*\s*\(|\bErrcode|\bomendb_err\w*\(/;
	}

	while ($text =~ /\belog\s*\(\s*(ERROR|FATAL|PANIC)\s*,/g)
	{
		my ($level, $at, $from) = ($1, $-[0], $+[0]);
		my $message = literal(inside($text, $from));
		$complain->($at, "elog($level) shows no value")
		  if defined $message && $message !~ /%/;
	}
}

exit $bad;
