import { fileURLToPath } from 'node:url'
import { configDefaults, defineConfig } from 'vitest/config'

const [loader, endOfFile] = ['strip-types', 'end-of-file'].map((name) =>
  fileURLToPath(new URL(`./tooling/vitest/${name}.mjs`, import.meta.url)),
) as [string, string]
const source = ['@coalmine/source']

const everything = ['{packages,apps,tooling}/*/{src,test}/**/*.test.ts', 'scripts/*.test.mjs']

/** Long by themselves, and beside others that ask the same of less: `npm run test:long` alone runs them. */
const longOnly = ['tooling/fuzz/test/damage.test.ts', 'tooling/interop/test/hostile-race.test.ts']
const left = process.env['COALMINE_LONG'] ? [] : longOnly

/** They look at the memory, the globals or the environment of the process that they run in: each has one of its own. */
const alone = [
  'packages/*/**/*memory.test.ts',
  'packages/filetree/test/{order,select}.test.ts',
  'packages/openpgp/test/gpg-trouble.test.ts',
  'packages/rdiff/src/lib/signature.test.ts',
  'packages/tar/test/hostile.test.ts',
]

// Starting a process for each of the other files would cost two minutes of processor time.
const together = { exclude: [...configDefaults.exclude, ...left, ...alone], include: everything, isolate: false }

// Packages are read from source; only the wasm kernels are built beforehand.
export default defineConfig({
  resolve: { conditions: source },
  ssr: { resolve: { conditions: source } },
  test: {
    pool: 'forks',
    // Two cores are the least there is. A third worker has what the others leave of them while they wait.
    maxWorkers: 3,
    setupFiles: [endOfFile],
    // Worker threads inherit these: so a worker runs from its .ts file, on Node 20 too.
    execArgv: ['--conditions=@coalmine/source', '--import', loader],
    // For what hangs, not for what is slow: other work on the machine makes some of these take a minute.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    projects: [
      { extends: true, test: { name: 'together', ...together } },
      { extends: true, test: { name: 'alone', include: alone, exclude: [...configDefaults.exclude, ...left] } },
    ],
    coverage: { provider: 'v8', include: ['{packages,apps}/*/src/**/*.ts'], exclude: ['**/*.test.ts'] },
  },
})
