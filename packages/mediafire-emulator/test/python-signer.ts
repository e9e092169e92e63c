import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { onTestFinished } from 'vitest'

const script = `
import hashlib, json, sys, urllib.parse
sessions = {}
for line in sys.stdin:
    ask = json.loads(line)
    if ask['do'] == 'login':
        text = ask['identifier'] + ask['password'] + ask['app']
        out = hashlib.sha1(text.encode()).hexdigest()
    elif ask['do'] == 'open':
        sessions[ask['token']] = [int(ask['secret']), ask['time']]
        out = ''
    elif ask['do'] == 'roll':
        s = sessions[ask['token']]
        s[0] = s[0] * 16807 % 2147483647
        out = ''
    else:
        s = sessions[ask['token']]
        query = urllib.parse.urlencode([tuple(p) for p in ask['params']] + [('session_token', ask['token'])])
        md5 = hashlib.md5((str(s[0] % 256) + s[1] + ask['path'] + '?' + query).encode()).hexdigest()
        out = query + '&signature=' + md5
    print(json.dumps(out), flush=True)
`

/** Signs as python3 does it: the judge of signatures in tests of the running server. */
export interface PythonSigner {
  login(identifier: string, password: string, app: string): Promise<string>
  open(session: { token: string; secret: string; time: string }): Promise<void>
  /** @returns The query with its signature. */
  sign(token: string, path: string, params: [string, string][]): Promise<string>
  roll(token: string): Promise<void>
}

export function pythonSigner(): PythonSigner {
  const child = spawn('python3', ['-c', script], { stdio: ['pipe', 'pipe', 'inherit'] })
  onTestFinished(() => void child.stdin.end())
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const ask = async (question: object): Promise<string> => {
    child.stdin.write(`${JSON.stringify(question)}\n`)
    return JSON.parse((await lines.next()).value ?? '""') as string
  }
  return {
    login: (identifier, password, app) => ask({ do: 'login', identifier, password, app }),
    open: async (session) => void (await ask({ do: 'open', ...session })),
    sign: (token, path, params) => ask({ do: 'sign', token, path, params }),
    roll: async (token) => void (await ask({ do: 'roll', token })),
  }
}
