/** Code points, read from the left. */
export class CodeReader {
  readonly codes: readonly number[]
  at = 0

  constructor(codes: readonly number[]) {
    this.codes = codes
  }

  get done(): boolean {
    return this.at >= this.codes.length
  }

  /** The next character, which stays; `undefined` at the end. */
  peek(): string | undefined {
    const code = this.codes[this.at]
    return code === undefined ? undefined : String.fromCodePoint(code)
  }

  /** The next character. */
  char(): string | undefined {
    const char = this.peek()
    if (char !== undefined) this.at++
    return char
  }

  /** Takes the character if it comes next. */
  take(char: string): boolean {
    if (this.peek() !== char) return false
    this.at++
    return true
  }

  /** As many characters of that kind as come, `most` at most. */
  while(kind: RegExp, most = Infinity): string {
    let text = ''
    for (let count = 0; count < most; count++) {
      const char = this.peek()
      if (char === undefined || !kind.test(char)) break
      text += char
      this.at++
    }
    return text
  }
}
