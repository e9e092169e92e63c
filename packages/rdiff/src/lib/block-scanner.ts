/**
 * What a delta encoder lets others do with the bytes at hand: by the kernel, or in plain JavaScript. Both give the same.
 *
 * Sums that are returned lie where the next call may overwrite them, content stays as it is until the next `begin`.
 */
export interface BlockScanner {
  /** How many blocks {@link BlockScanner.sign} does in the time of one. */
  readonly lanes: number
  /** The weak sum at the position that {@link BlockScanner.scan} returned. */
  readonly weak: number
  /** Takes the bytes to work on: two pieces that follow each other. Positions count from the first. */
  begin(first: Uint8Array, second: Uint8Array): void
  /** For each block from `at` on, the last one perhaps short: its weak sum, big-endian, and its strong sum. */
  sign(at: number, length: number): Uint8Array
  /** The strong sum of a stretch that is no longer than a block. */
  strong(at: number, length: number): Uint8Array
  /**
   * The first position behind `at` whose block the filter lets pass, or `last` if none before it does.
   *
   * @param weak - The weak sum of the block at `at`.
   * @param last - The last position from which there is a whole block.
   */
  scan(at: number, last: number, weak: number): number
  bytes(start: number, end: number): Uint8Array
}
