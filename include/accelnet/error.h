/*
 * Error codes of accelnet: what a program that talks to accelnetd may rely on.
 *
 * The symbol is stable and goes over the control socket as `data.symbol`; the number is the
 * JSON-RPC error code; new codes are added at the end. Not here: how errors are made and carried
 * inside accelnet (src/base/error.h).
 */
#ifndef ACCELNET_ERROR_H
#define ACCELNET_ERROR_H

/*
 * X(NAME, JSON-RPC code, errno, "symbol", "what it means")
 *
 * The codes from -32700 to -32600 are JSON-RPC 2.0's own (section 5.1 of its specification).
 */
#define ACCELNET_ERRORS(X)                                                                         \
	X(SYNTAX, -32700, EINVAL, "syntax", "not well-formed JSON")                                \
	X(REQUEST, -32600, EINVAL, "bad-request", "not a JSON-RPC 2.0 request")                    \
	X(METHOD, -32601, ENOENT, "unknown-method", "no such method")                              \
	X(PARAMS, -32602, EINVAL, "bad-params", "wrong parameters for this method")                \
	X(INTERNAL, -32603, EIO, "internal", "a fault of accelnet")                                \
	X(TOO_LARGE, 1001, EMSGSIZE, "too-large", "over a size, depth or count limit")             \
	X(ENCODING, 1002, EILSEQ, "bad-encoding", "not valid UTF-8, or a character not allowed")   \
	X(DUPLICATE_KEY, 1003, EINVAL, "duplicate-key", "a property stands twice in an object")    \
	X(TYPE, 1004, EINVAL, "wrong-type", "a value of another JSON type was expected")           \
	X(UNKNOWN_KEY, 1005, EINVAL, "unknown-key", "a property that is not known here")           \
	X(MISSING, 1006, EINVAL, "missing", "a required property is absent")                       \
	X(RANGE, 1007, ERANGE, "out-of-range", "a number or length outside its limits")            \
	X(VALUE, 1008, EINVAL, "bad-value", "a value that is not one of those accepted")           \
	X(FORM, 1009, EINVAL, "unknown-form", "not a policy document, NSG or template")            \
	X(ADDRESS, 1010, EINVAL, "bad-address", "not an IP address or prefix")                     \
	X(PORT_RANGE, 1011, EINVAL, "bad-port-range", "not a port or port range")                  \
	X(RULE_CONFLICT, 1012, EINVAL, "rule-conflict", "two rules that exclude each other")       \
	X(UNKNOWN_TAG, 1013, EINVAL, "unknown-tag", "a service tag that nothing defines")          \
	X(UNKNOWN_ASG, 1014, EINVAL, "unknown-asg", "an application security group not defined")   \
	X(RESERVED_TAG, 1015, EINVAL, "reserved-tag",                                              \
	  "a built-in service tag cannot be redefined")                                            \
	X(NO_CONTEXT, 1016, EINVAL, "no-context", "the policy needs context that is not given")    \
	X(SIDE, 1017, EINVAL, "bad-side", "a rule's source or destination is empty or twofold")    \
	X(AMBIGUOUS, 1018, EINVAL, "ambiguous", "several NSGs, and none was named")                \
	X(EXPRESSION, 1019, EINVAL, "bad-expression", "a template expression cannot be evaluated") \
	X(STRICT, 1020, EINVAL, "arm-rejects", "Azure Resource Manager would refuse this")         \
	X(LIMIT, 1021, ENOSPC, "limit", "a configured or built-in limit is reached")               \
	X(NOT_FOUND, 1022, ENOENT, "not-found", "no such NIC, rule, connection or generation")     \
	X(GENERATION_MISMATCH, 1023, EAGAIN, "generation-mismatch",                                \
	  "the policy in force is of another generation")                                          \
	X(STATE, 1024, EBUSY, "wrong-state", "not possible in the present state")                  \
	X(UNSUPPORTED, 1025, ENOTSUP, "unsupported", "this NIC or build cannot do that")           \
	X(IO, 1026, EIO, "io", "reading or writing failed")                                        \
	X(UNREACHABLE, 1027, ECONNREFUSED, "unreachable", "the daemon does not answer")            \
	X(USAGE, 1028, EINVAL, "usage", "wrong command-line usage")                                \
	X(MEMORY, 1029, ENOMEM, "no-memory", "out of memory")                                      \
	X(DEVICE, 1030, EIO, "device", "a device could not be used")

enum accelnet_code {
	ACCELNET_OK = 0,
#define ACCELNET_CODE_(name, rpc, err, symbol, text) ACCELNET_E_##name,
	ACCELNET_ERRORS(ACCELNET_CODE_)
#undef ACCELNET_CODE_
};

#endif
