import { collect } from '@coalmine/bytes'
import { inflate } from '@coalmine/deflate'
import { demand, type Outcome, type Target } from '../src/lib/target.ts'

// Parsers with the faults that are looked for.

const kept: unknown[] = []

function bad(name: string, run: (input: Buffer) => void, more: Partial<Target> = {}): Target {
  return {
    name,
    about: name,
    maxBytes: 1000,
    run(input): Outcome {
      run(Buffer.from(input))
      return { accepted: true }
    },
    ...more,
  }
}

export const targets: readonly Target[] = [
  bad('sound', () => undefined),
  bad('wrong error', (input) => {
    if (input[0] === 0x41) input.readUInt32BE(input.length)
  }),
  bad('hangs', (input) => {
    while (input[0] === 0x41);
  }),
  bad('dies', (input) => {
    if (input[0] === 0x41) process.exit(7)
  }),
  bad('allocates what is declared', (input) => {
    if (input[0] === 0x41) new Uint8Array(input.readUInt32BE(1)).fill(1, 0, 1)
  }),
  bad('fills the heap', (input) => {
    if (input[0] === 0x41) for (;;) kept.push({ at: kept.length })
  }),
  bad('fills the memory', (input) => {
    if (input[0] === 0x41) for (;;) kept.push(Buffer.alloc(1 << 20, 1))
  }),
  bad('is slow', (input) => {
    if (input[0] !== 0x41) return
    const { user } = process.cpuUsage()
    while (process.cpuUsage().user - user < 100_000);
  }),
  bad('hides behind a word', (input) => demand(!input.includes('canary'), `It broke on "${input.toString('hex')}"`), {
    tokens: ['canary'],
  }),
  {
    ...bad('is not what it seems', () => undefined),
    judge: { needs: ['sh'], check: async (input) => demand(input[0] !== 0x41, 'The judge says something else') },
  },
  {
    name: 'grows',
    about: 'runs code of a package that depends on the input',
    maxBytes: 100,
    async run(input) {
      try {
        await collect(
          inflate({ [Symbol.asyncIterator]: () => [input][Symbol.iterator]() as never }, { format: 'gzip' }),
        )
      } catch {
        // Whatever it says: what counts here is which code runs.
      }
      return { accepted: false }
    },
  },
]
