import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

/** openpgp.js's ciphers of old, by name. */
export type LegacyCiphers = ReadonlyMap<
  string,
  new (key: Uint8Array) => { encrypt(block: Uint8Array): ArrayLike<number> }
>

/** openpgp.js's Argon2id (RFC 9106), version 1.3. It works on the thread that calls it. */
export type Argon2 = (params: {
  version: 0x13
  type: 2
  password: Uint8Array
  salt: Uint8Array
  tagLength: number
  /** In KiB. */
  memorySize: number
  parallelism: number
  passes: number
}) => Uint8Array

// openpgp.js has both, and hands neither out of its main file: there they work on whole messages and text alone. They are
// files of their own beside it, in the version that the package is bound to, whose names its package.json does not export.

export async function legacyCiphers(): Promise<LegacyCiphers> {
  const { legacyCiphers } = (await part('legacy_ciphers.min.mjs')) as { legacyCiphers: LegacyCiphers }
  return legacyCiphers
}

/** A new one, with memory of its own that goes when it is let go of. */
export async function loadArgon2(): Promise<Argon2> {
  const { default: load } = (await part('argon2id.min.mjs')) as { default: () => Promise<Argon2> }
  return load()
}

async function part(name: string): Promise<unknown> {
  const main = pathToFileURL(createRequire(import.meta.url).resolve('openpgp'))
  return import(/* @vite-ignore */ new URL(`../lightweight/${name}`, main).href)
}
