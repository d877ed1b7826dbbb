/**
 * The nearest-rank percentile: the smallest value that at least `share` (0 to 1) of all `values` do
 * not exceed. NaN if there are none.
 */
export function percentile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

/** The middle value, or the mean of the two middle ones. NaN if there are none. */
export function median(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  if (sorted.length % 2 === 1) return upper;
  return ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** `left[i] / right[i]`: the ratios of values measured in the same round. */
export function pairedRatios(left: readonly number[], right: readonly number[]): number[] {
  const pairs = Math.min(left.length, right.length);
  return Array.from({ length: pairs }, (_, i) => Number(left[i]) / Number(right[i]));
}

/** The average increase from one value to the next, by linear least squares. */
export function slope(values: readonly number[]): number {
  const middle = (values.length - 1) / 2;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  let products = 0;
  let squares = 0;
  for (const [index, value] of values.entries()) {
    products += (index - middle) * (value - mean);
    squares += (index - middle) ** 2;
  }
  return products / squares;
}
