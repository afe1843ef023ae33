/*
 * Aligned tables for people. Memory exhaustion aborts. Not thread-safe.
 */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stdbool.h>
#include <stdio.h>

#define TABLE_COLUMNS_MAX 16

struct table;

/* Headings separated by bars: "NAME|MAC|RULES#"; # at the end of one aligns its column right. */
struct table *table_new(const char *headings);
void table_free(struct table *table);

/* Adds a cell to the last row; a row is full at the last column. NULL is shown as "-". */
void table_add(struct table *table, const char *text);
void table_addf(struct table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The last column is not padded, so that lines have no blanks at their end. */
void table_print(const struct table *table, FILE *file, bool colour);

#endif
