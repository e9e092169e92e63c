import { createCipheriv } from 'node:crypto'

/** Three megabytes, always the same: stretches that deflate shrinks, and stretches that it does not. */
export const content: Buffer = createCipheriv('aes-128-ctr', Buffer.alloc(16, 'canary'), Buffer.alloc(16)).update(
  new Uint8Array(3 * 1024 * 1024),
)
for (let at = 30_000; at < content.length; at += 60_000 + content[at - 1]! * 64) {
  content.fill(`canary ${at} `, at, Math.min(content.length, at + 20_000 + content[at - 2]! * 64))
}

/** Where frames, chunks and blocks have their edges. */
export const edges: number[] = [0, 1, 2, 15, 16, 17, 184, 185, 186, 191, 192, 193, 511, 512, 513, 1024].concat(
  [4096, 8192, 16_384, 65_536, 196_608, 262_144, 524_288, 1_048_576].flatMap((edge) =>
    [-8, -7, -6, -5, -1, 0, 1].map((more) => edge + more),
  ),
)
