/*
 * Evaluating templates: scopes, lazy values, copy loops.
 *
 * Values are lazy, because templates are full of things that only a deployment knows and a policy
 * does not need: variables('net').prefix must not fail for what stands beside `prefix`. A lazy
 * value is a place in the template together with the scope in which its expressions are to be read.
 *
 * Internal to the policy room. Thread: any; state is in struct arm_machine.
 */
#ifndef POLICY_ARM_EVALUATE_H
#define POLICY_ARM_EVALUATE_H

#include "base/error.h"
#include "base/json.h"
#include "policy/arm_expression.h"

/* One run over one file. */
struct arm_machine {
	struct report *report;
	const struct json_at *at; /* the string whose expression is being evaluated */
	size_t steps;             /* done so far: a template may not run for ever */
	size_t bytes;             /* of text made so far */
	unsigned depth;
	bool gave_up;  /* it was too much, which was reported: everything fails from then on */
	bool tolerant; /* what only a deployment knows is not reported, but ... */
	bool deployment_only; /* ... noted here */
	struct json_at **kept;
	size_t kept_count;
};

struct arm_loop {
	const char *name;
	int64_t index;
	bool of_resource; /* not of a property or variable */
	const struct arm_loop *outer;
};

/* The parameters and variables that expressions see. */
struct arm_scope {
	const struct json_at *template;    /* whose `parameters` and `variables` count */
	const struct json *given;          /* the user's parameter values, or NULL */
	const struct json_at *passed;      /* of a nested deployment: its `parameters`, or NULL */
	const struct arm_scope *passed_in; /* where their expressions are to be read */
};

struct arm_env {
	struct arm_machine *machine;
	const struct arm_scope *scope;
	const struct arm_loop *loops; /* innermost first */
};

/* Either evaluated and owned, or a place in the file that is yet to be evaluated. */
struct arm_value {
	struct json *owned;
	const struct json_at *raw;
	struct arm_env env;
};

void arm_machine_fini(struct arm_machine *machine);
/* A copy of the cursor that lives as long as the machine. */
const struct json_at *arm_keep(struct arm_machine *machine, const struct json_at *at);

/* Reports why the expression at hand cannot be evaluated; returns its error number. */
int arm_fail(struct arm_machine *machine, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The same for what only a deployment knows. */
int arm_fail_deployment(struct arm_machine *machine, const char *function);
/* Counts `bytes` of text that was made; fails where it is too much. */
int arm_charge(struct arm_machine *machine, size_t bytes);

/* One level down; the caller takes one off machine->depth where this succeeds. */
int arm_deeper(struct arm_machine *machine);

/* Everything below `at`, evaluated. Fails with all problems reported. The caller frees *ret. */
int arm_evaluate(const struct arm_env *env, const struct json_at *at, struct json **ret);
/* Sets *ret, whose env must be valid, to what the node gives; on failure it may hold a part. */
int arm_evaluate_node(const struct arm_env *env, const struct arm_node *node,
		      struct arm_value *ret);
/* Goes on from an expression to what it gives, until that is something else. */
int arm_resolve(struct arm_value *value);
/* Turns a value into an owned one. */
int arm_force(struct arm_value *value);
void arm_value_fini(struct arm_value *value);

/* True for an object some of whose members are made by copy loops. */
bool arm_has_copies(const struct json_at *at);
/* How often a `copy` object repeats; *ret_name borrows from the file. */
int arm_copy_count(const struct arm_env *env, const struct json_at *copy, int64_t *ret,
		   const char **ret_name);

/* arm_names.c: what parameters() and variables() give */
int arm_parameter(const struct arm_env *env, const char *name, struct arm_value *ret);
int arm_variable(const struct arm_env *env, const char *name, struct arm_value *ret);
/* Reports values that scope->given has for parameters that the template does not have. */
int arm_check_given(const struct arm_env *env);

/* arm_functions.c: a function whose arguments are evaluated already */
struct arm_call {
	const struct arm_env *env;
	const char *name;
	struct json **args;
	size_t count;
};
bool arm_function_known(const char *name);
int arm_function_call(struct arm_call *call, struct json **ret);

#endif
