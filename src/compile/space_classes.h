/*
 * Cutting a field into classes of values: private to space.c.
 *
 * Every range list gets a random key. Where a list begins or ends, its key is XORed into the
 * running id, so that equal ids mean: in the same lists.
 */
#ifndef COMPILE_SPACE_CLASSES_H
#define COMPILE_SPACE_CLASSES_H

#include "base/net.h"

struct class_event {
	ip_number at;
	uint64_t key;
};

struct class_cutter {
	ip_number last; /* the field's largest value */
	struct class_event *events;
	size_t count;
	size_t capacity;
};

/* How good a representative a stretch of values gives (more is better), and which one it is. */
struct class_taste {
	int (*score)(ip_number first, ip_number last);
	ip_number (*choose)(ip_number first, ip_number last);
};

uint64_t class_key(uint64_t number);

/* 0 or -ENOMEM. */
int class_cutter_add(struct class_cutter *cutter, ip_number first, ip_number last, uint64_t key);
/* One value for each class, ascending; the caller frees them. Ends the cutter. 0 or -ENOMEM. */
int class_cutter_finish(struct class_cutter *cutter, const struct class_taste *taste,
			ip_number **ret, size_t *ret_count);
void class_cutter_fini(struct class_cutter *cutter);

#endif
