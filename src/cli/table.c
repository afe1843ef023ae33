/*
 * Aligned tables: see table.h.
 */
#include "cli/table.h"

#include "cli/style.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct table {
	size_t columns;
	char *headings[TABLE_COLUMNS_MAX];
	bool right[TABLE_COLUMNS_MAX];
	char **cells;
	size_t count;
	size_t capacity;
};

static void *must(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

struct table *table_new(const char *headings)
{
	struct table *table = must(calloc(1, sizeof(*table)));

	while (*headings && table->columns < TABLE_COLUMNS_MAX) {
		size_t length = strcspn(headings, "|");
		const bool right = length && headings[length - 1] == '#';
		const size_t column = table->columns++;

		table->right[column] = right;
		table->headings[column] = must(strndup(headings, length - right));
		headings += length + (headings[length] == '|');
	}
	return table;
}

void table_free(struct table *table)
{
	if (!table)
		return;
	for (size_t i = 0; i < table->columns; i++)
		free(table->headings[i]);
	for (size_t i = 0; i < table->count; i++)
		free(table->cells[i]);
	free(table->cells);
	free(table);
}

void table_add(struct table *table, const char *text)
{
	if (table->count == table->capacity) {
		table->capacity = table->capacity ? table->capacity * 2 : 64;
		table->cells =
			must(reallocarray(table->cells, table->capacity, sizeof(*table->cells)));
	}
	table->cells[table->count++] = must(strdup(text ? text : "-"));
}

void table_addf(struct table *table, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		abort();
	va_end(args);
	table_add(table, text);
	free(text);
}

static void print_cell(const struct table *table, size_t column, size_t width, const char *text,
		       enum style style, FILE *file, bool colour)
{
	const int blanks = (int)(width - style_width(text));

	if (column)
		fputs("  ", file);
	if (table->right[column])
		fprintf(file, "%*s", blanks, "");
	style_print(file, colour, style, text);
	if (!table->right[column] && column + 1 < table->columns)
		fprintf(file, "%*s", blanks, "");
}

static void measure(const struct table *table, size_t *widths)
{
	for (size_t i = 0; i < table->columns; i++)
		widths[i] = style_width(table->headings[i]);
	for (size_t i = 0; i < table->count; i++) {
		size_t width = style_width(table->cells[i]);

		if (width > widths[i % table->columns])
			widths[i % table->columns] = width;
	}
}

void table_print(const struct table *table, FILE *file, bool colour)
{
	size_t widths[TABLE_COLUMNS_MAX];

	measure(table, widths);
	for (size_t i = 0; i < table->columns; i++)
		print_cell(table, i, widths[i], table->headings[i], STYLE_HEAD, file, colour);
	fputc('\n', file);
	for (size_t i = 0; i < table->count; i++) {
		size_t column = i % table->columns;

		print_cell(table, column, widths[column], table->cells[i],
			   style_of_word(table->cells[i]), file, colour);
		if (column + 1 == table->columns)
			fputc('\n', file);
	}
}
