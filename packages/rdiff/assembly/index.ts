// The kernel: signs blocks, and looks for them in other content.
//
// It allocates nothing. The first 4 KiB of memory are its own, the caller says where input, output and filter lie. What
// follows the output by up to 16 bytes is overwritten, too: digests of MD4 are always stored whole.

import { blake2b } from './blake2b'
import { md4 } from './md4'
import { sign } from './lanes'
import { DIGEST } from './memory'
import { rabinKarp, rollsum } from './scan'

export { sign, signature } from './lanes'
export { scanRabinKarp, scanRollsum } from './scan'

/**
 * Signs all blocks of the input, of any kind; the last may be short. Returns where the output ends.
 *
 * @param rabin - Whether the weak sum is of the second kind.
 * @param blake - Whether the strong sum is BLAKE2b.
 */
export function entries(
  input: usize,
  length: usize,
  blockBytes: usize,
  strongBytes: usize,
  rabin: bool,
  blake: bool,
  output: usize,
): usize {
  if (!blake) {
    const end = sign(input, length, blockBytes, strongBytes, output)
    if (rabin) {
      for (let done: usize = 0; done < length; done += blockBytes) {
        store<u32>(output, bswap(rabinKarp(input + done, min(blockBytes, length - done))))
        output += 4 + strongBytes
      }
    }
    return end
  }
  for (let done: usize = 0; done < length; done += blockBytes) {
    const block = input + done
    const n = min(blockBytes, length - done)
    store<u32>(output, bswap(rabin ? rabinKarp(block, n) : rollsum(block, n)))
    blake2b(block, n)
    memory.copy(output + 4, DIGEST, strongBytes)
    output += 4 + strongBytes
  }
  return output
}

/** The strong sum of one block. Returns where it lies. */
export function strong(input: usize, length: usize, blake: bool): usize {
  if (blake) blake2b(input, length)
  else md4(input, length)
  return DIGEST
}
