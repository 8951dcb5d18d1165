// What the kernels use of Apple's <pthread/qos.h>.
#pragma once
#include <pthread.h>
typedef unsigned int qos_class_t;
qos_class_t qos_class_self(void);
int pthread_attr_set_qos_class_np(pthread_attr_t *, qos_class_t, int);
