import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { type Peer, run } from '@coalmine/fixtures'
import type { Case } from '../model.ts'

/** The versions whose rules are compared with. */
export type Version = '0.8.22' | '3.0.4'

/** What the real program does: the paths in order, or the code it ends with, or the exception that ends it. */
export type RealAnswer = { paths: string[] } | { exit: number } | { crash: string }

export const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8', TZ: 'UTC' }

/** The prepared Debian of that version, as `node scripts/peers.mjs` makes it. */
function debian(version: Version): string {
  return join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'coalmine-test', `duplicity-${version}`)
}

let installed: string | undefined

function isInstalled(version: Version): boolean {
  if (installed === undefined) {
    try {
      const script = 'import duplicity; print(duplicity.__version__)'
      installed = execFileSync('python3', ['-c', script], { env, stdio: 'pipe' }).toString().trim()
    } catch {
      // No Python, or none that has the module: nothing to compare with here.
      installed = ''
    }
  }
  return installed === version
}

/** Whether that version's selection module can be asked here. */
export function selectionPeer(version: Version): Peer {
  const name = `duplicity ${version}`
  if (process.env['COALMINE_NO_PEERS']) return { name, available: false, why: 'run without peers' }
  if (isInstalled(version)) return { name, available: true }
  if (!existsSync(join(debian(version), 'usr/bin/duplicity'))) {
    return { name, available: false, why: `${name} is not prepared; node scripts/peers.mjs as root does it` }
  }
  if (process.getuid?.() === 0) return { name, available: true }
  return { name, available: false, why: `${name} is prepared, but only root can enter it` }
}

/** Asks that version's own selection module; one process for all cases. */
export async function askReal(version: Version, cases: readonly Case[]): Promise<RealAnswer[]> {
  const script = readFileSync(new URL('select.py', import.meta.url), 'utf8')
  const inside = isInstalled(version) ? [] : ['chroot', debian(version)]
  const lines = cases.map((each) => `${JSON.stringify(toJson(each))}\n`)
  const { stdout } = await run([...inside, 'python3', '-c', script], {
    env,
    input: Buffer.from(lines.join('')),
    check: true,
  })
  const [first, ...answers] = stdout.toString().trimEnd().split('\n')
  const { version: asked } = JSON.parse(first ?? '{}') as { version: string }
  if (asked !== version || answers.length !== cases.length) {
    throw new Error(
      `Cannot compare with duplicity ${version}: ${asked} gave ${answers.length} answers of ${cases.length}`,
    )
  }
  return answers.map((line) => JSON.parse(line) as RealAnswer)
}

function toJson({ root, tree, options }: Case): unknown {
  const folder = ['', 'directory', 1, 1_700_000_000]
  return {
    root,
    tree: [
      folder,
      ...tree.map(({ path, kind, device = 1, mtimeSeconds = 1_700_000_000 }) => [path, kind, device, mtimeSeconds]),
    ],
    nullSeparator: options.some(({ option }) => option === 'null-separator'),
    options: options
      .filter(({ option }) => option !== 'null-separator')
      .map(({ option, value, content }) => [
        `--${option.replace(/-globbing(?=-filelist)|-stdin$/, '')}`,
        value ?? null,
        content ?? null,
      ]),
  }
}
