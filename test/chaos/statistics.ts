/** The value below which a share `q` of the values lies; NaN if there are none. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

/** Minimum, median, 99th percentile and maximum of times in milliseconds, to a tenth. */
export function spread(valuesMs: readonly number[]): Record<string, number> {
  const tenths = (value: number): number => Math.round(value * 10) / 10;
  return {
    count: valuesMs.length,
    minMs: tenths(quantile(valuesMs, 0)),
    p50Ms: tenths(quantile(valuesMs, 0.5)),
    p99Ms: tenths(quantile(valuesMs, 0.99)),
    maxMs: tenths(quantile(valuesMs, 1)),
  };
}

/** How often each name occurs, most frequent first. */
export function tally(names: readonly string[]): Record<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return Object.fromEntries([...counts].sort(([, a], [, b]) => b - a));
}
