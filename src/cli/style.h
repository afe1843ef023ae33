/*
 * What goes to a terminal: colour where it is wanted, and no control character from anybody's data.
 */
#ifndef CLI_STYLE_H
#define CLI_STYLE_H

#include <stdbool.h>
#include <stdio.h>

enum style { STYLE_PLAIN, STYLE_HEAD, STYLE_GOOD, STYLE_BAD, STYLE_WARN, STYLE_DIM };

/* True where `file` is a terminal, NO_COLOR (https://no-color.org) is not set, nor `no_color`. */
bool style_wanted(FILE *file, bool no_color);

/* The text in its style; control characters are shown as \x1b and the like. */
void style_print(FILE *file, bool colour, enum style style, const char *text);

/* What the text takes on a terminal, in columns, when printed by style_print(). */
size_t style_width(const char *text);

/* STYLE_GOOD for Allow, STYLE_BAD for Deny, and so on; STYLE_PLAIN for other words. */
enum style style_of_word(const char *text);

#endif
