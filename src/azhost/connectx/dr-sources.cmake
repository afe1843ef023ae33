# The mlx5dv_dr_* entry points; paths are relative to src/azhost/connectx.
set(AZHOST_DR_SOURCES
    dr.c
    dr_action.c
    dr_refused.c)
