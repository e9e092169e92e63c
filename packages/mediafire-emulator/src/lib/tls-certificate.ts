import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto'

/** A key and a certificate, as PEM. */
export interface Identity {
  key: string
  cert: string
}

/** The names that the emulator may be reached by. */
const names = ['localhost', 'www.mediafire.com', 'mediafire.com', '*.mediafire.com'] as const
const addresses = [Buffer.from([127, 0, 0, 1]), Buffer.concat([Buffer.alloc(15), Buffer.from([1])])]

const lifetimeMs = 397 * 86_400_000

/**
 * Makes a certificate that signs itself, for the emulator's own names and those of the service. The key is new at every
 * start and lives in memory only: whoever trusts the certificate trusts nothing that outlives the process.
 *
 * @param nowMs - The real time: it is what clients compare with.
 */
export function createIdentity(nowMs = Date.now()): Identity {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  // RFC 5280 section 4.2.1.2, method 1: the SHA-1 of the key's bits, which are at the end.
  const keyId = createHash('sha1').update(spki.subarray(-65)).digest()
  const algorithm = sequence(oid('2a8648ce3d040302'))
  const name = sequence(set(sequence(oid('550403'), text('coalmine mediafire-emulator'))))
  const serial = randomBytes(16)
  serial[0] = (serial[0]! & 0x7f) | 0x40
  const body = sequence(
    tagged(0xa0, integer(Buffer.from([2]))),
    integer(serial),
    algorithm,
    name,
    sequence(time(nowMs - 86_400_000), time(nowMs + lifetimeMs)),
    name,
    spki,
    tagged(0xa3, extensions(keyId)),
  )
  const certificate = sequence(body, algorithm, bits(sign('sha256', body, privateKey)))
  return { key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), cert: pem(certificate) }
}

function extensions(keyId: Buffer): Buffer {
  const alternatives = sequence(
    ...names.map((name) => tagged(0x82, Buffer.from(name))),
    ...addresses.map((address) => tagged(0x87, address)),
  )
  return sequence(
    // It is its own authority, so that clients can be told to trust it.
    extension('551d13', sequence(tagged(0x01, Buffer.from([0xff]))), true),
    // digitalSignature and keyCertSign.
    extension('551d0f', tagged(0x03, Buffer.from([2, 0x84])), true),
    extension('551d25', sequence(oid('2b06010505070301'))),
    extension('551d0e', tagged(0x04, keyId)),
    extension('551d23', sequence(tagged(0x80, keyId))),
    extension('551d11', alternatives),
  )
}

function extension(id: string, value: Buffer, critical = false): Buffer {
  return sequence(oid(id), ...(critical ? [tagged(0x01, Buffer.from([0xff]))] : []), tagged(0x04, value))
}

function tagged(tag: number, content: Buffer): Buffer {
  const { length } = content
  const size = length < 0x80 ? [length] : length < 0x1_00 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}

const sequence = (...items: Buffer[]): Buffer => tagged(0x30, Buffer.concat(items))
const set = (...items: Buffer[]): Buffer => tagged(0x31, Buffer.concat(items))
const integer = (bytes: Buffer): Buffer => tagged(0x02, bytes)
const oid = (hex: string): Buffer => tagged(0x06, Buffer.from(hex, 'hex'))
const text = (value: string): Buffer => tagged(0x0c, Buffer.from(value))
const bits = (bytes: Buffer): Buffer => tagged(0x03, Buffer.concat([Buffer.from([0]), bytes]))

/** UTCTime: two digits of the year are enough until 2049. */
function time(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replaceAll(/[-:T]|\.\d+/g, '')
  return tagged(0x17, Buffer.from(digits.slice(2)))
}

function pem(bytes: Buffer): string {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
}
