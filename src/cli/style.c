/*
 * Colour and clean text: see style.h.
 */
#include "cli/style.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static const char *const codes[] = {
	[STYLE_PLAIN] = "",       [STYLE_HEAD] = "\033[1m",  [STYLE_GOOD] = "\033[32m",
	[STYLE_BAD] = "\033[31m", [STYLE_WARN] = "\033[33m", [STYLE_DIM] = "\033[2m",
};

bool style_wanted(FILE *file, bool no_color)
{
	const char *variable = getenv("NO_COLOR");

	return !no_color && !(variable && *variable) && isatty(fileno(file));
}

/*
 * The next character of UTF-8 text: how many bytes, and whether it may go to a terminal. C0, DEL
 * and C1 (U+0080 to U+009F) may not.
 */
static size_t next_character(const unsigned char *text, bool *ret_clean)
{
	size_t length = text[0] < 0x80 ? 1 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;

	*ret_clean = !(text[0] < 0x20 || text[0] == 0x7f || (text[0] == 0xc2 && text[1] < 0xa0));
	for (size_t i = 1; i < length; i++) {
		if ((text[i] & 0xc0) != 0x80) {
			*ret_clean = false;
			return 1;
		}
	}
	return length;
}

static void print_clean(FILE *file, const char *text)
{
	for (const unsigned char *at = (const unsigned char *)text; *at;) {
		bool clean;
		size_t length = next_character(at, &clean);

		if (clean)
			fwrite(at, 1, length, file);
		else
			for (size_t i = 0; i < length; i++)
				fprintf(file, "\\x%02x", at[i]);
		at += length;
	}
}

void style_print(FILE *file, bool colour, enum style style, const char *text)
{
	if (!colour || style == STYLE_PLAIN) {
		print_clean(file, text);
		return;
	}
	fputs(codes[style], file);
	print_clean(file, text);
	fputs("\033[0m", file);
}

size_t style_width(const char *text)
{
	size_t width = 0;

	for (const unsigned char *at = (const unsigned char *)text; *at;) {
		bool clean;
		size_t length = next_character(at, &clean);

		width += clean ? 1 : 4 * length;
		at += length;
	}
	return width;
}

enum style style_of_word(const char *text)
{
	static const struct {
		const char *word;
		enum style style;
	} words[] = {
		{ "Allow", STYLE_GOOD },    { "AlwaysAllow", STYLE_GOOD }, { "Deny", STYLE_BAD },
		{ "hardware", STYLE_GOOD }, { "refused", STYLE_BAD },      { "error", STYLE_BAD },
		{ "warning", STYLE_WARN },  { "added", STYLE_GOOD },       { "removed", STYLE_BAD },
		{ "changed", STYLE_WARN },  { "audit", STYLE_WARN },       { "down", STYLE_BAD },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcasecmp(text, words[i].word) == 0)
			return words[i].style;
	}
	return STYLE_PLAIN;
}
