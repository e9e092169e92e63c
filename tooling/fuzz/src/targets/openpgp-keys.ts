import { createHash } from 'node:crypto'
import { createKeyEnvelope, OpenPgpError } from '@coalmine/openpgp'
import { canarySecretKey } from '../lib/canary-key.ts'
import { sameForAllStreams } from '../lib/feed.ts'
import { packet } from '../lib/openpgp-writer.ts'
import { demand, type Target } from '../lib/target.ts'

const mostBytes = 8 << 20
const envelope = createKeyEnvelope({
  passphrase: 'x',
  secretKeys: [{ name: 'canary', bytes: canarySecretKey }],
  s2kCount: 1024,
})

/** Messages for a public key, signed or not. The key has no passphrase; that of messages is `x`. */
export const keyMessages: Target = {
  name: 'openpgp-keys',
  about: 'OpenPGP messages for public keys: session key packets and signatures',
  maxBytes: 4096,
  memory: { base: 24 << 20, perByte: 64 },
  tokens: [packet(1, Buffer.alloc(94, 3)), packet(3, Buffer.of(4, 9, 3, 8)), packet(10, Buffer.from('PGP'))],
  async run(input) {
    let outputBytes = 0
    const read = await sameForAllStreams(input, async (stream) => {
      const hash = createHash('sha256')
      let bytes = 0
      try {
        for await (const piece of envelope.open('volume', { size: input.length, open: () => stream })) {
          demand(piece.length > 0, 'An empty piece comes')
          bytes += piece.length
          outputBytes += piece.length
          hash.update(piece)
          if (bytes > mostBytes) break
        }
      } catch (error) {
        if (!(error instanceof OpenPgpError)) throw error
        return { code: error.code }
      }
      return { bytes, sha256: hash.digest('hex') }
    })
    return { accepted: 'bytes' in read, outputBytes }
  },
}
