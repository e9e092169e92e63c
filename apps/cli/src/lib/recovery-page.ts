import { type Card, type CardSet, cardText, chainTitle, setFacts } from './recovery-card.ts'

const style = `
  :root { color-scheme: light; }
  body { margin: 2rem auto; max-width: 46rem; padding: 0 1rem; color: #111; background: #fff;
    font: 15px/1.5 "Liberation Sans", Arial, Helvetica, sans-serif; }
  h1 { font-size: 1.7rem; margin: 0 0 .8rem; }
  h2 { font-size: 1.05rem; margin: 1.6rem 0 .4rem; border-bottom: 1px solid #999; padding-bottom: .15rem; }
  h3 { font-size: 1rem; font-weight: normal; font-style: italic; margin: .8rem 0 .3rem; }
  dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: 0 0 1rem; }
  dt { color: #555; } dd { margin: 0; overflow-wrap: anywhere; }
  p { margin: .3rem 0; } ol, ul { margin: .3rem 0; padding-left: 1.4rem; } li { margin: .2rem 0; }
  table { border-collapse: collapse; width: 100%; font-size: .92em; }
  td { padding: .15rem .8rem .15rem 0; vertical-align: top; white-space: nowrap; }
  td:nth-child(2) { width: 60%; }
  td:nth-child(3), td:nth-child(4) { text-align: right; }
  tr.name td { padding: 0 0 .45rem 1rem; white-space: normal; overflow-wrap: anywhere; text-align: left; }
  tr.name td, pre { font-family: "Liberation Mono", "DejaVu Sans Mono", Menlo, Consolas, monospace; }
  .missing { font-weight: bold; }
  pre { font-size: 12px; line-height: 1.35; border: 1px solid #999; padding: .8rem; white-space: pre-wrap;
    overflow-wrap: anywhere; }
  @media print {
    @page { margin: 16mm; }
    body { margin: 0; max-width: none; padding: 0; font-size: 10.5pt; }
    pre { font-size: 8.2pt; line-height: 1.25; border: 0; padding: 0; }
    h2, h3 { break-after: avoid; } li, tr { break-inside: avoid; }
    .script { break-before: page; }
  }
`

/** The card as a page that loads nothing: for a browser, and for paper. */
export function formatCardPage(card: Card): string {
  const { about, needs, steps, limits } = cardText(card)
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<meta name="referrer" content="no-referrer">
<title>Recovery card: ${escape(card.storage)}</title>
<style>${style}</style>
</head>
<body>
<h1>Recovery card</h1>
<dl><dt>Storage</dt><dd>${escape(card.storage)}</dd>
<dt>Printed</dt><dd>${escape(card.printed)} by coalmine ${escape(card.version)}</dd></dl>
${about.map((text) => `<p>${escape(text)}</p>`).join('\n')}
<h2>What is there</h2>
${card.chains.map((chain, at) => `<h3>${escape(chainTitle(at))}</h3>\n${setTable(chain)}`).join('\n')}
<h2>What is needed</h2>
${list('ul', needs)}
<h2>What to do</h2>
${list('ol', steps)}
<h2>What this cannot do</h2>
${list('ul', limits)}
<section class="script">
<h2>restore.sh</h2>
<pre>${escape(card.script.trimEnd())}
</pre>
</section>
</body>
</html>
`
}

function setTable(sets: readonly CardSet[]): string {
  return `<table>${sets.map(setRows).join('')}</table>`
}

function setRows(set: CardSet): string {
  const [kind, time, volumes, bytes, missing] = setFacts(set)
  const cells = [kind, time, volumes, bytes].map((text) => `<td>${escape(text!)}</td>`).join('')
  const lack =
    missing === undefined ? '' : `<tr class="name"><td colspan="4" class="missing">${escape(missing)}</td></tr>`
  return `\n<tr>${cells}</tr><tr class="name"><td colspan="4">${escape(set.name)}</td></tr>${lack}`
}

function list(tag: 'ul' | 'ol', items: readonly string[]): string {
  return `<${tag}>\n${items.map((text) => `<li>${escape(text)}</li>`).join('\n')}\n</${tag}>`
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (char) => entities[char]!)
}
