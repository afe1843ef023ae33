/*
 * CREATE_MKEY: keys over a umem (MTT mode) and over stretches of other keys (KLM mode).
 */
#include "azhost/connectx/devx.h"

#include <stdlib.h>

struct mkey_object {
	struct mlx5dv_devx_obj object;
	struct cx_mkey key;
};

static void mkey_release(struct mlx5dv_devx_obj *object)
{
	struct mkey_object *mkey = (struct mkey_object *)object;

	cx_mkey_remove(&object->device->memory, &mkey->key);
	if (mkey->key.umem)
		mkey->key.umem->users--;
	free(mkey->key.klms);
}

static enum prm_status fill_mtt(struct cx_command *command, struct cx_mkey *key)
{
	uint64_t offset = prm_get64(command->in, CREATE_MKEY_IN_OFFSET);
	uint32_t number = prm_get(command->in, CREATE_MKEY_IN_UMEM);
	struct cx_umem *umem = cx_umem_find(&command->device->memory, number, offset, key->length);

	if (!umem)
		return PRM_BAD_PARAMETER;
	key->umem = umem;
	key->memory = umem->address + offset;
	return PRM_OK;
}

static enum prm_status fill_klm(struct cx_command *command, struct cx_mkey *key)
{
	uint32_t n = prm_get(command->in, CREATE_MKEY_IN_ENTRIES);
	const uint8_t *entry = command->in + CREATE_MKEY_IN_KLM;

	if (n == 0 || n > (command->in_bytes - CREATE_MKEY_IN_KLM) / KLM_BYTES)
		return PRM_BAD_INPUT_LENGTH;
	key->klms = calloc(n, sizeof(struct cx_klm));
	if (!key->klms)
		return PRM_NO_RESOURCES;
	key->n_klms = n;
	for (uint32_t i = 0; i < n; i++, entry += KLM_BYTES) {
		key->klms[i].length = prm_get(entry, KLM_BYTE_COUNT);
		key->klms[i].key = prm_get(entry, KLM_MKEY);
		key->klms[i].address = prm_get64(entry, KLM_ADDRESS);
	}
	return PRM_OK;
}

enum prm_status cx_create_mkey(struct cx_command *command, struct mlx5dv_devx_obj **ret_object)
{
	const uint8_t *context = command->in + CREATE_MKEY_IN_MKC;
	uint32_t mode = prm_get(context, MKC_ACCESS_MODE);
	enum prm_status status = PRM_BAD_PARAMETER;
	struct mkey_object *mkey = cx_object_new(command->device, CX_MKEY, sizeof(*mkey));

	if (!mkey)
		return PRM_NO_RESOURCES;
	mkey->key.key = prm_get(context, MKC_VARIANT);
	mkey->key.writable = prm_get(context, MKC_LOCAL_WRITE);
	mkey->key.start = prm_get64(context, MKC_START);
	mkey->key.length = prm_get64(context, MKC_LENGTH);
	mkey->object.release = mkey_release;
	if (prm_get(context, MKC_ACCESS_MODE_HIGH) == 0 && mode == MKC_MODE_MTT)
		status = fill_mtt(command, &mkey->key);
	else if (prm_get(context, MKC_ACCESS_MODE_HIGH) == 0 && mode == MKC_MODE_KLM)
		status = fill_klm(command, &mkey->key);
	if (status == PRM_OK && cx_mkey_add(&command->device->memory, &mkey->key) < 0)
		status = PRM_NO_RESOURCES;
	if (status != PRM_OK) {
		free(mkey->key.klms);
		free(mkey);
		return status;
	}
	if (mkey->key.umem)
		mkey->key.umem->users++;
	prm_set(command->out, CMD_NUMBER, mkey->key.key >> 8);
	*ret_object = &mkey->object;
	return PRM_OK;
}
