// What AthanorArchives uses of libzip, as libzip 1.11 declares it with what may be null: written from the signatures in its manual.
// Tools/check_headers.sh type-checks the sources against this file.
#pragma once
#include <stdint.h>
#include <time.h>

typedef uint64_t zip_uint64_t;
typedef int64_t zip_int64_t;
typedef int32_t zip_int32_t;
typedef uint32_t zip_uint32_t;
typedef uint16_t zip_uint16_t;
typedef zip_uint32_t zip_flags_t;

#define ZIP_CREATE 1
#define ZIP_TRUNCATE 8
#define ZIP_RDONLY 16
#define ZIP_FL_ENC_UTF_8 2048u
#define ZIP_CM_STORE 0
#define ZIP_STAT_SIZE 0x0004u

typedef struct zip zip_t;
typedef struct zip_file zip_file_t;
typedef struct zip_source zip_source_t;
typedef struct zip_error {
  int zip_err;
  int sys_err;
  char *_Nullable str;
} zip_error_t;
typedef struct zip_stat {
  zip_uint64_t valid;
  const char *_Nullable name;
  zip_uint64_t index, size, comp_size;
  time_t mtime;
  zip_uint32_t crc;
  zip_uint16_t comp_method, encryption_method;
  zip_uint32_t flags;
} zip_stat_t;

void zip_error_init(zip_error_t *_Nonnull);
void zip_error_fini(zip_error_t *_Nonnull);
const char *_Nonnull zip_error_strerror(zip_error_t *_Nonnull);
zip_source_t *_Nullable zip_source_buffer_create(const void *_Nullable, zip_uint64_t, int, zip_error_t *_Nullable);
void zip_source_free(zip_source_t *_Nullable);
zip_t *_Nullable zip_open_from_source(zip_source_t *_Nonnull, int, zip_error_t *_Nullable);
void zip_discard(zip_t *_Nullable);
void zip_stat_init(zip_stat_t *_Nonnull);
int zip_stat(zip_t *_Nonnull, const char *_Nonnull, zip_flags_t, zip_stat_t *_Nonnull);
zip_file_t *_Nullable zip_fopen(zip_t *_Nonnull, const char *_Nonnull, zip_flags_t);
zip_int64_t zip_fread(zip_file_t *_Nonnull, void *_Nonnull, zip_uint64_t);
int zip_fclose(zip_file_t *_Nonnull);
zip_int64_t zip_get_num_entries(zip_t *_Nonnull, zip_flags_t);
const char *_Nullable zip_get_name(zip_t *_Nonnull, zip_uint64_t, zip_flags_t);
int zip_close(zip_t *_Nonnull);
zip_int64_t zip_file_add(zip_t *_Nonnull, const char *_Nonnull, zip_source_t *_Nonnull, zip_flags_t);
int zip_file_set_dostime(zip_t *_Nonnull, zip_uint64_t, zip_uint16_t, zip_uint16_t, zip_flags_t);
int zip_set_file_compression(zip_t *_Nonnull, zip_uint64_t, zip_int32_t, zip_uint32_t);
zip_source_t *_Nullable zip_source_buffer(zip_t *_Nonnull, const void *_Nullable, zip_uint64_t, int);
void zip_source_keep(zip_source_t *_Nonnull);
int zip_source_open(zip_source_t *_Nonnull);
int zip_source_close(zip_source_t *_Nonnull);
int zip_source_stat(zip_source_t *_Nonnull, zip_stat_t *_Nonnull);
zip_int64_t zip_source_read(zip_source_t *_Nonnull, void *_Nonnull, zip_uint64_t);
