/** What JSON is made of. */
export const jsonBits: readonly string[] = ['{', '}', '[', ']', ',', ':', '"', '\\', 'null', 'true', '0', '-1']
