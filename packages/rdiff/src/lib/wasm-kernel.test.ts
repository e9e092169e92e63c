import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { tempDir } from '@coalmine/fixtures'
import { describe, expect, it } from 'vitest'
import { signatureVectors } from '../../test/vectors.ts'
import { loadKernel, maxLaneBytes, sharedKernel } from './wasm-kernel.ts'

const built = new URL('../../dist/wasm/rdiff.wasm', import.meta.url)

describe('loadKernel()', () => {
  it('gives nothing where the kernel was not built', async () => {
    expect(loadKernel(pathToFileURL(join(await tempDir('rdiff'), 'rdiff.wasm')))).toBeUndefined()
  })

  it('gives nothing for a file that this engine cannot run', async () => {
    const path = join(await tempDir('rdiff'), 'rdiff.wasm')
    writeFileSync(path, 'no kernel')
    expect(loadKernel(pathToFileURL(path))).toBeUndefined()
  })

  it('loads the kernel that was built', () => {
    const kernel = loadKernel(built)!
    const { content, signature } = signatureVectors.at(-1)!
    expect(kernel.signature(content, 512, 8)).toEqual(signature)
  })
})

describe('WasmKernel', () => {
  it('takes whole groups of four blocks in a call, at least one', () => {
    const kernel = sharedKernel()!
    expect(kernel.callBytes(512)).toBe(262_144)
    expect(kernel.callBytes(1)).toBe(4096)
    expect(kernel.callBytes(3000)).toBe(252_000)
    expect(kernel.callBytes(100_000)).toBe(400_000)
    expect(kernel.callBytes(maxLaneBytes)).toBe(4 * maxLaneBytes)
  })

  it('has room for the longest blocks, and signs small ones after that', () => {
    const kernel = loadKernel(built)!
    const zeros = new Uint8Array(4 * maxLaneBytes)
    const entries = kernel.sign(zeros, new Uint8Array(0), maxLaneBytes, 16).slice()
    expect(entries.length).toBe(80)
    expect(entries.subarray(0, 20)).toEqual(entries.subarray(60))
    const { content, signature } = signatureVectors[5]!
    expect(kernel.signature(content, 512, 8)).toEqual(signature)
    expect(kernel.sign(content.subarray(0, 600), content.subarray(600), 512, 8)).toEqual(signature.subarray(12))
  })

  it('leaves to others what does not go into one call', () => {
    expect(sharedKernel()!.signature(new Uint8Array(262_145), 512, 8)).toBeUndefined()
    expect(sharedKernel()!.signature(new Uint8Array(4097), 1, 8)).toBeUndefined()
  })
})
