import { createHash } from 'node:crypto'
import { itWith, run } from '@coalmine/fixtures'
import { describe, expect, it } from 'vitest'
import { decodePercent, loginSignature, nextSecret, verifySignature } from './signature.ts'

describe('loginSignature()', () => {
  // Judge: vectors out of the service's own documents and clients.
  it.each([
    ['nobody@example.com', 'secret', '0', '', 'b13f41f5728af85e99b119c1621bb3712e13c7ce'],
    ['nobody@example.com', 'secret', '0', 'b'.repeat(40), '9f89c6a8e603d2b9342cf8b9f8157f59bb8a3ec9'],
    ['testemail@domain.com', '111111', '9999', 'abcdefghijklmnopqrst', 'd9ce3bfaba1e0bef7a5d99bdab706e36b4ee8c71'],
    ['user@example.com', 'pw', '45593', '', '8db4c1bd8e444dd8107eeff2e4aa49bd074f777d'],
  ])('of %s and %s', (email, password, id, key, signature) => {
    expect(loginSignature(email, password, id, key)).toBe(signature)
  })
})

const token = 'a'.repeat(144)

describe('verifySignature()', () => {
  it.each([
    [1_878_520_462, '936b2223a913495193c396bb297e62d5'],
    [2_136_310_287, '64bee987c555d4a8f5a7fb8a4ee5f972'],
    [1_187_899_416, '476f81726e5dc378fed8f5b24d7f3563'],
    [2_017_502_200, 'a523ff07378d2899e86ff22c6501e996'],
  ])('with the secret %d', (secret, signature) => {
    const raw = `response_format=json&session_token=${token}`
    const call = { path: '/api/1.5/user/get_info.php', host: 'x', raw }
    expect(verifySignature(call, signature, secret, '1397755702.0581')).toBe('raw')
    expect(verifySignature(call, signature, secret + 1, '1397755702.0581')).toBeUndefined()
  })

  it.each([
    ['fd6d3eb95097c4fdc4d1971a3419e7ec', 'a+b%2B%C3%A7.txt', 'raw'],
    ['ceb7ef2d1ef93f2dfd5d2fc906dc9ed4', 'a%20b%2B%C3%A7.txt', 'raw'],
    ['873cc5141231141aaf14ffd7568b439f', 'a+b%2B%C3%A7.txt', 'decoded'],
    ['873cc5141231141aaf14ffd7568b439f', 'a%20b%2B%C3%A7.txt', 'decoded-plus'],
    ['873cc5141231141aaf14ffd7568b439f', 'a%20b+%C3%A7.txt', 'decoded-plus'],
  ])('takes %s for %s, hashed %s', (signature, filename, how) => {
    const raw = `filename=${filename}&folder_key=myfiles&response_format=json&session_token=${token}`
    const call = { path: '/api/1.3/upload/check.php', host: 'x', raw }
    expect(verifySignature(call, signature, 1_878_520_462, '1397755702.0581')).toBe(how)
  })

  it.each([
    ['873cc5141231141aaf14ffd7568b439f', 'fields'],
    ['ceb7ef2d1ef93f2dfd5d2fc906dc9ed4', 'fields-encoded'],
    ['fd6d3eb95097c4fdc4d1971a3419e7ec', 'fields-form'],
  ])('takes %s for the same as a form in parts, hashed as %s', (signature, how) => {
    const fields = [
      ['filename', 'a b+ç.txt'],
      ['folder_key', 'myfiles'],
      ['response_format', 'json'],
      ['session_token', token],
    ] as const
    const call = { path: '/api/1.3/upload/check.php', host: 'x', raw: '', fields }
    expect(verifySignature(call, signature, 1_878_520_462, '1397755702.0581')).toBe(how)
    const other = { ...call, fields: [...fields, ['x', 'y'] as const] }
    expect(verifySignature(other, signature, 1_878_520_462, '1397755702.0581')).toBeUndefined()
  })

  it('takes a path with the host, and one behind a folder that is named like it', () => {
    const of = (url: string): string => createHash('md5').update(`71.5${url}?a=b`).digest('hex')
    const call = { path: '/mediafire.com/api/user/get_info.php', host: 'localhost:1', raw: 'a=b' }
    expect(verifySignature(call, of('/api/user/get_info.php'), 7, '1.5')).toBe('raw')
    expect(verifySignature(call, of(`//localhost:1${call.path}`), 7, '1.5')).toBe('raw')
    expect(verifySignature(call, of('/api/user/get_limits.php'), 7, '1.5')).toBeUndefined()
  })

  // Judge: python3, computing on its own.
  itWith('python3', 'agrees with python3 on a hundred calls of a chain, in every way of hashing', async () => {
    const script = `
import hashlib, json, sys, urllib.parse
secret, time, out = 1234567, '1397755702.0581', []
for n in range(100):
    pairs = [('filename', 'a b+%d\\u00e7&=.txt' % n), ('session_token', 'f' * 144)]
    path = '/api/1.%d/upload/check.php' % (n % 6)
    form = urllib.parse.urlencode(pairs)
    quoted = urllib.parse.urlencode(pairs, quote_via=urllib.parse.quote)
    plain = '&'.join(k + '=' + v for k, v in pairs)
    sent, hashed, how = [(form, form, 'raw'), (quoted, quoted, 'raw'), (form, plain, 'decoded'), (quoted, plain, 'decoded-plus')][n % 4]
    md5 = hashlib.md5((str(secret % 256) + time + path + '?' + hashed).encode()).hexdigest()
    out.append([secret, path, sent, md5, how])
    secret = secret * 16807 % 2147483647
json.dump(out, sys.stdout)`
    const { stdout } = await run(['python3', '-c', script], { check: true })
    const calls = JSON.parse(stdout.toString()) as [number, string, string, string, string][]
    let secret = 1_234_567
    for (const [theirs, path, raw, signature, how] of calls) {
      expect(secret).toBe(theirs)
      expect(verifySignature({ path, host: 'x', raw }, signature, secret, '1397755702.0581')).toBe(how)
      secret = nextSecret(secret)
    }
  })
})

it('nextSecret() follows the published chain', () => {
  expect(nextSecret(1_000_000_000)).toBe(792_978_578)
  expect(nextSecret(307_447_164)).toBe(418_830_666)
})

it('decodePercent() leaves alone what it cannot decode', () => {
  expect(decodePercent('100%&%zz%C3%A7%')).toBe('100%&%zzç%')
})
