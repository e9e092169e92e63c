// The script that somebody has had for years, as cron runs it. Judges: the emulator's account, and what duplicity logs.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { itWith } from '@coalmine/fixtures'
import { duplicityPeer } from '@coalmine/interop'
import { expect } from 'vitest'
import { believedNames } from './believed.ts'
import { bridgeWorld, email, endAgent, mediaFire, password, versions } from './bridge-world.ts'

for (const version of versions) {
  itWith(
    [duplicityPeer(version), 'setsid'],
    `a script that sets variables and becomes duplicity ${version} works as it is, without a terminal`,
    async () => {
      const { source, folder, home, bridge, argvOf } = await bridgeWorld(version)
      const { address, names } = await mediaFire()
      const script = join(folder, 'mf-duplicity')
      const text = `#!/bin/sh
export FTP_PASSWORD='${password}'
export PASSPHRASE='some words'
exec duplicity "$@"
`
      writeFileSync(script, text)
      chmodSync(script, 0o700)
      const url = `mf://${encodeURIComponent(email)}@mediafire.com/Backup`
      const words = ['setsid', '--wait', ...bridge, 'run', '--', script, 'full', '--log-fd', '7', source, url]
      const [program, ...args] = argvOf(words)
      // What cron gives: next to no environment, no terminal, nothing to read. And a descriptor for the log.
      const log = join(folder, 'log')
      const env = { HOME: home, PATH: '/usr/sbin:/usr/bin:/bin', SHELL: '/bin/sh', LOGNAME: 'me', ...address }
      const stdio = ['ignore', 'pipe', 'pipe', 'ignore', 'ignore', 'ignore', 'ignore', openSync(log, 'w')] as const
      const child = spawn(program!, args, { env, stdio: [...stdio] })
      let said = ''
      for (const stream of [child.stdout!, child.stderr!])
        stream.on('data', (chunk: Buffer) => (said += chunk.toString()))
      const [code] = (await once(child, 'close')) as [number]
      await endAgent(home)
      expect(code, said).toBe(0)
      expect(names('/Backup')).toEqual(believedNames(home, true))
      expect(names('/Backup')).toHaveLength(3)
      expect(readFileSync(log, 'utf8')).toMatch(/^(?:NOTICE|INFO) \d+/m)
      expect(said.includes(password)).toBe(false)
      expect(readFileSync(script, 'utf8')).toBe(text)
    },
  )
}
