/* Lines on standard error, see say.h. */
#include "azhost/host/say.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

static bool verbose;

static void say_line(const char *format, va_list args)
{
	char line[1024];
	size_t used = (size_t)snprintf(line, sizeof(line), "azhost: ");
	int n = vsnprintf(line + used, sizeof(line) - used - 1, format, args);

	if (n < 0)
		return;
	used += (size_t)n < sizeof(line) - used - 1 ? (size_t)n : sizeof(line) - used - 2;
	line[used++] = '\n';

	/* Nobody is left to be told when standard error is closed. */
	ssize_t written = write(STDERR_FILENO, line, used);

	(void)written;
}

void say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say_line(format, args);
	va_end(args);
}

void say_detail(const char *format, ...)
{
	va_list args;

	if (!verbose)
		return;
	va_start(args, format);
	say_line(format, args);
	va_end(args);
}

void say_verbose(void)
{
	verbose = true;
}
