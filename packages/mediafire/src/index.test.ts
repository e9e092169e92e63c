import { expect, it } from 'vitest'

it('@coalmine/mediafire has this surface', async () => {
  expect(Object.keys(await import('./index.ts')).sort()).toEqual([
    'FieldError',
    'MediaFireError',
    'cookieAuth',
    'createMediaFire',
    'passwordAuth',
    'tokenAuth',
    'webAuth',
  ])
})
