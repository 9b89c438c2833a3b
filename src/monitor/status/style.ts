/** Of the status page. Its colours are those of the log-in. */
export const STATUS_STYLE = `
:root { color-scheme: light dark; --ground: #f3f5f8; --card: #fff; --text: #17202e; --soft: #5b6b80; --line: #e1e7ee;
  --track: #e8edf3; --accent: #0e7490; --calm: #0f8a7e; --warn: #a15c00; --bad: #b42318; --warn-ground: #fff8ea; --warn-line: #f1d9a8; }
@media (prefers-color-scheme: dark) { :root { --ground: #0c121c; --card: #141d2b; --text: #e3e9f1; --soft: #93a3b8;
  --line: #223046; --track: #233148; --accent: #4cc3dd; --calm: #3fc1b0; --warn: #e8b04a; --bad: #f7918a;
  --warn-ground: #221c10; --warn-line: #4f3f1d; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--ground); color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
a { color: inherit; text-decoration-color: var(--line); text-underline-offset: .2em; }
a:hover { color: var(--accent); text-decoration-color: currentColor; }
a:focus-visible, button:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: .25rem; }
code, .id { font: .92em/1.4 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
code { white-space: nowrap; }
small { color: var(--soft); font-size: .85em; font-weight: 400; }
p { margin: 0; }
.page { max-width: 76rem; margin: 0 auto; padding: 1.5rem 1.5rem 3rem; }
header { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem .75rem; margin-bottom: 1.5rem; }
header img { width: 2rem; height: 2rem; }
h1 { margin: 0; font-size: 1.2rem; letter-spacing: -.01em; }
nav { display: flex; gap: 1.1rem; margin-left: auto; font-size: .9rem; color: var(--soft); }
nav a { text-decoration: none; padding: .25rem 0; }
.notice { margin-bottom: 1.25rem; padding: .85rem 1.1rem; border-radius: .75rem; background: var(--card); border: 1px solid var(--line); }
.notice.warn { color: inherit; background: var(--warn-ground); border-color: var(--warn-line); }
.notice li { position: relative; padding-left: 1rem; }
.notice li::before { content: ''; position: absolute; left: 0; top: .55em; width: .4rem; height: .4rem; border-radius: 50%; background: var(--warn); }
.notice ul { margin: 0; padding: 0; list-style: none; }
.notice li + li { margin-top: .35rem; }
.notice .state { font-weight: 600; }
.tiles { display: grid; grid-template-columns: repeat(5, 1fr); gap: 1px; margin: 0 0 1.25rem; overflow: hidden;
  background: var(--line); border: 1px solid var(--line); border-radius: .75rem; }
.tiles div { padding: .9rem 1.1rem; background: var(--card); }
.tiles dt { color: var(--soft); font-size: .82rem; }
.tiles dd { margin: 0; font-size: 1.6rem; line-height: 1.3; font-weight: 600; letter-spacing: -.02em; font-variant-numeric: tabular-nums; }
.tiles dd + dd { color: var(--soft); font-size: .8rem; font-weight: 400; letter-spacing: 0; }
.columns { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 1.25rem; align-items: start; margin-bottom: 1.25rem; }
.column { display: grid; gap: 1.25rem; min-width: 0; }
section { min-width: 0; padding: 1.1rem 1.25rem 1.15rem; background: var(--card); border: 1px solid var(--line); border-radius: .75rem; }
.page > section, main > section { margin-bottom: 1.25rem; }
.title { display: flex; flex-wrap: wrap; align-items: baseline; justify-content: space-between; gap: 0 1rem; margin-bottom: .6rem; }
h2 { margin: 0; font-size: .95rem; font-weight: 600; }
.aside, .more, .empty { color: var(--soft); font-size: .85rem; }
.more { margin-top: .7rem; }
.empty code, .more code, .notice code { color: var(--text); }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .5rem .5rem .5rem 0; text-align: left; vertical-align: baseline; overflow-wrap: anywhere; }
thead th { padding-top: 0; color: var(--soft); font-size: .8rem; font-weight: 400; white-space: nowrap; }
tbody th { font-weight: 600; }
tbody tr { border-top: 1px solid var(--line); }
th.number, td.number { text-align: right; padding: .5rem 0 .5rem .75rem; overflow-wrap: normal; }
td.number { white-space: nowrap; }
.nothing { color: var(--soft); opacity: .6; }
.bad { color: var(--bad); } .warn { color: var(--warn); }
.state { white-space: nowrap; }
.state::before { content: ''; display: inline-block; width: .5rem; height: .5rem; margin-right: .45rem; border-radius: 50%; background: currentColor; }
.state.calm::before { background: var(--calm); }
.bar { display: block; height: .35rem; border-radius: 1rem; background: var(--track); overflow: hidden; }
.bar span { display: block; height: 100%; min-width: 2px; border-radius: 1rem; background: var(--calm); }
.bar span[style='width:0.0%'] { min-width: 0; }
.bar.warn span { background: var(--warn); } .bar.bad span { background: var(--bad); }
.cost { display: inline-flex; align-items: center; justify-content: flex-end; gap: .6rem; }
.cost .bar { width: 4rem; }
.meters { margin: 0; padding: 0; list-style: none; display: grid; gap: .9rem; }
.meters li { display: grid; gap: .25rem; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
footer { color: var(--soft); font-size: .82rem; }
.stale main { opacity: .55; }
@media (max-width: 56rem) { .columns { grid-template-columns: minmax(0, 1fr); } .tiles { grid-template-columns: repeat(2, 1fr); }
  .tiles div:first-child { grid-column: 1 / -1; } }
@media (max-width: 40rem) {
  .page { padding: 1rem 1rem 2rem; }
  nav { width: 100%; margin: 0; justify-content: space-between; }
  section { padding: 1rem; }
  table, tbody { display: block; }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  tbody tr { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: .35rem .75rem; padding: .75rem 0; }
  tbody tr:last-child { padding-bottom: 0; }
  tbody th { grid-column: 1 / -1; padding: 0; }
  tbody td, tbody td.number { padding: 0; text-align: left; white-space: normal; }
  tbody td::before { content: attr(data-label); display: block; color: var(--soft); font-size: .75rem; }
  .dense tbody tr { grid-template-columns: repeat(5, minmax(0, 1fr)); gap: .35rem .5rem; }
  .lead tbody td:nth-child(2) { grid-column: 1 / -1; }
  .lead tbody td:nth-child(2)::before { content: none; }
  .cost { flex-direction: column; align-items: flex-start; gap: .25rem; }
}
@media (prefers-reduced-motion: no-preference) { .bar span { transition: width .6s ease; } main { transition: opacity .3s; } }
`;
