// libhdf5's constants, and from 1.12 on some of its functions and types, are macros, which Swift does not see; these functions stand for them.
#ifndef ATHANOR_HDF5_SHIM_H
#define ATHANOR_HDF5_SHIM_H
#include <hdf5.h>
static inline hid_t ath_h5_native_float(void) { return H5T_NATIVE_FLOAT; }
static inline hid_t ath_h5_native_int32(void) { return H5T_NATIVE_INT32; }
static inline hid_t ath_h5_file_float(void) { return H5T_IEEE_F32LE; }
static inline hid_t ath_h5_file_double(void) { return H5T_IEEE_F64LE; }
static inline hid_t ath_h5_file_int32(void) { return H5T_STD_I32LE; }
static inline hid_t ath_h5_c_string(void) { return H5T_C_S1; }
static inline hid_t ath_h5_default(void) { return H5P_DEFAULT; }
static inline hid_t ath_h5_dataset_creation(void) { return H5P_DATASET_CREATE; }
static inline hid_t ath_h5_group_creation(void) { return H5P_GROUP_CREATE; }
static inline unsigned ath_h5_truncate(void) { return H5F_ACC_TRUNC; }
static inline unsigned ath_h5_read_only(void) { return H5F_ACC_RDONLY; }
static inline size_t ath_h5_variable(void) { return H5T_VARIABLE; }
static inline hid_t ath_h5_all(void) { return H5S_ALL; }
/// Whether a name leads to an object of this file: not a soft or external link. Negative when there is no such name.
static inline int ath_h5_is_hard_link(hid_t group, const char *name) {
#if H5_VERSION_GE(1, 12, 0)
  H5L_info2_t information;
  herr_t status = H5Lget_info2(group, name, &information, H5P_DEFAULT);
#else
  H5L_info_t information;
  herr_t status = H5Lget_info(group, name, &information, H5P_DEFAULT);
#endif
  return status < 0 ? -1 : information.type == H5L_TYPE_HARD;
}
/// Releases the texts that reading put into memory.
static inline void ath_h5_reclaim(hid_t type, hid_t space, void *memory) {
#if H5_VERSION_GE(1, 12, 0)
  H5Treclaim(type, space, H5P_DEFAULT, memory);
#else
  H5Dvlen_reclaim(type, space, H5P_DEFAULT, memory);
#endif
}
/// Access to a file in memory, laid out so that the oldest versions read it; HDF5 2.0 does otherwise by itself. Negative on failure.
static inline hid_t ath_h5_memory_access(void) {
  hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  if (access < 0) return access;
  if (H5Pset_fapl_core(access, 1 << 20, 0) < 0 || H5Pset_libver_bounds(access, H5F_LIBVER_EARLIEST, H5F_LIBVER_LATEST) < 0) {
    H5Pclose(access);
    return -1;
  }
  return access;
}
/// Access to a copy of a file's bytes. Negative on failure.
static inline hid_t ath_h5_image_access(const void *bytes, size_t size) {
  hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  if (access < 0) return access;
  if (H5Pset_fapl_core(access, 1 << 20, 0) < 0 || H5Pset_file_image(access, (void *)bytes, size) < 0) {
    H5Pclose(access);
    return -1;
  }
  return access;
}
/// To be called before anything else: no messages of libhdf5's own, and no tidying at exit, where a damaged file lets it loop or crash.
static inline void ath_h5_prepare(void) {
  H5dont_atexit();
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}
#endif
