// The Python side by itself. Judges: the parser of Python for 3.5, and each Python at hand, which drives the real bridge.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { itWith, peer, run, tempDir } from '@coalmine/fixtures'
import { duplicityPeer } from '@coalmine/interop'
import { expect, it } from 'vitest'
import { bridgeWorld, long, program } from './bridge-world.ts'

const python = fileURLToPath(new URL('../python', import.meta.url))
const files = [join(python, 'coalmine_duplicity_bridge.py'), join(python, 'run', 'sitecustomize.py')]

/** Every Python 3 here: the one of the path, and those that pyenv keeps. */
function pythons(): string[] {
  const kept = join(process.env['PYENV_ROOT'] ?? join(homedir(), '.pyenv'), 'versions')
  const others = existsSync(kept) ? readdirSync(kept).filter((name) => name.startsWith('3.')) : []
  const found = others
    .map((name) => join(kept, name, 'bin', 'python3'))
    .filter((path) => existsSync(path))
    .sort()
  return ['/usr/bin/python3', 'python3', ...found].filter((path) => !path.startsWith('/') || existsSync(path))
}

itWith('python3', 'the files of the Python side are Python 3.5, and import nothing from elsewhere', async () => {
  const script = `
import ast, sys
known = {"sys", "os", "json", "base64", "select", "subprocess", "threading", "atexit", "importlib", "coalmine_duplicity_bridge", "duplicity"}
for path in sys.argv[1:]:
    tree = ast.parse(open(path, encoding="utf-8").read(), path, feature_version=(3, 5))
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module] if isinstance(node, ast.ImportFrom) else []
        assert all(name.split(".")[0] in known for name in names), names
        assert not isinstance(node, ast.JoinedStr)
print("fine")
`
  const { stdout } = await run(['python3', '-c', script, ...files], { check: true })
  expect(stdout.toString()).toBe('fine\n')
})

const drive = `
import os, sys, threading
sys.path.insert(0, sys.argv[1])
import coalmine_duplicity_bridge as side
folder = sys.argv[2]
bridge = side.Bridge("file://" + folder + "/storage", command=sys.argv[3:])
source = os.fsencode(folder) + b"/sour\\xffce"
with open(source, "wb") as file:
    file.write(b"content" * 100000)
bridge.call("put", dict(side._path_of(source), name=u"gr\\u00fc\\u00df"))
seen = []
bridge.call("list", None, lambda method, params: seen.extend(params["objects"]))
assert [item["name"] for item in seen] == [u"gr\\u00fc\\u00df"], seen
bridge.call("get", dict(side._path_of(folder + "/back"), name=u"gr\\u00fc\\u00df"))
assert open(folder + "/back", "rb").read() == b"content" * 100000
try:
    bridge.call("get", dict(side._path_of(folder + "/none"), name="none"))
    raise SystemExit("no error")
except side.BridgeError as error:
    assert (error.kind, error.retry) == ("not-found", "never"), vars(error)
# From several threads at once.
sizes = []
def look():
    sizes.append(bridge.call("query", {"names": [u"gr\\u00fc\\u00df"]})["objects"][0]["size"])
threads = [threading.Thread(target=look) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
assert sizes == [700000] * 8, sizes
bridge.stop()
assert bridge.call("delete", {"names": [u"gr\\u00fc\\u00df"]})["failed"] == []
assert os.listdir(folder + "/storage") == []
print("fine")
`

it('every Python 3 at hand drives the bridge', async () => {
  const all = pythons()
  const found = long ? all : [...new Set([all[0]!, ...all.slice(-1)])]
  if (peer('python3').available) expect(found.length).toBeGreaterThan(0)
  for (const each of found) {
    const folder = await tempDir('python')
    const argv = [each, '-c', drive, python, folder, process.execPath, program, 'rpc']
    const { code, stdout, stderr } = await run(argv)
    expect(`${each}: ${code} ${stdout.toString()}${stderr.toString()}`).toBe(`${each}: 0 fine\n`)
  }
})

/** Runs lines with a bridge at hand whose other side is that program. */
async function withOtherSide(otherSide: string, lines: string) {
  const folder = await tempDir('python')
  writeFileSync(join(folder, 'other.py'), otherSide)
  const script = `
import sys
sys.path.insert(0, sys.argv[1])
import coalmine_duplicity_bridge as side
bridge = side.Bridge("file:///nowhere", command=sys.argv[2:], timeout=0.5)
def said():
    try:
        return bridge.call("list")
    except side.BridgeError as error:
        return "%s, %s" % (error, error.retry)
${lines}`
  const outcome = await run(['python3', '-c', script, python, 'python3', join(folder, 'other.py'), join(folder, 'log')])
  expect(outcome.stderr.toString()).toBe('')
  return outcome.stdout.toString().trim()
}

const answering = `
import json, os, sys, time
open(sys.argv[1], "a").write("started\\n")
starts = len(open(sys.argv[1]).readlines())
for line in sys.stdin:
    message = json.loads(line)
    method = message["method"]
`

itWith(
  'python3',
  'a bridge that dies, hangs, babbles or is not there is told, and started again for the next call',
  async () => {
    const answer = (text: string) => `    sys.stdout.write(${text} + "\\n"); sys.stdout.flush()\n`
    const result = answer(`json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": {"starts": starts}})`)
    const dies = `${answering}    if method == "list" and starts == 1: os._exit(7)\n${result}`
    expect(await withOtherSide(dies, 'print(said()); print(said())')).toBe(
      "The bridge ended with code 7; it is started again for the next try, later\n{'starts': 2}",
    )
    const killed = `${answering}    if method == "list" and starts == 1: os.kill(os.getpid(), 9)\n${result}`
    expect(await withOtherSide(killed, 'print(said()); print(said())')).toContain('by signal 9')
    // While nothing is asked of it.
    expect(
      await withOtherSide(
        `${answering}${result}`,
        'said(); bridge._process.kill(); bridge._process.wait(); print(said())',
      ),
    ).toBe("{'starts': 2}")
    const hangs = `${answering}    if method in ("list", "ping") and starts == 1: time.sleep(600)\n${result}`
    expect(await withOtherSide(hangs, 'print(said()); print(said())')).toBe(
      "Cannot list: the bridge did not stir for 1 s, later\n{'starts': 2}",
    )
    // One that is at work answers when it is asked whether it is there.
    const slow = `${answering}    if method == "list":\n        mine = message["id"]; continue\n    if method == "ping" and time.time() % 1 < 2:\n        pings = globals().get("pings", 0) + 1\n        if pings == 3: message["id"] = mine\n${result}`
    expect(await withOtherSide(slow, 'print(said())')).toBe("{'starts': 1}")
    const babbles = `${answering}    if method == "list" and starts == 1: print("x" * 100, flush=True)\n${result}`
    expect(await withOtherSide(babbles, 'print(said()); print(said())')).toContain('what it says is no JSON')
    const endless = `${answering}    if method == "list":\n        while True: sys.stdout.write("x" * 100000)\n${result}`
    expect(await withOtherSide(endless, 'print(said())')).toContain('a line of it has no end')
    const old = `${answering}${answer(`json.dumps({"jsonrpc": "2.0", "id": message["id"], "error": {"code": -32003, "message": "Cannot speak version 1"}})`)}`
    expect(await withOtherSide(old, 'print(said())')).toBe('Cannot speak version 1, never')
    expect(await withOtherSide('', 'bridge._command = ["/no/such/node"]; print(said())')).toBe(
      'Cannot start the bridge "/no/such/node": No such file or directory, never',
    )
  },
)

itWith('python3', 'the other side gets nothing that is for gpg, and no secret among its arguments', async () => {
  const says = `${answering}    told = {"args": sys.argv, "env": dict(os.environ)}\n    sys.stdout.write(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": told}) + "\\n"); sys.stdout.flush()\n`
  const lines = `
import json, os
os.environ.update(PASSPHRASE="passphrase-of-gpg", SIGN_PASSPHRASE="passphrase-of-gpg", FTP_PASSWORD="password-of-mf")
bridge._url, bridge._password = "mf://me:url-pass@mediafire.com/x", "asked-pass"
told = said()
print(json.dumps(told["args"]), told["env"].get("FTP_PASSWORD"))
print("passphrase-of-gpg" in json.dumps(told["env"]), "-pass" in json.dumps(told))`
  const said = await withOtherSide(says, lines)
  expect(said).toMatch(/^\["\S+other.py", "\S+log"\] password-of-mf\nFalse False$/)
})

itWith('python3', 'settings that make no sense are told', async () => {
  const lines = (value: string) => `
import os
os.environ.update(${value})
bridge._command = bridge._timeout = None
print(said())`
  const told = async (value: string) => await withOtherSide('', lines(value))
  expect(await told('COALMINE_BRIDGE_COMMAND="nonsense"')).toMatch(
    /^Cannot tell from COALMINE_BRIDGE_COMMAND how .*, never$/,
  )
  expect(await told('COALMINE_BRIDGE_COMMAND="[1]"')).toBe(
    'Cannot start the bridge: its command is no list of words, never',
  )
  expect(await told('A="b"')).toMatch(/^Cannot tell from what was installed; install it again how /)
  for (const seconds of ['soon', '-1', 'nan', 'inf']) {
    const value = `COALMINE_BRIDGE_COMMAND='["true"]', COALMINE_BRIDGE_TIMEOUT="${seconds}"`
    expect(await told(value)).toMatch(/^Cannot take COALMINE_BRIDGE_TIMEOUT=/)
  }
})

it('the program says which Node it needs, in words that an old one understands', async () => {
  const text = readFileSync(program, 'utf8')
  const old = text
    .replace('process.versions.node.split', "'18.20.1'.split")
    .replaceAll('process.versions.node', "'18.20.1'")
  const folder = await tempDir('old')
  writeFileSync(join(folder, 'old.mjs'), old)
  const { code, stderr } = await run([process.execPath, join(folder, 'old.mjs')])
  expect(code).toBe(1)
  expect(stderr.toString()).toBe('duplicity-bridge needs Node 20.19 or later; this is Node 18.20.1\n')
})

for (const version of ['0.8.22', '3.0.4'] as const) {
  itWith(
    [duplicityPeer(version)],
    `Python where duplicity ${version} lives: other programs notice nothing, a sitecustomize of the system is loaded too`,
    async () => {
      const { ran, bridge, folder } = await bridgeWorld(version)
      const mine = join(folder, 'mine')
      await run(['mkdir', mine])
      writeFileSync(join(mine, 'sitecustomize.py'), 'import builtins\nbuiltins.mine = "mine"\n')
      const script =
        'import sys, json; print(mine, "duplicity" in sys.modules, "coalmine_duplicity_bridge" in sys.modules, len(sys.path))'
      const plain = await ran(['python3', '-c', script], { env: { PYTHONPATH: mine } })
      const argv = [...bridge, 'run', 'python3', '-c', script]
      const hooked = await ran(argv, { env: { PYTHONPATH: mine } })
      const [, , , plainPaths] = plain.said.trim().split(' ')
      expect(hooked.said.trim()).toBe(`mine False True ${Number(plainPaths) + 1}`)
      expect(plain.said).toContain('mine False False')
    },
  )
}
