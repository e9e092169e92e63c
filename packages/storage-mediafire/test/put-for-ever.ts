// Puts one file: to be killed in the middle.
import { fromFile } from '@coalmine/bytes/file'
import { createMediaFire, passwordAuth } from '@coalmine/mediafire'
import { createMediaFireStorage } from '../src/index.ts'

const { TEST_URL, TEST_FILE, TEST_EMAIL, TEST_PASSWORD } = process.env
const auth = passwordAuth({ email: TEST_EMAIL!, password: TEST_PASSWORD! })
const client = createMediaFire({ baseUrl: TEST_URL!, auth })
const storage = createMediaFireStorage({ client, folder: ['Coalmine', 'Backup'], listLagMs: 0 })
await storage.put('volume', await fromFile(TEST_FILE!))
