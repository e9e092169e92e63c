import { createRandom } from '@coalmine/fixtures'

const random = createRandom('openpgp content')

/** Three megabytes: stretches that deflate shrinks, and stretches that it does not. */
export const content: Buffer = Buffer.alloc(3 * 1024 * 1024)
for (let at = 0, noisy = true; at < content.length; noisy = !noisy) {
  const end = Math.min(content.length, at + random.integer(1, 60_000))
  if (noisy) for (; at < end; at++) content[at] = random.integer(0, 255)
  else content.fill(`canary ${at} `, at, end)
  at = end
}

/** Where frames, chunks and blocks have their edges. */
export const edges: number[] = [0, 1, 2, 15, 16, 17, 184, 185, 186, 191, 192, 193, 511, 512, 513, 1024].concat(
  [4096, 8192, 16_384, 65_536, 196_608, 262_144, 524_288, 1_048_576].flatMap((edge) => [
    edge - 8,
    edge - 7,
    edge - 6,
    edge - 5,
    edge - 1,
    edge,
    edge + 1,
  ]),
)
