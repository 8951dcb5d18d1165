// libhdf5's constants are macros, which Swift does not see; these functions stand for them. It writes files; HDF5Reader reads them.
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
static inline size_t ath_h5_variable(void) { return H5T_VARIABLE; }
static inline hid_t ath_h5_all(void) { return H5S_ALL; }
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
/// To be called before anything else: no messages of libhdf5's own, and no tidying at exit.
static inline void ath_h5_prepare(void) {
  H5dont_atexit();
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}
#endif
