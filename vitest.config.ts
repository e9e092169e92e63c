import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const loader = fileURLToPath(new URL('./tooling/vitest/strip-types.mjs', import.meta.url))
const source = ['@coalmine/source']

/** Long by themselves, and beside others that ask the same of less: `npm run test:long` alone runs them. */
const longOnly = ['tooling/fuzz/test/damage.test.ts', 'tooling/interop/test/hostile-race.test.ts']

// Packages are read from source; only the wasm kernels are built beforehand.
export default defineConfig({
  resolve: { conditions: source },
  ssr: { resolve: { conditions: source } },
  test: {
    include: ['{packages,apps,tooling}/*/{src,test}/**/*.test.ts', 'scripts/*.test.mjs'],
    exclude: ['**/node_modules/**', ...(process.env['COALMINE_LONG'] ? [] : longOnly)],
    // A process for each file: hooks of shared modules, which remove folders and end agents, belong to a file.
    pool: 'forks',
    // Two cores are the least there is.
    maxWorkers: 2,
    // Worker threads inherit these: so a worker runs from its .ts file, on Node 20 too.
    execArgv: ['--conditions=@coalmine/source', '--import', loader],
    // For what hangs, not for what is slow: other work on the machine makes some of these take a minute.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    coverage: { provider: 'v8', include: ['{packages,apps}/*/src/**/*.ts'], exclude: ['**/*.test.ts'] },
  },
})
