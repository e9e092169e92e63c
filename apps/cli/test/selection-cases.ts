/** A choice of files, and what it takes of the tree that {@link file://./selection.test.ts} plants. */
export interface SelectionCase {
  /** Its name in the table: without it the outcome is another. */
  readonly option: string
  /** `$R` is the source. */
  readonly args: readonly string[]
  /** Lists by name: `$name` in the arguments is where it lies; `stdin` is standard input. */
  readonly lists?: Readonly<Record<string, string>>
  readonly takes: string
  /** The source is a mount, or holds devices: only root can make these. */
  readonly root?: boolean
}

/** All of the tree but the root, in order. */
export const everything = 'a a/a.txt a/b.py a/s a/s/a.txt a/s/c.py b b/.mark b/x b/x/old c.txt link to-a'

// Judge: the table of facts, gathered from the real program; the interop tests ask the program itself.
export const selectionCases: readonly SelectionCase[] = [
  { option: 'include', args: ['--include', '$R/a/s', '--exclude', '**'], takes: 'a a/s a/s/a.txt a/s/c.py' },
  { option: 'exclude', args: ['--exclude', '**.txt'], takes: 'a a/b.py a/s a/s/c.py b b/.mark b/x b/x/old link to-a' },
  { option: 'include-regexp', args: ['--include-regexp', 'c.txt$', '--exclude', '**'], takes: 'c.txt' },
  { option: 'exclude-regexp', args: ['--exclude-regexp', '/[ab]$'], takes: 'c.txt link to-a' },
  {
    option: 'include-filelist',
    args: ['--include-filelist', '$list'],
    lists: { list: '# what is dear\n\n$R/a/s\n- $R/a\n  $R/c.txt  \n- **\n' },
    takes: 'a a/s a/s/a.txt a/s/c.py c.txt',
  },
  {
    option: 'exclude-filelist',
    args: ['--exclude-filelist', '$list'],
    lists: { list: '+ $R/b/x\n$R/b\n"$R/a"\n' },
    takes: 'b b/x b/x/old c.txt link to-a',
  },
  {
    option: 'include-filelist-stdin',
    args: ['--include-filelist-stdin', '--exclude', '**'],
    lists: { stdin: '$R/c.txt\n' },
    takes: 'c.txt',
  },
  {
    option: 'exclude-filelist-stdin',
    args: ['--exclude-filelist-stdin'],
    lists: { stdin: '$R/a\n$R/b\n' },
    takes: 'c.txt link to-a',
  },
  {
    option: 'exclude-if-present',
    args: ['--exclude-if-present', '.mark'],
    takes: 'a a/a.txt a/b.py a/s a/s/a.txt a/s/c.py c.txt link to-a',
  },
  { option: 'exclude-device-files', args: ['--exclude-device-files'], takes: 'null-less', root: true },
  { option: 'exclude-other-filesystems', args: ['--exclude-other-filesystems'], takes: 'mount-less', root: true },
  {
    option: 'exclude-older-than',
    args: ['--exclude-older-than', '2010-01-01'],
    takes: everything.replace(' b/x/old', ''),
  },
  {
    option: 'files-from',
    args: ['--files-from', '$list'],
    lists: { list: 'a/s/c.py\nb\n' },
    takes: 'a a/s a/s/c.py b',
  },
  {
    option: 'filter-globbing',
    args: ['--filter-regexp', '--exclude', 'py$', '--filter-globbing', '--exclude', '$R/?'],
    takes: 'c.txt link to-a',
  },
  {
    option: 'filter-literal',
    args: ['--filter-literal', '--exclude', '$R/*', '--exclude', '$R/a'],
    takes: 'b b/.mark b/x b/x/old c.txt link to-a',
  },
  {
    option: 'filter-regexp',
    args: ['--filter-regexp', '--exclude', '[.]txt$|/b$'],
    takes: 'a a/b.py a/s a/s/c.py link to-a',
  },
  {
    option: 'filter-ignorecase',
    args: ['--filter-ignorecase', '--exclude', '**.TXT', '--exclude', '$R/B'],
    takes: 'a a/b.py a/s a/s/c.py link to-a',
  },
  {
    option: 'filter-strictcase',
    args: ['--filter-ignorecase', '--exclude', '**.TXT', '--filter-strictcase', '--exclude', '**.PY'],
    takes: 'a a/b.py a/s a/s/c.py b b/.mark b/x b/x/old link to-a',
  },
  {
    option: 'null-separator',
    args: ['--null-separator', '--exclude-filelist', '$list'],
    lists: { list: '$R/a\0$R/b\0' },
    takes: 'c.txt link to-a',
  },
  {
    option: 'copy-links',
    args: ['--copy-links'],
    takes:
      'a a/a.txt a/b.py a/s a/s/a.txt a/s/c.py b b/.mark b/x b/x/old c.txt link to-a to-a/a.txt to-a/b.py to-a/s to-a/s/a.txt to-a/s/c.py',
  },
]
