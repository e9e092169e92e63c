import { cipherById } from './algorithms.ts'
import { cannotDecrypt, type OpenPgpError } from './errors.ts'
import type { SecretKeys } from './find-session-key.ts'
import {
  agentTrouble,
  errorNumber,
  type GpgAnswer,
  gpgError,
  GpgProcess,
  type GpgProgram,
  lastSaid,
} from './gpg-process.ts'
import { type DataStart, encodeMessageHead, hiddenKeyId, type PublicKeyPacket } from './public-key-packet.ts'
import type { SessionKey } from './session-key.ts'

/** For each of them gpg may try each of its keys. */
const maxHiddenPackets = 32

/**
 * The secret keys of gpg's keyring, smart cards too. gpg sees the packets before the data and the data's random first
 * bytes, never the content.
 *
 * @param passphrase - Of the secret keys; `undefined` when the agent shall ask for it.
 */
export function gpgSecretKeys(program: GpgProgram, passphrase: () => Promise<Uint8Array | undefined>): SecretKeys {
  return {
    async open(all, data) {
      const packets = all.filter(({ version }) => version <= 3)
      if (packets.length === 0) {
        throw cannotDecrypt('no-secret-key', 'its session key packets are as of RFC 9580, which gpg does not read')
      }
      const hidden = packets.filter(({ keyId }) => keyId === hiddenKeyId).length
      if (hidden > maxHiddenPackets) {
        throw cannotDecrypt('too-large', `it has more than ${maxHiddenPackets} hidden recipients`)
      }
      const session = await askGpg(program, packets, data, await passphrase())
      return [session]
    },
  }
}

async function askGpg(
  program: GpgProgram,
  packets: readonly PublicKeyPacket[],
  data: DataStart,
  passphrase: Uint8Array | undefined,
): Promise<SessionKey> {
  const args = ['--show-session-key', '--decrypt']
  const gpg = new GpgProcess(program, { task: 'decrypt the message', args, passphrase, output: false })
  await gpg.write(encodeMessageHead(packets, data))
  const answer = await gpg.answer()
  for (const line of answer.status) {
    // The cipher, and the mode of authenticated encryption if there is one.
    const [, cipherId, key] = /^SESSION_KEY (\d{1,3})(?:\.\d{1,3})?:([0-9A-F]{2,128})$/.exec(line) ?? []
    if (cipherId !== undefined && key !== undefined) return sessionKey(Number(cipherId), Buffer.from(key, 'hex'))
  }
  throw refusal(answer, packets)
}

function sessionKey(cipherId: number, key: Uint8Array): SessionKey {
  const cipher = cipherById(cipherId)
  if (typeof cipher === 'string') throw cannotDecrypt('unsupported', cipher)
  if (key.length !== cipher.keyBytes) throw cannotDecrypt('damaged', 'its session key has the wrong length')
  return { cipher, key }
}

/** Why gpg found no session key. */
function refusal(answer: GpgAnswer, packets: readonly PublicKeyPacket[]): OpenPgpError {
  const keys = `the secret key ${keyNames(packets)}`
  switch (errorNumber(answer, 'pkdecrypt_failed')) {
    case undefined:
      break
    case gpgError.badPassphrase:
      return cannotDecrypt('wrong-passphrase', `the passphrase does not unlock ${keys}`)
    case gpgError.cancelled:
    case gpgError.fullyCancelled:
      return cannotDecrypt('wrong-passphrase', `nobody gave the passphrase that unlocks ${keys}`)
    default:
      return cannotDecrypt('gpg', `gpg cannot use ${keys}: ${lastFailure(answer)}`)
  }
  const trouble = agentTrouble(answer)
  if (trouble !== undefined)
    return cannotDecrypt('gpg', `gpg does not get ${keys} from its agent: it said "${trouble}"`)
  const missing = answer.status.filter((line) => line.startsWith('NO_SECKEY ')).length
  if (missing > 0) return cannotDecrypt('no-secret-key', `gpg does not have ${keys}`)
  return cannotDecrypt('gpg', `gpg does not open its session key: ${lastSaid(answer)}`)
}

/** The line before "decryption failed", which says nothing new. */
function lastFailure(answer: GpgAnswer): string {
  const said = answer.said.filter((line) => !line.startsWith('decryption failed'))
  return lastSaid({ ...answer, said })
}

const shownKeys = 4

function keyNames(packets: readonly PublicKeyPacket[]): string {
  const named = packets.flatMap(({ keyId }) => (keyId === undefined || keyId === hiddenKeyId ? [] : [keyId]))
  const ids = [...new Set(named)]
  if (ids.length < packets.length && named.length < packets.length) ids.push('of a hidden recipient')
  return ids.length <= shownKeys
    ? ids.join(' or ')
    : `${ids.slice(0, shownKeys).join(' or ')} or ${ids.length - shownKeys} others`
}
