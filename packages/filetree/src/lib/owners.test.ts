import { itWith, run, tempDir } from '@coalmine/fixtures'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { ownerNames } from './owners.ts'

async function files(passwd: string, group = ''): Promise<{ passwd: string; group: string }> {
  const folder = await tempDir('owners')
  writeFileSync(join(folder, 'passwd'), passwd, 'latin1')
  writeFileSync(join(folder, 'group'), group, 'latin1')
  return { passwd: join(folder, 'passwd'), group: join(folder, 'group') }
}

it('ownerNames() takes the first line for a name and for a number', async () => {
  const paths = await files(
    'root:x:0:0:root:/root:/bin/sh\n# note:x:9:9\n\n+::::::\nann:x:1000:1000::/home:\nann:x:1001:1001::/:\ntoor:x:0:0::/:\nno:number\nbig:x:99999999999:1::/:\nj\xfcrg:x:1002:1002::/:',
    'wheel:x:10:ann,root\n',
  )
  const owners = ownerNames({ ...paths, ask: false })
  expect([owners.userName(0), owners.userName(1000), owners.userName(1001), owners.userName(9)]).toEqual([
    'root',
    'ann',
    'ann',
    '',
  ])
  expect([owners.uid('root'), owners.uid('toor'), owners.uid('ann'), owners.uid('big')]).toEqual([
    0,
    0,
    1000,
    undefined,
  ])
  expect([owners.uid('j\xfcrg'), owners.userName(1002)]).toEqual([1002, 'j\xfcrg'])
  expect([owners.gid('wheel'), owners.groupName(10), owners.gid('ann')]).toEqual([10, 'wheel', undefined])
  expect([owners.uid(''), owners.uid('#note')]).toEqual([undefined, undefined])
})

it('ownerNames() asks the system once for who is in no file, and checks what it says', async () => {
  const paths = await files('root:x:0:0:::\n')
  const asked: string[] = []
  const ask = (database: string, key: string) => {
    asked.push(`${database} ${key}`)
    if (key === 'eve' || key === '5000') return 'eve:x:5000:5000:::'
    return key === 'mallory' ? 'root:x:0:0:::' : undefined
  }
  const owners = ownerNames({ ...paths, ask })
  expect([owners.uid('eve'), owners.uid('eve'), owners.userName(5000), owners.userName(5000)]).toEqual([
    5000,
    5000,
    'eve',
    'eve',
  ])
  // Another's line is no answer.
  expect([owners.uid('mallory'), owners.uid('mallory')]).toEqual([undefined, undefined])
  expect([owners.gid('nobody'), owners.gid('nobody'), owners.groupName(77)]).toEqual([undefined, undefined, ''])
  expect(asked).toEqual(['passwd eve', 'passwd 5000', 'passwd mallory', 'group nobody', 'group 77'])
})

it('ownerNames() asks for no name that is a number, an option, or cannot be one', async () => {
  const paths = await files('')
  const asked: string[] = []
  const owners = ownerNames({
    ...paths,
    ask: (_, key) => {
      asked.push(key)
      return undefined
    },
  })
  for (const name of ['', '0', '12', '-x', '--help', '+', '#a', 'a:b', 'a\nb', 'a\0b', ' a', '\xff', 'x'.repeat(257)]) {
    expect(owners.uid(name)).toBe(undefined)
  }
  expect(asked).toEqual([])
})

it('ownerNames() stops asking after many questions without an answer', async () => {
  const paths = await files('')
  let asked = 0
  const owners = ownerNames({
    ...paths,
    ask: () => {
      asked += 1
      return undefined
    },
  })
  for (let i = 0; i < 5000; i++) owners.uid(`invented${i}`)
  expect(asked).toBe(200)
  expect(owners.userName(1)).toBe('')
})

it('ownerNames() knows nobody, and fails at nothing, where the files are missing', () => {
  const owners = ownerNames({ passwd: '/nonexistent/passwd', group: '/nonexistent/group', ask: false })
  expect([owners.userName(0), owners.uid('root'), owners.groupName(0), owners.gid('root')]).toEqual([
    '',
    undefined,
    '',
    undefined,
  ])
})

itWith('python3', 'ownerNames() knows the users and groups that python3 knows', async () => {
  const script =
    'import pwd, grp, json; print(json.dumps([[u.pw_name for u in pwd.getpwall()], [pwd.getpwnam(u.pw_name).pw_uid for u in pwd.getpwall()], [pwd.getpwuid(u.pw_uid).pw_name for u in pwd.getpwall()], [g.gr_name for g in grp.getgrall()], [grp.getgrnam(g.gr_name).gr_gid for g in grp.getgrall()]]))'
  const { stdout } = await run(['python3', '-c', script], { check: true })
  const [names, ids, back, groups, gids] = JSON.parse(stdout.toString()) as [
    string[],
    number[],
    string[],
    string[],
    number[],
  ]
  const owners = ownerNames()
  expect(names.length).toBeGreaterThan(0)
  expect(names.map((name) => owners.uid(name))).toEqual(ids)
  expect(ids.map((id) => owners.userName(id))).toEqual(back)
  expect(groups.map((name) => owners.gid(name))).toEqual(gids)
})

itWith('getent', 'ownerNames() gets from getent who is in no file', async () => {
  const paths = await files('', '')
  const owners = ownerNames(paths)
  expect([owners.uid('root'), owners.userName(0), owners.gid('root'), owners.groupName(0)]).toEqual([
    0,
    'root',
    0,
    'root',
  ])
  expect(owners.uid('surely-nobody-is-called-that')).toBe(undefined)
})
