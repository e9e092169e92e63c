import { expect, it } from 'vitest'

it('the package exports what its README names', async () => {
  expect(Object.keys(await import('./index.ts')).sort()).toEqual([
    'OpenPgpError',
    'createKeyEnvelope',
    'createPassphraseEnvelope',
    'decryptMessage',
    'encryptMessage',
  ])
})
