# Includes go downwards only.  Run over all sources and headers under src/; silent and 0 when they do.
#
#	awk -f test/lint/layers.awk src/*.[ch] src/*/*.[ch]

BEGIN {
	n = split("base codec rowgroup alex hybrid vexec router", order)
	for (i = 1; i <= n; i++)
		rank[order[i]] = i
	rank["alex"] = rank["hybrid"]		# siblings: neither may see the other
	rank["."] = n + 1					# files directly under src/
}

# The layer of a path: its folder below src/, or "." for what lies in src/ itself.
function layer(path,	part, k)
{
	k = split(path, part, "/")
	if (part[1] == "src")
		return (k == 2) ? "." : part[k - 1]
	return (k == 1) ? "." : part[k - 1]
}

FNR == 1 && !(layer(FILENAME) in rank) {
	print FILENAME ": folder " layer(FILENAME) " is no layer"
	bad = 1
}

/^#[ \t]*include "[a-z_]+\// || /^#[ \t]*include "omendb/ {
	split($0, quoted, "\"")
	to = layer(quoted[2])
	from = layer(FILENAME)
	# omendb.h holds the extension's identity and is open to all; other folders are PostgreSQL's
	if (!(to in rank) || quoted[2] == "omendb.h")
		next
	if (rank[to] > rank[from] || (rank[to] == rank[from] && to != from)) {
		print FILENAME ":" FNR ": layer " from " may not include " quoted[2]
		bad = 1
	}
}

END { exit bad }
