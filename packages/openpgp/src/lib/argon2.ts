import { OpenPgpError } from './errors.ts'
import { type Argon2, loadArgon2 } from './openpgp-js-parts.ts'

/** Argon2id (RFC 9580, section 3.7.1.4). */
export interface Argon2S2k {
  /** Sixteen bytes. */
  readonly salt: Uint8Array
  /** 1 to 255. */
  readonly passes: number
  /** 1 to 255; worked one after the other here. */
  readonly lanes: number
  /** Two to this power is the memory in KiB. */
  readonly memoryExponent: number
}

export const argon2SaltBytes = 16
const specifierBytes = 20

/** What openpgp.js and rPGP write takes 64 MiB, three times over. A message must not take what it likes. */
const maxMemoryExponent = 18
/** Memory times passes, in KiB: three or four seconds. */
const maxWork = 2 ** 20
/** The same of all passphrase packets of a message: twenty of those that programs write. */
export const maxArgon2WorkOfMessage = 2 ** 22

/** The specifier at the start of `bytes` and its length there, or why it cannot be used. */
export function parseArgon2(bytes: Uint8Array): { s2k: Argon2S2k; length: number } | string {
  if (bytes.length < specifierBytes) return 'its passphrase packet ends too early'
  const [passes, lanes, memoryExponent] = bytes.subarray(17, specifierBytes) as unknown as [number, number, number]
  const s2k = { salt: bytes.slice(1, 17), passes, lanes, memoryExponent }
  return flawOf(s2k) ?? { s2k, length: specifierBytes }
}

function flawOf(s2k: Argon2S2k): string | undefined {
  const { passes, lanes, memoryExponent } = s2k
  const by = 'its passphrase is stretched by Argon2'
  if (passes === 0 || lanes === 0 || 2 ** memoryExponent < 8 * lanes || memoryExponent > 31) {
    return `${by} with numbers that it does not have (passes ${passes}, lanes ${lanes}, memory 2^${memoryExponent} KiB)`
  }
  if (memoryExponent > maxMemoryExponent) {
    return `${by} in ${2 ** (memoryExponent - 10)} MiB of memory, which is more than ${2 ** (maxMemoryExponent - 10)}`
  }
  if (argon2Work(s2k) > maxWork) {
    return `${by} in ${passes} passes over ${2 ** memoryExponent} KiB, which is more than ${maxWork} KiB in all`
  }
  return undefined
}

/** Memory times passes, in KiB. */
export function argon2Work({ passes, memoryExponent }: Argon2S2k): number {
  return passes * 2 ** memoryExponent
}

export function encodeArgon2({ salt, passes, lanes, memoryExponent }: Argon2S2k): Uint8Array {
  return Uint8Array.of(4, ...salt, passes, lanes, memoryExponent)
}

/** How long the memory is kept for a next passphrase packet: it is not given back otherwise. */
const keptMs = 1000

let loaded: Promise<Argon2> | undefined
let forgetting: NodeJS.Timeout | undefined

/**
 * @throws OpenPgpError `unsupported` when openpgp.js has lost its Argon2, or there is no memory for it; `wrong-passphrase`
 *   for one that is empty or a control character, which it does not take
 */
export async function deriveByArgon2(passphrase: Uint8Array, s2k: Argon2S2k, keyBytes: number): Promise<Uint8Array> {
  // openpgp.js compares the passphrase itself, not its length, with 8.
  if (passphrase.length === 0 || (passphrase.length === 1 && passphrase[0]! < 8)) {
    throw new OpenPgpError(
      'wrong-passphrase',
      'Cannot stretch the passphrase by Argon2: it is empty, or as good as that',
    )
  }
  const memorySize = 2 ** s2k.memoryExponent
  clearTimeout(forgetting)
  try {
    const argon2 = await (loaded ??= loadArgon2())
    return argon2({
      version: 0x13,
      type: 2,
      password: passphrase,
      salt: s2k.salt,
      tagLength: keyBytes,
      memorySize,
      parallelism: s2k.lanes,
      passes: s2k.passes,
    })
  } catch (error) {
    // What a bundle left out, a machine of the other byte order, or no memory: none of it depends on the passphrase.
    const reason = error instanceof Error ? error.message : String(error)
    throw new OpenPgpError(
      'unsupported',
      `Cannot stretch the passphrase by Argon2 in ${memorySize} KiB: openpgp.js said "${reason}"`,
      { cause: error },
    )
  } finally {
    clearTimeout(forgetting)
    forgetting = setTimeout(() => (loaded = undefined), keptMs).unref()
  }
}
