// Uploads one file, a unit at a time: to be killed in the middle.
import { fromFile } from '@coalmine/bytes/file'
import { createMediaFire, passwordAuth } from '../src/index.ts'

const { TEST_URL, TEST_FILE, TEST_EMAIL, TEST_PASSWORD } = process.env
const auth = passwordAuth({ email: TEST_EMAIL!, password: TEST_PASSWORD! })
const mediafire = createMediaFire({ baseUrl: TEST_URL!, auth })
await mediafire.upload('volume', await fromFile(TEST_FILE!), { parallel: 1 })
