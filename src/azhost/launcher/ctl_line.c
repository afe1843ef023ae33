/* Reading of a command line, see ctl_line.h. */
#include "azhost/launcher/ctl_line.h"

#include "azhost/host/say.h"
#include "azhost/launcher/ctl.h"
#include "azhost/launcher/ctl_print.h"

#include <stdlib.h>
#include <string.h>

void ctl_tell(const struct ctl_line *line, const struct accelnet_error *err)
{
	if (line->as_json)
		ctl_print_error(err);
	else
		say("%s", err->detail);
}

int ctl_usage(const struct ctl_line *line, const char *what, const char *word)
{
	struct accelnet_error err;

	(void)fail(&err, ACCELNET_E_USAGE, NULL, "%s%s%s (azhost ctl --help)", what,
		   word != NULL ? ": " : "", word != NULL ? word : "");
	ctl_tell(line, &err);
	return CTL_USAGE;
}

static void note_wrong(struct ctl_line *line, const char *what, const char *word)
{
	if (line->wrong != NULL)
		return;
	line->wrong = what;
	line->wrong_word = word;
}

/* `value` NULL: there is none. */
static void read_option(struct ctl_line *line, const char *name, const char *value)
{
	if (value == NULL) {
		note_wrong(line, "no value given", name);
	} else if (strcmp(name, "--socket") == 0) {
		line->socket = value;
	} else if (line->option_count + 2 > CTL_ARGUMENTS_MAX) {
		note_wrong(line, "too many options", NULL);
	} else {
		line->options[line->option_count++] = name;
		line->options[line->option_count++] = value;
	}
}

enum ctl_line_answer ctl_line_read(int argc, char **argv, struct ctl_line *ret)
{
	*ret = (struct ctl_line){ .socket = getenv("AZHOST_SOCKET") };
	for (int i = 1; i < argc; i++) {
		const char *word = argv[i];

		if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
			return CTL_LINE_HELP;
		if (strcmp(word, "--json") == 0)
			ret->as_json = true;
		else if (strncmp(word, "--", 2) == 0)
			read_option(ret, word, i + 1 < argc ? argv[++i] : NULL);
		else if (ret->count == CTL_ARGUMENTS_MAX)
			note_wrong(ret, "too many words", NULL);
		else
			ret->words[ret->count++] = word;
	}
	if (ret->count == 0)
		note_wrong(ret, "no command", NULL);
	return CTL_LINE_READ;
}
