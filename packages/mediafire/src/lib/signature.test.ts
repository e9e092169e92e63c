import { itWith, run } from '@coalmine/fixtures'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formEncode, formPlain, toPairs } from './form.ts'
import { callSignature, loginSignature, rollSecretKey } from './signature.ts'

const token = 'a'.repeat(144)

describe('the vectors of the SDKs', () => {
  it('loginSignature() is what their logins send', () => {
    const nobody = { identifier: 'nobody@example.com', password: 'secret', applicationId: '0' }
    expect(loginSignature(nobody)).toBe('b13f41f5728af85e99b119c1621bb3712e13c7ce')
    expect(loginSignature({ ...nobody, apiKey: 'b'.repeat(40) })).toBe('9f89c6a8e603d2b9342cf8b9f8157f59bb8a3ec9')
    const wiki = { identifier: 'testemail@domain.com', password: '111111', applicationId: '9999' }
    expect(loginSignature({ ...wiki, apiKey: 'abcdefghijklmnopqrst' })).toBe('d9ce3bfaba1e0bef7a5d99bdab706e36b4ee8c71')
    const user = { identifier: 'user@example.com', password: 'pw', applicationId: '45593' }
    expect(loginSignature(user)).toBe('8db4c1bd8e444dd8107eeff2e4aa49bd074f777d')
  })

  it('callSignature() and rollSecretKey() follow the Python SDK', () => {
    const path = '/api/1.3/user/get_info.php'
    const query = formEncode(toPairs({ session_token: token, response_format: 'json' }))
    const sign = (secretKey: number) => callSignature({ secretKey, time: '0.0' }, path, query)
    expect(sign(1_000_000_000)).toBe('e4136f4a1c006c3c561092737c9ccbb0')
    expect(rollSecretKey(1_000_000_000)).toBe(792_978_578)
    expect(sign(792_978_578)).toBe('d074bbf8ae3d1337b13289901fc6c2e6')
    expect(rollSecretKey(307_447_164)).toBe(418_830_666)
  })

  it('callSignature() keeps up over four calls', () => {
    const query = formEncode(toPairs({ session_token: token, response_format: 'json' }))
    let secretKey = 1_878_520_462
    const chain: [number, string][] = []
    for (let i = 0; i < 4; i++) {
      chain.push([
        secretKey,
        callSignature({ secretKey, time: '1397755702.0581' }, '/api/1.5/user/get_info.php', query),
      ])
      secretKey = rollSecretKey(secretKey)
    }
    expect(chain).toEqual([
      [1_878_520_462, '936b2223a913495193c396bb297e62d5'],
      [2_136_310_287, '64bee987c555d4a8f5a7fb8a4ee5f972'],
      [1_187_899_416, '476f81726e5dc378fed8f5b24d7f3563'],
      [2_017_502_200, 'a523ff07378d2899e86ff22c6501e996'],
    ])
  })

  it('callSignature() has both ways of hashing what is escaped', () => {
    const params = { filename: 'a b+ç.txt', folder_key: 'myfiles', session_token: token, response_format: 'json' }
    const pairs = toPairs(params)
    const key = { secretKey: 1_878_520_462, time: '1397755702.0581' }
    const path = '/api/1.3/upload/check.php'
    expect(callSignature(key, path, formEncode(pairs))).toBe('fd6d3eb95097c4fdc4d1971a3419e7ec')
    expect(callSignature(key, path, formPlain(pairs))).toBe('873cc5141231141aaf14ffd7568b439f')
  })
})

const python = `
import sys, json, hashlib
from urllib.parse import urlencode
out = []
for case in json.load(sys.stdin):
    who, password, app, key = case['login']
    login = hashlib.sha1((who + password + app + key).encode('utf8')).hexdigest()
    params = sorted(case['params'].items())
    encoded = urlencode(params)
    plain = '&'.join(k + '=' + v for k, v in params)
    secret, signatures = case['secret'], []
    for text in (encoded, plain):
        base = str(secret % 256) + case['time'] + case['path'] + '?' + text
        signatures.append(hashlib.md5(base.encode('utf8')).hexdigest())
        secret = secret * 16807 % 2147483647
    out.append([login, encoded, signatures, secret])
json.dump(out, sys.stdout)
`

itWith('python3', 'signatures, forms and keys are what python3 computes by itself', async () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 30 })
  const name = fc.stringMatching(/^[a-z_]{1,12}$/)
  const anyCase = fc.record({
    login: fc.tuple(text, text, fc.nat(99_999).map(String), text),
    params: fc.dictionary(name, text, { maxKeys: 6, noNullPrototype: true }),
    secret: fc.integer({ min: 0, max: 0x7fff_ffff }),
    time: fc.tuple(fc.nat(2_000_000_000), fc.nat(9999)).map(([s, f]) => `${s}.${f}`),
    path: name.map((word) => `/api/1.5/user/${word}.php`),
  })
  const cases = fc.sample(anyCase, 2000)
  const { stdout } = await run(['python3', '-c', python], { input: Buffer.from(JSON.stringify(cases)), check: true })
  const judged = JSON.parse(stdout.toString()) as [string, string, [string, string], number][]
  expect(judged).toHaveLength(2000)
  for (const [i, { login, params, secret, time, path }] of cases.entries()) {
    const [identifier, password, applicationId, apiKey] = login
    const pairs = toPairs(params)
    const next = rollSecretKey(secret)
    expect([
      loginSignature({ identifier, password, applicationId, apiKey }),
      formEncode(pairs),
      [
        callSignature({ secretKey: secret, time }, path, formEncode(pairs)),
        callSignature({ secretKey: next, time }, path, formPlain(pairs)),
      ],
      rollSecretKey(next),
    ]).toEqual(judged[i])
  }
})

describe('toPairs()', () => {
  it('writes each kind of value as MediaFire takes it, sorted, and leaves out what is not there', () => {
    const when = new Date('2015-02-03T23:27:32.900Z')
    const params = { z: 'x', keys: ['a', 'b'], yes: true, no: false, count: 0, when, gone: undefined, empty: '' }
    expect(formPlain(toPairs(params))).toBe('count=0&empty=&keys=a,b&no=no&when=2015-02-03T23:27:32Z&yes=yes&z=x')
  })

  it('refuses what no form can carry', () => {
    expect(() => toPairs({ filename: 'half \ud83d' })).toThrow(TypeError)
    expect(() => toPairs({ size: 1.5 })).toThrow(TypeError)
    expect(() => toPairs({ size: Number.NaN })).toThrow(TypeError)
    expect(() => toPairs({ keys: ['a,b'] })).toThrow(TypeError)
  })
})
