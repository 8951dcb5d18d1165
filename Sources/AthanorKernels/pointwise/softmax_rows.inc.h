// The two row sweeps of softmax and crossentropy, a vector at a time.

static float ATH_NAME(row_maximum)(const float *x, int64_t columns) {
  vf best = vf_splat(x[0]);
  for (int64_t c = 0; c < columns; c += ATH_LANES) {
    const int64_t lanes = columns - c;
    const vf v = lanes >= ATH_LANES ? vf_load(x + c) : vf_keep_part(vf_load_part(x + c, lanes), lanes, x[0]);
    best = vf_choose(v > best, v, best);
  }
  return vf_maximum(best);
}

/// y = exp(x - maximum); returns the sum of y.
static float ATH_NAME(row_exponentials)(const float *x, float maximum, float *y, int64_t columns) {
  vf sum = {0};
  for (int64_t c = 0; c < columns; c += ATH_LANES) {
    const int64_t lanes = columns - c;
    if (lanes >= ATH_LANES) {
      const vf e = vf_exp(vf_load(x + c) - maximum);
      vf_store(y + c, e);
      sum += e;
    } else {
      const vf e = vf_keep_part(vf_exp(vf_load_part(x + c, lanes) - maximum), lanes, 0);
      vf_store_part(y + c, e, lanes);
      sum += e;
    }
  }
  return vf_sum(sum);
}
