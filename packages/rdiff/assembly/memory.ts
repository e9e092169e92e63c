// What the kernel keeps for itself in its first 4 KiB, beside what the lanes need (below 1024). Constants lie from 2048 on.

/** The strong sum of one block: 32 bytes. */
export const DIGEST: usize = 1024
/** The last bytes of a block, and what is put behind them: 128 bytes. */
export const LAST: usize = 1056
/** The weak sum that a scan ended with. */
export const WEAK: usize = 1184
/** 256 masks of the filter: 1 KiB, behind the constants. */
export const MASKS: usize = 3072
