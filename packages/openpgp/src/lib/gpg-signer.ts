import { fromBytes } from '@coalmine/bytes'
import { hashById } from './algorithms.ts'
import { OpenPgpError } from './errors.ts'
import { findListedKey } from './gpg-keyring.ts'
import {
  agentTrouble,
  errorNumber,
  type GpgAnswer,
  gpgError,
  GpgProcess,
  type GpgProgram,
  lastSaid,
} from './gpg-process.ts'
import { PacketReader } from './packet-reader.ts'
import { encodePacket } from './packet-writer.ts'
import type { KeyPassphrase } from './secret-key-files.ts'
import { binarySignature, maxSignatureBytes, type OnePass, type Signer } from './signing.ts'

export interface GpgSignerOptions {
  readonly passphrase: KeyPassphrase
  /** Of its `--digest-algo`. */
  readonly digest: string
}

/**
 * Signs with a secret key of gpg's keyring, through its agent. Each message's content goes once through a gpg of its own,
 * beside the way to encryption; what comes back is the signature alone.
 *
 * Nothing is signed first: that shows whether it can be done, and which key, algorithm and hash gpg takes, all of which
 * have to stand before the content.
 *
 * @throws OpenPgpError `no-key`, `unusable-key`, `wrong-passphrase` or `gpg`
 */
export async function gpgSigner(program: GpgProgram, name: string, options: GpgSignerOptions): Promise<Signer> {
  const { fingerprint, validity } = await findListedKey(program, name, 'sign with', 'secret')
  const task = `sign with the key "${name}"`
  const flaw = validity === 'r' ? 'it was revoked' : validity === 'e' ? 'it has expired' : undefined
  if (flaw !== undefined) throw new OpenPgpError('unusable-key', `Cannot ${task}: ${flaw} (${fingerprint})`)
  const passphrase = await options.passphrase()
  const args = ['--digest-algo', options.digest, '--local-user', fingerprint, '--detach-sign']
  const start = () => new GpgProcess(program, { task, args, passphrase, output: true })
  const { onePass } = await readSignature(task, await start().answer())
  return {
    onePass,
    begin() {
      const gpg = start()
      return {
        update: async (content) => gpg.write(content),
        async finish() {
          const made = await readSignature(task, await gpg.answer())
          if (sameOnePass(made.onePass, onePass)) return made.packet
          throw new OpenPgpError('gpg', `Cannot ${task}: gpg signed with another key or hash than the first time`)
        },
        stop: () => gpg.stop(),
      }
    },
  }
}

interface Made {
  readonly onePass: OnePass
  readonly packet: Uint8Array
}

async function readSignature(task: string, answer: GpgAnswer): Promise<Made> {
  const refuse = (fact: string) => new OpenPgpError('gpg', `Cannot ${task}: ${fact}`)
  const created = answer.status.find((line) => line.startsWith('SIG_CREATED D '))
  const [, , algorithm, hashId, , , fingerprint] = created?.split(' ') ?? []
  if (fingerprint === undefined || answer.code !== 0) throw refusal(task, answer)
  const body = await signatureBody(answer.output)
  const hash = hashById(Number(hashId))
  if (typeof hash === 'string') throw refuse(`gpg hashes by number ${hashId}, which is not supported`)
  const wanted = [4, binarySignature, Number(algorithm), hash.id]
  if (body === undefined || wanted.some((value, at) => body[at] !== value) || !/^[0-9A-F]{40}$/.test(fingerprint)) {
    throw refuse('what gpg made is no signature of version 4 over bytes; do its settings ask for another kind?')
  }
  const keyId = Buffer.from(fingerprint.slice(-16), 'hex')
  return { onePass: { hash, algorithm: Number(algorithm), keyId }, packet: encodePacket(2, body) }
}

/** The body of the one signature packet in what gpg wrote. */
async function signatureBody(bytes: Uint8Array): Promise<Uint8Array | undefined> {
  const packets = new PacketReader(fromBytes(bytes).open(), 'inside')
  const header = await packets.header()
  if (header?.tag !== 2) return undefined
  const body = await packets.smallBody(header, maxSignatureBytes - 256)
  return (await packets.atEnd()) ? body : undefined
}

function refusal(task: string, answer: GpgAnswer): OpenPgpError {
  const number = errorNumber(answer, 'sign')
  const trouble = agentTrouble(answer)
  if (trouble !== undefined)
    return new OpenPgpError('gpg', `Cannot ${task}: gpg does not reach its agent: it said "${trouble}"`)
  if (number === gpgError.badPassphrase) {
    return new OpenPgpError('wrong-passphrase', `Cannot ${task}: the passphrase does not unlock it`)
  }
  if (number === gpgError.cancelled || number === gpgError.fullyCancelled) {
    return new OpenPgpError('wrong-passphrase', `Cannot ${task}: nobody gave its passphrase`)
  }
  if (answer.status.some((line) => line.startsWith('INV_SGNR '))) {
    return new OpenPgpError('unusable-key', `Cannot ${task}: gpg does not take it: ${lastSaid(answer)}`)
  }
  return new OpenPgpError('gpg', `Cannot ${task}: ${lastSaid(answer)}`)
}

function sameOnePass(a: OnePass, b: OnePass): boolean {
  return a.hash.id === b.hash.id && a.algorithm === b.algorithm && Buffer.compare(a.keyId, b.keyId) === 0
}
