import { createDecipheriv } from 'node:crypto'
import type { Cipher } from './algorithms.ts'
import { cannotDecrypt } from './errors.ts'
import { ideaEncryption } from './idea.ts'
import { legacyCiphers } from './openpgp-js-parts.ts'

/** Decrypts a stream in CFB mode, from an initialization vector of zeros on. */
export interface CfbDecipher {
  update(encrypted: Uint8Array): Uint8Array
}

/** @throws OpenPgpError `unsupported` when the cipher is not at hand */
export async function createCfbDecipher(cipher: Cipher, key: Uint8Array): Promise<CfbDecipher> {
  const { native, blockBytes } = cipher
  if (native !== undefined) return createDecipheriv(native, key, new Uint8Array(blockBytes))
  return cfbOver(await blockEncryption(cipher, key), blockBytes)
}

type BlockEncryption = (block: Uint8Array) => ArrayLike<number>

async function blockEncryption({ name }: Cipher, key: Uint8Array): Promise<BlockEncryption> {
  if (name === 'IDEA') return ideaEncryption(key)
  const ciphers = await legacyCiphers().catch((error: unknown) => {
    // Bundlers leave out what they do not see named: without its parts openpgp.js reads all but these.
    throw cannotDecrypt('unsupported', `its cipher is ${name}, which the openpgp.js here lacks`, error)
  })
  const LegacyCipher = ciphers.get(name.toLowerCase())
  if (LegacyCipher === undefined) throw cannotDecrypt('unsupported', `its cipher is ${name}, which openpgp.js lacks`)
  const one = new LegacyCipher(key)
  return (block) => one.encrypt(block)
}

/** A byte at a time: these ciphers are slower than that. */
function cfbOver(encryptBlock: BlockEncryption, blockBytes: number): CfbDecipher {
  const feedback = new Uint8Array(blockBytes)
  let stream: ArrayLike<number> = feedback
  let at = blockBytes
  return {
    update(encrypted) {
      const plain = new Uint8Array(encrypted.length)
      for (let index = 0; index < encrypted.length; index++) {
        if (at === blockBytes) {
          stream = encryptBlock(feedback)
          at = 0
        }
        const byte = encrypted[index]!
        plain[index] = byte ^ stream[at]!
        feedback[at++] = byte
      }
      return plain
    },
  }
}
