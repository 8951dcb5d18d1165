// What Sources/System/CHDF5 and AthanorKeras use of libhdf5, as HDF5 1.14 declares it: written from the signatures in its reference
// manual.
// Tools/check_headers.sh type-checks the sources against this file.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef int64_t hid_t;
typedef int herr_t;
typedef bool hbool_t;
typedef uint64_t hsize_t;

typedef enum H5T_cset_t { H5T_CSET_ERROR = -1, H5T_CSET_ASCII, H5T_CSET_UTF8 } H5T_cset_t;
typedef enum H5S_class_t { H5S_NO_CLASS = -1, H5S_SCALAR, H5S_SIMPLE, H5S_NULL } H5S_class_t;
typedef enum H5F_scope_t { H5F_SCOPE_LOCAL, H5F_SCOPE_GLOBAL } H5F_scope_t;
typedef enum H5F_libver_t { H5F_LIBVER_ERROR = -1, H5F_LIBVER_EARLIEST, H5F_LIBVER_V18, H5F_LIBVER_V110, H5F_LIBVER_V112, H5F_LIBVER_V114 } H5F_libver_t;
#define H5F_LIBVER_LATEST H5F_LIBVER_V114
extern hid_t H5T_NATIVE_FLOAT_g, H5T_NATIVE_INT32_g, H5T_IEEE_F32LE_g, H5T_IEEE_F64LE_g, H5T_STD_I32LE_g, H5T_C_S1_g;
extern hid_t H5P_CLS_DATASET_CREATE_ID_g, H5P_CLS_GROUP_CREATE_ID_g, H5P_CLS_FILE_ACCESS_ID_g;
herr_t H5open(void);
#define H5T_NATIVE_FLOAT (H5open(), H5T_NATIVE_FLOAT_g)
#define H5T_NATIVE_INT32 (H5open(), H5T_NATIVE_INT32_g)
#define H5T_IEEE_F32LE (H5open(), H5T_IEEE_F32LE_g)
#define H5T_IEEE_F64LE (H5open(), H5T_IEEE_F64LE_g)
#define H5T_STD_I32LE (H5open(), H5T_STD_I32LE_g)
#define H5T_C_S1 (H5open(), H5T_C_S1_g)
#define H5T_VARIABLE ((size_t)(-1))
#define H5P_DEFAULT 0
#define H5P_DATASET_CREATE (H5open(), H5P_CLS_DATASET_CREATE_ID_g)
#define H5P_GROUP_CREATE (H5open(), H5P_CLS_GROUP_CREATE_ID_g)
#define H5P_FILE_ACCESS (H5open(), H5P_CLS_FILE_ACCESS_ID_g)
#define H5F_ACC_TRUNC (H5open(), 0x0002u)
#define H5S_ALL 0
#define H5E_DEFAULT 0

herr_t H5dont_atexit(void);
typedef herr_t (*H5E_auto2_t)(hid_t estack, void *client_data);
herr_t H5Eset_auto2(hid_t estack_id, H5E_auto2_t func, void *client_data);

hid_t H5Fcreate(const char *filename, unsigned flags, hid_t fcpl_id, hid_t fapl_id);
herr_t H5Fflush(hid_t object_id, H5F_scope_t scope);
ssize_t H5Fget_file_image(hid_t file_id, void *buf_ptr, size_t buf_len);
herr_t H5Fclose(hid_t file_id);

hid_t H5Gcreate2(hid_t loc_id, const char *name, hid_t lcpl_id, hid_t gcpl_id, hid_t gapl_id);
herr_t H5Gclose(hid_t group_id);

hid_t H5Acreate2(hid_t loc_id, const char *attr_name, hid_t type_id, hid_t space_id, hid_t acpl_id, hid_t aapl_id);
herr_t H5Awrite(hid_t attr_id, hid_t type_id, const void *buf);
herr_t H5Aclose(hid_t attr_id);

hid_t H5Dcreate2(hid_t loc_id, const char *name, hid_t type_id, hid_t space_id, hid_t lcpl_id, hid_t dcpl_id, hid_t dapl_id);
herr_t H5Dwrite(hid_t dset_id, hid_t mem_type_id, hid_t mem_space_id, hid_t file_space_id, hid_t dxpl_id, const void *buf);
herr_t H5Dclose(hid_t dset_id);

hid_t H5Pcreate(hid_t cls_id);
herr_t H5Pclose(hid_t plist_id);
herr_t H5Pset_fapl_core(hid_t fapl_id, size_t increment, hbool_t backing_store);
herr_t H5Pset_libver_bounds(hid_t plist_id, H5F_libver_t low, H5F_libver_t high);
herr_t H5Pset_obj_track_times(hid_t plist_id, hbool_t track_times);

hid_t H5Screate(H5S_class_t type);
hid_t H5Screate_simple(int rank, const hsize_t dims[], const hsize_t maxdims[]);
herr_t H5Sclose(hid_t space_id);

hid_t H5Tcopy(hid_t type_id);
herr_t H5Tset_size(hid_t type_id, size_t size);
herr_t H5Tset_cset(hid_t type_id, H5T_cset_t cset);
herr_t H5Tclose(hid_t type_id);
