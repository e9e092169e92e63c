import { afterAll } from 'vitest'

// Read for each test file, also where files share a process. The first hook that is asked for is the last that is
// called: folders go when whatever runs in them has ended. Not to be cut short: a million files take a while.
afterAll(() => globalThis[Symbol.for('coalmine.end-of-file')]?.(), 3_600_000)
