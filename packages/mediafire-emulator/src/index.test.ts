import { expect, it } from 'vitest'

it('@coalmine/mediafire-emulator has this surface', async () => {
  expect(Object.keys(await import('./index.ts')).sort()).toEqual(['EmulatorError', 'startEmulator'])
})
