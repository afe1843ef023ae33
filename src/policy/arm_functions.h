/*
 * The template functions: shared by the files that implement them.
 *
 * https://learn.microsoft.com/azure/azure-resource-manager/templates/template-functions
 * Internal to the policy room.
 */
#ifndef POLICY_ARM_FUNCTIONS_H
#define POLICY_ARM_FUNCTIONS_H

#include "policy/arm_evaluate.h"

#define ARM_ANY_NUMBER 255

struct arm_function {
	const char *name;
	uint8_t least;
	uint8_t most; /* ARM_ANY_NUMBER: as many as there are */
	int (*run)(struct arm_call *call, struct json **ret);
};

/* Each ends with a NULL name. */
extern const struct arm_function arm_logic_functions[];
extern const struct arm_function arm_text_functions[];
extern const struct arm_function arm_search_functions[];
extern const struct arm_function arm_list_functions[];
extern const struct arm_function arm_object_functions[];
extern const struct arm_function arm_set_functions[];
extern const struct arm_function arm_network_functions[];

struct json_at arm_arg(const struct arm_call *call, size_t i);
/* Fail where the argument is of another type. */
int arm_arg_text(const struct arm_call *call, size_t i, const char **ret);
int arm_arg_integer(const struct arm_call *call, size_t i, int64_t *ret);
int arm_arg_bool(const struct arm_call *call, size_t i, bool *ret);
/* Argument `i` is not of a type that the function takes. */
int arm_arg_refused(const struct arm_call *call, size_t i);

struct json *arm_bool(bool value);
struct json *arm_null(void);
/* A text that was made; charges for it and frees `text`. */
int arm_return_text(struct arm_call *call, char *text, struct json **ret);
/* `left`, which is freed and may be NULL, and the first `length` bytes of `right`. */
char *arm_joined(char *left, const char *right, size_t length);
/* Equal as JSON; the order of an object's members does not count. */
bool arm_equal(const struct json_at *a, const struct json_at *b);
bool arm_list_has(const struct json_at *list, const struct json_at *wanted);

#endif
