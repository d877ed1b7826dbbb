// Sizes in bytes, times in milliseconds.

export const KiB = 1024;
export const MiB: number = 1024 * KiB;
export const SECOND = 1000;
export const MINUTE: number = 60 * SECOND;
export const HOUR: number = 60 * MINUTE;

/** The largest protobuf `int32`, and the longest delay of a Node timer. */
export const INT32_MAX: number = 2 ** 31 - 1;
/** The largest protobuf `uint32`. */
export const UINT32_MAX: number = 2 ** 32 - 1;
