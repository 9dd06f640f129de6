/*
 * tpch_text.c
 *		Texts of TPC-H's tables.
 *
 * Comments are cuts from random places of a text without end, made of
 * sentences by the grammar of the specification, of words of our own.  So
 * they begin and end within words, and two of some length are seldom equal.
 * Words that the queries ask for are the specification's.
 */
#include "tpch.h"
#include "tpch_draw.h"

#include <string.h>

typedef struct Word
{
	uint8_t length;
	char letters[15];
} Word;

#define W(letters) \
	{ \
		sizeof(letters) - 1, letters \
	}

#define SENTENCE_MAX 192

/* Query 13 asks for a first one of these adjectives before one of these nouns: they come up more often. */
#define FAVOURITES 4
#define FAVOUR 4

static const Word nouns[] = {
	W("packages"),	W("requests"), W("accounts"), W("deposits"), W("anchors"),	 W("barrels"),
	W("blankets"),	W("bridges"),  W("cabins"),	  W("candles"),	 W("carts"),	 W("clocks"),
	W("compasses"), W("crates"),   W("ferries"),  W("gardens"),	 W("hammers"),	 W("harbours"),
	W("hinges"),	W("invoices"), W("kettles"),  W("ladders"),	 W("lanterns"),	 W("ledgers"),
	W("magnets"),	W("maps"),	   W("mirrors"),  W("parcels"),	 W("pebbles"),	 W("pulleys"),
	W("quarries"),	W("ropes"),	   W("saddles"),  W("scales"),	 W("shipments"), W("sparrows"),
	W("spindles"),	W("stamps"),   W("tariffs"),  W("timbers"),	 W("vessels"),	 W("wheels"),
};
static const Word verbs[] = {
	W("arrive"), W("balance"), W("borrow"), W("carry"),	 W("circle"), W("climb"),  W("collect"),
	W("count"),	 W("cover"),   W("cross"),	W("divide"), W("drift"),  W("float"),  W("follow"),
	W("gather"), W("guard"),   W("hold"),	W("join"),	 W("lean"),	  W("linger"), W("measure"),
	W("mend"),	 W("mix"),	   W("move"),	W("pass"),	 W("polish"), W("press"),  W("reach"),
	W("rest"),	 W("return"),  W("roll"),	W("settle"), W("sort"),	  W("stack"),  W("travel"),
	W("turn"),	 W("wait"),	   W("weigh"),	W("wind"),	 W("work"),
};
static const Word adjectives[] = {
	W("special"), W("pending"), W("unusual"), W("express"), W("amber"),	  W("ample"),
	W("brisk"),	  W("broad"),	W("careful"), W("central"), W("clever"),  W("coarse"),
	W("distant"), W("eager"),	W("early"),	  W("fragile"), W("gentle"),  W("hollow"),
	W("humble"),  W("idle"),	W("narrow"),  W("oblong"),	W("patient"), W("plain"),
	W("polite"),  W("remote"),	W("rigid"),	  W("round"),	W("rustic"),  W("shallow"),
	W("silver"),  W("sober"),	W("steady"),  W("sturdy"),	W("tidy"),	  W("wooden"),
};
static const Word adverbs[] = {
	W("again"),	   W("almost"),	 W("barely"), W("boldly"),	W("briefly"),  W("calmly"),
	W("closely"),  W("daily"),	 W("deftly"), W("evenly"),	W("freely"),   W("gladly"),
	W("gently"),   W("hardly"),	 W("kindly"), W("loosely"), W("mostly"),   W("nearly"),
	W("neatly"),   W("never"),	 W("often"),  W("openly"),	W("promptly"), W("quickly"),
	W("quietly"),  W("rarely"),	 W("safely"), W("seldom"),	W("slowly"),   W("softly"),
	W("steadily"), W("thickly"), W("warmly"), W("wearily"),
};
static const Word prepositions[] = {
	W("about"),	 W("above"),  W("across"), W("after"),	W("against"), W("along"),	W("among"),
	W("around"), W("before"), W("behind"), W("below"),	W("beside"),  W("beyond"),	W("by"),
	W("during"), W("for"),	  W("from"),   W("inside"), W("into"),	  W("near"),	W("of"),
	W("on"),	 W("over"),	  W("past"),   W("since"),	W("through"), W("to"),		W("toward"),
	W("under"),	 W("until"),  W("upon"),   W("with"),	W("within"),  W("without"),
};
static const Word auxiliaries[] = {
	W("can"),	  W("could"),	 W("do"),	   W("may"),	W("might"),	 W("must"),
	W("shall"),	  W("should"),	 W("will"),	   W("would"),	W("do not"), W("have to"),
	W("need to"), W("ought to"), W("tend to"), W("try to"),
};
static const Word terminators[] = { W("."), W(";"), W(":"), W("?"), W("!"), W("--") };

static const char *const colours[] = {
	"almond",	"antique",	 "aquamarine", "azure",		 "beige",	  "bisque",	   "black",
	"blanched", "blue",		 "blush",	   "brown",		 "burlywood", "burnished", "chartreuse",
	"chiffon",	"chocolate", "coral",	   "cornflower", "cornsilk",  "cream",	   "cyan",
	"dark",		"deep",		 "dim",		   "dodger",	 "drab",	  "firebrick", "floral",
	"forest",	"frosted",	 "gainsboro",  "ghost",		 "goldenrod", "green",	   "grey",
	"honeydew", "hot",		 "indian",	   "ivory",		 "khaki",	  "lace",	   "lavender",
	"lawn",		"lemon",	 "light",	   "lime",		 "linen",	  "magenta",   "maroon",
	"medium",	"metallic",	 "midnight",   "mint",		 "misty",	  "moccasin",  "navajo",
	"navy",		"olive",	 "orange",	   "orchid",	 "pale",	  "papaya",	   "peach",
	"peru",		"pink",		 "plum",	   "powder",	 "puff",	  "purple",	   "red",
	"rose",		"rosy",		 "royal",	   "saddle",	 "salmon",	  "sandy",	   "seashell",
	"sienna",	"sky",		 "slate",	   "smoke",		 "snow",	  "spring",	   "steel",
	"tan",		"thistle",	 "tomato",	   "turquoise",	 "violet",	  "wheat",	   "white",
	"yellow",
};
#define COLOURS ((int) (sizeof(colours) / sizeof(colours[0])))
#define NAME_COLOURS 5

/* --- sentences -------------------------------------------------------------------------------- */

static inline char *
append(char *end, const Word *word)
{
	/* the whole array, of constant length: the rest is overwritten by what follows */
	memcpy(end, word->letters, sizeof(word->letters));
	return end + word->length;
}

static inline char *
append_word(char *end, const Word *word)
{
	end = append(end, word);
	*end++ = ' ';
	return end;
}

#define any(words) (&(words)[draw_between(draw, 0, (int64_t) (sizeof(words) / sizeof(Word)) - 1)])
#define any_favoured(words) (&(words)[favoured(draw, (int) (sizeof(words) / sizeof(Word)))])

static int
favoured(TpchDraw *draw, int words)
{
	int n = (int) draw_between(draw, 0, words - 1 + FAVOURITES * (FAVOUR - 1));

	return n < FAVOURITES * FAVOUR ? n / FAVOUR : n - FAVOURITES * (FAVOUR - 1);
}

static char *
noun_phrase(TpchDraw *draw, char *end)
{
	switch (draw_between(draw, 0, 3))
	{
		case 0:
			break;
		case 1:
			end = append_word(end, any_favoured(adjectives));
			break;
		case 2:
			end = append(end, any_favoured(adjectives));
			*end++ = ',';
			*end++ = ' ';
			end = append_word(end, any_favoured(adjectives));
			break;
		case 3:
			end = append_word(end, any(adverbs));
			end = append_word(end, any_favoured(adjectives));
			break;
	}
	return append_word(end, any_favoured(nouns));
}

static char *
verb_phrase(TpchDraw *draw, char *end)
{
	int form = (int) draw_between(draw, 0, 3);

	if (form & 1)
		end = append_word(end, any(auxiliaries));
	end = append_word(end, any(verbs));
	if (form & 2)
		end = append_word(end, any(adverbs));
	return end;
}

static char *
prepositional_phrase(TpchDraw *draw, char *end)
{
	static const Word the = W("the");

	end = append_word(end, any(prepositions));
	end = append_word(end, &the);
	return noun_phrase(draw, end);
}

/*
 * sentence --- one of the specification's five kinds, with a space behind
 * its terminator.
 */
static char *
sentence(TpchDraw *draw, char *end)
{
	int kind = (int) draw_between(draw, 0, 4);

	end = noun_phrase(draw, end);
	if (kind >= 3)
		end = prepositional_phrase(draw, end);
	end = verb_phrase(draw, end);
	if (kind == 1 || kind == 4)
		end = prepositional_phrase(draw, end);
	else if (kind == 2 || kind == 3)
		end = noun_phrase(draw, end);
	return append_word(end - 1, any(terminators));
}

/*
 * cut --- between min and max bytes from a random place.
 */
static size_t
cut(TpchDraw *draw, size_t min, size_t max, char *text)
{
	size_t wanted = (size_t) draw_between(draw, (int64_t) min, (int64_t) max);
	char buffer[SENTENCE_MAX];
	size_t length = (size_t) (sentence(draw, buffer) - buffer);
	size_t skip = (size_t) draw_between(draw, 0, (int64_t) length - 1);
	size_t filled = 0;

	for (;;)
	{
		size_t n = length - skip;

		if (n > wanted - filled)
			n = wanted - filled;
		memcpy(text + filled, buffer + skip, n);
		filled += n;
		if (filled == wanted)
			return wanted;
		skip = 0;
		length = (size_t) (sentence(draw, buffer) - buffer);
	}
}

static size_t
comment(const Tpch *tpch, TpchStream stream, int64_t number, size_t min, size_t max, char *text)
{
	TpchDraw draw = draw_begin(tpch, stream, number);

	return cut(&draw, min, max, text);
}

/* --- addresses and names ---------------------------------------------------------------------- */

/* 10 to 40 of 64 characters, none of which COPY would have to escape */
static size_t
address(const Tpch *tpch, TpchStream stream, int64_t number, char *text)
{
	static const char characters[] =
		"0123456789abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ,";
	TpchDraw draw = draw_begin(tpch, stream, number);
	size_t length = (size_t) draw_between(&draw, 10, 40);
	uint64_t bits = 0;

	for (size_t i = 0; i < length; i++)
	{
		if (i % 10 == 0)
			bits = draw_bits(&draw);
		text[i] = characters[bits & 63];
		bits >>= 6;
	}
	return length;
}

/*
 * tpch_part_name --- five different colours.
 */
size_t
tpch_part_name(const Tpch *tpch, int64_t partkey, char *text)
{
	TpchDraw draw = draw_begin(tpch, STREAM_PART_NAME, partkey);
	int chosen[NAME_COLOURS];
	char *end = text;

	for (int i = 0; i < NAME_COLOURS; i++)
	{
		bool again;

		do
		{
			again = false;
			chosen[i] = (int) draw_between(&draw, 0, COLOURS - 1);
			for (int j = 0; j < i; j++)
				again |= chosen[j] == chosen[i];
		} while (again);
		if (i > 0)
			*end++ = ' ';
		for (const char *letter = colours[chosen[i]]; *letter != '\0'; letter++)
			*end++ = *letter;
	}
	return (size_t) (end - text);
}

/* --- texts by column -------------------------------------------------------------------------- */

size_t
tpch_part_comment(const Tpch *tpch, int64_t partkey, char *text)
{
	return comment(tpch, STREAM_PART_COMMENT, partkey, 5, 22, text);
}

size_t
tpch_partsupp_comment(const Tpch *tpch, int64_t partkey, int which, char *text)
{
	return comment(tpch, STREAM_PARTSUPP_COMMENT, partkey * TPCH_PART_SUPPLIERS + which, 49, 198,
				   text);
}

size_t
tpch_supplier_address(const Tpch *tpch, int64_t suppkey, char *text)
{
	return address(tpch, STREAM_SUPPLIER_ADDRESS, suppkey, text);
}

/*
 * tpch_supplier_comment --- of each 2,000 suppliers one has complaints of
 * customers, another one recommendations: five a unit of scale.
 */
size_t
tpch_supplier_comment(const Tpch *tpch, int64_t suppkey, char *text)
{
	enum
	{
		EACH = 2000
	};
	static const char customer[] = "Customer";
	static const char *const opinions[] = { "Complaints", "Recommends" };
	const size_t letters = sizeof(customer) - 1 + 10;
	TpchDraw block = draw_begin(tpch, STREAM_SUPPLIER_OPINION, (suppkey - 1) / EACH);
	int64_t complains = draw_between(&block, 0, EACH - 1);
	int64_t recommends = (complains + draw_between(&block, 1, EACH - 1)) % EACH;
	int64_t self = (suppkey - 1) % EACH;
	TpchDraw draw = draw_begin(tpch, STREAM_SUPPLIER_COMMENT, suppkey);
	size_t length = cut(&draw, 25, 100, text);

	if (self == complains || self == recommends)
	{
		size_t room = length - letters;
		size_t before = (size_t) draw_between(&draw, 0, (int64_t) room);
		size_t between = (size_t) draw_between(&draw, 0, (int64_t) (room - before));

		memcpy(text + before, customer, sizeof(customer) - 1);
		memcpy(text + before + sizeof(customer) - 1 + between, opinions[self == recommends], 10);
	}
	return length;
}

size_t
tpch_customer_address(const Tpch *tpch, int64_t custkey, char *text)
{
	return address(tpch, STREAM_CUSTOMER_ADDRESS, custkey, text);
}

size_t
tpch_customer_comment(const Tpch *tpch, int64_t custkey, char *text)
{
	return comment(tpch, STREAM_CUSTOMER_COMMENT, custkey, 29, 116, text);
}

size_t
tpch_order_comment(const Tpch *tpch, int64_t number, char *text)
{
	return comment(tpch, STREAM_ORDER_COMMENT, number, 19, 78, text);
}

size_t
tpch_line_comment(const Tpch *tpch, int64_t number, int line, char *text)
{
	return comment(tpch, STREAM_LINE_COMMENT, number * TPCH_LINES_MAX + line, 10, 43, text);
}

size_t
tpch_nation_comment(const Tpch *tpch, int nationkey, char *text)
{
	return comment(tpch, STREAM_NATION_COMMENT, nationkey, 31, 114, text);
}

size_t
tpch_region_comment(const Tpch *tpch, int regionkey, char *text)
{
	return comment(tpch, STREAM_REGION_COMMENT, regionkey, 31, 115, text);
}
