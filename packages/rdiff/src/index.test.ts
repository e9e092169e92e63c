import { expect, it } from 'vitest'

it('the package exports what its README describes, and nothing else', async () => {
  expect(Object.keys(await import('./index.ts')).sort()).toEqual([
    'DeltaEncoder',
    'DeltaIndex',
    'RdiffError',
    'SignatureEncoder',
    'blockLengthFor',
    'delta',
    'patch',
    'patchAll',
    'readSignature',
    'signature',
  ])
})
