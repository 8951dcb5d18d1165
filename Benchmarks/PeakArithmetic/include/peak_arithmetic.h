// How many multiplications and additions a core can do: independent chains of fused multiply-adds in registers.
#ifndef PEAK_ARITHMETIC_H
#define PEAK_ARITHMETIC_H

/// Runs about `rounds` x 1,000 fused multiply-adds of the widest vectors; returns how many floating-point operations that was.
double peak_arithmetic(long rounds);

#endif
