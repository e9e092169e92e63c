// Installing, and taking it away again. Judges: plain duplicity afterwards, the emulator's account, the files of duplicity's
// package by their hashes, and the folders of Python.
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { itWith, type Peer, run, tempDir } from '@coalmine/fixtures'
import { duplicityPeer, hostDuplicity } from '@coalmine/interop'
import { expect, it } from 'vitest'
import { believedNames } from './believed.ts'
import {
  bridgeWorld,
  type BridgeWorld,
  email,
  long,
  mediaFire,
  type Outcome,
  password,
  program,
  versions,
} from './bridge-world.ts'

const isRoot = process.getuid?.() === 0
const root: Peer = isRoot
  ? { name: 'root', available: true }
  : { name: 'root', available: false, why: 'only root may mount' }

function done({ code, said }: Outcome): string {
  expect(code, said).toBe(0)
  return said
}

/** The hash of every file of duplicity's package. */
async function packageHashes({ ran }: BridgeWorld): Promise<string> {
  const script =
    'dpkg -L duplicity python3-minimal | sort | while read -r file; do [ -f "$file" ] && sha256sum "$file"; done; true'
  const said = done(await ran(['sh', '-c', script]))
  expect(said.split('\n').length).toBeGreaterThan(100)
  return said
}

function hooksIn(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.includes('coalmine'))
}

for (const version of versions) {
  itWith(
    [duplicityPeer(version), 'setsid'],
    `after "install" plain duplicity ${version} and an old script know mf://; nothing of it is changed; "uninstall" leaves nothing`,
    async () => {
      const world = await bridgeWorld(version)
      const { bridge, ran, home, source, folder } = world
      const { env, address, names } = await mediaFire()
      const before = await packageHashes(world)
      const none = await ran([...bridge, 'status'])
      expect([none.code, none.said]).toEqual([
        1,
        expect.stringContaining('not installed: mf:// is duplicity.backends.mediafirebackend'),
      ])
      expect(done(await ran([...bridge, 'install']))).toContain(`Installed in ${home}/.local/lib/python3`)
      expect(done(await ran([...bridge, 'install']))).toContain('Was installed already')
      expect(done(await ran([...bridge, 'status']))).toContain('as this program installs it')
      expect(hooksIn(join(home, '.local')).filter((name) => !name.includes('__pycache__'))).toHaveLength(3)

      const script = join(folder, 'script')
      writeFileSync(
        script,
        `#!/bin/sh\nexport FTP_PASSWORD='${password}'\nexport PASSPHRASE=words\nexec duplicity "$@"\n`,
      )
      chmodSync(script, 0o700)
      const url = `mf://${encodeURIComponent(email)}@mediafire.com/Backup`
      const concurrency = version === '0.8.22' ? [] : ['--concurrency', '1']
      const words = [script, 'full', '--no-encryption', ...concurrency, '--volsize', '1', source, url]
      done(await ran(['setsid', '--wait', ...words], { env: address }))
      expect(names('/Backup')).toEqual(believedNames(home, false))
      if (long) {
        const doctor = done(await ran([...bridge, 'doctor', 'mf://Backup'], { env }))
        expect(doctor.match(/^ok/gm)).toHaveLength(5)
        expect(doctor).not.toContain(password)
      }

      expect(done(await ran([...bridge, 'uninstall']))).toContain('is as it was')
      expect(done(await ran([...bridge, 'uninstall']))).toContain('Nothing of it is in')
      expect(hooksIn(join(home, '.local'))).toEqual([])
      expect((await ran([...bridge, 'status'])).code).toBe(1)
      expect(await packageHashes(world)).toBe(before)
    },
  )
}

for (const version of long ? versions : versions.slice(0, 1)) {
  itWith(
    [duplicityPeer(version)],
    `"install" for duplicity ${version} in an environment of its own goes there`,
    async () => {
      const { bridge, ran, folder, home, store, source } = await bridgeWorld(version)
      const venv = join(folder, 'venv')
      done(await ran(['python3', '-m', 'venv', '--without-pip', '--system-site-packages', venv]))
      const own = join(venv, 'bin', 'duplicity')
      done(
        await ran([
          'sh',
          '-c',
          `sed "1s|.*|#!${venv}/bin/python|" "$(command -v duplicity)" > ${own}; chmod +x ${own}`,
        ]),
      )
      expect(done(await ran([...bridge, 'install', '--duplicity', own]))).toContain(`Installed in ${venv}/lib/python3`)
      expect(hooksIn(join(home, '.local'))).toEqual([])
      const text = done(await ran([own, 'full', '--no-encryption', source, `coalmine+file://${store}`]))
      expect(text).toContain('Backup Statistics')
      expect(readdirSync(store)).toHaveLength(3)
      const plain = await ran(['duplicity', 'full', '--no-encryption', source, `coalmine+file://${store}/2`])
      expect(plain.code, plain.said).not.toBe(0)
      done(await ran([...bridge, 'uninstall', `--duplicity=${own}`]))
      expect(hooksIn(venv)).toEqual([])
    },
  )

  itWith(
    [duplicityPeer(version), root, 'unshare'],
    `"install --system" for duplicity ${version} is for everybody, and only root's to change`,
    async () => {
      const { bridge, ran, folder, home, store, source } = await bridgeWorld(version)
      const [node, main] = bridge.map((word) => `'${word}'`)
      // Where it goes is this script's own: what is mounted ends with it.
      const script = `set -e
mount -t tmpfs tmpfs /usr/local/lib
${node} ${main} install --system
HOME='${folder}' PYTHONNOUSERSITE=1 duplicity full --no-encryption '${source}' 'coalmine+file://${store}'
${node} ${main} status
${node} ${main} uninstall
${node} ${main} uninstall --system
find /usr/local/lib -name '*coalmine*'
chmod 777 '${folder}'
cp '${bridge[0]}' '${folder}/node'
'${folder}/node' ${main} install --system && exit 9
true
`
      // Another version than the one of this machine lives in a world whose mounts are its own already.
      const own = version === hostDuplicity() ? ['unshare', '--mount', '--propagation', 'private'] : []
      const said = done(await ran([...own, 'sh', '-c', script]))
      expect(said).toContain('Installed in /usr/local/lib/python3')
      expect(readdirSync(store)).toHaveLength(3)
      expect(said).toContain('for everybody: --system removes it')
      expect(said).toMatch(/Removed from \/usr\/local\/lib\/python3\S+\nduplicity \S+ \(\S+\) is as it was\n/)
      expect(said).toMatch(/for everybody: somebody other than root can change "\S+"\n$/)
      expect(hooksIn(join(home, '.local'))).toEqual([])
    },
  )
}

/** A folder with a program named duplicity of that text, asked for by the command. */
async function withDuplicity(text: string | undefined, words: readonly string[] = ['status']) {
  const folder = await tempDir('found')
  if (text !== undefined) {
    writeFileSync(join(folder, 'duplicity'), text)
    chmodSync(join(folder, 'duplicity'), 0o755)
  }
  const argv = [process.execPath, program, ...words.map((word) => word.replace('$DIR', folder))]
  const { code, stdout, stderr } = await run(argv, { env: { PATH: folder, HOME: folder } })
  return { code, said: `${stdout.toString()}${stderr.toString()}`.trim(), folder }
}

it('what is no duplicity that could know of us is told', async () => {
  expect(await withDuplicity(undefined)).toMatchObject({
    code: 1,
    said: expect.stringContaining('there is none on the path'),
  })
  const wrapped = await withDuplicity('#!/bin/sh\nexec something\n')
  expect(wrapped).toMatchObject({
    code: 1,
    said: expect.stringContaining('it is started by "/bin/sh", not by Python; --python says which'),
  })
  expect((await withDuplicity('\u007fELF')).said).toContain('it is no script that names its Python')
  expect((await withDuplicity('#!/usr/bin/env python3\n')).said).toContain('its "python3" is not on the path')
  expect((await withDuplicity('#!/no/such/python3 -E\n')).said).toContain(
    'Cannot ask "/no/such/python3 -E" about itself',
  )
  expect((await withDuplicity(undefined, ['install', '--duplicity', '/snap/bin/duplicity'])).said).toContain(
    'there is no such file',
  )
  const folder = await tempDir('snap')
  mkdirSync(join(folder, 'bin'))
  writeFileSync(join(folder, 'bin', 'snap'), '')
  symlinkSync('snap', join(folder, 'bin', 'duplicity'))
  const snap = await withDuplicity(undefined, ['install', '--duplicity', join(folder, 'bin', 'duplicity')])
  expect(snap).toMatchObject({
    code: 1,
    said: expect.stringContaining('it is a snap, which sees no program outside it'),
  })
  expect((await withDuplicity(undefined, ['install', '--everywhere'])).code).toBe(2)
  expect((await withDuplicity(undefined, ['doctor', `mf://me:${password}@mediafire.com/x`])).said).not.toContain(
    password,
  )
})

itWith(
  [duplicityPeer('0.8.22')],
  'what was changed, or starts what is gone, is told by "status" and mended by "install"',
  async () => {
    const { bridge, ran, home } = await bridgeWorld('0.8.22')
    done(await ran([...bridge, 'install']))
    const files = hooksIn(join(home, '.local')).map((name) => join(home, '.local', name))
    const settings = files.find((path) => path.endsWith('.json'))!
    const good = readFileSync(settings, 'utf8')
    writeFileSync(settings, good.replace(/"\/[^"]*js"/, '"/gone/bridge.js"'))
    const gone = await ran([...bridge, 'status'])
    expect([gone.code, gone.said]).toEqual([
      1,
      expect.stringContaining('which starts "/gone/bridge.js", and that is not there'),
    ])
    expect((await ran([...bridge, 'doctor'])).said).toMatch(/^FAILED {2}installed: /m)
    done(await ran([...bridge, 'install']))
    expect(readFileSync(settings, 'utf8')).toBe(good)
    // Half of it: other programs in Python start without a word.
    rmSync(files.find((path) => path.endsWith('.py'))!)
    expect(await ran(['/usr/bin/python3', '-c', 'print(1)'])).toMatchObject({ code: 0, said: '1\n' })
    done(await ran([...bridge, 'install']))
    done(await ran([...bridge, 'uninstall']))
  },
)
